//! Loading and saving rows as types.

use std::sync::Arc;

use base::clock::Clock;
use table_store::{Change, Entity, Key, Query, Store, StoreError, Stored, Table, list_all};

use super::RowVersion;

/// A row of one of the tables.
pub trait TableRow: Sized {
    /// The table.
    const TABLE: Table;

    /// The columns, as docs/tables.md lists them.
    const COLUMNS: &'static [&'static str];

    /// As it is stored.
    fn entity(&self) -> Entity;

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column that decides something is missing or malformed.
    fn read(stored: &Stored) -> Result<(Self, RowVersion), StoreError>;
}

/// Reads one row.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used or the row is malformed.
pub async fn load<R: TableRow>(store: &dyn Store, key: &Key) -> Result<Option<(R, RowVersion)>, StoreError> {
    store.get(R::TABLE, key).await?.as_ref().map(R::read).transpose()
}

/// Reads every row that the query finds. The query must be for rows of this one kind, by their prefix.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used or a row is malformed.
pub async fn list<R: TableRow>(store: &dyn Store, query: Query) -> Result<Vec<(R, RowVersion)>, StoreError> {
    list_all(store, R::TABLE, query).await?.iter().map(R::read).collect()
}

/// As [`list`], without the rows that are not sound: each of those is logged, and does not stop what concerns the others.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used.
pub async fn list_readable<R: TableRow>(store: &dyn Store, query: Query) -> Result<Vec<(R, RowVersion)>, StoreError> {
    let stored = list_all(store, R::TABLE, query).await?;
    Ok(stored.iter().filter_map(|stored| readable(stored, R::read(stored))).collect())
}

/// Returns a row that could be read. An error is logged, and the row is left out.
pub fn readable<T>(stored: &Stored, read: Result<T, StoreError>) -> Option<T> {
    let log = |error: &StoreError| tracing::error!(row = %stored.entity.key, "a row is left out: {error}");
    read.inspect_err(log).ok()
}

/// Stores a row: as a new one without `version`, else in place of that version, with the columns in it that are not known here.
///
/// # Errors
/// Returns [`StoreError::Exists`] and [`StoreError::Changed`] if another writer was faster.
pub async fn save<R: TableRow>(
    store: &dyn Store,
    row: &R,
    version: Option<&RowVersion>,
) -> Result<RowVersion, StoreError> {
    match version {
        Some(version) => {
            let etag = store.replace(R::TABLE, &version.complete(row.entity()), version.etag()).await?;
            Ok(version.written(etag))
        }
        None => store.insert(R::TABLE, &row.entity()).await.map(RowVersion::from),
    }
}

/// Stores a row unless one is stored under its key. Returns whether it was stored.
///
/// # Errors
/// If the store cannot be used.
pub async fn insert_new<R: TableRow>(store: &dyn Store, row: &R) -> Result<bool, StoreError> {
    match store.insert(R::TABLE, &row.entity()).await {
        Ok(_) => Ok(true),
        Err(StoreError::Exists(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Changes one row, and repeats on conflict: `change` gets the stored row, and returns the row to store and the value to return.
/// No row to store leaves it as it is. `change` must not depend on how often it is called.
///
/// # Errors
/// As [`table_store::update`], and [`StoreError::Corrupt`] if the stored row is malformed.
pub async fn update<R: TableRow, T>(
    store: &dyn Store,
    clock: &Arc<dyn Clock>,
    key: &Key,
    change: impl Fn(Option<R>) -> (Option<R>, T),
) -> Result<T, StoreError> {
    table_store::update(store, clock, R::TABLE, key, |stored| {
        let found = stored.map(R::read).transpose()?;
        let (row, version) = found.map_or((None, None), |(row, version)| (Some(row), Some(version)));
        Ok(match change(row) {
            (Some(row), value) => {
                let entity = row.entity();
                Change::Write(version.map_or(entity.clone(), |version| version.complete(entity)), value)
            }
            (None, value) => Change::Leave(value),
        })
    })
    .await
}

/// Stores a row regardless of its stored version, for rows where the last writer is right.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used, or others changed the row at every try.
pub async fn put<R: TableRow>(store: &dyn Store, clock: &Arc<dyn Clock>, row: &R) -> Result<(), StoreError> {
    // Nearly always the row is new, and then one request is enough.
    if insert_new(store, row).await? {
        return Ok(());
    }
    let entity = row.entity();
    table_store::update(store, clock, R::TABLE, &entity.key, |stored| {
        let version = stored.map(|stored| RowVersion::of(stored, R::COLUMNS));
        Ok(Change::Write(version.map_or_else(|| entity.clone(), |version| version.complete(entity.clone())), ()))
    })
    .await
}
