//! Stored findings that tell what else happened to the mailbox or through the accounts.

use chrono::TimeDelta;

use crate::tables::PROCESSED;
use crate::tables::ProcessedRow;
use table_store::{PartitionKey, Query, StoreError, list_all};

use super::case::Case;

/// How far back one incident may reach.
const REACH: TimeDelta = TimeDelta::days(30);

/// The findings of the last 30 days about the mailbox or by one of the accounts, oldest first.
pub async fn about(case: &Case<'_>) -> Result<Vec<ProcessedRow>, StoreError> {
    let query = Query::partition(PartitionKey::domain(&case.finding.domain));
    let since = case.finding.event_time - REACH;
    let mut about = Vec::new();
    for stored in list_all(case.app.store.as_ref(), PROCESSED, query).await? {
        match ProcessedRow::from_stored(&stored) {
            Ok((row, _)) if row.event_time >= since && concerns(&row, case) => about.push(row),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a stored finding is left out"),
        }
    }
    about.sort_by_key(|row| row.event_time);
    Ok(about)
}

fn concerns(row: &ProcessedRow, case: &Case<'_>) -> bool {
    let accounts = || std::iter::once(&case.accounts.owner).chain(&case.compromised);
    let is_one = |name: &str| !name.is_empty() && accounts().any(|account| account.has_name(name));
    let is_own = row.record_id == case.finding.record_id;
    row.tenant_id == case.finding.tenant_id && (is_own || is_one(&row.source_mailbox) || is_one(&row.actor))
}

/// When the incident began: the earliest of its stored threats.
pub fn began(case: &Case<'_>, findings: &[ProcessedRow]) -> chrono::DateTime<chrono::Utc> {
    let threats = findings.iter().filter(|row| row.threat).map(|row| row.event_time);
    threats.min().unwrap_or(case.finding.event_time).min(case.finding.event_time)
}
