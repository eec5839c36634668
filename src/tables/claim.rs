//! Decides which run may send a finding. A row is claimed by inserting it with a claim id, or taken over from a run that did not
//! finish in time. Both recognize their own write if its response was lost.

use chrono::{DateTime, TimeDelta, Utc};

use super::{ProcessedRow, RowVersion, save};
use crate::tables::PROCESSED;
use base::ids::RunId;
use table_store::{Entity, Store, StoreError, Stored, Table};

/// The time for which a claim holds before other runs may take it over.
pub const CLAIM_HOLDS: TimeDelta = TimeDelta::minutes(15);

/// The duration of the claim of a threat whose account is being contained. It is short, so that a killed containment is soon taken over.
pub const CONTAINMENT_HOLDS: TimeDelta = TimeDelta::seconds(60);

/// The longest plausible wait for a next attempt. An attempt is put off for a day at most, so a longer wait was written by a
/// wrong clock.
const LONGEST_WAIT: TimeDelta = TimeDelta::days(2);

/// The number of attempts of an insert whose response is lost.
const TRIES: usize = 3;

/// The result of claiming a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// This run inserted it, in this version.
    Ours(RowVersion),
    /// Another run has inserted this row.
    Theirs(Stored),
}

/// The result of taking over a finding.
#[derive(Debug, Clone, PartialEq)]
pub enum TakenOver {
    /// This run has it: the row as it is stored now.
    Ours(Box<ProcessedRow>, RowVersion),
    /// Its claim still holds, until then.
    NotYet(DateTime<Utc>),
    /// Another run was faster, or the row is gone.
    Theirs,
}

/// A finding whose claim this run holds.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedFinding {
    /// The row as it is stored.
    pub row: ProcessedRow,
    /// Its version.
    pub version: RowVersion,
}

/// Inserts a row that carries a `ClaimId`. If a row exists already, or the response was lost, the stored claim id shows whether
/// it is this run's own.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used. The row may be stored anyway; a later run finds it, and takes it over in
/// time.
pub async fn insert(store: &dyn Store, table: Table, entity: &Entity) -> Result<Claimed, StoreError> {
    let mut failure = None;
    for _ in 0..TRIES {
        match store.insert(table, entity).await {
            Ok(etag) => return Ok(Claimed::Ours(etag.into())),
            Err(error @ (StoreError::Exists(_) | StoreError::Unavailable(_))) => failure = Some(error),
            Err(error) => return Err(error),
        }
        if let Some(stored) = store.get(table, &entity.key).await? {
            let ours = is_claimed_by(&stored, entity.text("ClaimId"));
            return Ok(if ours { Claimed::Ours(stored.etag.into()) } else { Claimed::Theirs(stored) });
        }
        // It never arrived, or was removed in between.
    }
    Err(failure.unwrap_or_else(|| StoreError::Unavailable(format!("row {} comes and goes", entity.key))))
}

/// Takes over a finding whose claim has run out, for `holds` from `now`. Counts as one more attempt.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used. The finding may be claimed anyway, and is left alone until that claim runs
/// out.
pub async fn take_over(
    store: &dyn Store,
    row: &ProcessedRow,
    version: &RowVersion,
    claim: RunId,
    now: DateTime<Utc>,
    holds: TimeDelta,
) -> Result<TakenOver, StoreError> {
    if let Some(until) = row.next_attempt.filter(|until| !is_reached(*until, now)) {
        return Ok(TakenOver::NotYet(until));
    }
    let taken = ProcessedRow {
        claim_id: claim,
        attempts: row.attempts.saturating_add(1),
        next_attempt: Some(now + holds),
        ..row.clone()
    };
    let failure = match save(store, &taken, Some(version)).await {
        Ok(version) => return Ok(TakenOver::Ours(Box::new(taken), version)),
        Err(error @ (StoreError::Changed(_) | StoreError::Unavailable(_))) => error,
        Err(error) => return Err(error),
    };
    match store.get(PROCESSED, &taken.key()).await? {
        Some(stored) if is_claimed_by(&stored, Some(&claim.to_string())) => {
            Ok(TakenOver::Ours(Box::new(taken), version.written(stored.etag)))
        }
        _ if matches!(failure, StoreError::Changed(_)) => Ok(TakenOver::Theirs),
        _ => Err(failure),
    }
}

/// Returns whether the time of a next attempt has come. One that lies further ahead than any attempt is put off was written by a wrong
/// clock.
pub fn is_reached(next_attempt: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    next_attempt <= now || next_attempt - now > LONGEST_WAIT
}

fn is_claimed_by(stored: &Stored, claim: Option<&str>) -> bool {
    claim.is_some() && stored.entity.text("ClaimId") == claim
}
