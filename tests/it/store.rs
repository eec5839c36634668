//! Every store keeps the same promises: one suite runs over each of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::clock::{Clock, SystemClock};
use chrono::{DateTime, TimeDelta, Utc};
use table_store::{
    Change, Column, ColumnValue, ETag, Entity, Key, MemoryStore, PartitionKey, Query, RowKey, SqliteStore, Store,
    StoreError, Table, list_all, parts_together, update, whole_text_columns,
};
use tenantwatch::tables::{COVERAGE, PROCESSED};

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
    let outcomes = futures::future::join_all(inserts).await;
    outcomes.into_iter().collect::<Result<Vec<()>, StoreError>>().unwrap();
}

async fn names(store: &dyn Store, query: Query) -> Vec<String> {
    let rows = list_all(store, TABLE, query).await.unwrap();
    rows.into_iter().map(|stored| stored.entity.key.row.to_string()).collect()
}

/// Checks the guarantees that every store gives.
pub async fn conforms(store: Arc<dyn Store>) {
    let store = store.as_ref();
    a_row_is_read_as_it_was_written(store).await;
    long_and_strange_texts_come_back_whole(store).await;
    a_second_insert_changes_nothing(store).await;
    rows_together_are_all_stored_or_none(store).await;
    only_the_current_version_is_replaced(store).await;
    a_replace_removes_what_it_does_not_name(store).await;
    deletes_ask_for_a_version_or_for_none(store).await;
    a_row_that_was_stored_again_is_another_version(store).await;
    pages_hold_every_row_once(store).await;
    a_prefix_finds_its_rows_only(store).await;
    only_older_rows_are_found(store).await;
    only_newer_rows_are_found(store).await;
    only_the_named_columns_are_read(store).await;
    only_rows_with_a_wanted_value_are_found(store).await;
    many_rows_are_removed_in_batches(store).await;
    tables_and_partitions_are_apart(store).await;
    what_no_service_takes_is_refused(store).await;
}

async fn a_row_is_read_as_it_was_written(store: &dyn Store) {
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

async fn long_and_strange_texts_come_back_whole(store: &dyn Store) {
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

async fn a_second_insert_changes_nothing(store: &dyn Store) {
    let first = entity("insert", "row");
    let mut second = first.clone();
    second.set_text("Text", "second");
    store.insert(TABLE, &first).await.unwrap();
    let refused = store.insert(TABLE, &second).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Exists(key) if *key == first.key), "{refused:?}");
    assert_eq!(store.get(TABLE, &first.key).await.unwrap().unwrap().entity, first);
}

async fn rows_together_are_all_stored_or_none(store: &dyn Store) {
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

#[test]
fn many_and_large_rows_are_divided_into_parts() {
    let rows = |sizes: &[usize]| -> Vec<Entity> {
        let row = |(number, size): (usize, &usize)| {
            let mut entity = entity("parts", &format!("row{number:03}"));
            entity.set_whole_text("Whole", &"x".repeat(*size));
            entity
        };
        sizes.iter().enumerate().map(row).collect()
    };
    let lengths = |rows: &[Entity]| parts_together(rows).iter().map(|part| part.len()).collect::<Vec<_>>();
    assert_eq!(lengths(&rows(&[1; 250])), [100, 100, 50]);
    assert_eq!(lengths(&rows(&[200_000, 200_000, 300_000, 10, 10])), [2, 3]);
    assert_eq!(lengths(&rows(&[600_000, 600_000])), [1, 1]);
    assert_eq!(lengths(&[]), [0; 0]);
}

async fn only_the_current_version_is_replaced(store: &dyn Store) {
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

async fn a_replace_removes_what_it_does_not_name(store: &dyn Store) {
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

async fn deletes_ask_for_a_version_or_for_none(store: &dyn Store) {
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

async fn a_row_that_was_stored_again_is_another_version(store: &dyn Store) {
    let row = entity("again", "row");
    let first = store.insert(TABLE, &row).await.unwrap();
    store.delete(TABLE, &row.key, None).await.unwrap();
    store.insert(TABLE, &row).await.unwrap();
    let stale = store.replace(TABLE, &row, &first).await;
    assert!(matches!(stale, Err(StoreError::Changed(_))), "{stale:?}");
}

async fn pages_hold_every_row_once(store: &dyn Store) {
    let all: Vec<String> = (0..1_050).map(|number| format!("r{number:04}")).collect();
    insert_all(store, "pages", all.iter().cloned()).await;
    let first = store.list(TABLE, &Query::partition(partition("pages"))).await.unwrap();
    assert!(first.rows.len() <= 1_000 && first.next.is_some(), "{} rows", first.rows.len());
    assert_eq!(names(store, Query::partition(partition("pages"))).await, all);

    let sevens = Query { limit: 7, ..Query::partition(partition("pages")).with_prefix("r000") };
    assert_eq!(store.list(TABLE, &sevens).await.unwrap().rows.len(), 7);
    assert_eq!(names(store, sevens).await, all[..10]);
}

async fn a_prefix_finds_its_rows_only(store: &dyn Store) {
    let rows = ["owed", "owed_", "owed_1", "owed_zz", "owedz", "owe", "seen_1", "owed-1", "owed.1"];
    insert_all(store, "prefix", rows.map(str::to_owned)).await;
    let found = names(store, Query::partition(partition("prefix")).with_prefix("owed_")).await;
    assert_eq!(found, ["owed_", "owed_1", "owed_zz"]);
    let none = names(store, Query::partition(partition("prefix")).with_prefix("pending_")).await;
    assert_eq!(none, Vec::<String>::new());
    let hostile = store.list(TABLE, &Query::partition(partition("prefix")).with_prefix("x' or RowKey ne '")).await;
    assert!(matches!(hostile, Err(StoreError::Refused(_))), "{hostile:?}");
}

async fn only_older_rows_are_found(store: &dyn Store) {
    insert_all(store, "age", ["row".to_owned()]).await;
    let changed = store.get(TABLE, &key("age", "row")).await.unwrap().unwrap().changed;
    let before = |time| Query::partition(partition("age")).changed_before(time);
    assert_eq!(names(store, before(changed - TimeDelta::seconds(1))).await, Vec::<String>::new());
    assert_eq!(names(store, before(changed + TimeDelta::seconds(1))).await, ["row"]);
}

async fn only_newer_rows_are_found(store: &dyn Store) {
    insert_all(store, "newer", ["row".to_owned()]).await;
    let changed = store.get(TABLE, &key("newer", "row")).await.unwrap().unwrap().changed;
    let since = |time| Query::partition(partition("newer")).changed_since(time);
    assert_eq!(names(store, since(changed + TimeDelta::seconds(1))).await, Vec::<String>::new());
    assert_eq!(names(store, since(changed - TimeDelta::seconds(1))).await, ["row"]);
}

async fn only_the_named_columns_are_read(store: &dyn Store) {
    let mut written = entity("columns", "row");
    written.set_whole_text("Whole", &"w".repeat(70_000));
    written.set_text("Large", &"l".repeat(30_000));
    written.set("Number", Column::Int(7));
    store.insert(TABLE, &written).await.unwrap();
    let query = |names: Vec<String>| Query::partition(partition("columns")).with_columns(names);
    let read = list_all(store, TABLE, query(vec!["Number".to_owned(), "Absent".to_owned()])).await.unwrap();
    let columns: Vec<&String> = read[0].entity.columns().keys().collect();
    assert_eq!(columns, ["Number"]);
    assert_eq!(read[0].entity.key, written.key);
    let whole = list_all(store, TABLE, query(whole_text_columns("Whole"))).await.unwrap();
    assert_eq!(whole[0].entity.whole_text("Whole"), written.whole_text("Whole"));
    assert_eq!(whole[0].entity.text("Large"), None);
}

async fn only_rows_with_a_wanted_value_are_found(store: &dyn Store) {
    for (name, threat, kind) in [("a", "True", "InboxRule"), ("b", "False", "Consent"), ("c", "False", "InboxRule")] {
        let mut written = entity("values", name);
        written.set_text("Threat", threat);
        written.set_text("Type", kind);
        store.insert(TABLE, &written).await.unwrap();
    }
    insert_all(store, "values", ["d".to_owned()]).await;
    let wanted = [ColumnValue::new("Threat", "True"), ColumnValue::new("Type", "Consent")];
    let query = Query::partition(partition("values")).where_any_of(wanted);
    assert_eq!(names(store, query).await, ["a", "b"]);
}

async fn many_rows_are_removed_in_batches(store: &dyn Store) {
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

async fn tables_and_partitions_are_apart(store: &dyn Store) {
    let here = entity("apart", "row");
    store.insert(COVERAGE, &here).await.unwrap();
    assert_eq!(store.get(PROCESSED, &here.key).await.unwrap(), None);
    assert_eq!(store.get(COVERAGE, &key("apart2", "row")).await.unwrap(), None);
    store.insert(PROCESSED, &here).await.unwrap();
    store.delete(COVERAGE, &here.key, None).await.unwrap();
    assert!(store.get(PROCESSED, &here.key).await.unwrap().is_some());
}

async fn what_no_service_takes_is_refused(store: &dyn Store) {
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

#[tokio::test]
async fn rows_in_memory_keep_every_promise() {
    conforms(Arc::new(MemoryStore::new(Arc::new(SystemClock)))).await;
}

#[tokio::test]
async fn rows_in_sqlite_keep_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    conforms(Arc::new(SqliteStore::open(&folder.path().join("rows.db"), Arc::new(SystemClock)).unwrap())).await;
}

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

#[test]
fn no_text_that_could_reach_into_a_request_becomes_a_key() {
    let hostile = [
        "o'brien",
        "x',RowKey='y",
        "a/b",
        "a\\b",
        "a#b",
        "a?b",
        "a%2Fb",
        "a b",
        "A",
        "ü",
        "",
        "a\n",
        "a\u{0}",
        "a+b",
        "a(b)",
    ];
    for text in hostile {
        assert!(PartitionKey::parse(text).is_err(), "{text:?}");
        assert!(RowKey::parse(text).is_err(), "{text:?}");
    }
    assert!(RowKey::parse(&"a".repeat(256)).is_err());
    assert!(RowKey::parse(&"a".repeat(255)).is_ok());
}

#[test]
fn a_text_is_cut_between_characters_and_says_so() {
    let mut entity = Entity::new(key("p", "r"));
    entity.set_text("Text", &"😀".repeat(20_000));
    let text = entity.text("Text").unwrap();
    assert!(text.ends_with(" … [cut]"));
    assert!(text.encode_utf16().count() <= 30_000);
    let kept: BTreeSet<char> = text.trim_end_matches(" … [cut]").chars().collect();
    assert_eq!(kept, BTreeSet::from(['😀']));
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
