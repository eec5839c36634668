//! Finds the operation among the top-level texts of a record.

use std::borrow::Cow;

/// Texts longer than this, escapes included, are neither the key `Operation` nor the name of an operation.
const LONGEST_TEXT: usize = 4096;

/// The key of the operation.
pub(super) const NAME: &str = "Operation";

/// The kind of a member, by the spelling of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// `Operation`
    Exact,
    /// The same in another case. Counts when the record has no exact one.
    OtherCase,
    /// A list or an object of records in an export.
    Container,
    /// Another member.
    Other,
}

/// The names of those: of Graph (`value`), of Elasticsearch (`hits`), of Log Analytics and of programs that collect records. None of them
/// is a member of an audit record that contains objects.
const CONTAINERS: &[&[u8]] = &[b"value", b"hits", b"records", b"Records", b"results", b"events"];

impl Key {
    /// From the bytes between the quotes.
    pub(super) fn of(raw: &[u8]) -> Self {
        let could_be = raw.len() == NAME.len() || raw.len() > NAME.len() && memchr::memchr(b'\\', raw).is_some();
        match could_be.then(|| decoded(raw)).flatten() {
            Some(key) if key == NAME => Self::Exact,
            Some(key) if key.eq_ignore_ascii_case(NAME) => Self::OtherCase,
            _ if CONTAINERS.contains(&raw) => Self::Container,
            _ => Self::Other,
        }
    }
}

/// The text whose bytes stand between two quotes; `None` when it is too long or no JSON text.
pub(super) fn decoded(raw: &[u8]) -> Option<Cow<'_, str>> {
    if raw.len() > LONGEST_TEXT {
        return None;
    }
    if memchr::memchr(b'\\', raw).is_none() {
        return std::str::from_utf8(raw).ok().map(Cow::Borrowed);
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice(&quoted).ok().map(Cow::Owned)
}

/// The part of a text that came with earlier chunks. Keeps no more of it than can matter.
#[derive(Debug, Default)]
pub(super) struct EarlierPart(Vec<u8>);

impl EarlierPart {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn extend(&mut self, part: &[u8]) {
        let room = (LONGEST_TEXT + 1).saturating_sub(self.0.len());
        self.0.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// The whole text; copied only when there was an earlier part.
    pub(super) fn join<'a>(&'a mut self, rest: &'a [u8]) -> &'a [u8] {
        if self.0.is_empty() {
            return rest;
        }
        self.extend(rest);
        &self.0
    }
}
