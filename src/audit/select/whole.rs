//! Crosses a whole record sixty-four bytes at a time, which is how nearly every record is read.
//!
//! One mask per kind of byte tells where the quotes, backslashes and brackets of a block are. From these follow what is text,
//! how deep each byte lies and where the record ends, without a look at single bytes. Only what every writer of audit logs
//! writes is understood. What is left to the exact walk of [`scanner`](super::scanner): a line break in the record, a
//! backslash outside of text, a `\u` before the operation (the key may hide behind it), the key in another case, an
//! operation that is not simply the text behind its key, and a record without an operation or an end.

use super::block::{self, Block};
use super::{LONGEST_RECORD, operation::NAME};

/// From the quote before the operation's key to the one behind it.
const QUOTE_TO_QUOTE: u32 = NAME.len() as u32 + 1;

/// Operations have short names; the exact walk looks at longer ones.
const LONGEST_NAME: usize = 128;

/// An ordinary record that is there from its first byte to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<'a> {
    pub(super) length: usize,
    pub(super) operation: &'a str,
}

/// The record whose opening brace is the first of the bytes; `None` where only the exact walk can tell.
pub(super) fn cross(bytes: &[u8]) -> Option<Whole<'_>> {
    let bytes = bytes.get(..LONGEST_RECORD).unwrap_or(bytes);
    let mut walk = Walk { bytes, begin: 0, depth: 0, in_text: 0, escaped: false, quotes: 0, operation: None };
    let (blocks, rest) = bytes.as_chunks();
    for block in blocks {
        match walk.step(&Block(block)) {
            Step::Further => {}
            Step::End(last) => return walk.whole(last),
            Step::Unusual => return None,
        }
    }
    let mut last_block = [b' '; block::BYTES];
    last_block[..rest.len()].copy_from_slice(rest);
    match walk.step(&Block(&last_block)) {
        Step::End(last) => walk.whole(last),
        Step::Further | Step::Unusual => None,
    }
}

/// What came of one block.
enum Step {
    Further,
    /// The record ends with this byte of the block.
    End(u32),
    /// For the exact walk.
    Unusual,
}

/// What a text that reads like the operation's key is.
enum Candidate<'a> {
    /// The key, with the operation behind it.
    Key(&'a str),
    /// A value, or something deeper in the record.
    Other,
    /// For the exact walk.
    Unusual,
}

/// How far the record has been crossed.
struct Walk<'a> {
    bytes: &'a [u8],
    /// Where the block begins.
    begin: usize,
    /// How many brackets are open there.
    depth: u32,
    /// All ones when the block begins in text, else zero.
    in_text: u64,
    /// The block begins behind a backslash.
    escaped: bool,
    /// The quotes of the block before.
    quotes: u64,
    operation: Option<&'a str>,
}

impl<'a> Walk<'a> {
    #[inline(always)]
    fn step(&mut self, block: &Block<'_>) -> Step {
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
        let end = self.end(opening, closing);
        // The first backslash outside of text is where the masks begin to be wrong; an end before it is right.
        let record = end.map_or(u64::MAX, below);
        if record & (line_breaks | backslashes & !in_text) != 0 {
            return Step::Unusual;
        }
        if self.operation.is_none() {
            if escaped != 0 && record & escaped & block.equal(b'u') != 0 {
                return Step::Unusual;
            }
            let behind_key = quotes << QUOTE_TO_QUOTE | self.quotes >> (u64::BITS - QUOTE_TO_QUOTE);
            let candidates = record & quotes & !in_text & behind_key;
            if !self.look_at(candidates, opening, closing) {
                return Step::Unusual;
            }
        }
        if let Some(last) = end {
            return Step::End(last);
        }
        self.depth = self.depth_at(u64::MAX, opening, closing);
        self.in_text = if in_text >> 63 == 1 { u64::MAX } else { 0 };
        self.quotes = quotes;
        self.begin += block::BYTES;
        Step::Further
    }

    fn whole(&self, last: u32) -> Option<Whole<'a>> {
        self.operation.map(|operation| Whole { length: self.begin + last as usize + 1, operation })
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

    /// The closing bracket of the record, when it is in this block.
    #[inline(always)]
    fn end(&self, opening: u64, closing: u64) -> Option<u32> {
        if closing == 0 || closing.count_ones() < self.depth {
            return None;
        }
        let upto = |at: u32| below(at) | 1 << at;
        bits(closing).find(|at| self.depth_at(upto(*at), opening, closing) == 0)
    }

    /// How many brackets are open behind these first bytes of the block, none of which is behind the record's end.
    #[inline(always)]
    fn depth_at(&self, first: u64, opening: u64, closing: u64) -> u32 {
        if opening | closing == 0 {
            return self.depth;
        }
        (self.depth + (opening & first).count_ones()).saturating_sub((closing & first).count_ones())
    }

    /// Looks for the operation behind keys that end with one of these quotes; false where the exact walk has to look.
    #[inline(always)]
    fn look_at(&mut self, candidates: u64, opening: u64, closing: u64) -> bool {
        for at in bits(candidates) {
            let quote = self.begin + at as usize;
            let Some(name) = quote.checked_sub(NAME.len()).map(|begin| &self.bytes[begin..quote]) else { continue };
            if !name.eq_ignore_ascii_case(NAME.as_bytes()) || self.depth_at(below(at), opening, closing) != 1 {
                continue;
            }
            match self.candidate(name, quote) {
                Candidate::Other => {}
                Candidate::Unusual => return false,
                Candidate::Key(operation) => {
                    self.operation = Some(operation);
                    return true;
                }
            }
        }
        true
    }

    /// What the text is that ends at `quote`. At depth 1 nothing but the member's comma or the record's brace stands before a
    /// key, nothing but a colon before a value.
    fn candidate(&self, name: &[u8], quote: usize) -> Candidate<'a> {
        let before = &self.bytes[..quote - QUOTE_TO_QUOTE as usize];
        match before.iter().rfind(|byte| !is_space(byte)) {
            Some(b':') => Candidate::Other,
            Some(b',' | b'{') if name == NAME.as_bytes() => {
                text_behind_colon(&self.bytes[quote + 1..]).map_or(Candidate::Unusual, Candidate::Key)
            }
            _ => Candidate::Unusual,
        }
    }
}

/// The text without escapes that stands behind a colon.
fn text_behind_colon(bytes: &[u8]) -> Option<&str> {
    let text = after_space(after_space(bytes).strip_prefix(b":")?).strip_prefix(b"\"")?;
    let length = text.iter().take(LONGEST_NAME).position(|byte| matches!(byte, b'"' | b'\\' | b'\n'))?;
    let plain = (text[length] == b'"').then(|| &text[..length])?;
    std::str::from_utf8(plain).ok()
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
