//! Finds a stored finding by its log id alone.

use super::{CoverageRow, ProcessedRow, keys, list_readable, load};
use base::ids::RecordId;
use table_store::{Key, PartitionKey, Query, RowKey, Store, StoreError};

/// Looks in every known tenant, because a log id does not name its tenant.
///
/// # Errors
/// If the store cannot be used or the row is malformed.
pub async fn by_log_id(store: &dyn Store, log_id: &RecordId) -> Result<Option<ProcessedRow>, StoreError> {
    let tenants: Vec<(CoverageRow, _)> = list_readable(store, Query::partition(keys::tenants())).await?;
    for (tenant, _) in tenants {
        let key = Key::new(PartitionKey::domain(&tenant.domain), RowKey::record(log_id));
        let found: Option<(ProcessedRow, _)> = load(store, &key).await?;
        if let Some((row, _)) = found {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
