//! GetDomain removes old rows once a day. A row that cannot be read does not stop the rest.

use base::ids::{RecordId, TenantId};
use chrono::TimeDelta;
use table_store::{Entity, Key, PartitionKey, Query, RowKey, Table, list_all};
use uuid::Uuid;

use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, forwarding_rule};
use tenantwatch::tables::{COVERAGE, PROCESSED, keys};

/// The row keys of a partition up to their first underscore, in order and each once.
async fn kinds(fixture: &CollectorFixture, table: Table, partition: &str) -> Vec<String> {
    let query = Query::partition(PartitionKey::parse(partition).unwrap());
    let rows = list_all(fixture.app.store.as_ref(), table, query).await.unwrap();
    let mut kinds: Vec<String> =
        rows.iter().map(|row| row.entity.key.row.as_str().split('_').next().unwrap().to_owned()).collect();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn retention_removes_old_rows_and_closed_findings() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    fixture.get_domain().await;
    let tenant = TenantId::new(CONTOSO).to_string();
    assert_eq!(kinds(&fixture, COVERAGE, &tenant).await, ["aim", "near", "seen"]);
    let target = target_partition(&fixture).await;
    assert_eq!(kinds(&fixture, COVERAGE, &target).await.len(), 1);

    for (days, left, targets) in [(6, vec!["aim", "near", "seen"], 1), (3, vec!["seen"], 0), (23, vec![], 0)] {
        fixture.wait(TimeDelta::days(days));
        fixture.get_domain().await;
        assert_eq!(kinds(&fixture, COVERAGE, &tenant).await, left, "after {days} more days");
        assert_eq!(kinds(&fixture, COVERAGE, &target).await.len(), targets);
    }
    assert_eq!(fixture.findings().await.len(), 1);
    fixture.wait(TimeDelta::days(334));
    fixture.get_domain().await;
    assert_eq!(fixture.findings().await.len(), 0);
}

/// The one partition that the tenant's `aim_` row leads to.
async fn target_partition(fixture: &CollectorFixture) -> String {
    let query = Query::partition(PartitionKey::tenant(&TenantId::new(CONTOSO))).with_prefix("aim_");
    let rows = list_all(fixture.app.store.as_ref(), COVERAGE, query).await.unwrap();
    format!("target_{}", rows[0].entity.text("Target").unwrap())
}

#[tokio::test]
async fn rows_that_nobody_can_read_do_not_stop_the_rest() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    let (tenant, unreadable) = (TenantId::new(CONTOSO), RecordId::new(Uuid::from_u128(7)));
    let garbage = |partition: PartitionKey, row: RowKey| {
        let mut entity = Entity::new(Key::new(partition, row));
        entity.set_text("State", "Sending");
        entity.set_text("Domain", "contoso.com");
        entity.set_text("Since", "once upon a time");
        entity
    };
    let store = fixture.app.store.as_ref();
    let contoso = PartitionKey::parse("contoso.com").unwrap();
    store.insert(PROCESSED, &garbage(contoso, RowKey::record(&unreadable))).await.unwrap();
    for row in [keys::pending(&unreadable).to_string(), "pending_x".to_owned(), "owed_x".to_owned()] {
        let entity = garbage(PartitionKey::tenant(&tenant), RowKey::parse(&row).unwrap());
        store.insert(COVERAGE, &entity).await.unwrap();
    }
    fixture.refuse_flow(true);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    fixture.refuse_flow(false);
    fixture.wait(TimeDelta::hours(7));
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 1, "what was owed is sent, past the rows that cannot be read");
}

#[tokio::test]
async fn unreadable_coverage_row_is_notified_once_and_isolated() {
    let fixture = CollectorFixture::start().await;
    fixture.list_customers(&[CONTOSO, FABRIKAM]);
    let mut entity = Entity::new(Key::new(keys::tenants(), RowKey::tenant(&TenantId::new(FABRIKAM))));
    entity.set_text("State", "Healthy");
    fixture.app.store.insert(COVERAGE, &entity).await.unwrap();
    for _ in 0..3 {
        assert_eq!(fixture.get_domain().await.len(), 2);
    }
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    assert_eq!(fixture.notice_texts().len(), 1, "{:?}", fixture.notice_texts());
}
