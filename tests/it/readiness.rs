//! The daily look: when each tenant has it, what it costs, what of it is told, and that a concurrent writer loses nothing.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::tables::{CoverageRow, StoredItem, TableRow as _, coverage};
use tenantwatch_simulator::{Fault, Service, world::Tenant};

use crate::collector_fixture::{CONTOSO, CollectorFixture};

/// The number of looks so far. Nothing else lists the subscriptions.
fn looks(fixture: &CollectorFixture) -> usize {
    fixture.sim.count(|request| request.path.ends_with("/subscriptions/list"))
}

/// Reads contoso every half hour.
async fn read_for(fixture: &CollectorFixture, half_hours: usize) {
    for _ in 0..half_hours {
        fixture.wait(TimeDelta::minutes(29));
        fixture.read().await.unwrap();
    }
}

/// The state of an item in the coverage row.
async fn state(fixture: &CollectorFixture, name: &str) -> String {
    let items = fixture.coverage().await.readiness.items;
    items.into_iter().find(|item| item.item == name).map_or_else(|| "absent".to_owned(), |item| item.state)
}

/// The notices about what tenants lack.
async fn digests(fixture: &CollectorFixture) -> Vec<String> {
    let rows = fixture.rows("service").await;
    let of = |operation: &str| rows.iter().filter(|row| row.operation == operation).cloned().collect::<Vec<_>>();
    let found = of("Readiness");
    assert!(found.iter().all(|row| row.kind.as_str() == "Coverage"));
    found.into_iter().map(|row| row.description).collect()
}

#[tokio::test]
async fn each_tenant_is_looked_at_once_a_day() {
    let fixture = CollectorFixture::start().await;
    read_for(&fixture, 48).await;
    assert_eq!(looks(&fixture), 1, "within a day of the first run");
    read_for(&fixture, 96).await;
    assert_eq!(looks(&fixture), 3);
    fixture.wait(TimeDelta::days(3));
    fixture.read().await.unwrap();
    assert_eq!(looks(&fixture), 4, "what was missed is made up for, once");
    fixture.read().await.unwrap();
    assert_eq!(looks(&fixture), 4);
}

#[tokio::test]
async fn look_follows_the_content_and_makes_at_most_six_requests() {
    let fixture = CollectorFixture::start().await;
    fixture.sim.world().unkindness.tokens_have_wids = false;
    while looks(&fixture) == 0 {
        fixture.sim.forget_requests();
        fixture.publish(vec![json!({"Id": fixture.now().to_rfc3339(), "Operation": "Set-Nothing"})]);
        read_for(&fixture, 1).await;
    }
    let requests = fixture.sim.requests();
    let first = requests.iter().position(|request| request.path.ends_with("memberOf")).unwrap();
    let (before, look) = requests.split_at(first);
    assert!(before.iter().any(|request| request.path.contains("/audit/") && request.status == 200));
    assert!(!look.iter().any(|request| request.path.contains("/audit/")));
    let asked = look.iter().filter(|request| request.service != Service::Entra).count();
    assert!(asked <= 6, "{look:#?}");
    assert_eq!(state(&fixture, "Exchange Administrator").await, "ok", "asked of Graph, for the token does not say it");
}

#[tokio::test]
async fn look_that_fails_does_not_fail_the_run() {
    let fixture = CollectorFixture::start().await;
    fixture.sim.inject(Fault::status(Service::Exchange, "Get-OrganizationConfig", 503));
    read_for(&fixture, 48).await;
    assert_eq!(state(&fixture, "Exchange").await, "unknown");
    assert_eq!(state(&fixture, "Token").await, "ok");
}

#[tokio::test]
async fn missing_item_is_told_in_one_digest_until_it_was_ok() {
    let fixture = CollectorFixture::start().await;
    let change = |change: fn(&mut Tenant)| fixture.contoso(change);
    change(|tenant| {
        tenant.subscriptions.insert("Audit.SharePoint".to_owned(), true);
        tenant.subscriptions.insert("Audit.General".to_owned(), true);
        tenant.oddities.audit_disabled = true;
    });
    let day = async || {
        read_for(&fixture, 48).await;
        fixture.get_domain().await;
        fixture.get_domain().await;
    };
    day().await;
    let told = digests(&fixture).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("contoso.com") && told[0].contains("OrganizationAuditing"), "{}", told[0]);
    day().await;
    assert_eq!(digests(&fixture).await.len(), 1, "told once");
    change(|tenant| tenant.directory.set("User.RevokeSessions.All", false));
    day().await;
    let told = digests(&fixture).await;
    assert_eq!(told.len(), 2);
    let second = told.iter().find(|text| text.contains("User.RevokeSessions.All")).unwrap();
    assert!(!second.contains("OrganizationAuditing"), "{second}");
    change(|tenant| tenant.oddities.audit_disabled = false);
    day().await;
    assert_eq!((state(&fixture, "OrganizationAuditing").await.as_str(), digests(&fixture).await.len()), ("ok", 2));
    change(|tenant| tenant.oddities.audit_disabled = true);
    day().await;
    assert_eq!(digests(&fixture).await.len(), 3, "it was ok in between");
}

#[tokio::test]
async fn concurrent_writer_keeps_what_the_look_found() {
    let fixture = CollectorFixture::start().await;
    read_for(&fixture, 48).await;
    let found = fixture.coverage().await.readiness;
    assert!(found.at.is_some() && !found.items.is_empty());
    let stale = fixture.coverage().await;
    let (store, clock) = (fixture.app.store.as_ref(), &fixture.app.clock);
    let (mut newer, version) = coverage::read(store, &stale.tenant_id).await.unwrap().unwrap();
    let items = vec![StoredItem::new("Token", "missing", "later")];
    newer.readiness.note(items, fixture.now() + TimeDelta::minutes(1));
    coverage::write(store, clock, newer, Some(version.clone())).await.unwrap();
    // Another run stores its row of before, with an older version.
    let (merged, _) = coverage::write(store, clock, stale, Some(version)).await.unwrap();
    assert_eq!(merged.readiness.items[0].detail, "later");
}

#[tokio::test]
async fn records_of_mailbox_auditing_are_counted_by_day() {
    let fixture = CollectorFixture::start().await;
    let record =
        |id: u32, kind: u32| json!({"Id": format!("r{id}"), "RecordType": kind, "Operation": "MailItemsAccessed"});
    let records: Vec<Value> = [2, 3, 50, 1, 8].into_iter().zip(1..).map(|(kind, id)| record(id, kind)).collect();
    fixture.publish(records);
    fixture.read().await.unwrap();
    let today = fixture.now().date_naive();
    assert_eq!(fixture.coverage().await.exchange_items.get(&today), Some(&3));
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.exchange_items.get(&today), Some(&3), "a blob is counted once");
    for _ in 0..10 {
        fixture.wait(TimeDelta::days(1));
        fixture.publish(vec![json!({"Id": fixture.now().to_rfc3339(), "RecordType": 2, "Operation": "Send"})]);
        fixture.read().await.unwrap();
    }
    let counted = fixture.coverage().await.exchange_items;
    assert!(counted.len() <= 9 && !counted.contains_key(&today), "{counted:?}");
}

/// The item about mailbox auditing after a look at a tenant that has been read for long.
async fn mailbox_item(mailboxes: usize, unaudited: usize, has_records: bool) -> StoredItem {
    let fixture = CollectorFixture::start().await;
    fixture.contoso(|tenant| {
        tenant.mailboxes.clear();
        tenant.users.clear();
        for number in 0..mailboxes {
            tenant.add_person(&format!("p{number}"), "Person").audit.premium = number >= unaudited;
        }
    });
    for day in 0..9 {
        fixture.wait(TimeDelta::days(1));
        let kind = if has_records && day == 6 { 50 } else { 1 };
        fixture.publish(vec![json!({"Id": fixture.now().to_rfc3339(), "RecordType": kind, "Operation": "x"})]);
        fixture.read().await.unwrap();
    }
    fixture.coverage().await.readiness.items.into_iter().find(|item| item.item == "MailboxAuditing").unwrap()
}

#[tokio::test]
async fn mailbox_auditing_is_judged_by_records_and_by_mailboxes() {
    let item = mailbox_item(12, 12, false).await;
    assert!(item.is_missing() && item.detail.contains("12 mailboxes"), "{item:?}");
    let item = mailbox_item(12, 3, false).await;
    assert!(item.is_missing() && item.detail.contains("3 mailboxes"), "{item:?}");
    let item = mailbox_item(4, 3, false).await;
    assert!(item.state == "unknown" && item.detail.contains("fewer than 10 mailboxes"), "{item:?}");
    let item = mailbox_item(12, 3, true).await;
    assert!(item.state == "unknown" && item.detail.starts_with("records of mailbox auditing were seen"), "{item:?}");
    assert_eq!(mailbox_item(12, 0, true).await.state, "ok");
}

#[tokio::test]
async fn row_with_an_unreadable_look_is_read_all_the_same() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    let mut entity = fixture.coverage().await.to_entity();
    entity.set_text("Readiness", "{\"not\": \"a list\"}");
    let key = CoverageRow::key(&base::ids::TenantId::new(CONTOSO));
    let stored = fixture.app.store.get(CoverageRow::TABLE, &key).await.unwrap().unwrap();
    fixture.app.store.replace(CoverageRow::TABLE, &entity, &stored.etag).await.unwrap();
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.readiness.items, []);
}

#[tokio::test]
async fn fault_of_tenantwatch_is_not_noted_for_the_tenant() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.break_credential(true);
    for _ in 0..30 {
        fixture.wait(TimeDelta::hours(1));
        assert!(fixture.read().await.is_err());
    }
    assert_eq!((looks(&fixture), fixture.coverage().await.readiness.at), (0, None));
    fixture.break_credential(false);
    fixture.read().await.unwrap();
    assert_eq!((looks(&fixture), state(&fixture, "Token").await.as_str()), (1, "ok"), "made up for");
}
