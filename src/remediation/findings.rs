//! Stored findings that tell what else happened to the mailbox or through the accounts.

use chrono::TimeDelta;

use crate::tables::{PROCESSED, ProcessedRow, load, readable};
use table_store::{ColumnValue, PartitionKey, Query, StoreError};

use super::context::RemediationContext;

/// The longest time that one incident may last.
const REACH: TimeDelta = TimeDelta::days(30);

/// The most pages of 1,000 rows that are read. Threats and grants of one tenant in 30 days are far fewer.
const PAGES: usize = 10;

/// The rows that matter: threats, and findings that show access or consent that was granted.
const WANTED: [ColumnValue; 3] = [
    ColumnValue::new("Threat", "True"),
    ColumnValue::new("Type", "MailboxPermission"),
    ColumnValue::new("Type", "Consent"),
];

/// The columns that are needed of them. The record is read afterwards, of the few that need it.
const COLUMNS: [&str; 14] = [
    "TenantId",
    "Type",
    "Threat",
    "InternalTimeStamp",
    "EventTime",
    "SourceMailbox",
    "Actor",
    "Operation",
    "RuleId",
    "RuleName",
    "ForwardingAddress",
    "Fingerprint",
    "Severity",
    "State",
];

/// The findings of the last 30 days about the mailbox or by one of the accounts, oldest first.
///
/// # Errors
/// If the store cannot be used.
pub async fn about(context: &RemediationContext<'_>) -> Result<Vec<ProcessedRow>, StoreError> {
    let since = context.finding.event_time - REACH;
    let mut query = Query::partition(PartitionKey::domain(&context.finding.domain))
        .changed_since(since)
        .where_any_of(WANTED)
        .with_columns(COLUMNS);
    let mut about = Vec::new();
    for _ in 0..PAGES {
        let page = context.app.store.list(PROCESSED, &query).await?;
        let rows = page.rows.iter().filter_map(|stored| readable(stored, ProcessedRow::from_stored(stored)));
        about.extend(rows.map(|(row, _)| row).filter(|row| row.event_time >= since && concerns(row, context)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    about.sort_by_key(|row| row.event_time);
    Ok(about)
}

/// The finding with its record, as it is stored.
///
/// # Errors
/// If the store cannot be used, or the finding is gone or malformed.
pub async fn whole(context: &RemediationContext<'_>, finding: &ProcessedRow) -> Result<ProcessedRow, StoreError> {
    let found = load::<ProcessedRow>(context.app.store.as_ref(), &finding.key()).await?;
    found.map(|(row, _)| row).ok_or_else(|| StoreError::Corrupt(format!("row {} is gone", finding.key())))
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
