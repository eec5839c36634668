//! Stores rows through one trait, written for the guarantees that both a table service and SQLite can give.
//!
//! A row is addressed by a [`Key`] and carries an [`ETag`]. There is no upsert: a row is inserted when absent or replaced
//! when unchanged, so two writers can never overwrite each other unseen.

mod account;
mod entity;
mod key;
mod memory;
mod queue;
mod sqlite;
mod tables;
mod temporary;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub use account::{StorageAccess, StorageAccount};
pub use entity::{BINARY_LIMIT, Column, ENTITY_LIMIT, Entity, TEXT_LIMIT, cut_text, whole_text_columns};
pub use key::{Digest, Key, KeyError, PartitionKey, RowKey, Word};
pub use memory::MemoryStore;
pub use queue::has_queue;
pub use sqlite::SqliteStore;
pub use tables::TablesStore;
pub use temporary::temporary_database;
pub use update::{Change, is_conflict, is_unavailable, retry, retry_unavailable, update};

/// A table, by the name that the code knows it by. The name in the storage account may be another: [`TableNames`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table(&'static str);

impl Table {
    /// Names a table. 3 to 63 letters and digits, a letter first:
    /// <https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model#table-names>.
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// The name that the code knows it by.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// The names of tables in the storage account, where they differ from the names in the code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableNames(BTreeMap<Table, String>);

impl TableNames {
    /// Returns the name of a table in the storage account.
    pub fn of(&self, table: Table) -> &str {
        self.0.get(&table).map_or(table.name(), String::as_str)
    }
}

impl FromIterator<(Table, String)> for TableNames {
    fn from_iter<I: IntoIterator<Item = (Table, String)>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

/// The version of a row. Opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(pub String);

/// A row as the store has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Key and columns.
    pub entity: Entity,
    /// Its version, for [`Store::replace`].
    pub etag: ETag,
    /// When the store last wrote it, UTC.
    pub changed: DateTime<Utc>,
}

/// A request for rows of one partition, in the order of their row keys.
#[derive(Debug, Clone)]
pub struct Query {
    /// The partition.
    pub partition: PartitionKey,
    /// Only row keys that start with this.
    pub row_prefix: Option<String>,
    /// Only rows last written at or after this time.
    pub changed_since: Option<DateTime<Utc>>,
    /// Only rows last written before this time.
    pub changed_before: Option<DateTime<Utc>>,
    /// Only rows in which one of these text columns has this value; all rows if it is empty.
    pub any_of: Vec<ColumnValue>,
    /// Only these columns; all of them if it is empty. A text in numbered columns needs each of them: [`whole_text_columns`].
    pub columns: Vec<String>,
    /// The end of the previous page; `None` for the first page.
    pub after: Option<Continuation>,
    /// The most rows in the page, 1 to 1,000. A page may contain fewer and still have a next one.
    pub limit: usize,
}

/// A text column and the value that it must have: both fixed words of the program, so that nothing in a filter needs escaping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnValue {
    column: &'static str,
    value: &'static str,
}

impl ColumnValue {
    /// Names a column and its value.
    ///
    /// # Panics
    /// If either contains anything but `a-z`, `A-Z` and `0-9`. A `const` then does not compile.
    pub const fn new(column: &'static str, value: &'static str) -> Self {
        assert!(is_alphanumeric(column) && is_alphanumeric(value), "a filter is made of letters and digits");
        Self { column, value }
    }

    fn is_in(&self, entity: &Entity) -> bool {
        entity.text(self.column) == Some(self.value)
    }
}

const fn is_alphanumeric(text: &str) -> bool {
    let (bytes, mut at) = (text.as_bytes(), 0);
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphanumeric() {
            return false;
        }
        at += 1;
    }
    true
}

impl Query {
    /// All rows of a partition, 1,000 a page.
    pub fn partition(partition: PartitionKey) -> Self {
        Self {
            partition,
            row_prefix: None,
            changed_since: None,
            changed_before: None,
            any_of: Vec::new(),
            columns: Vec::new(),
            after: None,
            limit: 1_000,
        }
    }

    /// Only row keys that start with `prefix`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.row_prefix = Some(prefix.to_owned());
        self
    }

    /// Only rows last written at or after `time`.
    #[must_use]
    pub fn changed_since(mut self, time: DateTime<Utc>) -> Self {
        self.changed_since = Some(time);
        self
    }

    /// Only rows in which one of these text columns has this value.
    #[must_use]
    pub fn where_any_of(mut self, values: impl IntoIterator<Item = ColumnValue>) -> Self {
        self.any_of = values.into_iter().collect();
        self
    }

    /// Only the named columns, so that a page stays small however large its rows are.
    #[must_use]
    pub fn with_columns<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.columns = names.into_iter().map(Into::into).collect();
        self
    }

    /// Only rows last written before `time`.
    #[must_use]
    pub fn changed_before(mut self, time: DateTime<Utc>) -> Self {
        self.changed_before = Some(time);
        self
    }

    /// The row keys that start with the prefix: all of `start <= key < end`. `None` for all rows.
    fn row_span(&self) -> Result<Option<Range<String>>, StoreError> {
        let Some(prefix) = self.row_prefix.as_deref().filter(|prefix| !prefix.is_empty()) else {
            return Ok(None);
        };
        let start = RowKey::parse(prefix).map_err(|error| StoreError::Refused(error.to_string()))?.to_string();
        let mut end = start.clone();
        // Keys are ASCII, so the last character has a next one.
        let next = end.pop().map_or('{', |last| char::from((last as u8).saturating_add(1)));
        end.push(next);
        Ok(Some(start..end))
    }

    fn page_size(&self) -> usize {
        self.limit.clamp(1, 1_000)
    }

    /// Returns whether a row is wanted, apart from its key.
    fn wants(&self, row: &Stored) -> bool {
        self.changed_since.is_none_or(|since| row.changed >= since)
            && self.changed_before.is_none_or(|before| row.changed < before)
            && (self.any_of.is_empty() || self.any_of.iter().any(|value| value.is_in(&row.entity)))
    }
}

/// Every row that a query finds, page after page.
///
/// # Errors
/// As [`Store::list`].
pub async fn list_all(store: &dyn Store, table: Table, query: Query) -> Result<Vec<Stored>, StoreError> {
    list_some(store, table, query, usize::MAX).await
}

/// Returns the first rows that a query finds, at least `enough` of them if there are as many, and at most a page more: of a partition
/// of which somebody else decides how many rows it has.
///
/// # Errors
/// As [`Store::list`].
pub async fn list_some(
    store: &dyn Store,
    table: Table,
    mut query: Query,
    enough: usize,
) -> Result<Vec<Stored>, StoreError> {
    let mut rows = Vec::new();
    while rows.len() < enough {
        let page = store.list(table, &query).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    Ok(rows)
}

/// The end of a page, opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation(pub String);

/// Some rows, and where to go on.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In the order of their row keys.
    pub rows: Vec<Stored>,
    /// Present when there may be more.
    pub next: Option<Continuation>,
}

/// An error of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Insert met a row with the same key. It may be our own, from a retried insert: compare claim ids.
    #[error("a row {0} is already stored")]
    Exists(Key),
    /// Replace or delete met a newer version of the row, or none.
    #[error("row {0} was changed by another run in the meantime")]
    Changed(Key),
    /// The store answered that it will not do this. Trying again is pointless.
    #[error("the store refused: {0}")]
    Refused(String),
    /// The store could not be reached or is busy. Trying again may help.
    #[error("the store cannot be used right now: {0}")]
    Unavailable(String),
    /// A row does not have the form it must have.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// A continuation that no page of this store ended with.
    fn unknown_page() -> Self {
        Self::Refused("there is no such page".to_owned())
    }
}

/// The most rows that [`Store::insert_together`] stores.
/// Source: "Performing entity group transactions" on learn.microsoft.com.
pub const TOGETHER_LIMIT: usize = 100;

/// The most bytes that they may have, as [`Entity::size`] counts: a quarter of the 4 MiB of the service, because JSON takes three times
/// as many for a text that is all escapes.
const TOGETHER_BYTES: usize = 1024 * 1024;

/// Returns whether rows may be stored in one transaction: of one partition, each once, and neither too many nor too large.
fn fit_together(entities: &[Entity]) -> bool {
    let partitions: BTreeSet<&PartitionKey> = entities.iter().map(|entity| &entity.key.partition).collect();
    let rows: BTreeSet<&RowKey> = entities.iter().map(|entity| &entity.key.row).collect();
    let are_distinct = partitions.len() == 1 && rows.len() == entities.len();
    are_distinct
        && entities.len() <= TOGETHER_LIMIT
        && entities.iter().map(Entity::size).sum::<usize>() <= TOGETHER_BYTES
        && entities.iter().all(|entity| entity.check_limits().is_ok())
}

/// Splits rows into parts that are neither too many nor too large for [`Store::insert_together`].
pub fn parts_together(entities: &[Entity]) -> Vec<&[Entity]> {
    let (mut parts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, entity) in entities.iter().enumerate() {
        bytes += entity.size();
        if at - start == TOGETHER_LIMIT || (bytes > TOGETHER_BYTES && at > start) {
            parts.push(&entities[start..at]);
            (start, bytes) = (at, entity.size());
        }
    }
    if start < entities.len() {
        parts.push(&entities[start..]);
    }
    parts
}

/// Rows in tables. All operations are atomic for one row.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Returns the store's own time: what it stamps rows with, independent of this machine's clock. `None` if the store has no
    /// clock of its own, or has not responded yet.
    fn service_time(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// Stores a new row. [`StoreError::Exists`] when the key is taken; never retried by the store itself.
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError>;

    /// Stores new rows of one partition together, in one request, or none of them. `false` if they cannot be stored so, or if it is not
    /// known whether they were: because a key is taken, the rows are too many or too large, or the response was lost. Each must then be
    /// inserted by itself, which says what is wrong with it. Refuses nothing else, and a store without such a request always returns
    /// `false`.
    async fn insert_together(&self, _table: Table, _entities: &[Entity]) -> bool {
        false
    }

    /// Replaces the whole row if it still has this version, else [`StoreError::Changed`].
    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError>;

    /// Reads one row.
    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError>;

    /// Reads a page of a partition.
    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError>;

    /// Removes a row if it still has this version ([`StoreError::Changed`] otherwise), or whatever its version. A row
    /// that is not there any more is fine when no version was asked for.
    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError>;

    /// Removes many rows of one partition, whatever their version, in as few requests as the store allows.
    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError>;
}
