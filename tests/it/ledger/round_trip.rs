//! Rows come back as they were stored, and old ones are removed.

use std::collections::BTreeSet;

use base::ids::RecordId;
use chrono::{SubsecRound as _, TimeDelta, TimeZone as _, Utc};
use proptest::prelude::*;
use table_store::{ENTITY_LIMIT, PartitionKey, Query};
use tenantwatch::detection::{Reason, ReasonName};
use tenantwatch::tables::{
    ActionRow, AttackerRow, BreakerScope, FindingState, InvestigationRow, NotifiedFingerprintRow, PROCESSED,
    ProcessedRow, TableRow, TargetIndexRow, UserEventRow, list, load, put, retention, save,
};
use uuid::Uuid;

use super::row_fixture::{
    RECORD, action, attacker, breaker, clock, finding, hour, investigation, lock, near, open_snapshots, owed, pending,
    seen, service, store, stored, target, tenant, tenant_row, webhook,
};
use super::versions::row_of_2019;
use table_store::Store as _;

#[tokio::test]
async fn rows_of_findings_are_read_as_stored() {
    let store = store();
    let (aim, near) = (TargetIndexRow::to(&target()), near());
    put(store.as_ref(), &clock(), &aim).await.unwrap();
    put(store.as_ref(), &clock(), &near).await.unwrap();
    let of = |prefix: &str| Query::partition(PartitionKey::tenant(&tenant())).with_prefix(prefix);
    let aims = list::<TargetIndexRow>(store.as_ref(), of(TargetIndexRow::ROW_PREFIX)).await.unwrap();
    assert_eq!((aims.len(), &aims[0].0, aims[0].0.target_key()), (1, &aim, target().key()));
    let nears = list::<UserEventRow>(store.as_ref(), of(&UserEventRow::prefix_of(&near.user))).await.unwrap();
    assert_eq!((nears.len(), &nears[0].0), (1, &near));
}

async fn comes_back<R: TableRow + PartialEq + std::fmt::Debug>(row: R) {
    let store = store();
    let etag = save(store.as_ref(), &row, None).await.unwrap();
    assert_eq!(load(store.as_ref(), &row.entity().key).await.unwrap(), Some((row, etag)));
}

#[tokio::test]
async fn every_row_comes_back_as_it_was_saved() {
    comes_back(finding()).await;
    comes_back(tenant_row()).await;
    comes_back(owed("a$b$audit_exchange$emea")).await;
    comes_back(seen()).await;
    comes_back(pending()).await;
    comes_back(target()).await;
    comes_back(service()).await;
    comes_back(webhook()).await;
    comes_back(lock()).await;
    comes_back(open_snapshots()).await;
    comes_back(breaker(BreakerScope::All)).await;
    comes_back(breaker(BreakerScope::Tenant(tenant()))).await;
}

#[test]
fn a_run_comes_back_from_its_own_row_and_from_the_newest() {
    let run = action();
    for newest in [true, false] {
        assert_eq!(ActionRow::from_stored(&stored(run.to_entity(newest))).unwrap().0, run);
    }
    assert_eq!(run.key(true).row.as_str(), RECORD);
    assert_eq!(run.key(false).row.as_str(), format!("{RECORD}_{}", run.run_id));
    assert_eq!(run.to_entity(true).text("RanRemediateAccountRunbook"), Some("True"));
}

#[tokio::test]
async fn oversized_finding_fits_and_numbered_columns_are_complete() {
    let long = "😀\"\\\u{0}\u{1f}'".repeat(20_000);
    let row = ProcessedRow {
        organization: long.clone(),
        description: long.clone(),
        rule_id: long.clone(),
        rule_name: long.clone(),
        source_mailbox: long.clone(),
        actor: long.clone(),
        operation: long.clone(),
        ip: long.clone(),
        location: long.clone(),
        forwarding_status: long.clone(),
        forwarding_address: long.clone(),
        record: long.clone(),
        reasons: ReasonName::ALL.iter().map(|name| Reason { name: *name, sentence: long.clone() }).collect(),
        ..finding()
    };
    assert!(row.to_entity().size() <= ENTITY_LIMIT);
    let store = store();
    save(store.as_ref(), &row, None).await.unwrap();
    let (read, _) = load::<ProcessedRow>(store.as_ref(), &row.key()).await.unwrap().unwrap();
    assert!(read.record.ends_with("[cut]") && long.starts_with(read.record.trim_end_matches(" … [cut]")));
    assert_eq!(read.reasons.len(), ReasonName::ALL.len());
    assert_eq!((read.state, read.claim_id, read.notified), (row.state, row.claim_id, row.notified));
}

#[tokio::test]
async fn only_old_and_closed_findings_are_removed() {
    let store = store();
    let partition = PartitionKey::parse("contoso.com").unwrap();
    store.insert(PROCESSED, &row_of_2019()).await.unwrap();
    for state in FindingState::ALL {
        let row = ProcessedRow { record_id: RecordId::new(Uuid::new_v4()), state: *state, ..finding() };
        save(store.as_ref(), &row, None).await.unwrap();
    }
    let hour = TimeDelta::hours(1);
    assert_eq!(retention::remove_closed(store.as_ref(), &partition, Utc::now() - hour).await.unwrap(), 0);
    assert_eq!(retention::remove_closed(store.as_ref(), &partition, Utc::now() + hour).await.unwrap(), 5);
    let left = list::<ProcessedRow>(store.as_ref(), Query::partition(partition)).await.unwrap();
    let states: BTreeSet<&str> = left.iter().map(|(row, _)| row.state.as_str()).collect();
    assert_eq!(states, BTreeSet::from(["Sending", "Rejudge"]));
}

#[tokio::test]
async fn a_row_is_put_whatever_was_there_before() {
    let store = store();
    put(store.as_ref(), &clock(), &seen()).await.unwrap();
    let later = NotifiedFingerprintRow { since: hour(9), ..seen() };
    put(store.as_ref(), &clock(), &later).await.unwrap();
    let query = Query::partition(PartitionKey::tenant(&tenant())).with_prefix(NotifiedFingerprintRow::ROW_PREFIX);
    put(store.as_ref(), &clock(), &pending()).await.unwrap();
    let rows = list::<NotifiedFingerprintRow>(store.as_ref(), query).await.unwrap();
    assert_eq!(rows.into_iter().map(|(row, _)| row).collect::<Vec<_>>(), [later]);
}

#[tokio::test]
async fn reports_and_addresses_come_back_as_they_were_stored() {
    let store = store();
    put(store.as_ref(), &clock(), &investigation()).await.unwrap();
    put(store.as_ref(), &clock(), &attacker()).await.unwrap();
    let key = InvestigationRow::key(&investigation().domain, &investigation().log_id);
    assert_eq!(load::<InvestigationRow>(store.as_ref(), &key).await.unwrap().unwrap().0, investigation());
    let rows = list::<AttackerRow>(store.as_ref(), Query::partition(PartitionKey::parse("attackers").unwrap())).await;
    assert_eq!(rows.unwrap().into_iter().map(|(row, _)| row).collect::<Vec<_>>(), [attacker()]);
    assert_eq!(retention::remove_attackers(store.as_ref(), Utc::now()).await.unwrap(), 0);
    assert_eq!(retention::remove_attackers(store.as_ref(), Utc::now() + TimeDelta::days(32)).await.unwrap(), 1);
}

proptest! {
    #[test]
    fn any_text_in_a_finding_comes_back(texts in proptest::collection::vec(any::<String>(), 6), score in 0u8..=100) {
        let [description, rule_name, source_mailbox, actor, ip, sentence] = texts.try_into().unwrap();
        let row = ProcessedRow {
            reasons: vec![Reason { name: ReasonName::NamelessRule, sentence }],
            description, rule_name, source_mailbox, actor, ip, score,
            ..finding()
        };
        prop_assert_eq!(ProcessedRow::from_stored(&stored(row.to_entity())).unwrap().0, row);
    }

    #[test]
    fn any_time_of_this_millennium_survives_as_a_file_time(nanoseconds in 0i64..4_000_000_000_000_000_000) {
        let processed_at = Utc.timestamp_nanos(nanoseconds).trunc_subsecs(7);
        let row = ProcessedRow { processed_at, ..finding() };
        prop_assert_eq!(ProcessedRow::from_stored(&stored(row.to_entity())).unwrap().0.processed_at, processed_at);
    }
}
