//! Stored findings that tell what else happened to the mailbox or through the accounts.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures::future::try_join_all;

use crate::app::App;
use crate::tables::incidents::account_of;
use crate::tables::{IncidentRow, PROCESSED, ProcessedRow, load, readable};
use base::ids::RecordId;
use table_store::{ColumnValue, Digest, Key, PartitionKey, Query, RowKey, StoreError};

use super::accounts::Account;

/// The longest time that one incident may last.
const INCIDENT_LENGTH: TimeDelta = TimeDelta::days(30);

/// The most pages of 1,000 rows that are read. Threats and grants of one tenant in 30 days are far fewer, unless somebody makes them.
const PAGES: usize = 10;

/// The most threats of the incident that are read one by one if there were more pages.
const OF_INCIDENT: usize = 50;

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

/// Stored findings about the mailbox or the accounts of a request.
#[derive(Debug)]
pub struct Findings {
    /// Those that were read, oldest first. The finding of the request is among them.
    pub rows: Vec<ProcessedRow>,
    /// `true` if all of them were read. Of what was not read nothing may be concluded: an attacker decides how many there are.
    pub is_complete: bool,
}

/// The findings of the last 30 days about the mailbox or by one of the accounts, oldest first.
///
/// # Errors
/// If the store cannot be used.
pub async fn about(app: &App, finding: &ProcessedRow, accounts: &[&Account]) -> Result<Findings, StoreError> {
    let since = finding.event_time - INCIDENT_LENGTH;
    let mut query = Query::partition(PartitionKey::domain(&finding.domain))
        .changed_since(since)
        .where_any_of(WANTED)
        .with_columns(COLUMNS);
    let (mut rows, mut is_complete) = (Vec::new(), false);
    for _ in 0..PAGES {
        let page = app.store.list(PROCESSED, &query).await?;
        let read = page.rows.iter().filter_map(|stored| readable(stored, ProcessedRow::from_stored(stored)));
        rows.extend(read.map(|(row, _)| row).filter(|row| row.event_time >= since && concerns(row, finding, accounts)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => {
                is_complete = true;
                break;
            }
        }
    }
    if !is_complete {
        tracing::warn!(log_id = %finding.record_id, "more findings are stored than one request reads");
        add_incident(app, finding, accounts, &mut rows).await?;
    }
    if !rows.iter().any(|row| row.record_id == finding.record_id) {
        rows.push(finding.clone());
    }
    rows.sort_by_key(|row| row.event_time);
    Ok(Findings { rows, is_complete })
}

/// Adds the threats of the incident that were not among the pages.
async fn add_incident(
    app: &App,
    finding: &ProcessedRow,
    accounts: &[&Account],
    rows: &mut Vec<ProcessedRow>,
) -> Result<(), StoreError> {
    let (store, domain) = (app.store.as_ref(), &finding.domain);
    let key = IncidentRow::key(domain, &Digest::of(&[&account_of(finding)]));
    let Some((incident, _)) = load::<IncidentRow>(store, &key).await? else { return Ok(()) };
    if incident.incident_id != finding.incident_id {
        return Ok(());
    }
    let known: BTreeSet<RecordId> = rows.iter().map(|row| row.record_id).collect();
    let missing = incident.records.iter().filter(|record| !known.contains(record)).take(OF_INCIDENT);
    let read = missing.map(|record| async move {
        let key = Key::new(PartitionKey::domain(domain), RowKey::record(record));
        store.get(PROCESSED, &key).await
    });
    let read: Vec<_> = try_join_all(read).await?;
    let read = read.iter().flatten().filter_map(|stored| readable(stored, ProcessedRow::from_stored(stored)));
    rows.extend(read.map(|(row, _)| row).filter(|row| concerns(row, finding, accounts)));
    Ok(())
}

/// The finding with its record, as it is stored.
///
/// # Errors
/// If the store cannot be used, or the finding is gone or malformed.
pub async fn whole(app: &App, finding: &ProcessedRow) -> Result<ProcessedRow, StoreError> {
    let found = load::<ProcessedRow>(app.store.as_ref(), &finding.key()).await?;
    found.map(|(row, _)| row).ok_or_else(|| StoreError::Corrupt(format!("row {} is gone", finding.key())))
}

fn concerns(row: &ProcessedRow, finding: &ProcessedRow, accounts: &[&Account]) -> bool {
    let is_one = |name: &str| !name.is_empty() && accounts.iter().any(|account| account.has_name(name));
    let is_own = row.record_id == finding.record_id;
    row.tenant_id == finding.tenant_id && (is_own || is_one(&row.source_mailbox) || is_one(&row.actor))
}

/// When the incident began: the earliest of its stored threats.
pub fn began(finding: &ProcessedRow, findings: &[ProcessedRow]) -> chrono::DateTime<chrono::Utc> {
    let threats = findings.iter().filter(|row| row.threat).map(|row| row.event_time);
    threats.min().unwrap_or(finding.event_time).min(finding.event_time)
}
