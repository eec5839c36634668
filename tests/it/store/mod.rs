//! Every store keeps the same promises: one suite runs over each of them.

mod concurrent;
mod queries;
mod rows;
mod sqlite;
mod texts;

use std::sync::Arc;

use base::clock::SystemClock;
use futures::StreamExt as _;
use table_store::{
    Entity, Key, MemoryStore, PartitionKey, Query, RowKey, SqliteStore, Store, StoreError, Table, list_all,
};
use tenantwatch::tables::COVERAGE;

const TABLE: Table = COVERAGE;

fn partition(name: &str) -> PartitionKey {
    PartitionKey::parse(name).unwrap()
}

fn row(name: &str) -> RowKey {
    RowKey::parse(name).unwrap()
}

fn key(partition_name: &str, row_name: &str) -> Key {
    Key::new(partition(partition_name), row(row_name))
}

fn entity(partition_name: &str, row_name: &str) -> Entity {
    let mut entity = Entity::new(key(partition_name, row_name));
    entity.set_text("Text", row_name);
    entity
}

async fn insert_all(store: &dyn Store, partition_name: &str, rows: impl IntoIterator<Item = String>) {
    let rows = rows.into_iter().map(|name| entity(partition_name, &name));
    let inserts: Vec<_> = rows.map(|entity| async move { store.insert(TABLE, &entity).await.map(drop) }).collect();
    // More connections at once than the service's queue of them has room for are closed by it.
    let outcomes: Vec<_> = futures::stream::iter(inserts).buffered(50).collect().await;
    outcomes.into_iter().collect::<Result<Vec<()>, StoreError>>().unwrap();
}

async fn names(store: &dyn Store, query: Query) -> Vec<String> {
    let rows = list_all(store, TABLE, query).await.unwrap();
    rows.into_iter().map(|stored| stored.entity.key.row.to_string()).collect()
}

/// Checks the guarantees that every store gives.
pub async fn conforms(store: Arc<dyn Store>) {
    let store = store.as_ref();
    rows::a_row_is_read_as_it_was_written(store).await;
    rows::long_and_strange_texts_come_back_whole(store).await;
    rows::a_second_insert_changes_nothing(store).await;
    rows::rows_together_are_all_stored_or_none(store).await;
    rows::only_the_current_version_is_replaced(store).await;
    rows::a_replace_removes_what_it_does_not_name(store).await;
    rows::deletes_ask_for_a_version_or_for_none(store).await;
    rows::a_row_that_was_stored_again_is_another_version(store).await;
    queries::pages_hold_every_row_once(store).await;
    queries::a_prefix_finds_its_rows_only(store).await;
    queries::only_older_rows_are_found(store).await;
    queries::only_newer_rows_are_found(store).await;
    queries::only_the_named_columns_are_read(store).await;
    queries::only_rows_with_a_wanted_value_are_found(store).await;
    rows::many_rows_are_removed_in_batches(store).await;
    rows::tables_and_partitions_are_apart(store).await;
    rows::what_no_service_takes_is_refused(store).await;
}

#[tokio::test]
async fn rows_in_memory_keep_every_promise() {
    conforms(Arc::new(MemoryStore::new(Arc::new(SystemClock)))).await;
}

#[tokio::test]
async fn rows_in_sqlite_keep_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    conforms(Arc::new(SqliteStore::open(&folder.path().join("rows.db"), Arc::new(SystemClock)).unwrap())).await;
}
