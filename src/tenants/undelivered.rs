//! Finds the notifications that a channel has not accepted.

use std::collections::BTreeSet;

use crate::app::App;
use crate::tables::{FindingState, ProcessedRow, load};
use base::ids::TenantId;
use table_store::StoreError;

use super::customers;
use crate::tables::pending;

/// Returns the stored notifications that at least one channel has not accepted, of all tenants and of the service.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be read. A single row that cannot be read is skipped; its run logs it.
pub async fn undelivered(app: &App) -> Result<Vec<ProcessedRow>, StoreError> {
    let store = app.store.as_ref();
    let (known, _) = customers::known(app).await?;
    let pending = known.values().filter(|(row, _)| row.pending).map(|(row, _)| row.tenant_id);
    // Notices about the service are noted under the provider's own tenant, which need not be a known one.
    let tenants: BTreeSet<TenantId> = pending.chain([app.settings.partner.tenant_id]).collect();
    let mut undelivered = Vec::new();
    for tenant in tenants {
        for note in pending::list(store, &tenant).await? {
            match load::<ProcessedRow>(store, &note.finding()).await {
                Ok(Some((row, _))) if row.state == FindingState::Sending => undelivered.push(row),
                Ok(_) | Err(StoreError::Corrupt(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(undelivered)
}
