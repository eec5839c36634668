//! The threats and changes of accounts of which a run stores many, so that each is not related to all others by a query of its own.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

use crate::tables::UserEventRow;
use base::ids::RecordId;
use table_store::Digest;

/// The findings of one account for which the store is asked each time, so that of two runs at least one sees the finding of the other.
const ASKED: usize = 20;

/// The time for which the events that were read last are used for further ones.
const READ_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// The accounts that are remembered.
const ACCOUNTS: usize = 1_000;

/// The events before and those after a finding that it is related to: the closest in time. An attacker can make any number of them.
const RELATED: usize = 500;

/// The events of accounts as this run knows them.
#[derive(Debug, Default)]
pub(super) struct NearEvents(Mutex<HashMap<Digest, Account>>);

#[derive(Debug, Default)]
struct Account {
    asked: usize,
    read: Option<DateTime<Utc>>,
    threats: Vec<UserEventRow>,
    changes: Vec<UserEventRow>,
}

impl Account {
    fn list(&mut self, threat: bool) -> &mut Vec<UserEventRow> {
        if threat { &mut self.threats } else { &mut self.changes }
    }
}

impl NearEvents {
    /// Returns the events that an event of the same account is related to. `None` if they must be read.
    pub(super) fn related(&self, own: &UserEventRow, now: DateTime<Utc>) -> Option<Vec<UserEventRow>> {
        let mut accounts = self.0.lock();
        if accounts.len() >= ACCOUNTS && !accounts.contains_key(&own.user) {
            accounts.clear();
        }
        let account = accounts.entry(own.user.clone()).or_default();
        account.asked += 1;
        let is_known = account.asked > ASKED && account.read.is_some_and(|read| (now - read).abs() < READ_AGAIN);
        // Findings are related concurrently: another one that does not read the rows must see this one.
        account.list(own.threat).push(own.clone());
        is_known.then(|| closest(account.list(!own.threat), own))
    }

    /// Keeps what was read, and returns the events that an event is related to.
    pub(super) fn keep(&self, own: &UserEventRow, rows: Vec<UserEventRow>, now: DateTime<Utc>) -> Vec<UserEventRow> {
        let mut accounts = self.0.lock();
        let account = accounts.entry(own.user.clone()).or_default();
        // An event that was stored while the rows were read may not be among them.
        let known: HashSet<RecordId> = rows.iter().map(|row| row.record_id).collect();
        for threat in [true, false] {
            account.list(threat).retain(|row| !known.contains(&row.record_id));
        }
        rows.into_iter().for_each(|row| account.list(row.threat).push(row));
        account.read = Some(now);
        closest(account.list(!own.threat), own)
    }
}

fn closest(events: &[UserEventRow], own: &UserEventRow) -> Vec<UserEventRow> {
    let (before, after): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.event_time <= own.event_time);
    let mut near = Vec::new();
    for mut events in [before, after] {
        events.sort_by_key(|event| (event.event_time - own.event_time).abs());
        near.extend(events.into_iter().take(RELATED).cloned());
    }
    near
}
