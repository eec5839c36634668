//! Files of SQLite.

use std::sync::Arc;

use base::clock::SystemClock;
use table_store::{SqliteStore, StoreError};

use super::{TABLE, entity, key};
use table_store::Store as _;

#[tokio::test]
async fn second_opener_of_an_sqlite_file_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.db");
    let first = SqliteStore::open(&path, Arc::new(SystemClock)).unwrap();
    let etag = first.insert(TABLE, &entity("p", "r")).await.unwrap();
    let second = SqliteStore::open(&path, Arc::new(SystemClock)).unwrap();
    assert_eq!(second.get(TABLE, &key("p", "r")).await.unwrap().unwrap().etag, etag);
    let newer = second.replace(TABLE, &entity("p", "r"), &etag).await.unwrap();
    assert!(matches!(first.replace(TABLE, &entity("p", "r"), &etag).await, Err(StoreError::Changed(_))));
    drop((first, second));
    let third = SqliteStore::open(&path, Arc::new(SystemClock)).unwrap();
    assert_eq!(third.get(TABLE, &key("p", "r")).await.unwrap().unwrap().etag, newer);
}

#[test]
fn a_file_that_is_no_database_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.db");
    std::fs::write(&path, "this is no database, but a long enough text to be read as the head of one".repeat(20))
        .unwrap();
    let error = SqliteStore::open(&path, Arc::new(SystemClock)).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
}
