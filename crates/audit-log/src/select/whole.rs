//! Crosses a whole record sixty-four bytes at a time, which is how nearly every record is read.
//!
//! One mask per kind of byte tells where the quotes, backslashes and brackets of a block are. From these follow what is text,
//! how deep each byte lies and where the record ends, without a look at single bytes. Texts that may be the key of the
//! operation are known by the distance of their quotes.
//!
//! Only what every writer of audit logs writes is understood. Left to the exact walk of the scanner are: a line break in the
//! record, a backslash outside of text, a `\u` before the operation (the key may hide behind it), the key in another case, an
//! operation that is not simply the text behind its key, and a record without an operation or an end.

use std::ops::Range;

use super::block::{self, Block};
use super::{LONGEST_RECORD, operation::NAME};

/// Names and ids are short; what is longer is left to the exact walk.
const LONGEST_VALUE: usize = 128;

/// An ordinary record that is there from its first byte to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<'a> {
    pub(super) length: usize,
    pub(super) operation: &'a str,
}

/// The record whose opening brace is the first of the bytes; `None` where only the exact walk can tell.
pub(super) fn cross(bytes: &[u8]) -> Option<Whole<'_>> {
    let bytes = bytes.get(..LONGEST_RECORD).unwrap_or(bytes);
    let mut operation = Operation(None);
    let length = cross_with(bytes, &mut operation)?;
    Some(Whole { length, operation: operation.0? })
}

/// Shows the texts of the record whose opening brace is the first of the bytes; gives the record's length. `None` where what is
/// shown may not be what the record says.
pub(crate) fn cross_with<'a>(bytes: &'a [u8], look: &mut impl Look<'a>) -> Option<usize> {
    let mut walk = Walk { bytes, begin: 0, depth: 0, in_text: 0, escaped: false, quotes: 0, text: 0, look };
    let (blocks, rest) = bytes.as_chunks();
    for block in blocks {
        match walk.step(Block::new(block)) {
            Step::Further => {}
            Step::End(last) => return Some(walk.begin + last as usize + 1),
            Step::Unusual => return None,
        }
    }
    let mut last_block = [b' '; block::BYTES];
    last_block[..rest.len()].copy_from_slice(rest);
    match walk.step(Block::new(&last_block)) {
        Step::End(last) => Some(walk.begin + last as usize + 1),
        Step::Further | Step::Unusual => None,
    }
}

/// A search among the texts of a record.
pub(crate) trait Look<'a> {
    /// The length in bytes, at most 62, if the search is for texts of one length only. They are found much faster.
    const LENGTH: Option<u32> = None;

    /// `true` if only texts are shown that can be names of the record's own members.
    const NAMES: bool = false;

    /// Returns whether the search wants to see a text of this length that begins with this byte.
    fn is_sought(&self, length: usize, first: u8) -> bool;

    /// Returns whether the search is finished. Until then, a record with a `\u` escape is left to the exact walk.
    fn is_done(&self) -> bool;

    /// Looks at a text without quotes in it; false where the record has to be read exactly.
    fn look(&mut self, text: Text<'a, impl Fn() -> u32>) -> bool;
}

/// A text of a record, key or value.
pub(crate) struct Text<'a, D> {
    record: &'a [u8],
    place: Range<usize>,
    /// Returns the number of open brackets around the text. This costs more than a comparison of its bytes.
    depth: D,
}

/// The role of a text in its record.
pub(crate) enum Part<'a> {
    /// The name of one of the record's own members, with the bytes behind its colon.
    Member(&'a [u8]),
    /// A value, or something deeper in the record.
    Other,
    /// No sound JSON.
    Unusual,
}

impl<'a, D: Fn() -> u32> Text<'a, D> {
    pub(crate) fn bytes(&self) -> &'a [u8] {
        &self.record[self.place.clone()]
    }

    /// At depth 1 nothing but the member's comma or the record's brace stands before a name, nothing but a colon before a value.
    pub(crate) fn part(&self) -> Part<'a> {
        if (self.depth)() != 1 {
            return Part::Other;
        }
        let before = &self.record[..self.place.start - 1];
        let behind = after_space(&self.record[self.place.end + 1..]);
        match before.iter().rfind(|byte| !is_space(byte)) {
            Some(b':') => Part::Other,
            Some(b',' | b'{') => {
                behind.strip_prefix(b":").map_or(Part::Unusual, |value| Part::Member(after_space(value)))
            }
            _ => Part::Unusual,
        }
    }
}

/// The first operation.
struct Operation<'a>(Option<&'a str>);

impl<'a> Look<'a> for Operation<'a> {
    const LENGTH: Option<u32> = Some(NAME.len() as u32);

    #[inline(always)]
    fn is_sought(&self, _: usize, first: u8) -> bool {
        first.eq_ignore_ascii_case(&NAME.as_bytes()[0])
    }

    fn is_done(&self) -> bool {
        self.0.is_some()
    }

    fn look(&mut self, text: Text<'a, impl Fn() -> u32>) -> bool {
        let name = text.bytes();
        if !name.eq_ignore_ascii_case(NAME.as_bytes()) {
            return true;
        }
        match text.part() {
            Part::Other => true,
            Part::Member(value) if name == NAME.as_bytes() => {
                self.0 = plain_text(value);
                self.0.is_some()
            }
            Part::Member(_) | Part::Unusual => false,
        }
    }
}

/// The result of one block.
enum Step {
    Further,
    /// The record ends with this byte of the block.
    End(u32),
    /// For the exact walk.
    Unusual,
}

/// The position in a record that is crossed block by block.
struct Walk<'a, 'l, L> {
    bytes: &'a [u8],
    /// The start of the current block.
    begin: usize,
    /// Number of brackets that are open at the start of the block.
    depth: u32,
    /// All ones when the block begins in text, else zero.
    in_text: u64,
    /// The block begins behind a backslash.
    escaped: bool,
    /// The quotes of the block before.
    quotes: u64,
    /// The start of the last text.
    text: usize,
    look: &'l mut L,
}

impl<'a, L: Look<'a>> Walk<'a, '_, L> {
    #[inline(always)]
    fn step(&mut self, block: Block) -> Step {
        let mut quotes = block.equal(b'"');
        let (mut backslashes, mut escaped, mut line_breaks) = (0, 0, 0);
        if self.escaped || block.has_either(b'\\', b'\n') {
            backslashes = block.equal(b'\\');
            escaped = self.escaped_by(backslashes);
            quotes &= !escaped;
            line_breaks = block.equal(b'\n');
        }
        let in_text = odd_up_to(quotes) ^ self.in_text;
        let (opening, closing) = block.brackets();
        let (opening, closing) = (opening & !in_text, closing & !in_text);
        let (end, depth) = self.end(opening, closing);
        // The first backslash outside of text is where the masks begin to be wrong; an end before it is right.
        let record = end.map_or(u64::MAX, below);
        if record & (line_breaks | backslashes & !in_text) != 0 {
            return Step::Unusual;
        }
        if !self.look.is_done() {
            if escaped != 0 && record & escaped & block.equal(b'u') != 0 {
                return Step::Unusual;
            }
            let (ends, brackets) = (record & quotes & !in_text, (opening, closing));
            let goes_on = match L::LENGTH {
                Some(length) => self.show_texts_of(length, ends, quotes, brackets),
                None if L::NAMES => self.show_names(ends, quotes & in_text, brackets, block),
                None => self.show_texts(ends, quotes & in_text, brackets),
            };
            if !goes_on {
                return Step::Unusual;
            }
        }
        if let Some(last) = end {
            return Step::End(last);
        }
        self.depth = depth;
        self.in_text = if in_text >> 63 == 1 { u64::MAX } else { 0 };
        self.quotes = quotes;
        self.begin += block::BYTES;
        Step::Further
    }

    /// The bytes that stand behind a backslash that counts.
    fn escaped_by(&mut self, backslashes: u64) -> u64 {
        let mut escaped = u64::from(self.escaped);
        self.escaped = false;
        let mut left = backslashes & !escaped;
        while left != 0 {
            let first = left & left.wrapping_neg();
            escaped |= first << 1;
            self.escaped = first >> 63 == 1;
            left &= !(first | first << 1);
        }
        escaped
    }

    /// The closing bracket of the record, when it is in this block, and how many brackets are open behind the block.
    #[inline(always)]
    fn end(&self, opening: u64, closing: u64) -> (Option<u32>, u32) {
        if opening | closing == 0 {
            return (None, self.depth);
        }
        let closed = closing.count_ones();
        if closed < self.depth {
            return (None, self.depth + opening.count_ones() - closed);
        }
        let depth = (self.depth + opening.count_ones()).saturating_sub(closed);
        let upto = |at: u32| below(at) | 1 << at;
        (bits(closing).find(|at| depth_at(self.depth, upto(*at), opening, closing) == 0), depth)
    }

    /// Shows the texts of the one length that end with one of these quotes.
    #[inline(always)]
    fn show_texts_of(&mut self, length: u32, ends: u64, quotes: u64, brackets: (u64, u64)) -> bool {
        let begun = quotes << (length + 1) | self.quotes >> (u64::BITS - 1 - length);
        for at in bits(ends & begun) {
            let Some(begin) = (self.begin + at as usize).checked_sub(length as usize) else { continue };
            if !self.show(begin, at, brackets) {
                return false;
            }
            if self.look.is_done() {
                return true;
            }
        }
        true
    }

    /// Shows the texts that end with one of these quotes; the other quotes begin texts.
    #[inline(always)]
    fn show_texts(&mut self, ends: u64, begins: u64, brackets: (u64, u64)) -> bool {
        let block = self.begin;
        let mut begins = bits(begins).map(|at| block + at as usize + 1);
        if self.in_text == 0 {
            self.text = begins.next().unwrap_or_default();
        }
        for at in bits(ends) {
            if !self.show(self.text, at, brackets) {
                return false;
            }
            self.text = begins.next().unwrap_or_default();
        }
        true
    }

    /// Shows the texts that end with one of these quotes, except values; the other quotes begin texts. Behind a value is a comma or a
    /// closing bracket. Deep in the record nothing is shown.
    #[inline(always)]
    fn show_names(&mut self, ends: u64, begins: u64, brackets: (u64, u64), block: Block) -> bool {
        let last_before = |below: u64| (begins & below).checked_ilog2();
        if self.depth == 1 || brackets != (0, 0) {
            let behind_values = (block.equal(b',') | brackets.1) >> 1;
            for at in bits(ends & !behind_values) {
                let begin = last_before(below(at)).map_or(self.text, |begin| self.begin + begin as usize + 1);
                if !self.show(begin, at, brackets) {
                    return false;
                }
            }
        }
        if let Some(begin) = last_before(u64::MAX) {
            self.text = self.begin + begin as usize + 1;
        }
        true
    }

    /// Shows the text that begins here and ends with this byte of the block, if it is sought.
    #[inline(always)]
    fn show(&mut self, begin: usize, at: u32, (opening, closing): (u64, u64)) -> bool {
        let place = begin..self.begin + at as usize;
        if !self.bytes.get(begin).is_some_and(|first| self.look.is_sought(place.len(), *first)) {
            return true;
        }
        let depth = self.depth;
        let depth = || depth_at(depth, below(at), opening, closing);
        self.look.look(Text { record: self.bytes, place, depth })
    }
}

/// Returns the number of open brackets behind the `first` bytes of a block, none of which is behind the record's end.
#[inline(always)]
fn depth_at(depth: u32, first: u64, opening: u64, closing: u64) -> u32 {
    if opening | closing == 0 {
        return depth;
    }
    (depth + (opening & first).count_ones()).saturating_sub((closing & first).count_ones())
}

/// The text that these bytes begin with, when it has no escapes.
pub(crate) fn plain_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(plain_bytes(bytes)?).ok()
}

/// The bytes between the quotes that these bytes begin with, when there are no escapes.
#[inline]
pub(crate) fn plain_bytes(bytes: &[u8]) -> Option<&[u8]> {
    let text = bytes.strip_prefix(b"\"")?;
    let length = block::end_of_plain(text.get(..LONGEST_VALUE).unwrap_or(text))?;
    (text[length] == b'"').then(|| &text[..length])
}

fn after_space(bytes: &[u8]) -> &[u8] {
    let begin = bytes.iter().position(|byte| !is_space(byte)).unwrap_or(bytes.len());
    &bytes[begin..]
}

/// White space other than a line break.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// All bits below this one.
fn below(at: u32) -> u64 {
    (1 << at) - 1
}

/// The numbers of the bits that are set, lowest first.
fn bits(mut mask: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let first = (mask != 0).then(|| mask.trailing_zeros())?;
        mask &= mask - 1;
        Some(first)
    })
}

/// The bits up to and with which an odd number of bits is set: from each opening quote to before its closing one.
fn odd_up_to(mut bits: u64) -> u64 {
    for distance in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << distance;
    }
    bits
}
