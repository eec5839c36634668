//! A private database for what a command must put aside: in memory up to a limit, then in a file that is gone when the program ends.

use rusqlite::Connection;

/// Opens an empty one that holds so many KiB of pages in memory, and creates its tables. Nothing needs to survive a crash, so nothing is
/// journalled, and everything is one transaction.
///
/// # Errors
/// Returns an error if the database or its tables cannot be created.
pub fn temporary_database(memory_kib: u32, tables: &str) -> rusqlite::Result<Connection> {
    // An empty path is a temporary database of this connection's own.
    let database = Connection::open("")?;
    database.execute_batch(&format!(
        "PRAGMA temp_store = FILE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{memory_kib}; BEGIN; {tables}"
    ))?;
    Ok(database)
}
