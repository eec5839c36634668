//! Notes that an account was secured or contained, so that its investigation is made again.

use std::sync::Arc;
use std::time::Duration;

use base::clock::Deadline;
use base::ids::RecordId;
use table_store::StoreError;

use crate::app::App;
use crate::notify::investigated::{self, Why};
use crate::tables::{CoverageSession, ProcessedRow, coverage};

/// The longest time that the note may delay the answer to a press.
const PATIENCE: Duration = Duration::from_secs(10);

/// Notes that the account of a threat was secured. A failure is logged only: the press itself is done.
pub async fn note_secured(app: &App, finding: &ProcessedRow) {
    let is_wanted =
        app.settings.investigation.is_on && !finding.incident_id.is_empty() && investigated::is_investigated(finding);
    if !is_wanted {
        return;
    }
    let limit = Deadline::after(Arc::clone(&app.clock), PATIENCE);
    let slow = || StoreError::Unavailable("no answer in time".to_owned());
    let noted = limit.limit(Box::pin(store(app, finding))).await.unwrap_or_else(|| Err(slow()));
    if let Err(error) = noted {
        tracing::warn!(log_id = %finding.record_id, "the account is not investigated again: {error}");
    }
}

async fn store(app: &App, finding: &ProcessedRow) -> Result<(), StoreError> {
    let (store, now) = (app.store.as_ref(), app.clock.now());
    investigated::insert_task(store, &investigated::task(finding, Why::Secured, now, now)).await?;
    match coverage::read(store, &finding.tenant_id).await? {
        Some((row, version)) => {
            CoverageSession::new(store, Arc::clone(&app.clock), row, version).note_unfinished().await
        }
        None => Ok(()),
    }
}

/// Notes that accounts were contained. A report that is still to be made shows the containment anyway, so only incidents that have one
/// get another. A failure is logged only.
pub async fn note_contained(app: &App, session: &CoverageSession<'_>, threats: &[ProcessedRow], deadline: &Deadline) {
    if !app.settings.investigation.is_on {
        return;
    }
    for finding in threats.iter().filter(|finding| !finding.incident_id.is_empty()) {
        let slow = || StoreError::Unavailable("no answer in time".to_owned());
        let noted = deadline.limit(Box::pin(store_contained(app, session, finding))).await;
        if let Err(error) = noted.unwrap_or_else(|| Err(slow())) {
            tracing::warn!(log_id = %finding.record_id, "the account is not investigated again: {error}");
        }
    }
}

async fn store_contained(app: &App, session: &CoverageSession<'_>, finding: &ProcessedRow) -> Result<(), StoreError> {
    let (store, now) = (app.store.as_ref(), app.clock.now());
    let Some(first) = investigated::of_incident(store, finding).await? else { return Ok(()) };
    // The report is that of the threat with which the incident began.
    let about = ProcessedRow { record_id: RecordId::new(first.log_id), ..finding.clone() };
    investigated::insert_task(store, &investigated::task(&about, Why::Contained, now, now)).await?;
    session.note_unfinished().await
}
