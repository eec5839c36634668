//! Loading and saving rows as types.

use super::{
    AimRow, CoverageRow, LockRow, NearRow, OwedBlob, PendingRow, ProcessedRow, SeenRow, ServiceRow, TargetRow,
};
use crate::tables::{ACTIONS, COVERAGE, PROCESSED};
use table_store::{ETag, Entity, Key, Query, Store, StoreError, Stored, Table, list_all};

/// How often a row is put that others keep changing.
const TRIES: usize = 8;

/// A row of one of the tables.
pub trait LedgerRow: Sized {
    /// The table.
    const TABLE: Table;

    /// As it is stored.
    fn entity(&self) -> Entity;

    /// From the store.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a column that decides something is missing or malformed.
    fn read(stored: &Stored) -> Result<(Self, ETag), StoreError>;
}

macro_rules! ledger_rows {
    ($($row:ty => $table:expr),+ $(,)?) => {
        $(impl LedgerRow for $row {
            const TABLE: Table = $table;

            fn entity(&self) -> Entity {
                self.to_entity()
            }

            fn read(stored: &Stored) -> Result<(Self, ETag), StoreError> {
                Self::from_stored(stored)
            }
        })+
    };
}

ledger_rows! {
    ProcessedRow => PROCESSED,
    LockRow => ACTIONS,
    CoverageRow => COVERAGE,
    OwedBlob => COVERAGE,
    SeenRow => COVERAGE,
    PendingRow => COVERAGE,
    TargetRow => COVERAGE,
    AimRow => COVERAGE,
    NearRow => COVERAGE,
    ServiceRow => COVERAGE,
}

/// Reads one row.
///
/// # Errors
/// When the store cannot be used or the row is not sound.
pub async fn load<R: LedgerRow>(store: &dyn Store, key: &Key) -> Result<Option<(R, ETag)>, StoreError> {
    store.get(R::TABLE, key).await?.as_ref().map(R::read).transpose()
}

/// Reads every row that the query finds. The query must be for rows of this one kind, by their prefix.
///
/// # Errors
/// When the store cannot be used or a row is not sound.
pub async fn list<R: LedgerRow>(store: &dyn Store, query: Query) -> Result<Vec<(R, ETag)>, StoreError> {
    list_all(store, R::TABLE, query).await?.iter().map(R::read).collect()
}

/// As [`list`], without the rows that are not sound: each of those is logged, and does not stop what concerns the others.
///
/// # Errors
/// When the store cannot be used.
pub async fn list_readable<R: LedgerRow>(store: &dyn Store, query: Query) -> Result<Vec<(R, ETag)>, StoreError> {
    let stored = list_all(store, R::TABLE, query).await?;
    Ok(stored.iter().filter_map(|stored| readable(stored, R::read(stored))).collect())
}

/// What was read of a row, or nothing and a line in the log.
pub fn readable<T>(stored: &Stored, read: Result<T, StoreError>) -> Option<T> {
    let log = |error: &StoreError| tracing::error!(row = %stored.entity.key, "a row is left out: {error}");
    read.inspect_err(log).ok()
}

/// Stores a row: as a new one without `etag`, else in place of that version.
///
/// # Errors
/// [`StoreError::Exists`] and [`StoreError::Changed`] when somebody else was quicker.
pub async fn save<R: LedgerRow>(store: &dyn Store, row: &R, etag: Option<&ETag>) -> Result<ETag, StoreError> {
    match etag {
        Some(etag) => store.replace(R::TABLE, &row.entity(), etag).await,
        None => store.insert(R::TABLE, &row.entity()).await,
    }
}

/// Stores a row whatever was there before: for rows where the last writer is right.
///
/// # Errors
/// When the store cannot be used, or others changed the row each time.
pub async fn put<R: LedgerRow>(store: &dyn Store, row: &R) -> Result<ETag, StoreError> {
    let entity = row.entity();
    let mut etag = None;
    for _ in 0..TRIES {
        match save(store, row, etag.as_ref()).await {
            Err(StoreError::Exists(_) | StoreError::Changed(_)) => {}
            outcome => return outcome,
        }
        etag = store.get(R::TABLE, &entity.key).await?.map(|stored| stored.etag);
    }
    Err(StoreError::Unavailable(format!("row {} is changed all the time", entity.key)))
}
