//! A store in memory that counts its operations and fails where a test says so.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::StillClock;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use table_store::{
    Continuation, ETag, Entity, Key, MemoryStore, Page, PartitionKey, Query, RowKey, Store, StoreError, Stored, Table,
};

/// An operation of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Insert,
    InsertTogether,
    Replace,
    Get,
    List,
    Delete,
}

/// The way in which one operation fails, like a 503 of table storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The operation has no effect.
    BeforeEffect,
    /// The operation has its effect, and only its answer is lost.
    AfterEffect,
}

/// A failure that is still to come.
#[derive(Debug)]
struct Planned {
    operation: Operation,
    row_prefix: String,
    failure: Failure,
    times: usize,
}

/// A store that counts its operations.
#[derive(Debug)]
pub struct CountingStore {
    pub(super) inner: MemoryStore,
    operations: AtomicUsize,
    listed: AtomicUsize,
    /// After this number of operations the store is gone, as it is for a run that is killed there.
    gone_after: AtomicUsize,
    planned: Mutex<Vec<Planned>>,
    /// The number of an operation that fails, and how.
    single: Mutex<Option<(usize, Failure)>>,
    /// Listings begin with an empty page, as those of table storage may.
    begins_empty: Mutex<bool>,
    /// Others run between an operation and its answer.
    lets_others_run: AtomicBool,
    /// The partitions of which the next two listings wait for each other, by the beginning of their key.
    meeting: Mutex<Option<(String, usize)>>,
    barrier: tokio::sync::Barrier,
    written: Mutex<Vec<(Operation, Key)>>,
    clock: Arc<StillClock>,
    /// The error of the store's own clock, if it has one.
    clock_error: Mutex<Option<TimeDelta>>,
}

/// The continuation of the empty first page.
const EMPTY_PAGE: &str = "empty-first-page";

impl CountingStore {
    pub fn new(clock: Arc<StillClock>) -> Self {
        Self {
            inner: MemoryStore::new(clock.clone()),
            clock,
            clock_error: Mutex::default(),
            operations: AtomicUsize::new(0),
            listed: AtomicUsize::new(0),
            gone_after: AtomicUsize::new(usize::MAX),
            planned: Mutex::default(),
            single: Mutex::default(),
            begins_empty: Mutex::default(),
            lets_others_run: AtomicBool::new(false),
            meeting: Mutex::default(),
            barrier: tokio::sync::Barrier::new(2),
            written: Mutex::default(),
        }
    }

    /// Returns the number of operations since this was last called.
    pub fn take_operations(&self) -> usize {
        self.operations.swap(0, Ordering::Relaxed)
    }

    /// Returns the number of rows that listings have returned since this was last called.
    pub fn take_listed(&self) -> usize {
        self.listed.swap(0, Ordering::Relaxed)
    }

    /// Lets the store fail after this number of operations, or not any more.
    pub fn lose_after(&self, operations: Option<usize>) {
        self.operations.store(0, Ordering::Relaxed);
        self.gone_after.store(operations.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// Lets the next operations of one kind fail whose row key begins with `row_prefix`.
    pub fn fail(&self, operation: Operation, row_prefix: &str, failure: Failure, times: usize) {
        let planned = Planned { operation, row_prefix: row_prefix.to_owned(), failure, times };
        self.planned.lock().unwrap().push(planned);
    }

    /// Lets one operation fail: the one after this number of others.
    pub fn fail_after(&self, operations: usize, failure: Failure) {
        self.operations.store(0, Ordering::Relaxed);
        *self.single.lock().unwrap() = Some((operations, failure));
    }

    /// Returns whether every planned failure has happened.
    pub fn has_failed_as_planned(&self) -> bool {
        self.single.lock().unwrap().is_none() && self.planned.lock().unwrap().iter().all(|planned| planned.times == 0)
    }

    /// Lets others run before and after each operation, as every store over a network does. Otherwise nothing comes between what one
    /// future reads and what it writes.
    pub fn let_others_run(&self) {
        self.lets_others_run.store(true, Ordering::Relaxed);
    }

    async fn pause(&self) {
        if self.lets_others_run.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }

    pub fn begin_listings_with_an_empty_page(&self) {
        *self.begins_empty.lock().unwrap() = true;
    }

    /// Lets the next two listings of partitions with this prefix see the rows of the same moment: neither goes on before both have read.
    pub fn let_two_listings_meet(&self, partition_prefix: &str) {
        *self.meeting.lock().unwrap() = Some((partition_prefix.to_owned(), 2));
    }

    /// Waits if a listing of this partition has to meet another one.
    async fn meet(&self, partition: &PartitionKey) {
        let has_to_wait = self.meeting.lock().unwrap().as_mut().is_some_and(|(prefix, left)| {
            let meets = *left > 0 && partition.as_str().starts_with(prefix.as_str());
            *left -= usize::from(meets);
            meets
        });
        if has_to_wait {
            self.barrier.wait().await;
        }
    }

    /// Gives the store a clock of its own, as table storage has, which is wrong by `error`.
    pub fn set_clock_error(&self, error: TimeDelta) {
        *self.clock_error.lock().unwrap() = Some(error);
    }

    /// Returns the keys of all rows that were inserted or replaced, in order.
    pub fn written(&self) -> Vec<(Operation, Key)> {
        self.written.lock().unwrap().clone()
    }

    fn unavailable() -> StoreError {
        StoreError::Unavailable("503 ServerBusy".to_owned())
    }

    fn planned(&self, operation: Operation, row: &str) -> Option<Failure> {
        let mut planned = self.planned.lock().unwrap();
        let fits = |planned: &&mut Planned| {
            planned.operation == operation && planned.times > 0 && row.starts_with(&planned.row_prefix)
        };
        let next = planned.iter_mut().find(fits)?;
        next.times -= 1;
        Some(next.failure)
    }

    /// Does one operation, with the failure that is planned for it.
    async fn operate<T>(
        &self,
        operation: Operation,
        row: &str,
        effect: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let before = self.operations.fetch_add(1, Ordering::Relaxed);
        if before >= self.gone_after.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("gone".to_owned()));
        }
        let single = self.single.lock().unwrap().take_if(|(number, _)| *number == before).map(|(_, failure)| failure);
        self.pause().await;
        let done = match single.or_else(|| self.planned(operation, row)) {
            Some(Failure::BeforeEffect) => Err(Self::unavailable()),
            Some(Failure::AfterEffect) => effect.await.and_then(|_| Err(Self::unavailable())),
            None => effect.await,
        };
        self.pause().await;
        done
    }

    fn note_written(&self, operation: Operation, key: &Key) {
        self.written.lock().unwrap().push((operation, key.clone()));
    }

    async fn page(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        let is_empty_page = |after: &Continuation| after.0 == EMPTY_PAGE;
        if query.after.as_ref().is_some_and(is_empty_page) {
            return self.inner.list(table, &Query { after: None, ..query.clone() }).await;
        }
        if query.after.is_none() && *self.begins_empty.lock().unwrap() {
            return Ok(Page { rows: Vec::new(), next: Some(Continuation(EMPTY_PAGE.to_owned())) });
        }
        self.inner.list(table, query).await
    }
}

#[async_trait]
impl Store for CountingStore {
    fn service_time(&self) -> Option<DateTime<Utc>> {
        self.clock_error.lock().unwrap().map(|error| self.clock.right_time() + error)
    }
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        self.note_written(Operation::Insert, &entity.key);
        let effect = self.inner.insert(table, entity);
        self.operate(Operation::Insert, entity.key.row.as_str(), effect).await
    }
    async fn insert_together(&self, table: Table, entities: &[Entity]) -> bool {
        entities.iter().for_each(|entity| self.note_written(Operation::InsertTogether, &entity.key));
        let effect = async { Ok(self.inner.insert_together(table, entities).await) };
        self.operate(Operation::InsertTogether, "", effect).await.unwrap_or_default()
    }
    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        self.note_written(Operation::Replace, &entity.key);
        let effect = self.inner.replace(table, entity, etag);
        self.operate(Operation::Replace, entity.key.row.as_str(), effect).await
    }
    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.operate(Operation::Get, key.row.as_str(), self.inner.get(table, key)).await
    }
    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        let prefix = query.row_prefix.clone().unwrap_or_default();
        let page = self.operate(Operation::List, &prefix, self.page(table, query)).await?;
        self.listed.fetch_add(page.rows.len(), Ordering::Relaxed);
        self.meet(&query.partition).await;
        Ok(page)
    }
    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        self.operate(Operation::Delete, key.row.as_str(), self.inner.delete(table, key, etag)).await
    }
    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        self.operate(Operation::Delete, "", self.inner.delete_many(table, partition, rows)).await
    }
}
