//! The exact walk, and the way through a stream: every byte of every audit log goes through here once.
//!
//! A record that is ordinary and whole is crossed at once, in blocks. Any other is walked: text is crossed with `memchr`; the few
//! bytes between texts are looked at one by one. Only braces, brackets, commas, colons and quotes have a meaning. The
//! parser checks later whether a record is valid JSON, and only for records that reach it.

mod between;
mod current;

use super::block::end_of_plain;
use super::operation::{EarlierPart, Key, decoded};
use super::{Broken, Event, LONGEST_RECORD, whole};
use crate::Traces;
use current::{Current, Fate};

/// The context of the next byte in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Outside of any record.
    Between,
    /// In something that is no record.
    Junk,
    /// In a record, outside of text.
    Record,
    /// In text.
    Text,
    /// In text, behind a backslash.
    Escape,
}

/// Splits a stream into records and selects them. Feed it chunks of any size, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct Selector<F> {
    is_selected: F,
    place: Place,
    arrays: u64,
    /// An array is open and its last part was a comma.
    after_comma: bool,
    /// A record or junk was seen since the array began or the last comma.
    after_item: bool,
    /// The bytes of a byte-order mark that have been read.
    marks: usize,
    line: u64,
    current: Current,
    /// The part of the current record that earlier chunks contained; empty if the record is skipped.
    kept: Vec<u8>,
    text: EarlierPart,
    /// `true` if objects without an operation may contain records.
    looks_inside: bool,
    /// `true` if traces are handed over with the records.
    with_traces: bool,
    /// The containers around what is read now.
    around: Vec<Container>,
}

/// An object around records that is read on when they end.
#[derive(Debug)]
struct Container {
    line: u64,
    /// Number of open arrays around it.
    arrays: u64,
    after: (bool, bool),
}

impl<F: Fn(&str) -> bool> Selector<F> {
    /// Selects the records for whose operation `is_selected` holds.
    pub fn new(is_selected: F) -> Self {
        Self {
            is_selected,
            place: Place::Between,
            arrays: 0,
            after_comma: false,
            after_item: false,
            marks: 0,
            line: 1,
            current: Current::new(1),
            kept: Vec::new(),
            text: EarlierPart::default(),
            looks_inside: false,
            with_traces: false,
            around: Vec::new(),
        }
    }

    /// As [`new`](Self::new), for exports: an object without an operation is handed over as an [`Event::Envelope`], and a long list in
    /// an object (`value`, `records`, `hits`, …) is read record by record.
    pub fn of_export(is_selected: F) -> Self {
        Self { looks_inside: true, ..Self::new(is_selected) }
    }

    /// As [`of_export`](Self::of_export), and hands over the traces of every record that has some, selected or not.
    pub fn of_export_with_traces(is_selected: F) -> Self {
        Self { with_traces: true, ..Self::of_export(is_selected) }
    }

    /// Reads the next chunk.
    pub fn push(&mut self, chunk: &[u8], mut sink: impl FnMut(Event<'_>)) {
        let mut cursor = Cursor { chunk, at: 0, begin: 0, text: 0, counted: 0 };
        while cursor.at < chunk.len() {
            match self.place {
                Place::Between => self.between(&mut cursor, &mut sink),
                Place::Junk => self.junk(&mut cursor),
                Place::Record => self.record(&mut cursor, &mut sink),
                Place::Text => self.text(&mut cursor, &mut sink),
                Place::Escape => self.escape(&mut cursor, &mut sink),
            }
        }
        self.keep(&cursor);
        self.line = cursor.line(self.line, chunk.len());
    }

    /// Returns the number of buffered bytes of an unfinished record, at most [`LONGEST_RECORD`].
    pub fn kept_bytes(&self) -> usize {
        self.kept.len()
    }

    /// Ends the stream and reports a record or array that is still open. The selector can then read another stream.
    pub fn finish(&mut self, mut sink: impl FnMut(Event<'_>)) {
        let in_record = !matches!(self.place, Place::Between | Place::Junk);
        if in_record || self.arrays > 0 || !self.around.is_empty() {
            let line = if in_record { self.current.line } else { self.line };
            let selected = in_record && self.current.is_selected();
            sink(Event::Broken { error: Broken::CutOff, line, selected });
        }
        self.kept.clear();
        self.text.clear();
        self.around.clear();
        (self.place, self.arrays, self.line) = (Place::Between, 0, 1);
        self.marks = 0;
        (self.after_comma, self.after_item) = (false, false);
    }

    /// Takes a record at once where that is possible, else begins to walk over it.
    fn item(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        (self.after_comma, self.after_item) = (false, true);
        let rest = &cursor.chunk[cursor.at..];
        if self.with_traces
            && let Some((length, traces)) = Traces::cross(rest.get(..LONGEST_RECORD).unwrap_or(rest))
        {
            self.line = cursor.line(self.line, cursor.at);
            sink(Event::Traced { json: &rest[..length], line: self.line, traces: &traces });
            cursor.at += length;
            cursor.counted = cursor.at;
            return;
        }
        let Some(record) = whole::cross(rest) else { return self.begin(cursor) };
        self.line = cursor.line(self.line, cursor.at);
        if (self.is_selected)(record.operation) {
            sink(Event::Selected { json: &rest[..record.length], line: self.line });
        } else {
            sink(Event::Skipped { json: Some(&rest[..record.length]) });
        }
        cursor.at += record.length;
        // A record that is taken at once is on one line.
        cursor.counted = cursor.at;
    }

    fn begin(&mut self, cursor: &mut Cursor<'_>) {
        self.line = cursor.line(self.line, cursor.at);
        self.current = Current::new(self.line);
        self.kept.clear();
        self.place = Place::Record;
        cursor.begin = cursor.at;
        cursor.at += 1;
    }

    /// Runs over the record, up to its end or a text that is not plain or not whole.
    fn record(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        while let Some(&byte) = cursor.chunk.get(cursor.at) {
            cursor.at += 1;
            let current = &mut self.current;
            match byte {
                b'"' => {
                    if !self.plain_text(cursor) {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' | b'}' | b']' | b',' | b':' if current.is_no_record() => return self.give_up(cursor),
                b',' if current.depth == 1 => current.expect_key(),
                b':' if current.depth == 1 => current.expects_key = false,
                b'{' if current.is_cut_before_brace() => {
                    cursor.at -= 1;
                    return self.cut(cursor, sink);
                }
                b'{' | b'[' if self.looks_inside && current.is_before_container() => {
                    let is_object = byte == b'{';
                    self.enter_container(byte, cursor);
                    if is_object { continue } else { return }
                }
                b'{' | b'[' => current.depth += 1,
                b'}' | b']' => {
                    current.depth -= 1;
                    if current.depth == 0 {
                        return self.end(cursor, sink);
                    }
                }
                b'\n' => {
                    current.line_ended = true;
                    continue;
                }
                b' ' | b'\t' | b'\r' => continue,
                _ if current.is_no_record() => return self.give_up(cursor),
                _ => {}
            }
            current.previous = byte;
            current.line_ended = false;
        }
    }

    /// Crosses a text without escapes that ends in this chunk, which nearly all do. Leaves any other to [`text`](Self::text).
    fn plain_text(&mut self, cursor: &mut Cursor<'_>) -> bool {
        self.current.begin_text();
        cursor.text = cursor.at;
        let rest = &cursor.chunk[cursor.at..];
        if let Some(length) = end_of_plain(rest)
            && rest[length] == b'"'
        {
            cursor.at += length;
            if self.current.text_matters {
                self.text.clear();
            }
            self.end_text(cursor);
            return true;
        }
        self.text.clear();
        self.place = Place::Text;
        false
    }

    fn text(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        let rest = &cursor.chunk[cursor.at..];
        let Some(length) = memchr::memchr3(b'"', b'\\', b'\n', rest) else {
            cursor.at = cursor.chunk.len();
            return;
        };
        cursor.at += length;
        match rest[length] {
            b'"' => self.end_text(cursor),
            b'\\' => {
                self.place = Place::Escape;
                cursor.at += 1;
            }
            // No JSON text holds a bare line break.
            _ => self.cut(cursor, sink),
        }
    }

    /// The byte behind a backslash belongs to the text, whatever it is, unless it ends the line.
    fn escape(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        if cursor.chunk.get(cursor.at) == Some(&b'\n') {
            return self.cut(cursor, sink);
        }
        self.place = Place::Text;
        cursor.at += 1;
    }

    fn end_text(&mut self, cursor: &mut Cursor<'_>) {
        if self.current.text_matters {
            let raw = self.text.join(&cursor.chunk[cursor.text..cursor.at]);
            if self.current.expects_key {
                self.current.key = Key::of(raw);
            } else if self.current.key == Key::Container {
                self.current.key = Key::Other;
            } else if let Some(operation) = decoded(raw) {
                let selected = (self.is_selected)(&operation);
                self.current.decide(selected);
            }
        }
        self.current.previous = b'"';
        self.current.line_ended = false;
        self.place = Place::Record;
        cursor.at += 1;
    }

    fn end(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        self.place = Place::Between;
        let here = &cursor.chunk[cursor.begin..cursor.at];
        let line = self.current.line;
        let selected = self.current.is_selected();
        let length = self.current.length.saturating_add(here.len());
        match self.current.fate {
            _ if length > LONGEST_RECORD => sink(Event::Broken { error: Broken::TooLong, line, selected }),
            Fate::Open if self.current.is_container => {}
            Fate::Open if self.looks_inside => {
                let json = if self.kept.is_empty() { here } else { extended(&mut self.kept, here) };
                sink(Event::Envelope { json, line });
            }
            Fate::Open => sink(Event::Broken { error: Broken::NoOperation, line, selected }),
            Fate::Likely { selected: false } | Fate::Decided { selected: false } => sink(Event::Skipped { json: None }),
            _ if self.kept.is_empty() => sink(Event::Selected { json: here, line }),
            _ => {
                self.kept.extend_from_slice(here);
                sink(Event::Selected { json: &self.kept, line });
            }
        }
        self.forget();
        if self.arrays == 0 && !self.around.is_empty() {
            cursor.at -= 1;
            self.leave_container(cursor);
            cursor.at += 1;
        }
    }

    /// The record ends before its end; the byte at the cursor is read as one between records.
    fn cut(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        self.place = Place::Between;
        self.forget();
        let selected = self.current.is_selected();
        sink(Event::Broken { error: Broken::Unfinished, line: self.current.line, selected });
        debug_assert!(cursor.at < cursor.chunk.len(), "the byte at the cursor is there to be read again");
    }

    /// Keeps for the next chunk what will be needed of this one.
    fn keep(&mut self, cursor: &Cursor<'_>) {
        if matches!(self.place, Place::Between | Place::Junk) {
            return;
        }
        if matches!(self.place, Place::Text | Place::Escape) && self.current.text_matters {
            self.text.extend(&cursor.chunk[cursor.text..]);
        }
        let here = &cursor.chunk[cursor.begin..];
        self.current.length = self.current.length.saturating_add(here.len());
        if self.current.length > LONGEST_RECORD || self.current.is_container {
            self.forget();
        } else if self.current.fate != (Fate::Decided { selected: false }) {
            self.kept.extend_from_slice(here);
        }
    }

    /// A rare long record must not hold its memory for the rest of the stream.
    fn forget(&mut self) {
        const ORDINARY: usize = 1024 * 1024;
        self.kept.clear();
        self.kept.shrink_to(ORDINARY);
    }
}

fn extended<'a>(kept: &'a mut Vec<u8>, here: &[u8]) -> &'a [u8] {
    kept.extend_from_slice(here);
    kept
}

/// The position of the walk in one chunk.
struct Cursor<'a> {
    chunk: &'a [u8],
    at: usize,
    /// The start of the current record's part of this chunk.
    begin: usize,
    /// The start of the current text's part of this chunk.
    text: usize,
    /// Up to where line breaks were counted.
    counted: usize,
}

impl Cursor<'_> {
    /// The line at `upto`, when `line` is the one at which counting stopped.
    fn line(&mut self, line: u64, upto: usize) -> u64 {
        let part = self.chunk.get(self.counted..upto).unwrap_or_default();
        self.counted = upto.max(self.counted);
        // Between two records there is hardly more than a line break, which is counted before a search would have begun.
        let breaks = match part.len() {
            ..16 => part.iter().filter(|byte| **byte == b'\n').count(),
            _ => memchr::memchr_iter(b'\n', part).count(),
        };
        line + breaks as u64
    }
}
