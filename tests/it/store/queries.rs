//! Lists: every row once, by prefix, time, column or value.

use chrono::TimeDelta;
use table_store::{Column, ColumnValue, Query, Store, StoreError, list_all, whole_text_columns};

use super::{TABLE, entity, insert_all, key, names, partition};

pub async fn pages_hold_every_row_once(store: &dyn Store) {
    let all: Vec<String> = (0..1_050).map(|number| format!("r{number:04}")).collect();
    insert_all(store, "pages", all.iter().cloned()).await;
    let first = store.list(TABLE, &Query::partition(partition("pages"))).await.unwrap();
    assert!(first.rows.len() <= 1_000 && first.next.is_some(), "{} rows", first.rows.len());
    assert_eq!(names(store, Query::partition(partition("pages"))).await, all);

    let sevens = Query { limit: 7, ..Query::partition(partition("pages")).with_prefix("r000") };
    assert_eq!(store.list(TABLE, &sevens).await.unwrap().rows.len(), 7);
    assert_eq!(names(store, sevens).await, all[..10]);
}

pub async fn a_prefix_finds_its_rows_only(store: &dyn Store) {
    let rows = ["owed", "owed_", "owed_1", "owed_zz", "owedz", "owe", "seen_1", "owed-1", "owed.1"];
    insert_all(store, "prefix", rows.map(str::to_owned)).await;
    let found = names(store, Query::partition(partition("prefix")).with_prefix("owed_")).await;
    assert_eq!(found, ["owed_", "owed_1", "owed_zz"]);
    let none = names(store, Query::partition(partition("prefix")).with_prefix("pending_")).await;
    assert_eq!(none, Vec::<String>::new());
    let hostile = store.list(TABLE, &Query::partition(partition("prefix")).with_prefix("x' or RowKey ne '")).await;
    assert!(matches!(hostile, Err(StoreError::Refused(_))), "{hostile:?}");
}

pub async fn only_older_rows_are_found(store: &dyn Store) {
    insert_all(store, "age", ["row".to_owned()]).await;
    let changed = store.get(TABLE, &key("age", "row")).await.unwrap().unwrap().changed;
    let before = |time| Query::partition(partition("age")).changed_before(time);
    assert_eq!(names(store, before(changed - TimeDelta::seconds(1))).await, Vec::<String>::new());
    assert_eq!(names(store, before(changed + TimeDelta::seconds(1))).await, ["row"]);
}

pub async fn only_newer_rows_are_found(store: &dyn Store) {
    insert_all(store, "newer", ["row".to_owned()]).await;
    let changed = store.get(TABLE, &key("newer", "row")).await.unwrap().unwrap().changed;
    let since = |time| Query::partition(partition("newer")).changed_since(time);
    assert_eq!(names(store, since(changed + TimeDelta::seconds(1))).await, Vec::<String>::new());
    assert_eq!(names(store, since(changed - TimeDelta::seconds(1))).await, ["row"]);
}

pub async fn only_the_named_columns_are_read(store: &dyn Store) {
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

pub async fn only_rows_with_a_wanted_value_are_found(store: &dyn Store) {
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
