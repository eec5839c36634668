//! Old rows that nothing is left to be done about are removed.

use chrono::{DateTime, Utc};

use super::FindingState;
use crate::store::{Entity, PartitionKey, Query, RowKey, Store, StoreError, Table};

/// The most pages of 1,000 rows that one call looks at, so that it ends in time. The next call goes on.
const PAGES: usize = 10;

/// Removes the closed findings of one tenant that were last written before `before`. Gives the number removed.
///
/// # Errors
/// When the store cannot be used. What was removed stays removed.
pub async fn remove_closed(
    store: &dyn Store,
    partition: &PartitionKey,
    before: DateTime<Utc>,
) -> Result<usize, StoreError> {
    let mut query = Query::partition(partition.clone()).changed_before(before);
    let mut removed = 0;
    for _ in 0..PAGES {
        let page = store.list(Table::Processed, &query).await?;
        let closed: Vec<RowKey> = page
            .rows
            .into_iter()
            .filter(|stored| is_closed(&stored.entity))
            .map(|stored| stored.entity.key.row)
            .collect();
        store.delete_many(Table::Processed, partition, &closed).await?;
        removed += closed.len();
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    Ok(removed)
}

/// Rows of the original have no state: they are closed. A state that this version does not know is left alone.
fn is_closed(entity: &Entity) -> bool {
    match entity.text("State") {
        Some(state) => FindingState::ALL.iter().any(|known| known.as_str() == state && known.is_closed()),
        None => true,
    }
}
