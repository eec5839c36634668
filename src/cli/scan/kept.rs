//! Selected records, stored until they can be evaluated: in memory up to 32 MiB, then in a temporary file.
//!
//! SQLite keeps them in a private temporary database, because ids and order have to spill as well as the records do: a file
//! with millions of selected records must not take more memory than one with few.

use rusqlite::{Connection, OptionalExtension as _, params};

use audit_log::AuditRecord;
use base::ids::RecordId;
use table_store::temporary_database;

/// The records that are kept in memory while they come in, in KiB.
const MEMORY_KIB: u32 = 32 * 1024;

const TABLES: &str = "
    CREATE TABLE record (id BLOB NOT NULL UNIQUE, seconds INTEGER NOT NULL, nanos INTEGER NOT NULL, text BLOB NOT NULL,
        told INTEGER NOT NULL);
";

/// Sorting may take as much memory as the pages do, so their part is made smaller first.
const SORT: &str = "
    PRAGMA cache_size = -8192;
    PRAGMA shrink_memory;
    CREATE INDEX by_time ON record (seconds, nanos, id);
";

/// The records, each id once.
#[derive(Debug)]
pub(super) struct KeptRecords {
    database: Connection,
}

impl KeptRecords {
    pub(super) fn new() -> rusqlite::Result<Self> {
        Ok(Self { database: temporary_database(MEMORY_KIB, TABLES)? })
    }

    /// Keeps the record unless one with its id is kept that tells as much: a copy may have lost its parameters.
    /// Returns whether this one is kept.
    pub(super) fn keep(&mut self, record: &AuditRecord) -> rusqlite::Result<bool> {
        let mut insert = self.database.prepare_cached(
            "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET
             seconds = excluded.seconds, nanos = excluded.nanos, text = excluded.text, told = excluded.told
             WHERE excluded.told > record.told",
        )?;
        let told = record.parameters.iter().count() + record.operation_properties.iter().count();
        let (seconds, nanos) = (record.created.timestamp(), record.created.timestamp_subsec_nanos());
        let changed = insert.execute(params![
            record.id.as_uuid().as_bytes(),
            seconds,
            nanos,
            record.text.as_bytes(),
            told as i64
        ])?;
        Ok(changed > 0)
    }

    /// Returns the text of one record.
    pub(super) fn text(&self, id: &RecordId) -> rusqlite::Result<Option<Vec<u8>>> {
        let mut select = self.database.prepare_cached("SELECT text FROM record WHERE id = ?1")?;
        select.query_row(params![id.as_uuid().as_bytes()], |row| row.get(0)).optional()
    }

    /// Hands on every record by time, then id. Once: the records cannot be added to afterwards.
    pub(super) fn in_order<E: From<rusqlite::Error>>(
        &self,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.database.execute_batch(SORT)?;
        let mut select =
            self.database.prepare("SELECT text FROM record INDEXED BY by_time ORDER BY seconds, nanos, id")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            sink(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
        }
        Ok(())
    }
}
