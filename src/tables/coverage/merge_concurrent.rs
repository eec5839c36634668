//! Stores a tenant's coverage row while other runs may store it too. Nothing that either has read or lost is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;

use base::clock::Clock;
use base::ids::TenantId;
use chrono::{DateTime, NaiveDate, Utc};
use table_store::{Store, StoreError, is_conflict, retry};

use super::row::{CoverageRow, GAPS_LIMIT, newest};
use crate::tables::{DeferredBlob, RowVersion, load, merge, save};

/// Reads a tenant's coverage row.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used or the row is malformed.
pub async fn read(store: &dyn Store, tenant: &TenantId) -> Result<Option<(CoverageRow, RowVersion)>, StoreError> {
    load(store, &CoverageRow::key(tenant)).await
}

/// Stores a tenant's coverage row: as a new one without `version`, else in place of that version. If another run has stored it
/// in the meantime, both are merged. Returns the row that is stored now.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used, or others changed the row at every try.
pub async fn write(
    store: &dyn Store,
    clock: &Arc<dyn Clock>,
    row: CoverageRow,
    version: Option<RowVersion>,
) -> Result<(CoverageRow, RowVersion), StoreError> {
    match save(store, &row, version.as_ref()).await {
        Ok(version) => return Ok((row, version)),
        Err(error) if is_conflict(&error) => {}
        Err(error) => return Err(error),
    }
    let row = &row;
    retry(clock, is_conflict, || async move {
        let (merged, version) = match read(store, &row.tenant_id).await? {
            Some((theirs, version)) => (merge_concurrent(row, &theirs), Some(version)),
            None => (row.clone(), None),
        };
        let version = save(store, &merged, version.as_ref()).await?;
        Ok((merged, version))
    })
    .await
}

/// Merges the rows of two runs. `theirs` is the stored one: its domain was seen first.
pub fn merge_concurrent(ours: &CoverageRow, theirs: &CoverageRow) -> CoverageRow {
    // The state is that of the run that completed last. If none has completed in between, it is the state that was found later.
    let is_ours = (ours.last_run, ours.since) >= (theirs.last_run, theirs.since);
    let (newer, older) = if is_ours { (ours, theirs) } else { (theirs, ours) };
    // A state that both runs found began when the first one found it, and one notice was sent about it.
    let state = if newer.state == older.state && older.since <= newer.since { older } else { newer };
    // The state in the last notice is remembered until a notice about its end is sent.
    let notified = if state.notified.is_empty() { [&newer.notified, &older.notified] } else { [&state.notified; 2] };
    let notified = notified.into_iter().find(|notified| !notified.is_empty()).cloned().unwrap_or_default();
    let mut merged = CoverageRow {
        tenant_id: ours.tenant_id,
        domain: theirs.domain.clone(),
        display_name: ours.display_name.clone(),
        state: state.state,
        since: state.since,
        covered_until: ours.covered_until.max(theirs.covered_until),
        read_from: ours.read_from.into_iter().chain(theirs.read_from).min(),
        // A gap that either has found restarts it.
        read_since: ours.read_since.max(theirs.read_since),
        ahead: [ours.ahead.as_slice(), &theirs.ahead].concat(),
        last_run: newer.last_run,
        last_outcome: newer.last_outcome.clone(),
        gaps: newest(merge([ours.gaps.as_slice(), &theirs.gaps].concat()), GAPS_LIMIT),
        pending: ours.pending || theirs.pending,
        fetched: merged_hashes(&ours.fetched, &theirs.fetched),
        // Each run counts the deferred blobs that it knew and left. None is deferred only if both count none.
        owed: ours.owed.max(theirs.owed),
        last_content: ours.last_content.max(theirs.last_content),
        audit_checked: ours.audit_checked.max(theirs.audit_checked),
        notified,
        subscriptions: newest_starts(&ours.subscriptions, &theirs.subscriptions),
        missed_listings: newer.missed_listings,
        last_run_started: ours.last_run_started.max(theirs.last_run_started),
        readiness: ours.readiness.merged(&theirs.readiness),
        exchange_items: highest(&ours.exchange_items, &theirs.exchange_items),
    };
    merged.settle();
    merged
}

/// Returns the blobs that are still deferred, because no run has fetched them in the meantime.
pub fn still_owed(owed: Vec<DeferredBlob>, row: &CoverageRow) -> Vec<DeferredBlob> {
    owed.into_iter().filter(|blob| !row.has_fetched(&blob.content)).collect()
}

/// The higher count of each day. Both runs have counted on from the same row, so a sum would count twice.
fn highest(ours: &BTreeMap<NaiveDate, u64>, theirs: &BTreeMap<NaiveDate, u64>) -> BTreeMap<NaiveDate, u64> {
    let mut highest = ours.clone();
    for (day, count) in theirs {
        let known = highest.entry(*day).or_default();
        *known = (*known).max(*count);
    }
    highest
}

fn merged_hashes(
    ours: &BTreeMap<i64, BTreeSet<u64>>,
    theirs: &BTreeMap<i64, BTreeSet<u64>>,
) -> BTreeMap<i64, BTreeSet<u64>> {
    let mut merged = ours.clone();
    for (hour, hashes) in theirs {
        merged.entry(*hour).or_default().extend(hashes);
    }
    merged
}

/// The last start of each subscription that either knows.
fn newest_starts(
    ours: &BTreeMap<String, DateTime<Utc>>,
    theirs: &BTreeMap<String, DateTime<Utc>>,
) -> BTreeMap<String, DateTime<Utc>> {
    let mut newest = ours.clone();
    for (name, started) in theirs {
        let known = newest.entry(name.clone()).or_insert(*started);
        *known = (*known).max(*started);
    }
    newest
}
