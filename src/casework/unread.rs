//! Records that were left unread: by whom, from where and in which session each of them is, and where it can be read again.
//!
//! A temporary file has one entry of fixed length for each, so that a large export takes no memory. A second one has their ids only.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;

use audit_log::{Event, Traces, export};

use super::marks::{MarkSet, Marks, short};

/// The lengths of the parts of an entry, in bytes, and of all.
const WORDS: usize = 8 * 4;
const HALVES: usize = 4 * 6;
const LENGTH: usize = WORDS + HALVES + 4;

/// Bytes of the files that are read at once.
const CHUNK: usize = 256 * 1024;

const CHANGED: &str = "a file was changed while it was read";

/// The part of an entry that is searched for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) account: u64,
    pub(super) address: u64,
    pub(super) mailbox: u32,
    pub(super) sessions: [u32; 3],
    /// The time as one number, such as 20261120080000.
    pub(super) created: u64,
    pub(super) is_sign_in: bool,
    pub(super) is_cmdlet: bool,
}

/// The place of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: u16,
    /// The first byte of the record, else its number in the file.
    pub(super) at: u64,
    /// Its length in bytes; 0 if only its number is known.
    pub(super) length: u32,
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Its number among the entries.
    pub(super) number: u64,
    pub(super) keys: Keys,
    id: u32,
    place: Place,
}

/// The entries of all files.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) marks: Marks,
    sources: Vec<File>,
    entries: BufWriter<File>,
    ids: BufWriter<File>,
    count: u64,
    /// One bit for each entry: its record was read meanwhile.
    taken: Vec<u64>,
    accounts: Bits<10>,
    addresses: Bits<14>,
    sessions: Bits<16>,
}

/// Which numbers occur at all: one bit for each number, shared by others. Most questions are about a number that does not occur.
#[derive(Debug)]
struct Bits<const WORDS: u32>(Vec<u64>);

impl<const WORDS: u32> Bits<WORDS> {
    fn new() -> Self {
        Self(vec![0; 1 << WORDS])
    }

    #[inline]
    fn place(mark: u32) -> (usize, u64) {
        ((mark >> 6) as usize & ((1 << WORDS) - 1), 1 << (mark % 64))
    }

    #[inline]
    fn note(&mut self, mark: u32) {
        let (word, bit) = Self::place(mark);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn may_have(&self, mark: u32) -> bool {
        let (word, bit) = Self::place(mark);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

impl Unread {
    pub(super) fn new() -> io::Result<Self> {
        let file = || tempfile::tempfile().map(|file| BufWriter::with_capacity(CHUNK, file));
        let (entries, ids) = (file()?, file()?);
        Ok(Self {
            marks: Marks::new(),
            sources: Vec::new(),
            entries,
            ids,
            count: 0,
            taken: Vec::new(),
            accounts: Bits::new(),
            addresses: Bits::new(),
            sessions: Bits::new(),
        })
    }

    /// Adds a file whose records can be read again. `None` if there are too many.
    pub(super) fn add_source(&mut self, file: File) -> Option<u16> {
        let number = u16::try_from(self.sources.len()).ok()?;
        self.sources.push(file);
        Some(number)
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the number of entries whose records were not read again.
    pub(super) fn left(&self) -> u64 {
        self.count - self.taken.iter().map(|word| u64::from(word.count_ones())).sum::<u64>()
    }

    pub(super) fn add(&mut self, keys: &Keys, id: &[u8], place: Place) -> io::Result<()> {
        let id = short(self.marks.of(id));
        let words = [keys.account, keys.address, keys.created, place.at].map(u64::to_le_bytes);
        let [first, second, third] = keys.sessions;
        let halves = [keys.mailbox, first, second, third, id, place.length].map(u32::to_le_bytes);
        let [low, high] = place.source.to_le_bytes();
        let last = [low, high, u8::from(keys.is_sign_in), u8::from(keys.is_cmdlet)];
        let mut entry = [0; LENGTH];
        entry[..WORDS].copy_from_slice(words.as_flattened());
        entry[WORDS..WORDS + HALVES].copy_from_slice(halves.as_flattened());
        entry[WORDS + HALVES..].copy_from_slice(&last);
        self.entries.write_all(&entry)?;
        self.ids.write_all(&id.to_le_bytes())?;
        for account in [short(keys.account), keys.mailbox] {
            self.accounts.note(account);
        }
        self.addresses.note(short(keys.address));
        for session in keys.sessions.into_iter().filter(|session| *session != 0) {
            self.sessions.note(session);
        }
        self.count += 1;
        if self.taken.len() as u64 * 64 < self.count {
            self.taken.push(0);
        }
        Ok(())
    }

    fn is_taken(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|at| self.taken.get(at));
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Returns whether an entry may have this account or mailbox.
    pub(super) fn may_have_account(&self, account: u64) -> bool {
        self.accounts.may_have(short(account))
    }

    /// Returns whether an entry may have this address.
    pub(super) fn may_have_address(&self, address: u64) -> bool {
        self.addresses.may_have(short(address))
    }

    /// Returns whether an entry may have this session.
    pub(super) fn may_have_session(&self, session: u32) -> bool {
        self.sessions.may_have(session)
    }

    /// Returns the entries that are wanted and were not yet taken, in the order of the files.
    pub(super) fn find(&mut self, mut is_wanted: impl FnMut(&Entry) -> bool) -> io::Result<Vec<Entry>> {
        let mut found = Vec::new();
        self.entries.flush()?;
        let mut file = self.entries.get_ref();
        file.seek(SeekFrom::Start(0))?;
        let mut bytes = vec![0; CHUNK / LENGTH * LENGTH];
        let mut number = 0;
        while number < self.count {
            let left = usize::try_from(self.count - number).map_or(bytes.len(), |left| left.saturating_mul(LENGTH));
            let length = left.min(bytes.len());
            let Some(part) = bytes.get_mut(..length) else { break };
            file.read_exact(part)?;
            for bytes in part.as_chunks::<LENGTH>().0 {
                let entry = Entry::of(number, bytes);
                if !self.is_taken(number) && is_wanted(&entry) {
                    found.push(entry);
                }
                number += 1;
            }
        }
        self.entries.get_ref().seek(SeekFrom::End(0))?;
        Ok(found)
    }

    /// Returns the entries with one of these ids. Of two records with one id the same one must win as if both had been read at once.
    pub(super) fn with_ids(&mut self, ids: &MarkSet) -> io::Result<Vec<Entry>> {
        self.ids.flush()?;
        let mut file = self.ids.get_ref();
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(CHUNK, file);
        let (mut numbers, mut bytes) = (std::collections::HashSet::new(), [0; 4]);
        for number in 0..self.count {
            reader.read_exact(&mut bytes)?;
            if ids.contains(u64::from(u32::from_le_bytes(bytes))) && !self.is_taken(number) {
                numbers.insert(number);
            }
        }
        self.ids.get_ref().seek(SeekFrom::End(0))?;
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        self.find(|entry| numbers.contains(&entry.number))
    }

    /// Reads the records of these entries again and hands them on. They are not found any more.
    pub(super) fn take<E: From<io::Error>>(
        &mut self,
        entries: &[Entry],
        sink: impl FnMut(&Entry, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for entry in entries {
            if let Some(word) = usize::try_from(entry.number / 64).ok().and_then(|at| self.taken.get_mut(at)) {
                *word |= 1 << (entry.number % 64);
            }
        }
        self.look(entries, sink)
    }

    /// Hands on the records of these entries, in the order of the files.
    pub(super) fn look<E: From<io::Error>>(
        &self,
        entries: &[Entry],
        mut sink: impl FnMut(&Entry, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let marks = self.marks;
        let mut checked = |entry: &Entry, json: &[u8]| match is_of(marks, entry, json) {
            true => sink(entry, json),
            false => Err(io::Error::other(CHANGED).into()),
        };
        for of_source in entries.chunk_by(|a, b| a.place.source == b.place.source) {
            let source = of_source.first().and_then(|entry| self.sources.get(usize::from(entry.place.source)));
            let Some(file) = source else { continue };
            let (placed, numbered): (Vec<Entry>, Vec<Entry>) =
                of_source.iter().partition(|entry| entry.place.length > 0);
            at_places(file, &placed, &mut checked)?;
            by_numbers(file, &numbered, &mut checked)?;
        }
        Ok(())
    }
}

impl Entry {
    #[inline(always)]
    fn of(number: u64, bytes: &[u8; LENGTH]) -> Self {
        let (words, rest) = bytes.split_at(WORDS);
        let (halves, last) = rest.split_at(HALVES);
        let word = |at: usize| words.as_chunks::<8>().0.get(at).copied().map_or(0, u64::from_le_bytes);
        let half = |at: usize| halves.as_chunks::<4>().0.get(at).copied().map_or(0, u32::from_le_bytes);
        let byte = |at: usize| last.get(at).copied().unwrap_or_default();
        Self {
            number,
            keys: Keys {
                account: word(0),
                address: word(1),
                created: word(2),
                mailbox: half(0),
                sessions: [half(1), half(2), half(3)],
                is_sign_in: byte(2) == 1,
                is_cmdlet: byte(3) == 1,
            },
            id: half(4),
            place: Place { at: word(3), length: half(5), source: u16::from_le_bytes([byte(0), byte(1)]) },
        }
    }
}

/// Returns whether these bytes are the record of the entry.
fn is_of(marks: Marks, entry: &Entry, json: &[u8]) -> bool {
    Traces::of(json).is_some_and(|traces| short(marks.of(traces.id)) == entry.id)
}

fn at_places<E: From<io::Error>>(
    mut file: &File,
    entries: &[Entry],
    sink: &mut impl FnMut(&Entry, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut json = Vec::new();
    for entry in entries {
        file.seek(SeekFrom::Start(entry.place.at))?;
        json.resize(entry.place.length as usize, 0);
        file.read_exact(&mut json)?;
        sink(entry, &json)?;
    }
    Ok(())
}

fn by_numbers<E: From<io::Error>>(
    mut file: &File,
    entries: &[Entry],
    sink: &mut impl FnMut(&Entry, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    if entries.is_empty() {
        return Ok(());
    }
    file.seek(SeekFrom::Start(0))?;
    let (mut number, mut wanted, mut outcome) = (0, entries.iter().peekable(), ControlFlow::Continue(()));
    let read = export::read_traced(export::buffered(file), |event, _| {
        let (Event::Selected { json, .. } | Event::Traced { json, .. }) = event else { return };
        if let Some(entry) = wanted.next_if(|entry| entry.place.at == number)
            && outcome.is_continue()
            && let Err(error) = sink(entry, json)
        {
            outcome = ControlFlow::Break(error);
        }
        number += 1;
    });
    match (outcome, read) {
        (ControlFlow::Break(error), _) => Err(error),
        // A damaged end was told by the first reading.
        (ControlFlow::Continue(()), _) if wanted.peek().is_none() => Ok(()),
        (ControlFlow::Continue(()), Err(export::ExportError::Io(error))) => Err(error.into()),
        (ControlFlow::Continue(()), _) => Err(io::Error::other(CHANGED).into()),
    }
}
