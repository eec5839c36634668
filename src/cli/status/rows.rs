//! Reads what the tables contain about each tenant: few columns of few rows, never a whole history.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;

use crate::detection::FindingKind;
use crate::tables::{
    ACTIONS, ActionRow, COVERAGE, CoverageRow, FindingState, PROCESSED, ProcessedRow, ServiceRow, WebhookRow, keys,
    readable,
};
use base::ids::{Domain, RecordId, TenantId};
use table_store::{ColumnValue, PartitionKey, Query, Store, StoreError, Stored, Table, list_all, whole_text_columns};

/// The tenants whose rows are read concurrently.
const TENANTS_AT_ONCE: usize = 8;

const TENANT_COLUMNS: [&str; 10] = [
    "Domain",
    "DisplayName",
    "State",
    "Since",
    "CoveredUntil",
    "ReadFrom",
    "LastRun",
    "LastOutcome",
    "OwedCount",
    "ReadinessAt",
];

const FINDING_COLUMNS: [&str; 16] = [
    "TenantId",
    "Type",
    "Threat",
    "InternalTimeStamp",
    "EventTime",
    "ContentCreated",
    "SourceMailbox",
    "Actor",
    "Operation",
    "RuleName",
    "Severity",
    "State",
    "RepeatOf",
    "Fingerprint",
    "IncidentId",
    "Containment",
];

const RUN_COLUMNS: [&str; 8] = ["RunId", "Action", "Status", "Started", "Finished", "User", "Reason", "IncidentId"];

const NOTICES: ColumnValue = ColumnValue::new("Type", "Coverage");
const THREATS: ColumnValue = ColumnValue::new("Threat", "True");

/// A question of the readiness check, as the column `Readiness` contains it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReadinessItem {
    /// The name of the permission, role or setting.
    pub item: String,
    /// `ok`, `missing` or `unknown`.
    pub state: String,
    /// A sentence about it.
    #[serde(default)]
    pub detail: String,
}

/// A stored threat.
#[derive(Debug, Clone)]
pub struct StoredThreat {
    /// The columns that were read.
    pub row: ProcessedRow,
    /// `Containment`: the result of an automatic containment; empty if there is none.
    pub containment: String,
}

/// A notice about monitoring.
#[derive(Debug, Clone)]
pub struct StoredNotice {
    /// `Operation`: the state that began, or the kind of the notice.
    pub what: String,
    /// The time that it is about.
    pub at: DateTime<Utc>,
    /// The time when it was stored.
    pub stored: DateTime<Utc>,
}

/// The rows of one tenant.
#[derive(Debug, Clone)]
pub struct TenantRows {
    /// Its coverage row: how far its log has been read.
    pub coverage: CoverageRow,
    /// The findings of the daily check; empty if there was none.
    pub readiness: Vec<ReadinessItem>,
    /// The time of that check.
    pub readiness_at: Option<DateTime<Utc>>,
    /// Every stored threat.
    pub threats: Vec<StoredThreat>,
    /// Every stored notice about its monitoring, oldest first.
    pub notices: Vec<StoredNotice>,
    /// Every remediation run, oldest first.
    pub runs: Vec<ActionRow>,
}

impl TenantRows {
    /// Returns the names of the tenant: its id and its domain.
    pub fn names(&self) -> (TenantId, &Domain) {
        (self.coverage.tenant_id, &self.coverage.domain)
    }
}

/// The stored rows about the service as a whole.
#[derive(Debug, Clone)]
pub struct ServiceRows {
    /// Its row, if GetDomain has run.
    pub row: Option<ServiceRow>,
    /// Its notices, oldest first.
    pub notices: Vec<StoredNotice>,
    /// Since when nothing is sent to the webhook that is set.
    pub webhook_off_since: Option<DateTime<Utc>>,
}

/// Returns the coverage rows that can be read, without the rest of the rows.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used.
pub async fn tenants(store: &dyn Store) -> Result<Vec<TenantRows>, StoreError> {
    let numbered = ["Gaps", "Readiness"].into_iter().flat_map(whole_text_columns);
    let columns = TENANT_COLUMNS.map(str::to_owned).into_iter().chain(numbered);
    let stored = list_all(store, COVERAGE, Query::partition(keys::tenants()).with_columns(columns)).await?;
    let tenant = |stored: &Stored| {
        let (coverage, _) = readable(stored, CoverageRow::from_stored(stored))?;
        Some(TenantRows {
            coverage,
            readiness: readiness(stored),
            readiness_at: stored.entity.time("ReadinessAt"),
            threats: Vec::new(),
            notices: Vec::new(),
            runs: Vec::new(),
        })
    };
    Ok(stored.iter().filter_map(tenant).collect())
}

/// A list that cannot be read counts as none: the rest of the tenant's line is needed anyway.
fn readiness(stored: &Stored) -> Vec<ReadinessItem> {
    let text = stored.entity.whole_text("Readiness").filter(|text| !text.is_empty());
    let items = text.map_or(Ok(Vec::new()), |text| serde_json::from_str(&text));
    items
        .inspect_err(|error| tracing::error!(row = %stored.entity.key, "column Readiness cannot be read: {error}"))
        .unwrap_or_default()
}

/// Adds the findings, notices and runs of each tenant.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used.
pub async fn complete(store: &dyn Store, tenants: Vec<TenantRows>) -> Result<Vec<TenantRows>, StoreError> {
    stream::iter(tenants).map(|tenant| with_findings(store, tenant)).buffered(TENANTS_AT_ONCE).try_collect().await
}

async fn with_findings(store: &dyn Store, mut tenant: TenantRows) -> Result<TenantRows, StoreError> {
    let partition = PartitionKey::domain(&tenant.coverage.domain);
    for stored in findings(store, partition.clone(), &[THREATS, NOTICES]).await? {
        let Some((row, _)) = readable(&stored, ProcessedRow::from_stored(&stored)) else { continue };
        // Two tenants never share a domain, but one may have had it before.
        if !row.is_original() && row.tenant_id != tenant.coverage.tenant_id {
            continue;
        }
        match row.kind {
            FindingKind::Coverage => tenant.notices.push(notice(&row)),
            _ if row.threat && row.state != FindingState::Rejudge => {
                let containment = stored.entity.text("Containment").unwrap_or_default().to_owned();
                tenant.threats.push(StoredThreat { row, containment });
            }
            _ => {}
        }
    }
    tenant.notices.sort_by_key(|notice| notice.at);
    tenant.runs = runs(store, partition).await?;
    Ok(tenant)
}

/// Reads what is stored about the service as a whole.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used.
pub async fn service(store: &dyn Store) -> Result<ServiceRows, StoreError> {
    let stored = store.get(COVERAGE, &ServiceRow::key()).await?;
    let row = stored.and_then(|stored| readable(&stored, ServiceRow::from_stored(&stored))).map(|(row, _)| row);
    let stored = findings(store, keys::service_partition(), &[NOTICES]).await?;
    let rows = stored.iter().filter_map(|stored| readable(stored, ProcessedRow::from_stored(stored)));
    let mut notices: Vec<StoredNotice> = rows.map(|(row, _)| notice(&row)).collect();
    notices.sort_by_key(|notice| notice.at);
    let webhook = store.get(COVERAGE, &WebhookRow::key()).await?;
    let webhook = webhook.and_then(|stored| readable(&stored, WebhookRow::from_stored(&stored))).map(|(row, _)| row);
    let webhook_off_since = webhook.filter(|webhook| !webhook.off.is_empty()).map(|webhook| webhook.since);
    Ok(ServiceRows { row, notices, webhook_off_since })
}

/// Lists rows of findings. Other rows of the table have keys that are not log ids.
async fn findings(
    store: &dyn Store,
    partition: PartitionKey,
    wanted: &[ColumnValue],
) -> Result<Vec<Stored>, StoreError> {
    let columns = FINDING_COLUMNS.map(str::to_owned).into_iter().chain(whole_text_columns("Notified"));
    let query = Query::partition(partition).where_any_of(wanted.iter().copied()).with_columns(columns);
    let mut stored = list_all(store, PROCESSED, query).await?;
    stored.retain(|stored| stored.entity.key.row.as_str().parse::<RecordId>().is_ok());
    Ok(stored)
}

fn notice(row: &ProcessedRow) -> StoredNotice {
    StoredNotice { what: row.operation.clone(), at: row.event_time, stored: row.processed_at }
}

/// Lists each run once: its own row, or the copy under the log id if that is all there is.
async fn runs(store: &dyn Store, partition: PartitionKey) -> Result<Vec<ActionRow>, StoreError> {
    let stored = list_rows_of_runs(store, partition, ACTIONS).await?;
    let mut runs: Vec<ActionRow> = stored
        .iter()
        .filter_map(|stored| readable(stored, ActionRow::from_stored(stored)))
        .map(|(run, _)| run)
        .collect();
    let mut known = HashSet::new();
    // The row of the run is written before its copy, so the one that has ended is the newer one.
    runs.sort_by_key(|run| run.finished.is_none());
    runs.retain(|run| known.insert((run.record_id, run.run_id)));
    runs.sort_by_key(|run| run.started);
    Ok(runs)
}

async fn list_rows_of_runs(
    store: &dyn Store,
    partition: PartitionKey,
    table: Table,
) -> Result<Vec<Stored>, StoreError> {
    let mut stored = list_all(store, table, Query::partition(partition).with_columns(RUN_COLUMNS)).await?;
    stored.retain(|stored| {
        let row = stored.entity.key.row.as_str();
        row.split('_').all(|part| part.parse::<RecordId>().is_ok())
    });
    Ok(stored)
}
