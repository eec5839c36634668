//! Records as they are gathered: each becomes an activity, with the names and kinds that were seen on the way.

use std::collections::BTreeMap;
use std::fs::File;

use audit_log::{AnyRecord, Traces};
use base::ids::TenantId;

use super::marks::MarkSet;
use super::sieve::{Ends, Name, Sieve};
use super::spill::{Rest, Spill, SpillError, id_mark, second};
use super::unread::{Entry, Place};
use crate::investigation::{Activity, Names, Seen, reduce};

/// The activities of one investigation, and what was seen among them.
#[derive(Debug)]
pub struct Gathered {
    /// The activities.
    pub spill: Spill,
    /// The names of accounts.
    pub names: Names,
    seen: BTreeMap<Option<TenantId>, Seen>,
    sieve: Option<Sieve>,
    /// The ids of what was kept beside a sieve.
    ids: MarkSet,
}

/// A file whose records can be read again.
#[derive(Debug, Clone, Copy)]
pub struct Source(u16);

impl Gathered {
    /// Nothing is gathered yet.
    ///
    /// # Errors
    /// Returns an error if the temporary database cannot be made.
    pub fn new(account: &str) -> Result<Self, SpillError> {
        let spill = Spill::new(account)?;
        Ok(Self { spill, names: Names::default(), seen: BTreeMap::new(), sieve: None, ids: MarkSet::new([]) })
    }

    /// As [`new`](Self::new), for records that can be read again: those that do not matter are left unread.
    ///
    /// # Errors
    /// Returns an error if the temporary database or file cannot be made.
    pub fn sifting(account: &str) -> Result<Self, SpillError> {
        Ok(Self { sieve: Some(Sieve::new(account)?), ..Self::new(account)? })
    }

    /// Adds a file from which records can be read again. `None` if every record of it has to be read at once.
    pub fn add_source(&mut self, file: File) -> Option<Source> {
        self.sieve.as_mut()?.unread.add_source(file).map(Source)
    }

    /// Leaves a record unread and returns its operation; `None` if it has to be read. `traces` are those of the record if they are known, `at` is its first byte in the source if that is
    /// known, `number` its number among the records of the source.
    ///
    /// # Errors
    /// Returns an error if the temporary file cannot be written.
    pub fn leave<'a>(
        &mut self,
        json: &'a [u8],
        traces: Option<&Traces<'a>>,
        source: Source,
        at: Option<u64>,
        number: u64,
    ) -> Result<Option<&'a str>, SpillError> {
        let Some(sieve) = &mut self.sieve else { return Ok(None) };
        let length = u32::try_from(json.len()).ok();
        let place = match at.zip(length) {
            Some((at, length)) => Place { source: source.0, at, length },
            None => Place { source: source.0, at: number, length: 0 },
        };
        Ok(sieve.leave(json, traces, place, &self.seen)?)
    }

    /// Keeps a record.
    ///
    /// # Errors
    /// Returns an error if the temporary database cannot be written.
    pub fn keep(&mut self, activity: &Activity, json: &[u8]) -> Result<(), SpillError> {
        self.names.note(activity);
        self.seen.entry(activity.tenant).or_default().note(activity);
        if let Some(sieve) = &mut self.sieve {
            sieve.learn(activity, &self.names);
            self.ids.insert(id_mark(&sieve.unread, &activity.id));
        }
        Ok(self.spill.keep(activity, json)?)
    }

    /// Ends reading. Records that were left before all names of the account were known are looked at again, and the first and the last
    /// one of each tenant.
    ///
    /// # Errors
    /// Returns an error if the temporary database fails or a record cannot be read again.
    pub fn finish(&mut self) -> Result<(), SpillError> {
        self.read_named()?;
        let is_span_right = self.read_ends()?;
        let Some(Sieve { mut unread, .. }) = self.sieve.take() else { return Ok(()) };
        if !is_span_right {
            let all = unread.find(|_| true)?;
            unread.take(&all, |_, json| activity(json).map_or(Ok(()), |activity| self.keep(&activity, json)))?;
        }
        self.spill.set_rest(Rest::new(unread, std::mem::replace(&mut self.ids, MarkSet::new([]))));
        Ok(())
    }

    /// Cmdlets name a mailbox in many ways, so their bytes are searched for names that were learned later.
    fn read_named(&mut self) -> Result<(), SpillError> {
        let mut known = 0;
        loop {
            let Some(sieve) = &mut self.sieve else { return Ok(()) };
            let late: Vec<&Name> = sieve.names.iter().skip(known).filter(|name| name.since > 0).collect();
            let Some(since) = late.iter().map(|name| name.since).max() else { return Ok(()) };
            let before = sieve.unread.find(|entry| entry.keys.is_cmdlet && entry.number < since)?;
            let mut named = Vec::new();
            sieve.unread.look(&before, |entry, json| -> Result<(), SpillError> {
                named.extend(late.iter().any(|name| name.needle.may_be_in(json)).then_some(*entry));
                Ok(())
            })?;
            known = sieve.names.len();
            self.read_again(&named)?;
        }
    }

    /// Returns whether the first and the last record of each tenant are records, so that the reported time is right.
    fn read_ends(&mut self) -> Result<bool, SpillError> {
        let Some(sieve) = &mut self.sieve else { return Ok(true) };
        let outside = |(tenant, ends): (&Option<TenantId>, &Ends)| {
            let span = self.seen.get(tenant).and_then(|seen| seen.span);
            let (first, last) = span.map_or((u64::MAX, 0), |(first, last)| (second(first), second(last)));
            [(ends.first.0 <= first).then_some(ends.first.1), (ends.last.0 >= last).then_some(ends.last.1)]
        };
        let numbers: Vec<u64> = sieve.ends.iter().flat_map(outside).flatten().collect();
        let entries = sieve.unread.find(|entry| numbers.contains(&entry.number))?;
        self.read_again(&entries)
    }

    /// Reads records that were left, which are few. Returns whether each of them is an activity.
    fn read_again(&mut self, entries: &[Entry]) -> Result<bool, SpillError> {
        let Some(mut sieve) = self.sieve.take() else { return Ok(true) };
        let mut read = Vec::new();
        let outcome = sieve.unread.take(entries, |_, json| match activity(json) {
            Some(activity) => {
                self.keep(&activity, json)?;
                read.push(activity);
                Ok(())
            }
            None => Ok(()),
        });
        for activity in &read {
            sieve.learn(activity, &self.names);
            self.ids.insert(id_mark(&sieve.unread, &activity.id));
        }
        self.sieve = Some(sieve);
        outcome.map(|()| read.len() == entries.len())
    }

    /// Returns the kinds of records of a tenant; records that name none count for each.
    pub fn seen(&self, tenant: Option<TenantId>) -> Seen {
        let mut seen = Seen::default();
        for of_tenant in [None, tenant].iter().filter_map(|tenant| self.seen.get(tenant)) {
            seen.join(of_tenant);
        }
        seen
    }
}

/// Reduces a record to its activity; `None` if it is no audit record.
pub fn activity(json: &[u8]) -> Option<Activity> {
    AnyRecord::read(json, reduce).ok().flatten()
}
