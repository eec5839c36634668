//! The breaker of automatic containment: row `breaker`/`<tenant id>` in AuditLogCoverage for each tenant and `breaker`/`all` for all of
//! them. Accounts are counted in sliding windows, so that instances that run side by side share the limits.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::RowVersion;
use super::columns::{Columns, json_text};
use super::keys;
use base::ids::TenantId;
use table_store::{Column, Entity, Key, StoreError, Stored};

/// The accounts that a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerScope {
    /// Those of one tenant.
    Tenant(TenantId),
    /// Those of all tenants.
    All,
}

impl BreakerScope {
    /// Returns the time for which an account counts.
    pub fn window(self) -> TimeDelta {
        match self {
            Self::Tenant(_) => TimeDelta::hours(24),
            Self::All => TimeDelta::hours(1),
        }
    }

    /// Returns the time for which an account is known, so that the same incident does not count it again. An incident lasts 7 days at most.
    fn known_for(self) -> TimeDelta {
        match self {
            Self::Tenant(_) => TimeDelta::days(8),
            Self::All => TimeDelta::hours(1),
        }
    }
}

/// The counters of one mode: what acting and what observing counts are kept apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// When each account was reserved, by a mark of the account and its incident.
    pub accounts: BTreeMap<String, DateTime<Utc>>,
    /// Since when nothing more is reserved. `None` while there is room.
    pub open_since: Option<DateTime<Utc>>,
}

/// The result of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// All accounts are counted.
    Reserved,
    /// All accounts were counted before, the last of them then.
    Known(DateTime<Utc>),
    /// There is no room. The breaker has been open since then.
    Open(DateTime<Utc>),
}

impl Counters {
    /// Counts accounts, all of them or none, if there is room for those that are new.
    pub fn reserve(&mut self, marks: &[String], scope: BreakerScope, limit: usize, now: DateTime<Utc>) -> Reservation {
        // A time ahead was written by a clock that is fast. It counts.
        self.accounts.retain(|_, at| now - *at < scope.known_for());
        let new: Vec<&String> = marks.iter().filter(|mark| !self.accounts.contains_key(*mark)).collect();
        if new.is_empty() {
            let last = marks.iter().filter_map(|mark| self.accounts.get(mark)).max();
            return Reservation::Known(last.copied().unwrap_or(now));
        }
        let counted = self.accounts.values().filter(|at| now - **at < scope.window()).count();
        if counted + new.len() > limit {
            // By the end of the window everything has left it that was counted at the opening.
            let open_since = self.open_since.filter(|since| now - *since < scope.window()).unwrap_or(now);
            self.open_since = Some(open_since);
            return Reservation::Open(open_since);
        }
        let new: Vec<String> = new.into_iter().cloned().collect();
        self.accounts.extend(new.into_iter().map(|mark| (mark, now)));
        self.open_since = None;
        Reservation::Reserved
    }

    /// Takes back a reservation of these accounts that was made at this time.
    pub fn release(&mut self, marks: &[String], at: DateTime<Utc>) {
        self.accounts.retain(|mark, reserved| !(marks.contains(mark) && *reserved == at));
    }
}

/// A row of the breaker.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerRow {
    /// RowKey
    pub scope: BreakerScope,
    /// `Contained` and `OpenSince`
    pub contained: Counters,
    /// `Observed` and `ObservedOpenSince`
    pub observed: Counters,
}

impl BreakerRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["Contained", "OpenSince", "Observed", "ObservedOpenSince"];

    /// The row before anything was counted.
    pub fn empty(scope: BreakerScope) -> Self {
        Self { scope, contained: Counters::default(), observed: Counters::default() }
    }

    /// Returns the key of the row.
    pub fn key(scope: BreakerScope) -> Key {
        match scope {
            BreakerScope::Tenant(tenant) => Key::new(keys::breaker(), table_store::RowKey::tenant(&tenant)),
            BreakerScope::All => Key::new(keys::breaker(), keys::breaker_of_all()),
        }
    }

    /// The row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key(self.scope));
        entity.set_whole_text("Contained", &json_text(&self.contained.accounts));
        entity.set_whole_text("Observed", &json_text(&self.observed.accounts));
        let times = [("OpenSince", self.contained.open_since), ("ObservedOpenSince", self.observed.open_since)];
        for (name, time) in times {
            if let Some(time) = time {
                entity.set(name, Column::Time(time));
            }
        }
        entity
    }

    /// From the store.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a column is malformed: an unreadable count must not count as none.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let scope = match stored.entity.key.row == keys::breaker_of_all() {
            true => BreakerScope::All,
            false => BreakerScope::Tenant(columns.row_name("")?),
        };
        let counters = |accounts: &str, open_since: &str| -> Result<Counters, StoreError> {
            Ok(Counters { accounts: columns.json(accounts)?, open_since: stored.entity.time(open_since) })
        };
        let row = Self {
            scope,
            contained: counters("Contained", "OpenSince")?,
            observed: counters("Observed", "ObservedOpenSince")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: BreakerScope = BreakerScope::Tenant(TenantId::new(uuid::Uuid::nil()));

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(1_000_000 + hours)
    }

    fn marks(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn window_slides_and_no_account_counts_twice() {
        let mut counters = Counters::default();
        let mut reserve = |names: &[&str], hour| counters.reserve(&marks(names), SCOPE, 3, at(hour));
        assert_eq!(reserve(&["a", "b"], 0), Reservation::Reserved);
        assert_eq!(reserve(&["a"], 1), Reservation::Known(at(0)));
        assert_eq!(reserve(&["c", "d"], 2), Reservation::Open(at(2)), "all of them or none");
        assert_eq!(reserve(&["c", "d"], 3), Reservation::Open(at(2)), "it is still the same opening");
        assert_eq!(reserve(&["c"], 4), Reservation::Reserved);
        assert_eq!(reserve(&["d"], 5), Reservation::Open(at(5)));
        assert_eq!(reserve(&["d"], 24), Reservation::Reserved, "a and b have left the window");
        assert_eq!(reserve(&["a"], 50), Reservation::Known(at(0)), "the incident may still go on");
        assert_eq!(reserve(&["a"], 8 * 24), Reservation::Reserved);
    }

    #[test]
    fn accounts_that_never_fit_open_it_again_in_the_next_window() {
        let mut counters = Counters::default();
        let mut reserve = |hour| counters.reserve(&marks(&["a", "b"]), SCOPE, 1, at(hour));
        assert_eq!(reserve(0), Reservation::Open(at(0)));
        assert_eq!(reserve(23), Reservation::Open(at(0)));
        assert_eq!(reserve(24), Reservation::Open(at(24)), "another attack, another day: it is told again");
    }

    #[test]
    fn release_leaves_what_others_reserved() {
        let mut counters = Counters::default();
        counters.reserve(&marks(&["a"]), SCOPE, 3, at(0));
        counters.release(&marks(&["a"]), at(1));
        assert_eq!(counters.accounts.len(), 1);
        counters.release(&marks(&["a"]), at(0));
        assert!(counters.accounts.is_empty());
    }
}
