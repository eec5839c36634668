//! Writing a tenant's coverage row while others may write it too: nothing that either has read or lost is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::{GAPS_LIMIT, newest};
use super::{CoverageRow, OwedBlob, merge};
use crate::tables::COVERAGE;
use base::ids::TenantId;
use table_store::{ETag, Store, StoreError};

/// How often a row is written that others keep changing.
const TRIES: usize = 8;

/// Reads a tenant's coverage row.
///
/// # Errors
/// When the store cannot be used or the row is not sound.
pub async fn read(store: &dyn Store, tenant: &TenantId) -> Result<Option<(CoverageRow, ETag)>, StoreError> {
    let stored = store.get(COVERAGE, &CoverageRow::key(tenant)).await?;
    stored.as_ref().map(CoverageRow::from_stored).transpose()
}

/// Writes a tenant's coverage row: as a new one without `etag`, else in place of that version. When somebody else has
/// written it in the meantime, both are united. Gives back what is stored now.
///
/// # Errors
/// When the store cannot be used, or others changed the row each time.
pub async fn write(
    store: &dyn Store,
    mut row: CoverageRow,
    mut etag: Option<ETag>,
) -> Result<(CoverageRow, ETag), StoreError> {
    for _ in 0..TRIES {
        let entity = row.to_entity();
        let written = match &etag {
            Some(etag) => store.replace(COVERAGE, &entity, etag).await,
            None => store.insert(COVERAGE, &entity).await,
        };
        match written {
            Ok(etag) => return Ok((row, etag)),
            Err(StoreError::Changed(_) | StoreError::Exists(_)) => {}
            Err(error) => return Err(error),
        }
        etag = match read(store, &row.tenant_id).await? {
            Some((theirs, etag)) => {
                row = unite(&row, &theirs);
                Some(etag)
            }
            None => None,
        };
    }
    Err(StoreError::Unavailable(format!("the coverage row of tenant {} is changed all the time", row.tenant_id)))
}

/// What two runs know together. `theirs` is what is stored: its domain was seen first.
pub fn unite(ours: &CoverageRow, theirs: &CoverageRow) -> CoverageRow {
    // The state is that of whoever completed a run last; where none did in between, the one that was found later.
    let is_ours = (ours.last_run, ours.since) >= (theirs.last_run, theirs.since);
    let (newer, older) = if is_ours { (ours, theirs) } else { (theirs, ours) };
    // A state that both have found began when the first of them found it, and was told once.
    let state = if newer.state == older.state && older.since <= newer.since { older } else { newer };
    // What somebody was told of is kept until it is told that it is over.
    let notified = if state.notified.is_empty() { [&newer.notified, &older.notified] } else { [&state.notified; 2] };
    let notified = notified.into_iter().find(|notified| !notified.is_empty()).cloned().unwrap_or_default();
    let mut united = CoverageRow {
        tenant_id: ours.tenant_id,
        domain: theirs.domain.clone(),
        display_name: ours.display_name.clone(),
        state: state.state,
        since: state.since,
        covered_until: ours.covered_until.max(theirs.covered_until),
        ahead: [ours.ahead.as_slice(), &theirs.ahead].concat(),
        last_run: newer.last_run,
        last_outcome: newer.last_outcome.clone(),
        gaps: newest(merge([ours.gaps.as_slice(), &theirs.gaps].concat()), GAPS_LIMIT),
        pending: ours.pending || theirs.pending,
        fetched: united_hashes(&ours.fetched, &theirs.fetched),
        // Each counts what it left owed of what it knew. None is owed in truth only where both count none.
        owed: ours.owed.max(theirs.owed),
        last_content: ours.last_content.max(theirs.last_content),
        audit_checked: ours.audit_checked.max(theirs.audit_checked),
        notified,
    };
    united.settle();
    united
}

/// What is owed in truth: what nobody has fetched in the meantime.
pub fn still_owed(owed: Vec<OwedBlob>, row: &CoverageRow) -> Vec<OwedBlob> {
    owed.into_iter().filter(|blob| !row.has_fetched(&blob.content)).collect()
}

fn united_hashes(
    ours: &BTreeMap<i64, BTreeSet<u64>>,
    theirs: &BTreeMap<i64, BTreeSet<u64>>,
) -> BTreeMap<i64, BTreeSet<u64>> {
    let mut united = ours.clone();
    for (hour, hashes) in theirs {
        united.entry(*hour).or_default().extend(hashes);
    }
    united
}
