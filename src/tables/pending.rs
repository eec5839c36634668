//! Findings that are not finished: a row `pending_<record id>` each, inserted before the finding and removed after its end,
//! so that work that a kill interrupts is found again. Queried only while the tenant's `Pending` is true.

use super::{COVERAGE, PendingRow, ProcessedRow, list_readable};
use base::ids::{RecordId, TenantId};
use table_store::{PartitionKey, Query, Store, StoreError};

/// The longest record that is stored to be evaluated again, in UTF-16 units. A row holds less than a mebibyte.
pub const RECORD_LIMIT: usize = 400_000;

/// Notes with `tenant` that `row` is about to be unfinished. Noted already is fine.
pub async fn insert(
    store: &dyn Store,
    tenant: &TenantId,
    row: &ProcessedRow,
    record: Option<&str>,
) -> Result<(), StoreError> {
    let note = PendingRow {
        tenant_id: *tenant,
        record_id: row.record_id,
        domain: row.domain.clone(),
        since: row.processed_at,
        record: record.map(str::to_owned),
    };
    match store.insert(COVERAGE, &note.to_entity()).await {
        Ok(_) | Err(StoreError::Exists(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The finding is finished.
pub async fn remove(store: &dyn Store, tenant: &TenantId, record: &RecordId) -> Result<(), StoreError> {
    store.delete(COVERAGE, &PendingRow::key(tenant, record), None).await
}

/// Everything unfinished, by record id. A note that cannot be read is logged and left where it is.
pub async fn list(store: &dyn Store, tenant: &TenantId) -> Result<Vec<PendingRow>, StoreError> {
    let query = Query::partition(PartitionKey::tenant(tenant)).with_prefix(PendingRow::ROW_PREFIX);
    let rows = list_readable::<PendingRow>(store, query).await?;
    Ok(rows.into_iter().map(|(row, _)| row).collect())
}
