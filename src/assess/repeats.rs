//! The first threat of a fingerprint is told; what repeats it within 30 days is stored and not told again, unless it got
//! worse. The fingerprint is claimed like the record.

use std::collections::HashMap;
use std::sync::Mutex;

use chrono::TimeDelta;

use crate::app::App;
use crate::detection::Severity;
use crate::tables::COVERAGE;
use crate::tables::{NotifiedFingerprintRow, ProcessedRow, readable};
use base::ids::RecordId;
use table_store::{Digest, StoreError, conflict_delays};

/// How long a threat that was told is not told again.
const QUIET: TimeDelta = TimeDelta::days(30);

/// How long a dismissed threat is muted.
const MUTED: TimeDelta = TimeDelta::days(180);

/// The clocks of two instances differ by less.
const PLAUSIBLE_SKEW: TimeDelta = TimeDelta::days(1);

/// The most fingerprints that a run remembers. Beyond that the store is asked.
const REMEMBERED: usize = 10_000;

/// The fingerprints that this run knows to be told, so that a thousand records of one re-sync do not ask a thousand times.
#[derive(Debug, Default)]
pub struct NotifiedFingerprints(Mutex<HashMap<Digest, (Severity, RecordId)>>);

impl NotifiedFingerprints {
    /// The record that was told, when a finding of this severity repeats it.
    pub fn known_repeat(&self, fingerprint: &Digest, severity: Severity) -> Option<RecordId> {
        let told = self.0.lock().ok()?;
        told.get(fingerprint).filter(|(told, _)| severity <= *told).map(|(_, record)| *record)
    }

    fn remember(&self, fingerprint: &Digest, severity: Severity, record: RecordId) {
        if let Ok(mut told) = self.0.lock() {
            if told.len() >= REMEMBERED {
                told.clear();
            }
            told.insert(fingerprint.clone(), (severity, record));
        }
    }
}

/// Claims the fingerprint of a threat. `Some` is the record that was told before and that this one repeats.
pub async fn claim(app: &App, told: &NotifiedFingerprints, row: &ProcessedRow) -> Result<Option<RecordId>, StoreError> {
    let claim = retry(app, row).await?;
    match claim {
        Claim::Ours => {
            told.remember(&row.fingerprint, row.severity, row.record_id);
            Ok(None)
        }
        Claim::Repeats(seen) => {
            let severity = if seen.muted { seen.severity.max(row.severity) } else { seen.severity };
            told.remember(&row.fingerprint, severity, seen.record_id);
            Ok(Some(seen.record_id))
        }
    }
}

/// Claims again while other runs write the same row, and while the store is unavailable: a single failure must not delay a threat until
/// the next run.
async fn retry(app: &App, row: &ProcessedRow) -> Result<Claim, StoreError> {
    let mut delays = conflict_delays();
    loop {
        let error = match try_claim(app, row).await {
            Err(error @ (StoreError::Changed(_) | StoreError::Unavailable(_))) => error,
            outcome => return outcome,
        };
        app.clock.sleep(delays.next().ok_or(error)?).await;
    }
}

enum Claim {
    Ours,
    Repeats(NotifiedFingerprintRow),
}

async fn try_claim(app: &App, row: &ProcessedRow) -> Result<Claim, StoreError> {
    let ours = NotifiedFingerprintRow {
        tenant_id: row.tenant_id,
        fingerprint: row.fingerprint.clone(),
        record_id: row.record_id,
        severity: row.severity,
        since: app.clock.now(),
        muted: false,
    };
    match app.store.insert(COVERAGE, &ours.to_entity()).await {
        Ok(_) => return Ok(Claim::Ours),
        Err(StoreError::Exists(_)) => {}
        Err(error) => return Err(error),
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
    if is_plausible && age < quiet && !is_worse {
        return Ok(Claim::Repeats(seen));
    }
    crate::tables::save(app.store.as_ref(), &ours, Some(&etag)).await?;
    Ok(Claim::Ours)
}
