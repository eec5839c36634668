//! Rows in this process's memory: for tests, and for work that leaves nothing behind.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use super::{
    Continuation, ETag, Entity, Key, Page, PartitionKey, Query, RowKey, Store, StoreError, Stored, Table, fit_together,
};
use base::clock::Clock;

/// A store that is forgotten when it is dropped.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    versions: u64,
    tables: BTreeMap<(Table, PartitionKey), BTreeMap<RowKey, Stored>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, rows: Mutex::default() }
    }
}

impl Rows {
    fn get(&self, table: Table, key: &Key) -> Option<&Stored> {
        self.tables.get(&(table, key.partition.clone()))?.get(&key.row)
    }

    fn has(&self, table: Table, key: &Key, etag: &ETag) -> bool {
        self.get(table, key).is_some_and(|stored| stored.etag == *etag)
    }

    fn put(&mut self, table: Table, entity: &Entity, changed: DateTime<Utc>) -> ETag {
        self.versions += 1;
        let etag = ETag(self.versions.to_string());
        let stored = Stored { entity: entity.clone(), etag: etag.clone(), changed };
        let partition = self.tables.entry((table, entity.key.partition.clone())).or_default();
        partition.insert(entity.key.row.clone(), stored);
        etag
    }

    fn remove(&mut self, table: Table, partition: &PartitionKey, row: &RowKey) {
        if let Some(rows) = self.tables.get_mut(&(table, partition.clone())) {
            rows.remove(row);
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        entity.check_limits()?;
        let mut rows = self.rows.lock();
        if rows.get(table, &entity.key).is_some() {
            return Err(StoreError::Exists(entity.key.clone()));
        }
        Ok(rows.put(table, entity, self.clock.now()))
    }

    async fn insert_together(&self, table: Table, entities: &[Entity]) -> bool {
        let mut rows = self.rows.lock();
        let are_new = fit_together(entities) && entities.iter().all(|entity| rows.get(table, &entity.key).is_none());
        if are_new {
            entities.iter().for_each(|entity| drop(rows.put(table, entity, self.clock.now())));
        }
        are_new
    }

    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        entity.check_limits()?;
        let mut rows = self.rows.lock();
        if !rows.has(table, &entity.key, etag) {
            return Err(StoreError::Changed(entity.key.clone()));
        }
        Ok(rows.put(table, entity, self.clock.now()))
    }

    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        Ok(self.rows.lock().get(table, key).cloned())
    }

    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        let span = query.row_span()?;
        let rows = self.rows.lock();
        let Some(partition) = rows.tables.get(&(table, query.partition.clone())) else {
            return Ok(Page::default());
        };
        let start = match &query.after {
            Some(Continuation(row)) => Bound::Excluded(RowKey::parse(row).map_err(|_| StoreError::unknown_page())?),
            None => Bound::Unbounded,
        };
        let mut wanted = partition.range((start, Bound::Unbounded)).filter(|(row, stored)| {
            span.as_ref().is_none_or(|span| (span.start.as_str()..span.end.as_str()).contains(&row.as_str()))
                && query.wants(stored)
        });
        let mut found: Vec<Stored> =
            wanted.by_ref().take(query.page_size()).map(|(_, stored)| stored.clone()).collect();
        let next = wanted.next().and(found.last()).map(|last| Continuation(last.entity.key.row.to_string()));
        found.iter_mut().for_each(|stored| stored.entity.keep_columns(&query.columns));
        Ok(Page { rows: found, next })
    }

    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        if etag.is_some_and(|etag| !rows.has(table, key, etag)) {
            return Err(StoreError::Changed(key.clone()));
        }
        rows.remove(table, &key.partition, &key.row);
        Ok(())
    }

    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        let mut stored = self.rows.lock();
        for row in rows {
            stored.remove(table, partition, row);
        }
        Ok(())
    }
}
