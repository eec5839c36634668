//! Rows in one SQLite file, for the service that runs on a single machine. WAL, so that a second process may read (and
//! even write) while it runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, Transaction, TransactionBehavior, named_params};

use super::{
    Column, ColumnValue, Continuation, ETag, Entity, Key, Page, PartitionKey, Query, RowKey, Store, StoreError, Stored,
    Table, fit_together,
};
use base::clock::Clock;

/// The longest wait of an operation for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The `user_version` of a file of this form.
const FORM: i64 = 1;

/// Versions come from one counter that never goes back, so a row that was removed and stored again has another version.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entity (
        name TEXT NOT NULL, pk TEXT NOT NULL, rk TEXT NOT NULL,
        version INTEGER NOT NULL, changed INTEGER NOT NULL, columns TEXT NOT NULL,
        PRIMARY KEY (name, pk, rk)
    );
    CREATE TABLE IF NOT EXISTS counter (version INTEGER NOT NULL);
    INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counter);
    PRAGMA user_version = 1;";

/// A store in one file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    clock: Arc<dyn Clock>,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteStore {
    /// Opens the file, and makes it where it does not exist. Its folder must exist.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, or was made by a newer version of this program.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path).map_err(failed)?;
        prepare(&mut connection)?;
        Ok(Self { clock, connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs `work` in one transaction, away from the threads that serve requests. Rolls the transaction back if `work` fails.
    async fn transact<T: Send + 'static>(
        &self,
        behaviour: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = self.connection.clone();
        let run = move || {
            // A panic rolls its transaction back, so the connection can be used after one.
            let mut connection = connection.lock();
            let transaction = connection.transaction_with_behavior(behaviour).map_err(failed)?;
            let value = work(&transaction)?;
            transaction.commit().map_err(failed)?;
            Ok(value)
        };
        match tokio::task::spawn_blocking(run).await {
            Ok(result) => result,
            Err(stopped) => Err(StoreError::Unavailable(format!("the work on the database was stopped: {stopped}"))),
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Immediate, work).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Deferred, work).await
    }
}

fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let form: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    if form > FORM {
        return Err(StoreError::Refused(format!(
            "the database was made by a newer version of this program (form {form}, this one knows {FORM})"
        )));
    }
    transaction.execute_batch(SCHEMA).map_err(failed)?;
    transaction.commit().map_err(failed)
}

#[async_trait]
impl Store for SqliteStore {
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        entity.check_limits()?;
        let (entity, changed) = (entity.clone(), self.clock.now());
        self.write(move |transaction| insert(transaction, table, &entity, next_versions(transaction, 1)?, changed))
            .await
    }

    async fn insert_together(&self, table: Table, entities: &[Entity]) -> bool {
        if !fit_together(entities) {
            return false;
        }
        let (entities, changed) = (entities.to_vec(), self.clock.now());
        let insert_all = move |transaction: &Transaction<'_>| {
            let first = next_versions(transaction, entities.len())?;
            let mut versioned = entities.iter().zip(first..);
            versioned.try_for_each(|(entity, version)| insert(transaction, table, entity, version, changed).map(drop))
        };
        self.write(insert_all).await.is_ok()
    }

    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        entity.check_limits()?;
        let (entity, etag, changed) = (entity.clone(), etag.clone(), self.clock.now());
        self.write(move |transaction| {
            let version = next_versions(transaction, 1)?;
            let replaced = transaction
                .prepare_cached(
                    "UPDATE entity SET version = :version, changed = :changed, columns = :columns
                     WHERE name = :name AND pk = :pk AND rk = :rk AND CAST(version AS TEXT) = :etag",
                )
                .and_then(|mut statement| {
                    statement.execute(named_params! {
                        ":name": table.name(), ":pk": entity.key.partition.as_str(), ":rk": entity.key.row.as_str(),
                        ":version": version, ":changed": changed.timestamp_micros(), ":columns": to_text(&entity),
                        ":etag": etag.0,
                    })
                })
                .map_err(failed)?;
            if replaced == 0 { Err(StoreError::Changed(entity.key)) } else { Ok(ETag(version.to_string())) }
        })
        .await
    }

    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        let key = key.clone();
        self.read(move |transaction| {
            transaction
                .prepare_cached(
                    "SELECT pk, rk, version, changed, columns FROM entity WHERE name = ? AND pk = ? AND rk = ?",
                )
                .and_then(|mut statement| {
                    statement
                        .query_row((table.name(), key.partition.as_str(), key.row.as_str()), RawRow::read)
                        .optional()
                })
                .map_err(failed)?
                .map(|row| row.parse(&[]))
                .transpose()
        })
        .await
    }

    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        let (query, span) = (query.clone(), query.row_span()?);
        self.read(move |transaction| {
            let (from, to) = span.map_or((None, None), |span| (Some(span.start), Some(span.end)));
            let sql = format!(
                "SELECT pk, rk, version, changed, columns FROM entity
                 WHERE name = :name AND pk = :pk
                   AND rk > :after AND (:from IS NULL OR (rk >= :from AND rk < :to))
                   AND (:since IS NULL OR changed >= :since) AND (:before IS NULL OR changed < :before)
                   AND {}
                 ORDER BY rk LIMIT :limit",
                values_filter(&query.any_of)
            );
            let mut statement = transaction.prepare_cached(&sql).map_err(failed)?;
            let limit = query.page_size();
            let mut rows = statement
                .query_map(
                    named_params! {
                        ":name": table.name(), ":pk": query.partition.as_str(),
                        ":after": query.after.as_ref().map_or("", |after| after.0.as_str()),
                        ":from": from, ":to": to,
                        ":since": query.changed_since.map(|since| since.timestamp_micros()),
                        ":before": query.changed_before.map(|before| before.timestamp_micros()),
                        ":limit": i64::try_from(limit).unwrap_or(1_000) + 1,
                    },
                    RawRow::read,
                )
                .map_err(failed)?
                .map(|row| row.map_err(failed)?.parse(&query.columns))
                .collect::<Result<Vec<Stored>, StoreError>>()?;
            let more = rows.len() > limit;
            rows.truncate(limit);
            let next = rows.last().filter(|_| more).map(|last| Continuation(last.entity.key.row.to_string()));
            Ok(Page { rows, next })
        })
        .await
    }

    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        let (key, etag) = (key.clone(), etag.cloned());
        self.write(move |transaction| {
            let removed = transaction
                .execute(
                    "DELETE FROM entity WHERE name = ?1 AND pk = ?2 AND rk = ?3
                       AND (?4 IS NULL OR CAST(version AS TEXT) = ?4)",
                    (table.name(), key.partition.as_str(), key.row.as_str(), etag.as_ref().map(|etag| etag.0.as_str())),
                )
                .map_err(failed)?;
            if removed == 0 && etag.is_some() { Err(StoreError::Changed(key)) } else { Ok(()) }
        })
        .await
    }

    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        let (partition, rows) = (partition.clone(), rows.to_vec());
        self.write(move |transaction| {
            let mut statement = transaction
                .prepare_cached("DELETE FROM entity WHERE name = ? AND pk = ? AND rk = ?")
                .map_err(failed)?;
            for row in &rows {
                statement.execute((table.name(), partition.as_str(), row.as_str())).map_err(failed)?;
            }
            Ok(())
        })
        .await
    }
}

fn insert(
    transaction: &Transaction<'_>,
    table: Table,
    entity: &Entity,
    version: i64,
    changed: DateTime<Utc>,
) -> Result<ETag, StoreError> {
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO entity (name, pk, rk, version, changed, columns)
             VALUES (:name, :pk, :rk, :version, :changed, :columns) ON CONFLICT DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":name": table.name(), ":pk": entity.key.partition.as_str(), ":rk": entity.key.row.as_str(),
                ":version": version, ":changed": changed.timestamp_micros(), ":columns": to_text(entity),
            })
        })
        .map_err(failed)?;
    if inserted == 0 { Err(StoreError::Exists(entity.key.clone())) } else { Ok(ETag(version.to_string())) }
}

/// The condition for the values of text columns. They are letters and digits, so they can stand in it as they are.
fn values_filter(any_of: &[ColumnValue]) -> String {
    if any_of.is_empty() {
        return "TRUE".to_owned();
    }
    let values = any_of.iter().map(|wanted| format!("columns ->> '$.{}.Text' = '{}'", wanted.column, wanted.value));
    format!("({})", values.collect::<Vec<_>>().join(" OR "))
}

/// Takes versions for `rows` rows from the counter, and returns the first one.
fn next_versions(transaction: &Transaction<'_>, rows: usize) -> Result<i64, StoreError> {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    transaction
        .prepare_cached("UPDATE counter SET version = version + ?1 RETURNING version - ?1 + 1")
        .and_then(|mut statement| statement.query_row([rows], |row| row.get(0)))
        .map_err(failed)
}

#[expect(clippy::expect_used, reason = "a map of text to texts, numbers and truth values always has a JSON form")]
fn to_text(entity: &Entity) -> String {
    serde_json::to_string(entity.columns()).expect("columns have a JSON form")
}

/// A row as SQLite gives it, before it is known to be sound.
struct RawRow {
    partition: String,
    row: String,
    version: i64,
    changed: i64,
    columns: String,
}

impl RawRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            partition: row.get(0)?,
            row: row.get(1)?,
            version: row.get(2)?,
            changed: row.get(3)?,
            columns: row.get(4)?,
        })
    }

    /// Parses the row, and keeps the named columns; all of them if none is named.
    fn parse(self, names: &[String]) -> Result<Stored, StoreError> {
        let corrupt =
            |what: &dyn std::fmt::Display| StoreError::Corrupt(format!("{}/{}: {what}", self.partition, self.row));
        let partition = PartitionKey::parse(&self.partition).map_err(|error| corrupt(&error))?;
        let row = RowKey::parse(&self.row).map_err(|error| corrupt(&error))?;
        let columns: BTreeMap<String, Column> = serde_json::from_str(&self.columns).map_err(|error| corrupt(&error))?;
        let changed = DateTime::<Utc>::from_timestamp_micros(self.changed).ok_or_else(|| corrupt(&"no such time"))?;
        let mut entity = Entity::new(Key::new(partition, row));
        for (name, value) in columns {
            entity.set(name, value);
        }
        entity.keep_columns(names);
        Ok(Stored { entity, etag: ETag(self.version.to_string()), changed })
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, SystemIoFailure,
    };
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure | CannotOpen) => StoreError::Unavailable(text),
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Corrupt(text),
        _ => StoreError::Refused(text),
    }
}
