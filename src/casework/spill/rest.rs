//! Records that were left are read before a question to which they may belong is answered.

use std::cell::RefCell;
use std::collections::HashSet;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};

use base::ids::RecordId;

use super::super::gathered::activity;
use super::super::marks::{MarkSet, short};
use super::super::unread::{Entry, Keys, Unread};
use super::{Spill, SpillError};
use crate::investigation::Reach;

/// The records that were left, and the ids of those that were kept.
#[derive(Debug)]
pub(in super::super) struct Rest {
    unread: Unread,
    ids: MarkSet,
    /// `true` if no record that was left has one of these ids.
    has_no_twins: bool,
}

impl Spill {
    pub(in super::super) fn set_rest(&mut self, rest: Rest) {
        self.rest = Some(RefCell::new(rest));
    }

    /// Returns the number of records that were left unread.
    pub(in super::super) fn unread(&self) -> u64 {
        self.rest.as_ref().map_or(0, |rest| rest.borrow().unread.left())
    }

    pub(super) fn read_accounts<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), SpillError> {
        let Some(rest) = &self.rest else { return Ok(()) };
        let mut rest = rest.borrow_mut();
        let marks = rest.unread.marks;
        let names = names.filter(|name| !name.is_empty()).map(|name| marks.of_text(name));
        let accounts = MarkSet::new(names.filter(|account| rest.unread.may_have_account(*account)));
        if accounts.is_empty() {
            return self.read_twins(&mut rest);
        }
        let mailboxes: HashSet<u32> = accounts.iter().map(short).collect();
        self.read(&mut rest, |keys| {
            accounts.contains(keys.account) || (keys.mailbox != 0 && mailboxes.contains(&keys.mailbox))
        })
    }

    pub(super) fn read_reach(&self, reach: &Reach) -> Result<(), SpillError> {
        let Some(rest) = &self.rest else { return Ok(()) };
        let mut rest = rest.borrow_mut();
        let marks = rest.unread.marks;
        let addresses = rest.addresses(reach);
        let sessions = reach.sessions.iter().map(|session| short(marks.of_text(session)));
        let sessions = MarkSet::new(sessions.filter(|session| rest.unread.may_have_session(*session)).map(u64::from));
        if addresses.is_empty() && sessions.is_empty() {
            return self.read_twins(&mut rest);
        }
        self.read(&mut rest, |keys| {
            let is_in = |session: &u32| *session != 0 && sessions.contains(u64::from(*session));
            addresses.contains(keys.address) || keys.sessions.iter().any(is_in)
        })
    }

    pub(super) fn read_ids(&self, ids: &[String]) -> Result<(), SpillError> {
        let Some(rest) = &self.rest else { return Ok(()) };
        let mut rest = rest.borrow_mut();
        let marks = rest.unread.marks;
        let ids = MarkSet::new(ids.iter().map(|id| u64::from(short(marks.of_text(id)))));
        let found = rest.unread.with_ids(&ids)?;
        self.take(&mut rest, &found)?;
        self.read_twins(&mut rest)
    }

    /// Reads what has these keys.
    fn read(&self, rest: &mut Rest, is_wanted: impl Fn(&Keys) -> bool) -> Result<(), SpillError> {
        let found = rest.unread.find(|entry| is_wanted(&entry.keys))?;
        self.take(rest, &found)?;
        self.read_twins(rest)
    }

    /// Reads the other records with the ids of what is kept: the same one of them must win as if all had been read at once.
    fn read_twins(&self, rest: &mut Rest) -> Result<(), SpillError> {
        while !rest.has_no_twins {
            let found = rest.unread.with_ids(&rest.ids)?;
            rest.has_no_twins = found.is_empty();
            self.take(rest, &found)?;
        }
        Ok(())
    }

    /// Reads what was left. Returns the entries whose records are no activity.
    fn take(&self, rest: &mut Rest, entries: &[Entry]) -> Result<Vec<Entry>, SpillError> {
        let (mut broken, mut ids) = (Vec::new(), Vec::new());
        rest.unread.take(entries, |entry, json| -> Result<(), SpillError> {
            match activity(json) {
                Some(activity) => {
                    self.keep(&activity, json)?;
                    ids.push(activity.id);
                }
                None => broken.push(*entry),
            }
            Ok(())
        })?;
        for id in ids {
            rest.note(&id);
        }
        Ok(broken)
    }

    /// Reads one act of each account in each quarter of a day from these addresses. A sign-in may have failed, so it does only if there is nothing
    /// else.
    pub(super) fn read_quarters(&self, reach: &Reach, before: DateTime<Utc>) -> Result<(), SpillError> {
        let Some(rest) = &self.rest else { return Ok(()) };
        let mut rest = rest.borrow_mut();
        let addresses = rest.addresses(reach);
        let end = second(before) + u64::from(before.nanosecond() > 0);
        let mut acts = HashSet::new();
        let found = rest.unread.find(|Entry { keys, .. }| {
            let is_there = keys.created < end && addresses.contains(keys.address);
            is_there && (keys.is_sign_in || acts.insert(quarter_of(keys)))
        })?;
        let is_needed = |entry: &&Entry| !entry.keys.is_sign_in || !acts.contains(&quarter_of(&entry.keys));
        let found: Vec<Entry> = found.iter().filter(is_needed).copied().collect();
        let broken: HashSet<_> = self.take(&mut rest, &found)?.iter().map(|entry| quarter_of(&entry.keys)).collect();
        if !broken.is_empty() {
            let found = rest.unread.find(|entry| broken.contains(&quarter_of(&entry.keys)))?;
            self.take(&mut rest, &found)?;
        }
        self.read_twins(&mut rest)
    }
}

/// An account, an address and a quarter of a day (UTC).
fn quarter_of(keys: &Keys) -> (u64, u64, u64) {
    (keys.account, keys.address, keys.created / 1_000_000 * 4 + keys.created / 10_000 % 100 / 6)
}

/// Returns a time as one number, as [`Keys::created`] has it.
pub(in super::super) fn second(time: DateTime<Utc>) -> u64 {
    let year = u64::try_from(time.year()).unwrap_or_default();
    let parts = [time.month(), time.day(), time.hour(), time.minute(), time.second()];
    parts.into_iter().fold(year, |number, part| number * 100 + u64::from(part))
}

impl Rest {
    pub(in super::super) fn new(unread: Unread, ids: MarkSet) -> Self {
        Self { unread, ids, has_no_twins: false }
    }

    pub(super) fn note(&mut self, id: &RecordId) {
        self.has_no_twins &= !self.ids.insert(id_mark(&self.unread, id));
    }

    /// The addresses that occur among what was left.
    fn addresses(&self, reach: &Reach) -> MarkSet {
        let marks = reach.addresses.iter().map(|address| self.unread.marks.of_address(*address));
        MarkSet::new(marks.filter(|address| self.unread.may_have_address(*address)))
    }
}

/// The number of an id, as the entries have it.
pub(in super::super) fn id_mark(unread: &Unread, id: &RecordId) -> u64 {
    u64::from(short(unread.marks.of_text(&id.to_string())))
}
