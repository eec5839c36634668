//! Stored findings that tell what else happened to the mailbox or through the accounts.

use chrono::TimeDelta;

use crate::tables::PROCESSED;
use crate::tables::ProcessedRow;
use table_store::{PartitionKey, Query, StoreError, list_all};

use super::context::RemediationContext;

/// How far back one incident may reach.
const REACH: TimeDelta = TimeDelta::days(30);

/// The findings of the last 30 days about the mailbox or by one of the accounts, oldest first.
pub async fn about(context: &RemediationContext<'_>) -> Result<Vec<ProcessedRow>, StoreError> {
    let query = Query::partition(PartitionKey::domain(&context.finding.domain));
    let since = context.finding.event_time - REACH;
    let mut about = Vec::new();
    for stored in list_all(context.app.store.as_ref(), PROCESSED, query).await? {
        match ProcessedRow::from_stored(&stored) {
            Ok((row, _)) if row.event_time >= since && concerns(&row, context) => about.push(row),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a stored finding is left out"),
        }
    }
    about.sort_by_key(|row| row.event_time);
    Ok(about)
}

fn concerns(row: &ProcessedRow, context: &RemediationContext<'_>) -> bool {
    let accounts = || std::iter::once(&context.accounts.owner).chain(&context.compromised);
    let is_one = |name: &str| !name.is_empty() && accounts().any(|account| account.has_name(name));
    let is_own = row.record_id == context.finding.record_id;
    row.tenant_id == context.finding.tenant_id && (is_own || is_one(&row.source_mailbox) || is_one(&row.actor))
}

/// When the incident began: the earliest of its stored threats.
pub fn began(context: &RemediationContext<'_>, findings: &[ProcessedRow]) -> chrono::DateTime<chrono::Utc> {
    let threats = findings.iter().filter(|row| row.threat).map(|row| row.event_time);
    threats.min().unwrap_or(context.finding.event_time).min(context.finding.event_time)
}
