//! Can write the tables: turns no signed press on another account or tenant, and keeps no press from its work.

use chrono::TimeDelta;
use serde_json::json;
use table_store::{Column, PartitionKey, Query, list_all};
use tenantwatch::notify::token::Scope;
use tenantwatch::tables::{ACTIONS, ProcessedRow, TableRow as _};
use uuid::Uuid;

use crate::remediation::remediation_fixture::{BOB, Ward};

const KEY: &str = "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=";
const HARRY: &str = "harry@contoso.com";

#[tokio::test]
async fn changed_row_turns_no_card_on_another_account() {
    type Change = fn(&mut ProcessedRow);
    let changes: [(&str, Change); 3] = [
        ("actor", |row| row.actor = HARRY.to_owned()),
        ("owner", |row| {
            row.actor = row.source_mailbox.clone();
            row.source_mailbox = HARRY.to_owned();
        }),
        ("tenant", |row| row.tenant_id = Uuid::from_u128(0xfab).to_string().parse().unwrap()),
    ];
    for (name, change) in changes {
        let ward = Ward::open_with(&[("ACTION_KEY", KEY)]).await;
        let token = ward.token(Scope::Act, TimeDelta::hours(1));
        let mut row = ward.threat.clone();
        change(&mut row);
        ward.overwrite(ProcessedRow::TABLE, &row.to_entity()).await;
        let answer = ward.press(json!({ "Token": token })).await;
        assert_eq!(answer.status, 403, "{name}: {:#}", answer.body);
        assert_eq!(ward.changes(), 0, "{name}");
        assert!(ward.user(BOB).account_enabled && ward.user(HARRY).account_enabled, "{name}");
    }
}

#[tokio::test]
async fn lock_without_an_end_is_taken_over_after_a_minute() {
    let ward = Ward::open_with(&[("ACTION_KEY", KEY)]).await;
    let token = ward.token(Scope::Act, TimeDelta::hours(1));
    ward.press(json!({ "Token": token, "Action": "Preview" })).await;
    ward.stop_after(Some(1));
    tokio::select! {
        _ = ward.press(json!({ "Token": token })) => panic!("it should have stopped"),
        () = ward.store.stopped.notified() => ward.stop_after(None),
    }
    let locks = Query::partition(PartitionKey::domain(&ward.threat.domain)).with_prefix("lock_");
    for mut lock in list_all(&ward.store.inner, ACTIONS, locks).await.unwrap() {
        lock.entity.set("LeasedUntil", Column::Time("9999-12-31T23:59:59Z".parse().unwrap()));
        ward.overwrite(ACTIONS, &lock.entity).await;
    }
    assert_eq!(ward.press(json!({ "Token": token })).await.status, 409);
    ward.wait(TimeDelta::seconds(61));
    assert_eq!(ward.press(json!({ "Token": token })).await.body["Status"], "Completed");
}
