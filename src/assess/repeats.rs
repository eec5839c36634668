//! Deduplicates threats: the first one of a fingerprint is notified. A repetition within 30 days is stored without a
//! notification, unless it is worse. The fingerprint is claimed like the record.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

use super::marks::last_removal;
use crate::app::App;
use crate::detection::{Finding, Severity, has_new_scope};
use crate::tables::COVERAGE;
use crate::tables::{NotifiedFingerprintRow, ProcessedRow, insert_new, readable};
use base::ids::RecordId;
use table_store::{Digest, StoreError, is_conflict, is_unavailable, retry};

/// The period in which a repetition of a notified threat causes no notification.
const QUIET: TimeDelta = TimeDelta::days(30);

/// The period for which a dismissed threat is muted.
const MUTED: TimeDelta = TimeDelta::days(180);

/// The clocks of two instances differ by less.
const PLAUSIBLE_SKEW: TimeDelta = TimeDelta::days(1);

/// The maximum number of fingerprints that a run caches. Beyond that the store is queried.
const REMEMBERED: usize = 10_000;

/// The fingerprints that this run knows to be notified, so that a thousand records of one re-sync do not cause a thousand
/// queries.
#[derive(Debug, Default)]
pub struct NotifiedFingerprints(Mutex<HashMap<Digest, (Severity, RecordId)>>);

impl NotifiedFingerprints {
    /// Returns the record that was notified, if the finding repeats it. The permissions of a consent are known to the store only.
    pub fn known_repeat(&self, finding: &Finding) -> Option<RecordId> {
        let told = self.0.lock();
        let known = told.get(&finding.fingerprint).filter(|_| finding.scopes.is_empty());
        known.filter(|(told, _)| finding.severity <= *told).map(|(_, record)| *record)
    }

    /// Forgets all of them: an object was removed, and created again it is a new threat.
    pub fn forget(&self) {
        self.0.lock().clear();
    }

    fn remember(&self, fingerprint: &Digest, severity: Severity, record: RecordId) {
        let mut told = self.0.lock();
        if told.len() >= REMEMBERED {
            told.clear();
        }
        told.insert(fingerprint.clone(), (severity, record));
    }
}

/// Claims the fingerprint of a threat. Returns the record that was notified before, if this threat repeats it.
pub async fn claim(app: &App, told: &NotifiedFingerprints, row: &ProcessedRow) -> Result<Option<RecordId>, StoreError> {
    // A single failure must not delay a threat until the next run.
    let is_transient = |error: &StoreError| is_conflict(error) || is_unavailable(error);
    match retry(&app.clock, is_transient, || try_claim(app, row)).await? {
        Claim::Ours => Ok(None),
        Claim::Repeats { seen, was_removed } => {
            // After a removal the time of each record decides, which only the store knows.
            if !was_removed {
                told.remember(&row.fingerprint, seen.severity, seen.record_id);
            }
            Ok(Some(seen.record_id))
        }
    }
}

enum Claim {
    Ours,
    Repeats {
        seen: NotifiedFingerprintRow,
        /// `true` if an object of the threat was removed at any time.
        was_removed: bool,
    },
}

async fn try_claim(app: &App, row: &ProcessedRow) -> Result<Claim, StoreError> {
    let ours = NotifiedFingerprintRow {
        tenant_id: row.tenant_id,
        fingerprint: row.fingerprint.clone(),
        record_id: row.record_id,
        severity: row.severity,
        since: app.clock.now(),
        event_time: Some(row.event_time),
        scopes: row.scopes.clone(),
        muted: false,
    };
    if insert_new(app.store.as_ref(), &ours).await? {
        return Ok(Claim::Ours);
    }
    let key = NotifiedFingerprintRow::key(&row.tenant_id, &row.fingerprint);
    let stored = app.store.get(COVERAGE, &key).await?.ok_or(StoreError::Changed(key))?;
    let Some((seen, etag)) = readable(&stored, NotifiedFingerprintRow::from_stored(&stored)) else {
        // If the stored row cannot be read, notify again: a duplicate notification is better than a missing one.
        return Ok(Claim::Ours);
    };
    if seen.record_id == row.record_id && !seen.muted {
        return Ok(Claim::Ours);
    }
    let age = ours.since - seen.since;
    let is_worse = ours.severity > seen.severity;
    // A dismissal ends after 180 days, and never mutes what is worse than what was dismissed.
    let quiet = if seen.muted { MUTED } else { QUIET };
    // A notification from the future was written by a wrong clock: without this it would silence the threat for years.
    let is_plausible = seen.muted || age > -PLAUSIBLE_SKEW;
    if is_plausible && age < quiet && !is_worse && !has_new_scope(&seen.scopes, &row.scopes) {
        let removed = if seen.muted { None } else { last_removal(app.store.as_ref(), row).await? };
        if !removed.is_some_and(|removed| is_between(removed, &seen, row)) {
            return Ok(Claim::Repeats { seen, was_removed: removed.is_some() });
        }
    }
    let mut ours = ours;
    ours.scopes.extend(seen.scopes.into_iter().filter(|scope| !row.scopes.contains(scope)));
    crate::tables::save(app.store.as_ref(), &ours, Some(&etag)).await?;
    Ok(Claim::Ours)
}

/// Returns whether something was removed after the threat that was notified and before this one.
fn is_between(removed: DateTime<Utc>, seen: &NotifiedFingerprintRow, row: &ProcessedRow) -> bool {
    let notified = seen.event_time.unwrap_or(seen.since);
    notified <= removed && removed <= row.event_time && notified < row.event_time
}

/// Adds the permissions of a consent to what was notified of it, after a later record joined it.
pub async fn add_scopes(app: &App, row: &ProcessedRow) -> Result<(), StoreError> {
    let key = NotifiedFingerprintRow::key(&row.tenant_id, &row.fingerprint);
    crate::tables::update::<NotifiedFingerprintRow, ()>(app.store.as_ref(), &app.clock, &key, |stored| {
        let Some(mut seen) = stored else { return (None, ()) };
        if !has_new_scope(&seen.scopes, &row.scopes) {
            return (None, ());
        }
        seen.scopes.extend(row.scopes.iter().filter(|scope| !seen.scopes.contains(scope)).cloned().collect::<Vec<_>>());
        (Some(seen), ())
    })
    .await
}
