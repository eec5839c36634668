//! A false positive: the same change is not told of again until it changes, and the addresses that its investigation found are no
//! attacker's. No account is touched.

use crate::app::App;
use crate::tables::RowVersion;
use crate::tables::{self, FindingState, NotifiedFingerprintRow, ProcessedRow};
use base::ids::RunId;
use table_store::StoreError;

use super::journal::RunJournal;
use super::request::Request;
use super::{Refusal, Report, RunStatus};

/// The number of attempts to write a finding that others write at the same time.
const TRIES: usize = 4;

/// Mutes the fingerprint of a finding and closes the finding.
///
/// # Errors
/// When the store cannot be used. It can be pressed again.
pub async fn dismiss(
    app: &App,
    finding: &ProcessedRow,
    etag: RowVersion,
    request: &Request,
) -> Result<Report, Refusal> {
    let mut record = RunJournal::begin(app, finding, request, RunId::random(), None, &[]).await?;
    let seen = NotifiedFingerprintRow {
        tenant_id: finding.tenant_id,
        fingerprint: finding.fingerprint.clone(),
        record_id: finding.record_id,
        severity: finding.severity,
        since: app.clock.now(),
        event_time: Some(finding.event_time),
        scopes: finding.scopes.clone(),
        muted: true,
    };
    tables::put(app.store.as_ref(), &app.clock, &seen).await?;
    close(app, finding, etag).await.map_err(Refusal::HalfDismissed)?;
    let forgotten = app.attackers.forget(app.store.as_ref(), &finding.record_id).await;
    forgotten.map_err(Refusal::HalfDismissed)?;
    record.finish(RunStatus::Dismissed, &[]).await;
    Ok(Report {
        status: RunStatus::Dismissed,
        action: request.action.as_str(),
        run_id: record.run_id().to_string(),
        domain: finding.domain.to_string(),
        user: request.user.clone(),
        account: String::new(),
        steps: Vec::new(),
        undo_token: String::new(),
        action_token: String::new(),
        warnings: record.warnings,
    })
}

/// Sets the state, so that what is still owed is not sent.
async fn close(app: &App, finding: &ProcessedRow, etag: RowVersion) -> Result<(), StoreError> {
    let (mut row, mut etag) = (finding.clone(), etag);
    for _ in 0..TRIES {
        row.state = FindingState::Dismissed;
        row.next_attempt = None;
        match tables::save(app.store.as_ref(), &row, Some(&etag)).await {
            Err(StoreError::Changed(_)) => {}
            outcome => return outcome.map(drop),
        }
        match tables::load(app.store.as_ref(), &finding.key()).await? {
            Some((newer, version)) => (row, etag) = (newer, version),
            None => return Ok(()),
        }
    }
    Err(StoreError::Unavailable("the finding is changed all the time".to_owned()))
}
