//! A row is claimed once, also if the answer of the store is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use base::ids::RunId;
use chrono::TimeDelta;
use table_store::{
    ETag, Entity, Key, MemoryStore, Page, PartitionKey, Query, RowKey, Store, StoreError, Stored, Table,
};
use tenantwatch::tables::claim::{self, Claimed, TakenOver};
use tenantwatch::tables::{PROCESSED, ProcessedRow, load, save};

use super::row_fixture::{finding, store};

/// A store that does what it is asked and, once, says that it cannot be reached.
#[derive(Debug)]
struct LosesOneAnswer {
    inner: Arc<MemoryStore>,
    lose: AtomicBool,
}

impl LosesOneAnswer {
    fn over(inner: &Arc<MemoryStore>) -> Self {
        Self { inner: inner.clone(), lose: AtomicBool::new(true) }
    }

    fn answer<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.lose.swap(false, Ordering::SeqCst) { Err(StoreError::Unavailable("lost".to_owned())) } else { answer }
    }
}

#[async_trait]
impl Store for LosesOneAnswer {
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        self.answer(self.inner.insert(table, entity).await)
    }

    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        self.answer(self.inner.replace(table, entity, etag).await)
    }

    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.inner.get(table, key).await
    }

    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        self.inner.list(table, query).await
    }

    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        self.inner.delete(table, key, etag).await
    }

    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        self.inner.delete_many(table, partition, rows).await
    }
}

#[tokio::test]
async fn a_row_is_claimed_by_whoever_inserts_it_first() {
    let store = store();
    let (first, second) = (finding(), finding());
    let ours = claim::insert(store.as_ref(), PROCESSED, &first.to_entity()).await.unwrap();
    assert!(matches!(ours, Claimed::Ours(_)));
    let theirs = claim::insert(store.as_ref(), PROCESSED, &second.to_entity()).await.unwrap();
    let Claimed::Theirs(stored) = theirs else { panic!("{theirs:?}") };
    assert_eq!(ProcessedRow::from_stored(&stored).unwrap().0.claim_id, first.claim_id);
}

#[tokio::test]
async fn an_insert_whose_answer_was_lost_is_known_again_by_its_claim() {
    let inner = store();
    let row = finding();
    let claimed = claim::insert(&LosesOneAnswer::over(&inner), PROCESSED, &row.to_entity()).await.unwrap();
    let (_, etag) = load::<ProcessedRow>(inner.as_ref(), &row.key()).await.unwrap().unwrap();
    assert_eq!(claimed, Claimed::Ours(etag));
    let again = claim::insert(inner.as_ref(), PROCESSED, &row.to_entity()).await.unwrap();
    assert!(matches!(again, Claimed::Ours(_)));
}

#[tokio::test]
async fn a_claim_can_be_taken_over_when_it_has_run_out_and_not_before() {
    let store = store();
    let row = finding();
    let etag = save(store.as_ref(), &row, None).await.unwrap();
    let until = row.next_attempt.unwrap();
    let early = until - TimeDelta::seconds(1);
    let taken =
        claim::take_over(store.as_ref(), &row, &etag, RunId::random(), early, claim::CLAIM_HOLDS).await.unwrap();
    assert_eq!(taken, TakenOver::NotYet(until));

    let claim_id = RunId::random();
    let taken = claim::take_over(store.as_ref(), &row, &etag, claim_id, until, claim::CLAIM_HOLDS).await.unwrap();
    let TakenOver::Ours(ours, ours_etag) = taken else { panic!("{taken:?}") };
    let stored = load::<ProcessedRow>(store.as_ref(), &row.key()).await.unwrap().unwrap();
    assert_eq!(stored, (*ours.clone(), ours_etag));
    assert_eq!((ours.claim_id, ours.attempts), (claim_id, row.attempts + 1));
    assert_eq!(ours.next_attempt, Some(until + TimeDelta::minutes(15)));
    assert_eq!(ours.notified, row.notified);

    let late = claim::take_over(store.as_ref(), &row, &etag, RunId::random(), until, claim::CLAIM_HOLDS).await.unwrap();
    assert_eq!(late, TakenOver::Theirs);
}

#[tokio::test]
async fn a_take_over_whose_answer_was_lost_is_ours() {
    let inner = store();
    let row = finding();
    let etag = save(inner.as_ref(), &row, None).await.unwrap();
    let now = row.next_attempt.unwrap();
    let taken = claim::take_over(&LosesOneAnswer::over(&inner), &row, &etag, RunId::random(), now, claim::CLAIM_HOLDS)
        .await
        .unwrap();
    assert!(matches!(taken, TakenOver::Ours(..)), "{taken:?}");
}
