//! Removes old rows that need no further work.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    AddedDomainRow, ConsentRow, FindingState, NotifiedFingerprintRow, RemovedRow, TableRow as _, TargetIndexRow,
    UserEventRow,
};
use crate::tables::{ACTIONS, COVERAGE, PROCESSED};
use base::ids::TenantId;
use table_store::{Entity, PartitionKey, Query, RowKey, Store, StoreError, Stored, Table};

/// The maximum number of pages of 1,000 rows that one call reads, so that it ends in time. The next call does not meet the
/// removed rows again.
const PAGES: usize = 10;

/// Threats and changes of one user are related within 24 h, records of one consent within 10 minutes; a record may come 7 days late.
const NEAR: TimeDelta = TimeDelta::days(8);

/// A fingerprint counts for 30 days after its notification, unless it is muted. So does an added domain, and a removed object
/// clears no older fingerprint.
const SEEN: TimeDelta = TimeDelta::days(31);

/// An address of an attacker counts for 30 days.
const ATTACKERS: TimeDelta = TimeDelta::days(31);

/// A mailbox that forwards to a target counts for 7 days.
const AIMED: TimeDelta = TimeDelta::days(7);

/// Removes the closed findings of one tenant that were last written before `before`. Returns the number of removed rows.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used. Rows that were removed before that stay removed.
pub async fn remove_closed(
    store: &dyn Store,
    partition: &PartitionKey,
    before: DateTime<Utc>,
) -> Result<usize, StoreError> {
    remove(store, PROCESSED, Query::partition(partition.clone()).changed_before(before), is_closed).await
}

/// Removes the remediation runs of one tenant, and their locks, last written before `before`. Returns the number of removed rows.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used. Rows that were removed before that stay removed.
pub async fn remove_actions(
    store: &dyn Store,
    partition: &PartitionKey,
    before: DateTime<Utc>,
) -> Result<usize, StoreError> {
    // A run whose row is this old is not active, whatever its status says.
    remove(store, ACTIONS, Query::partition(partition.clone()).changed_before(before), |_| true).await
}

/// Removes the rows that relate a tenant's findings to others and are outdated at `now`. Returns the number of removed rows.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used. Rows that were removed before that stay removed.
pub async fn remove_related(store: &dyn Store, tenant: &TenantId, now: DateTime<Utc>) -> Result<usize, StoreError> {
    let old = |prefix: &str, age: TimeDelta| {
        Query::partition(PartitionKey::tenant(tenant)).with_prefix(prefix).changed_before(now - age)
    };
    let near = remove(store, COVERAGE, old(UserEventRow::ROW_PREFIX, NEAR), |_| true).await?;
    let is_muted = |entity: &Entity| entity.bool("Muted").unwrap_or(false);
    let seen =
        remove(store, COVERAGE, old(NotifiedFingerprintRow::ROW_PREFIX, SEEN), |entity| !is_muted(entity)).await?;
    let mut marks = remove(store, COVERAGE, old(ConsentRow::ROW_PREFIX, NEAR), |_| true).await?;
    for prefix in [RemovedRow::ROW_PREFIX, AddedDomainRow::ROW_PREFIX] {
        marks += remove(store, COVERAGE, old(prefix, SEEN), |_| true).await?;
    }
    Ok(near + seen + marks + remove_targets(store, old(TargetIndexRow::ROW_PREFIX, AIMED), now - AIMED).await?)
}

/// Removes the addresses of attackers that have lost their meaning by `now`.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used. Rows that were removed stay removed.
pub async fn remove_attackers(store: &dyn Store, now: DateTime<Utc>) -> Result<usize, StoreError> {
    let old = Query::partition(super::keys::attackers()).changed_before(now - ATTACKERS);
    remove(store, COVERAGE, old, |_| true).await
}

/// Removes outdated target rows and their index entries. The target row goes first, because its index entry is needed to find it
/// again after a kill. A row that was written again in the meantime stays.
async fn remove_targets(store: &dyn Store, query: Query, before: DateTime<Utc>) -> Result<usize, StoreError> {
    let page = store.list(COVERAGE, &query).await?;
    let aims: Vec<(Stored, TargetIndexRow)> = page
        .rows
        .into_iter()
        .filter_map(|stored| {
            super::rows::readable(&stored, TargetIndexRow::read(&stored)).map(|(aim, _)| (stored, aim))
        })
        .collect();
    let mut removed = 0;
    for (stored, aim) in &aims {
        let target = store.get(COVERAGE, &aim.target_key()).await?;
        let is_gone = match &target {
            Some(target) if target.changed >= before => false,
            Some(target) => delete_unchanged(store, target).await?,
            None => true,
        };
        removed += usize::from(is_gone && delete_unchanged(store, stored).await?);
    }
    Ok(removed)
}

/// Deletes the row, unless another run has written it since it was read. Returns whether the row is gone.
async fn delete_unchanged(store: &dyn Store, stored: &Stored) -> Result<bool, StoreError> {
    match store.delete(COVERAGE, &stored.entity.key, Some(&stored.etag)).await {
        Ok(()) => Ok(true),
        Err(StoreError::Changed(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn remove(
    store: &dyn Store,
    table: Table,
    mut query: Query,
    may_go: impl Fn(&Entity) -> bool,
) -> Result<usize, StoreError> {
    let mut removed = 0;
    for _ in 0..PAGES {
        let page = store.list(table, &query).await?;
        let rows = page.rows.into_iter().filter(|stored| may_go(&stored.entity));
        let rows: Vec<RowKey> = rows.map(|stored| stored.entity.key.row).collect();
        store.delete_many(table, &query.partition, &rows).await?;
        removed += rows.len();
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
