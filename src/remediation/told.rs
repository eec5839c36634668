//! Notes that a press is to be told to the webhook and by mail. The tenant's next run sends it.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::app::App;
use crate::notify::presses::{Press, TOLD};
use crate::tables::claim;
use crate::tables::{CoverageSession, FindingState, PROCESSED, ProcessedRow, coverage, load, pending, put};
use base::clock::Deadline;
use table_store::StoreError;

use super::limits::STORE_CALL_TIMEOUT;
use super::{Action, Report, RunStatus};

/// The time in which an incomplete press may be continued before it is reported as it is.
const CONTINUED_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// Notes a finished or incomplete press. A failure becomes a warning of the report: the press itself is done.
pub async fn note_press(app: &App, finding: &ProcessedRow, report: &mut Report) {
    let is_told = report.action == Action::Remediate.as_str() || report.action == Action::Undo.as_str();
    let channels = app.notifier.channels();
    if !is_told || !TOLD.iter().any(|channel| channels.contains(channel)) {
        return;
    }
    let limit = Deadline::after(Arc::clone(&app.clock), STORE_CALL_TIMEOUT);
    let slow = || StoreError::Unavailable("no answer in time".to_owned());
    let noted = limit.limit(Box::pin(store(app, finding, report))).await;
    if let Err(error) = noted.unwrap_or_else(|| Err(slow())) {
        tracing::warn!(run_id = report.run_id, "the webhook and the mail may not be told of a press: {error}");
        report.warnings.push(format!("the webhook and the mail may not be told of this run: {error}"));
    }
}

async fn store(app: &App, finding: &ProcessedRow, report: &Report) -> Result<(), StoreError> {
    let store = app.store.as_ref();
    let now = app.clock.now();
    let press = press(finding, report);
    let is_open = report.status == RunStatus::Incomplete;
    let due = if is_open { now + CONTINUED_WITHIN } else { now };
    let mut row = press.to_row(finding, is_open, due, now);
    let told = TOLD.into_iter().filter(|channel| app.notifier.channels().contains(channel));
    row.notified = told.map(|channel| (channel.as_str().to_owned(), None)).collect();
    pending::insert(store, &finding.tenant_id, &row, None).await?;
    note_unfinished(app, finding).await?;
    if is_open {
        return put(store, &app.clock, &row).await;
    }
    claim::insert(store, PROCESSED, &row.to_entity()).await?;
    close_open(app, &press.to_row(finding, true, due, now)).await
}

/// The press has ended, so that it was incomplete for a while needs not be told.
async fn close_open(app: &App, open: &ProcessedRow) -> Result<(), StoreError> {
    let store = app.store.as_ref();
    let Some((mut stored, version)) = load::<ProcessedRow>(store, &open.key()).await? else { return Ok(()) };
    if stored.state != FindingState::Sending {
        return Ok(());
    }
    stored.state = FindingState::Recorded;
    stored.next_attempt = None;
    match stored.replace(store, &version).await? {
        Some(_) => pending::remove(store, &stored.tenant_id, &stored.record_id).await,
        None => Ok(()),
    }
}

async fn note_unfinished(app: &App, finding: &ProcessedRow) -> Result<(), StoreError> {
    let store = app.store.as_ref();
    match coverage::read(store, &finding.tenant_id).await? {
        Some((row, version)) => {
            CoverageSession::new(store, Arc::clone(&app.clock), row, version).note_unfinished().await
        }
        None => Ok(()),
    }
}

fn press(finding: &ProcessedRow, report: &Report) -> Press {
    let steps = report.steps.iter().map(|step| {
        let outcome = serde_json::to_value(step.outcome).unwrap_or_default();
        let name = serde_json::to_value(step.step).unwrap_or_default();
        let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        format!("{}: {}. {}", word(&name), word(&outcome), step.detail)
    });
    Press {
        log_id: *finding.record_id.as_uuid(),
        run_id: report.run_id.clone(),
        action: report.action.to_owned(),
        status: report.status.as_str().to_owned(),
        account: if report.account.is_empty() { report.user.clone() } else { report.account.clone() },
        steps: steps.collect::<Vec<_>>().join("\n"),
    }
}
