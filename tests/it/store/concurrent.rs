//! Many writers of one row.

use std::sync::Arc;

use base::clock::{Clock, SystemClock};
use table_store::{Change, Column, Entity, MemoryStore, SqliteStore, Store, StoreError, update};

use super::{TABLE, entity, key};

#[tokio::test]
async fn one_of_many_concurrent_replacements_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock);
    let stores: [Arc<dyn Store>; 2] = [
        Arc::new(MemoryStore::new(clock.clone())),
        Arc::new(SqliteStore::open(&folder.path().join("rows.db"), clock).unwrap()),
    ];
    for store in stores {
        let row = entity("race", "row");
        let etag = store.insert(TABLE, &row).await.unwrap();
        let outcomes = futures::future::join_all((0..20).map(|_| store.replace(TABLE, &row, &etag))).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{store:?}");
    }
}

#[tokio::test]
async fn concurrent_updates_of_one_row_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let stores: [Arc<dyn Store>; 2] = [
        Arc::new(MemoryStore::new(Arc::clone(&clock))),
        Arc::new(SqliteStore::open(&folder.path().join("rows.db"), Arc::clone(&clock)).unwrap()),
    ];
    for store in stores {
        let key = key("update", "row");
        let add_one = |stored: Option<&table_store::Stored>| {
            let count = stored.and_then(|stored| stored.entity.int("Count")).unwrap_or(0);
            let mut changed = Entity::new(key.clone());
            changed.set("Count", Column::Int(count + 1));
            Ok(Change::Write(changed, ()))
        };
        let updates = (0..5).map(|_| update(store.as_ref(), &clock, TABLE, &key, add_one));
        let outcomes: Result<Vec<()>, StoreError> = futures::future::join_all(updates).await.into_iter().collect();
        outcomes.unwrap();
        let stored = store.get(TABLE, &key).await.unwrap().unwrap();
        assert_eq!(stored.entity.int("Count"), Some(5), "{store:?}");
    }
}
