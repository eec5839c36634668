//! Findings that are not finished: a row `pending_<record id>` each, inserted before the finding and removed after its end,
//! so that whatever a kill interrupts is found again. Only asked for while the tenant's `Pending` is true.

use crate::ledger::{PendingRow, ProcessedRow, readable};
use crate::names::{RecordId, TenantId};
use crate::store::{Key, PartitionKey, Query, RowKey, Store, StoreError, Stored, Table, list_all};

/// The longest record that is kept to be judged again, in UTF-16 units. A row holds less than a mebibyte.
pub const RECORD_LIMIT: usize = 400_000;

/// An unfinished finding.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// Which, and since when.
    pub row: PendingRow,
    /// The whole record, where it is to be judged again.
    pub record: Option<String>,
}

impl Unfinished {
    fn from_stored(stored: &Stored) -> Result<Self, StoreError> {
        let (row, _) = PendingRow::from_stored(stored)?;
        Ok(Self { row, record: stored.entity.whole_text("Record") })
    }

    /// Where the finding itself is.
    pub fn finding(&self) -> Key {
        Key::new(PartitionKey::domain(&self.row.domain), RowKey::record(&self.row.record_id))
    }
}

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
    };
    let mut entity = note.to_entity();
    if let Some(record) = record {
        entity.set_whole_text("Record", record);
    }
    match store.insert(Table::Coverage, &entity).await {
        Ok(_) | Err(StoreError::Exists(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The finding is finished.
pub async fn remove(store: &dyn Store, tenant: &TenantId, record: &RecordId) -> Result<(), StoreError> {
    store.delete(Table::Coverage, &PendingRow::key(tenant, record), None).await
}

/// Everything unfinished, by record id. A note that cannot be read is logged and left where it is.
pub async fn list(store: &dyn Store, tenant: &TenantId) -> Result<Vec<Unfinished>, StoreError> {
    let query = Query::partition(PartitionKey::tenant(tenant)).with_prefix(PendingRow::ROW_PREFIX);
    let rows = list_all(store, Table::Coverage, query).await?;
    Ok(rows.iter().filter_map(|stored| readable(stored, Unfinished::from_stored(stored))).collect())
}
