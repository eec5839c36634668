//! Finds the records in a stream of bytes and picks those whose operation matters, before anything is parsed.
//!
//! A stream is any sequence of JSON objects: one array (a content blob), JSON Lines, or objects with any white space between.
//! A record that is not selected costs one pass over its bytes. Memory is allocated only for the part of a record before the end
//! of a chunk, which is copied to reused buffers, and for names that are written with escapes, which are decoded
//! (`cargo bench --bench allocations`). Nearly every record is crossed in blocks (`whole`); the exact walk (`scanner`) says what
//! a record is, and takes whatever is unusual.

mod block;
mod operation;
mod scanner;
pub(super) mod whole;

pub use scanner::Selector;

use crate::Traces;

/// The longest record that is looked at, in bytes. Exchange writes at most a few hundred kilobytes.
pub const LONGEST_RECORD: usize = 16 * 1024 * 1024;

/// A part of a stream. Parts are reported in the order of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A record with a selected operation.
    Selected {
        /// The record's bytes, from its opening brace to its closing one.
        json: &'a [u8],
        /// The line on which it begins, from 1.
        line: u64,
    },
    /// A record whose traces were read on the way. Only a selector for traces hands it over.
    Traced {
        /// The record's bytes, from its opening brace to its closing one.
        json: &'a [u8],
        /// The line on which it begins, from 1.
        line: u64,
        /// Its traces.
        traces: &'a Traces<'a>,
    },
    /// A record with another operation.
    Skipped {
        /// The record's bytes, if they are at hand: those of an ordinary record that lies in one chunk.
        json: Option<&'a [u8]>,
    },
    /// An object without an operation, which may contain records. Only a selector for exports hands it over.
    Envelope {
        /// The object's bytes.
        json: &'a [u8],
        /// The line on which it begins, from 1.
        line: u64,
    },
    /// Bytes that are not a record, or a record without a recognizable end or operation.
    Broken {
        /// The kind of the error.
        error: Broken,
        /// The line on which it begins, from 1.
        line: u64,
        /// Its operation can be read, and records of it are selected.
        selected: bool,
    },
}

/// Why a part of a stream is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Longer than [`LONGEST_RECORD`].
    #[error("the record is longer than 16 MiB")]
    TooLong,
    /// No top-level member `Operation` that is text.
    #[error("the record has no Operation")]
    NoOperation,
    /// A line break inside text, or a record that begins where none can: the one before it was cut.
    #[error("the record is cut off before its end")]
    Unfinished,
    /// Something other than an object.
    #[error("there is something that is not a record")]
    NotARecord,
    /// A comma with no record before or after it.
    #[error("there is a comma without a record")]
    StrayComma,
    /// The stream ends inside a record or an array.
    #[error("the file ends before its last record or array does")]
    CutOff,
}

impl Broken {
    /// Returns whether the broken part was a record, so that it counts as one lost record.
    pub fn is_a_record(self) -> bool {
        matches!(self, Self::TooLong | Self::NoOperation | Self::Unfinished)
    }
}
