//! Writing: rows are stored whole, replaced in their current version, and removed.

use chrono::{DateTime, Utc};
use table_store::{Column, ETag, Entity, Query, RowKey, Store, StoreError, list_all};
use tenantwatch::tables::{COVERAGE, PROCESSED};

use super::{TABLE, entity, insert_all, key, names, partition, row};

pub async fn a_row_is_read_as_it_was_written(store: &dyn Store) {
    let mut written = Entity::new(key("types", "all"));
    let time: DateTime<Utc> = "2026-11-22T10:00:00.1234567Z".parse().unwrap();
    for (name, value) in [
        ("Text", Column::Text("text".to_owned())),
        ("Empty", Column::Text(String::new())),
        ("Number", Column::Int(i64::MIN)),
        ("Larger", Column::Int(i64::MAX)),
        ("True", Column::Bool(true)),
        ("False", Column::Bool(false)),
        ("Binary", Column::Binary((0..=255).collect())),
        ("NoBytes", Column::Binary(Vec::new())),
        ("FullBinary", Column::Binary(vec![7; 64 * 1024])),
        ("Time", Column::Time(time)),
        ("WholeSecond", Column::Time("1999-12-31T23:59:59Z".parse().unwrap())),
        ("LooksLikeTime", Column::Text("2026-11-22T10:00:00Z".to_owned())),
        ("LooksLikeNumber", Column::Text("9007199254740993".to_owned())),
    ] {
        written.set(name, value);
    }
    let etag = store.insert(TABLE, &written).await.unwrap();
    let read = store.get(TABLE, &written.key).await.unwrap().unwrap();
    assert_eq!(read.entity, written);
    assert_eq!(read.etag, etag);
    let listed = list_all(store, TABLE, Query::partition(partition("types"))).await.unwrap();
    assert_eq!(listed, [read]);
    assert_eq!(store.get(TABLE, &key("types", "absent")).await.unwrap(), None);
}

pub async fn long_and_strange_texts_come_back_whole(store: &dyn Store) {
    let strange = [
        "ünï-日本 'quoted' \"double\" \\ / # ? % & + ; , < > {} `${x}`".to_owned(),
        "\u{202e}right to left\u{200b}\u{feff}\u{0301}".to_owned(),
        "tab\tline\nreturn\r".to_owned(),
        "x' or PartitionKey ne '".to_owned(),
        "😀".repeat(15_000),
        "z".repeat(30_000),
    ];
    let whole = "a😀b".repeat(20_000);
    let mut written = Entity::new(key("texts", "strange"));
    for (at, text) in strange.iter().enumerate() {
        written.set_text(&format!("Text{at}"), text);
    }
    written.set_whole_text("Whole", &whole);
    store.insert(TABLE, &written).await.unwrap();
    let read = store.get(TABLE, &written.key).await.unwrap().unwrap().entity;
    for (at, text) in strange.iter().enumerate() {
        assert_eq!(read.text(&format!("Text{at}")), Some(text.as_str()));
    }
    assert_eq!(read.whole_text("Whole"), Some(whole));
    assert_eq!(read, written);
}

pub async fn a_second_insert_changes_nothing(store: &dyn Store) {
    let first = entity("insert", "row");
    let mut second = first.clone();
    second.set_text("Text", "second");
    store.insert(TABLE, &first).await.unwrap();
    let refused = store.insert(TABLE, &second).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Exists(key) if *key == first.key), "{refused:?}");
    assert_eq!(store.get(TABLE, &first.key).await.unwrap().unwrap().entity, first);
}

pub async fn rows_together_are_all_stored_or_none(store: &dyn Store) {
    let rows = |numbers: std::ops::Range<usize>| -> Vec<Entity> {
        numbers.map(|number| entity("together", &format!("row{number:03}"))).collect()
    };
    assert!(store.insert_together(TABLE, &rows(0..100)).await);
    let all = || names(store, Query::partition(partition("together")));
    assert_eq!(all().await.len(), 100);
    let read = store.get(TABLE, &key("together", "row042")).await.unwrap().unwrap();
    assert_eq!(read.entity, entity("together", "row042"));
    let mut other = entity("together", "row099");
    other.set_text("Text", "other");
    for refused in [
        [rows(100..150), vec![other]].concat(),
        [rows(100..110), rows(105..106)].concat(),
        [rows(100..110), vec![entity("apart", "row")]].concat(),
        rows(100..201),
        Vec::new(),
    ] {
        assert!(!store.insert_together(TABLE, &refused).await, "{} rows", refused.len());
        assert_eq!(all().await.len(), 100);
    }
    let mut large = rows(100..120);
    large.iter_mut().for_each(|entity| entity.set_whole_text("Whole", &"x".repeat(40_000)));
    assert!(!store.insert_together(TABLE, &large).await, "too many bytes for the service");
    let changed = store.replace(TABLE, &entity("together", "row042"), &read.etag).await;
    assert!(changed.is_ok(), "such a row has a version like any other");
}

pub async fn only_the_current_version_is_replaced(store: &dyn Store) {
    let mut entity = entity("replace", "row");
    let absent = store.replace(TABLE, &entity, &ETag("W/\"datetime'2020-01-01T00%3A00%3A00Z'\"".to_owned())).await;
    assert!(matches!(absent, Err(StoreError::Changed(_))), "{absent:?}");
    let first = store.insert(TABLE, &entity).await.unwrap();
    entity.set_text("Text", "second");
    let second = store.replace(TABLE, &entity, &first).await.unwrap();
    assert_ne!(first, second);
    let mut late = entity.clone();
    late.set_text("Text", "late");
    let stale = store.replace(TABLE, &late, &first).await;
    assert!(matches!(&stale, Err(StoreError::Changed(key)) if *key == entity.key), "{stale:?}");
    let read = store.get(TABLE, &entity.key).await.unwrap().unwrap();
    assert_eq!((read.entity, read.etag), (entity, second));
}

pub async fn a_replace_removes_what_it_does_not_name(store: &dyn Store) {
    let mut before = entity("shrink", "row");
    before.set_whole_text("Whole", &"x".repeat(70_000));
    let etag = store.insert(TABLE, &before).await.unwrap();
    let mut after = Entity::new(before.key.clone());
    after.set_whole_text("Whole", "short");
    store.replace(TABLE, &after, &etag).await.unwrap();
    let read = store.get(TABLE, &after.key).await.unwrap().unwrap().entity;
    assert_eq!(read, after);
    assert_eq!(read.whole_text("Whole").as_deref(), Some("short"));
}

pub async fn deletes_ask_for_a_version_or_for_none(store: &dyn Store) {
    let row = entity("delete", "row");
    let first = store.insert(TABLE, &row).await.unwrap();
    let second = store.replace(TABLE, &row, &first).await.unwrap();
    let stale = store.delete(TABLE, &row.key, Some(&first)).await;
    assert!(matches!(stale, Err(StoreError::Changed(_))), "{stale:?}");
    assert!(store.get(TABLE, &row.key).await.unwrap().is_some());
    store.delete(TABLE, &row.key, Some(&second)).await.unwrap();
    assert_eq!(store.get(TABLE, &row.key).await.unwrap(), None);
    let gone = store.delete(TABLE, &row.key, Some(&second)).await;
    assert!(matches!(gone, Err(StoreError::Changed(_))), "{gone:?}");
    store.delete(TABLE, &row.key, None).await.unwrap();
    store.insert(TABLE, &row).await.unwrap();
    store.delete(TABLE, &row.key, None).await.unwrap();
    assert_eq!(store.get(TABLE, &row.key).await.unwrap(), None);
}

pub async fn a_row_that_was_stored_again_is_another_version(store: &dyn Store) {
    let row = entity("again", "row");
    let first = store.insert(TABLE, &row).await.unwrap();
    store.delete(TABLE, &row.key, None).await.unwrap();
    store.insert(TABLE, &row).await.unwrap();
    let stale = store.replace(TABLE, &row, &first).await;
    assert!(matches!(stale, Err(StoreError::Changed(_))), "{stale:?}");
}

pub async fn many_rows_are_removed_in_batches(store: &dyn Store) {
    let all: Vec<String> = (0..230).map(|number| format!("r{number:04}")).collect();
    insert_all(store, "batch", all.iter().cloned()).await;
    let mut doomed: Vec<RowKey> = all[..225].iter().map(|name| row(name)).collect();
    // A row that is gone already must not save the others of its batch, nor must one that is named twice.
    store.delete(TABLE, &key("batch", "r0100"), None).await.unwrap();
    doomed.push(row("never-there"));
    doomed.push(row("r0000"));
    store.delete_many(TABLE, &partition("batch"), &doomed).await.unwrap();
    assert_eq!(names(store, Query::partition(partition("batch"))).await, all[225..]);
    store.delete_many(TABLE, &partition("batch"), &[]).await.unwrap();
}

pub async fn tables_and_partitions_are_apart(store: &dyn Store) {
    let here = entity("apart", "row");
    store.insert(COVERAGE, &here).await.unwrap();
    assert_eq!(store.get(PROCESSED, &here.key).await.unwrap(), None);
    assert_eq!(store.get(COVERAGE, &key("apart2", "row")).await.unwrap(), None);
    store.insert(PROCESSED, &here).await.unwrap();
    store.delete(COVERAGE, &here.key, None).await.unwrap();
    assert!(store.get(PROCESSED, &here.key).await.unwrap().is_some());
}

pub async fn what_no_service_takes_is_refused(store: &dyn Store) {
    let mut long = entity("limits", "text");
    long.set("Text", Column::Text("x".repeat(40_000)));
    let mut wide = entity("limits", "binary");
    wide.set("Binary", Column::Binary(vec![0; 64 * 1024 + 1]));
    let mut large = entity("limits", "row");
    large.set_whole_text("Whole", &"x".repeat(480_000));
    for entity in [long, wide, large] {
        let refused = store.insert(TABLE, &entity).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
        assert_eq!(store.get(TABLE, &entity.key).await.unwrap(), None);
    }
}
