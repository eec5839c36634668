//! The store of the fixture: it counts, stops and loses.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base::clock::Clock;
use table_store::{
    ETag, Entity, Key, MemoryStore, Page, PartitionKey, Query, RowKey, Store, StoreError, Stored, Table,
};

/// A store that can be lost, and in which a run can come to a stop for ever, as one does that is killed there.
#[derive(Debug)]
pub struct TestStore {
    pub inner: MemoryStore,
    pub(super) reads: AtomicUsize,
    pub(super) writes: AtomicUsize,
    /// Number of writes that are carried out. The next one has no effect and never returns.
    pub(super) stop_after: AtomicUsize,
    /// Number of requests (reads and writes) that are carried out. The next one has no effect and never returns.
    pub(super) stop_after_requests: AtomicUsize,
    pub(super) requests: AtomicUsize,
    /// Number of reads that succeed. All later ones fail.
    pub(super) lose_reads_after: AtomicUsize,
    /// Number of writes that succeed. All later ones fail.
    pub(super) lose_writes_after: AtomicUsize,
    pub stopped: tokio::sync::Notify,
    /// The listings that were asked for.
    pub(super) lists: Mutex<Vec<Query>>,
    /// The locks that were taken, in order.
    pub(super) locks: Mutex<Vec<String>>,
    /// True if a run waits for `go_on` as soon as it has a lock.
    pub waits_with_a_lock: AtomicBool,
    pub has_lock: tokio::sync::Notify,
    pub go_on: tokio::sync::Notify,
}

impl TestStore {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: MemoryStore::new(clock),
            reads: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            stop_after: AtomicUsize::new(usize::MAX),
            stop_after_requests: AtomicUsize::new(usize::MAX),
            requests: AtomicUsize::new(0),
            lose_reads_after: AtomicUsize::new(usize::MAX),
            lose_writes_after: AtomicUsize::new(usize::MAX),
            stopped: tokio::sync::Notify::new(),
            lists: Mutex::default(),
            locks: Mutex::default(),
            waits_with_a_lock: AtomicBool::new(false),
            has_lock: tokio::sync::Notify::new(),
            go_on: tokio::sync::Notify::new(),
        }
    }

    fn lost() -> StoreError {
        StoreError::Unavailable("gone".to_owned())
    }

    async fn count(&self) {
        let before = self.requests.fetch_add(1, Ordering::SeqCst);
        if before >= self.stop_after_requests.load(Ordering::SeqCst) {
            self.stopped.notify_one();
            std::future::pending::<()>().await;
        }
    }

    async fn read(&self) -> Result<(), StoreError> {
        self.count().await;
        let before = self.reads.fetch_add(1, Ordering::SeqCst);
        if before >= self.lose_reads_after.load(Ordering::SeqCst) { Err(Self::lost()) } else { Ok(()) }
    }

    async fn write(&self) -> Result<(), StoreError> {
        self.count().await;
        let before = self.writes.fetch_add(1, Ordering::SeqCst);
        if before >= self.stop_after.load(Ordering::SeqCst) {
            self.stopped.notify_one();
            std::future::pending::<()>().await;
        }
        if before >= self.lose_writes_after.load(Ordering::SeqCst) { Err(Self::lost()) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for TestStore {
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        self.write().await?;
        let stored = self.inner.insert(table, entity).await;
        let row = entity.key.row.as_str();
        if row.starts_with("lock_") && stored.is_ok() {
            self.locks.lock().unwrap().push(row.to_owned());
            if self.waits_with_a_lock.swap(false, Ordering::SeqCst) {
                self.has_lock.notify_one();
                self.go_on.notified().await;
            }
        }
        stored
    }
    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        self.write().await?;
        self.inner.replace(table, entity, etag).await
    }
    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.read().await?;
        self.inner.get(table, key).await
    }
    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        self.lists.lock().unwrap().push(query.clone());
        self.read().await?;
        self.inner.list(table, query).await
    }
    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        self.write().await?;
        self.inner.delete(table, key, etag).await
    }
    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        self.write().await?;
        self.inner.delete_many(table, partition, rows).await
    }
}
