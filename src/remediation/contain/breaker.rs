//! Reserves accounts at the breaker before anything is written, and describes an opening of it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::notify::notices::{Notice, Subject, stamp};
use crate::settings::ContainmentMode;
use crate::tables::{self, BreakerRow, BreakerScope, Counters, CoverageSession, ProcessedRow, Reservation};
use table_store::{Digest, StoreError, is_conflict, is_unavailable, retry};

use super::conditions::Condition;

/// The most accounts of all tenants in an hour.
const TOTAL_LIMIT: usize = 20;

/// The hexadecimal digits of the mark of an account and its incident.
const MARK_DIGITS: usize = 24;

/// Why nothing was reserved.
#[derive(Debug)]
pub struct NoRoom {
    /// The condition that is not met.
    pub condition: Condition,
    /// Since when the breaker has been open, and whose. `None` if a row could not be read or written.
    pub open: Option<(BreakerScope, DateTime<Utc>)>,
}

/// The breaker in one mode.
#[derive(Debug, Clone, Copy)]
pub struct Breaker<'a> {
    /// The store and the limit.
    pub app: &'a App,
    /// The counters that are used.
    pub mode: ContainmentMode,
}

impl Breaker<'_> {
    /// Counts the accounts of a threat, once for each account and incident: in the tenant's row and then in that of all tenants.
    ///
    /// # Errors
    /// Returns [`NoRoom`] if not all of them fit, or the rows cannot be used. Nothing is counted then.
    pub async fn reserve(&self, finding: &ProcessedRow, object_ids: &BTreeSet<String>) -> Result<(), NoRoom> {
        let marks: Vec<String> = object_ids.iter().map(|id| mark(id, finding)).collect();
        let own = BreakerScope::Tenant(finding.tenant_id);
        let now = self.app.clock.now();
        let limit = self.app.settings.containment.limit;
        match self.count(own, &marks, limit, now).await {
            Ok(Reservation::Reserved) => {}
            // A run that was killed may not have come to the second row.
            Ok(Reservation::Known(at)) if now - at < BreakerScope::All.window() => {}
            Ok(Reservation::Known(_)) => return Ok(()),
            Ok(Reservation::Open(since)) => return Err(no_room(Condition::TenantLimit, own, since)),
            Err(error) => return Err(unread(Condition::TenantLimit, &error)),
        }
        let refused = match self.count(BreakerScope::All, &marks, TOTAL_LIMIT, now).await {
            Ok(Reservation::Reserved | Reservation::Known(_)) => return Ok(()),
            Ok(Reservation::Open(since)) => no_room(Condition::TotalLimit, BreakerScope::All, since),
            Err(error) => unread(Condition::TotalLimit, &error),
        };
        if let Err(error) = self.change(own, |counters| counters.release(&marks, now)).await {
            tracing::warn!(tenant = %finding.tenant_id, "a place at the breaker stays taken for 24 hours: {error}");
        }
        Err(refused)
    }

    async fn count(
        &self,
        scope: BreakerScope,
        marks: &[String],
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Reservation, StoreError> {
        self.change(scope, |counters| counters.reserve(marks, scope, limit, now)).await
    }

    /// Changes the counters of this mode. Many runs may do so at the same time.
    async fn change<T>(&self, scope: BreakerScope, change: impl Fn(&mut Counters) -> T) -> Result<T, StoreError> {
        let is_transient = |error: &StoreError| is_conflict(error) || is_unavailable(error);
        retry(&self.app.clock, is_transient, || self.change_once(scope, &change)).await
    }

    async fn change_once<T>(&self, scope: BreakerScope, change: &impl Fn(&mut Counters) -> T) -> Result<T, StoreError> {
        let store = self.app.store.as_ref();
        let key = BreakerRow::key(scope);
        tables::update::<BreakerRow, T>(store, &self.app.clock, &key, |stored| {
            let before = stored.unwrap_or_else(|| BreakerRow::empty(scope));
            let mut row = before.clone();
            let counters = match self.mode {
                ContainmentMode::Act => &mut row.contained,
                ContainmentMode::Observe => &mut row.observed,
            };
            let value = change(counters);
            (Some(row).filter(|row| *row != before), value)
        })
        .await
    }

    /// The notice about an opening: one for each, whichever run meets it first.
    pub async fn notice(&self, scope: BreakerScope, since: DateTime<Utc>, tenant: &CoverageSession<'_>) -> Notice {
        let verb = match self.mode {
            ContainmentMode::Act => "contains",
            ContainmentMode::Observe => "would contain",
        };
        let (subject, text) = match scope {
            BreakerScope::Tenant(_) => {
                let subject = tenant.read(Subject::tenant).await;
                let limit = match self.app.settings.containment.limit {
                    1 => "1 account".to_owned(),
                    limit => format!("{limit} accounts"),
                };
                let text = format!(
                    "Tenantwatch {verb} no further account of {} since {}: the limit of {limit} in 24 hours (AUTO_CONTAIN_LIMIT) is \
                     reached. {}",
                    subject.organization,
                    stamp(since),
                    advice("24 hours")
                );
                (subject, text)
            }
            BreakerScope::All => {
                let text = format!(
                    "Tenantwatch {verb} no further account in any tenant since {}: the limit of {TOTAL_LIMIT} accounts in one hour is \
                     reached. {}",
                    stamp(since),
                    advice("60 minutes")
                );
                (Subject::service(self.app.settings.partner.tenant_id), text)
            }
        };
        let mode = match self.mode {
            ContainmentMode::Act => "act",
            ContainmentMode::Observe => "observe",
        };
        Notice { subject, what: "Breaker".to_owned(), since: format!("{mode} {}", since.to_rfc3339()), text, at: since }
    }
}

/// Returns what happens from now on, and what a person has to do.
fn advice(window: &str) -> String {
    format!(
        "Every threat is still notified: secure its account with the card. Only the accounts of the last {window} count, so it \
         resumes by itself. Check now whether one attack hits many accounts or whether these are false alarms."
    )
}

fn no_room(condition: Condition, scope: BreakerScope, since: DateTime<Utc>) -> NoRoom {
    NoRoom { condition, open: Some((scope, since)) }
}

fn unread(condition: Condition, error: &StoreError) -> NoRoom {
    tracing::warn!("the breaker of automatic containment could not be used: {error}");
    NoRoom { condition, open: None }
}

/// Returns the mark by which an account of an incident is counted.
fn mark(object_id: &str, finding: &ProcessedRow) -> String {
    let record = finding.record_id.to_string();
    let incident = if finding.incident_id.is_empty() { &record } else { &finding.incident_id };
    let digest = Digest::of(&["contained", object_id, incident]);
    digest.as_str().chars().take(MARK_DIGITS).collect()
}
