//! Selected records, kept until they can be judged: in memory up to 32 MiB, then in a temporary file.

use std::collections::HashSet;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use chrono::{DateTime, Utc};
use tempfile::SpooledTempFile;

use crate::audit::AuditRecord;
use crate::names::RecordId;

const IN_MEMORY: usize = 32 * 1024 * 1024;

/// Where a kept record is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    offset: u64,
    length: u64,
}

/// The records, each id once.
#[derive(Debug)]
pub(super) struct KeptRecords {
    file: SpooledTempFile,
    end: u64,
    ids: HashSet<RecordId>,
    order: Vec<(DateTime<Utc>, RecordId, Position)>,
}

impl KeptRecords {
    pub(super) fn new() -> Self {
        Self { file: SpooledTempFile::new(IN_MEMORY), end: 0, ids: HashSet::new(), order: Vec::new() }
    }

    /// Keeps the record unless one with its id is kept.
    pub(super) fn keep(&mut self, record: &AuditRecord) -> io::Result<()> {
        if !self.ids.insert(record.id) {
            return Ok(());
        }
        self.file.write_all(record.json.as_bytes())?;
        let position = Position { offset: self.end, length: record.json.len() as u64 };
        self.end += position.length;
        self.order.push((record.created, record.id, position));
        Ok(())
    }

    /// All positions by time, then id.
    pub(super) fn in_order(&mut self) -> Vec<Position> {
        self.order.sort_unstable_by_key(|(created, id, _)| (*created, *id));
        self.order.iter().map(|(_, _, position)| *position).collect()
    }

    /// The record at `position`.
    pub(super) fn read(&mut self, position: Position) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(position.offset))?;
        let mut json = Vec::new();
        (&mut self.file).take(position.length).read_to_end(&mut json)?;
        Ok(json)
    }
}
