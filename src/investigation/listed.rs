//! Lists that an attacker can make as long as they like: the first rows are kept, all are counted.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, Hash};

use super::changes::Change;
use super::report::{Address, Deleted, FileRow, Noted, OtherAccount, Sent, Session};

/// The most rows of one list.
const ROWS: usize = 5_000;

/// The most text of one list, in bytes.
const TEXT: usize = 2 << 20;

/// The distinct things of one kind that are counted. A set of so many takes about 5 MB.
pub(super) const DISTINCT: usize = 400_000;

/// A row whose texts an attacker chooses.
pub(super) trait Texts {
    /// Returns their length in bytes.
    fn bytes(&self) -> usize;
}

impl Texts for Noted {
    fn bytes(&self) -> usize {
        self.account.len() + self.operation.len() + self.text.len()
    }
}

impl Texts for Change {
    fn bytes(&self) -> usize {
        let object = &self.object;
        self.noted.bytes() + object.mailbox.len() + object.names.iter().map(String::len).sum::<usize>()
    }
}

impl Texts for Address {
    fn bytes(&self) -> usize {
        self.clients.iter().map(String::len).sum()
    }
}

impl Texts for Session {
    fn bytes(&self) -> usize {
        self.session.len() + self.account.len()
    }
}

impl Texts for OtherAccount {
    fn bytes(&self) -> usize {
        self.account.len()
    }
}

impl Texts for Sent {
    fn bytes(&self) -> usize {
        let recipients: usize = self.recipients.iter().map(String::len).sum();
        self.subject.len() + self.mailbox.len() + self.message.len() + recipients
    }
}

impl Texts for Deleted {
    fn bytes(&self) -> usize {
        self.subject.len() + self.folder.len() + self.operation.len()
    }
}

impl Texts for FileRow {
    fn bytes(&self) -> usize {
        self.name.len() + self.url.len()
    }
}

/// The messages of a folder and their size; the names are in the key.
impl Texts for (u64, u64) {
    fn bytes(&self) -> usize {
        0
    }
}

/// Nothing but the key.
impl Texts for () {
    fn bytes(&self) -> usize {
        0
    }
}

/// Acts in the order in which they came.
#[derive(Debug)]
pub(super) struct Listed<T> {
    rows: Vec<T>,
    bytes: usize,
    count: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), bytes: 0, count: 0 }
    }
}

impl<T: Texts> Listed<T> {
    /// Counts an act, and keeps its row while there is room.
    pub(super) fn add(&mut self, row: impl FnOnce() -> T) {
        self.count += 1;
        if self.rows.len() < ROWS && self.bytes < TEXT {
            let row = row();
            self.bytes += row.bytes();
            self.rows.push(row);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the number of rows that are kept, and of all acts.
    pub(super) fn extent(&self) -> (u64, u64) {
        (self.rows.len() as u64, self.count)
    }

    pub(super) fn into_rows(self) -> Vec<T> {
        self.rows
    }
}

/// Counts distinct things without keeping them.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    random: RandomState,
    seen: HashSet<u64>,
}

impl Distinct {
    /// Returns whether the thing is a new one. Beyond what can be counted none is.
    pub(super) fn note(&mut self, thing: &impl Hash) -> bool {
        let mark = self.random.hash_one(thing);
        self.seen.len() < DISTINCT && self.seen.insert(mark)
    }

    fn forget(&mut self, thing: &impl Hash) {
        let mark = self.random.hash_one(thing);
        self.seen.remove(&mark);
    }

    pub(super) fn count(&self) -> u64 {
        self.seen.len() as u64
    }
}

/// Rows by what they are about, such as messages: the first ones are kept, all are counted.
#[derive(Debug)]
pub(super) struct Keyed<K, T> {
    rows: BTreeMap<K, T>,
    bytes: usize,
    known: Distinct,
}

impl<K, T> Default for Keyed<K, T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), bytes: 0, known: Distinct::default() }
    }
}

impl<K: Ord + Hash, T: Texts> Keyed<K, T> {
    /// Counts a thing, and returns its row; `None` if it is a new one and there is no more room.
    pub(super) fn entry(&mut self, key: K, new: impl FnOnce() -> T) -> Option<&mut T> {
        self.known.note(&key);
        if !self.rows.contains_key(&key) {
            if self.rows.len() >= ROWS || self.bytes >= TEXT {
                return None;
            }
            let row = new();
            self.bytes += row.bytes();
            return Some(self.rows.entry(key).or_insert(row));
        }
        self.rows.get_mut(&key)
    }

    pub(super) fn get(&self, key: &K) -> Option<&T> {
        self.rows.get(key)
    }

    pub(super) fn has_room(&self) -> bool {
        self.rows.len() < ROWS && self.bytes < TEXT
    }

    /// Gives a thing its right key, as soon as that is known.
    pub(super) fn rename(&mut self, from: &K, to: K) {
        self.known.forget(from);
        self.known.note(&to);
        if let Some(row) = self.rows.remove(from) {
            self.rows.entry(to).or_insert(row);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.known.count()
    }

    /// Returns the number of rows that are kept, and of all things.
    pub(super) fn extent(&self) -> (u64, u64) {
        (self.rows.len() as u64, self.count())
    }

    pub(super) fn into_rows(self) -> BTreeMap<K, T> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::{DISTINCT, Distinct, Keyed, ROWS};

    #[test]
    fn rows_end_and_the_number_goes_on() {
        let mut keyed = Keyed::<u32, (u64, u64)>::default();
        for key in 0..20_000 {
            if let Some(row) = keyed.entry(key % 10_000, Default::default) {
                row.0 += 1;
            }
        }
        assert_eq!(keyed.extent(), (ROWS as u64, 10_000));
        assert!(keyed.into_rows().values().all(|row| row.0 == 2), "rows that are kept are kept up to date");
    }

    #[test]
    fn things_beyond_all_measure_are_not_counted() {
        let mut distinct = Distinct::default();
        assert_eq!((0..DISTINCT + 10).filter(|thing| distinct.note(thing)).count(), DISTINCT);
        assert!(!distinct.note(&1), "it is known");
    }
}
