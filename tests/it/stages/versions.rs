//! Rows that the first version or a newer one has written. Two versions can run side by side, and the older one can come back.

use base::ids::TenantId;
use chrono::TimeDelta;
use serde_json::json;
use table_store::{Column, Entity, Store as _, Stored};
use tenantwatch::tables::{COVERAGE, FindingState, PROCESSED, TenantState};

use crate::collector_fixture::{CONTOSO, CollectorFixture, blank_rule_change, forwarding_rule};

/// The columns that the first version did not have.
const ADDED_TO_COVERAGE: [&str; 3] = ["Subscriptions", "MissedListings", "LastRunStarted"];
const ADDED_TO_FINDINGS: [&str; 2] = ["IncidentId", "Unknown"];

/// Rewrites the rows of a table in a partition.
async fn rewrite(
    fixture: &CollectorFixture,
    table: table_store::Table,
    partition: &str,
    change: impl Fn(&Stored) -> Option<Entity>,
) {
    for stored in fixture.stored(table, partition).await {
        if let Some(entity) = change(&stored) {
            fixture.store.replace(table, &entity, &stored.etag).await.unwrap();
        }
    }
}

fn without(stored: &Stored, names: &[&str]) -> Entity {
    let mut entity = Entity::new(stored.entity.key.clone());
    let kept = stored.entity.columns().iter().filter(|(name, _)| !names.contains(&name.as_str()));
    kept.for_each(|(name, value)| entity.set(name.clone(), value.clone()));
    entity
}

fn with(stored: &Stored, columns: &[(&str, &str)]) -> Entity {
    let mut entity = stored.entity.clone();
    columns.iter().for_each(|(name, value)| entity.set_text(name, value));
    entity
}

/// The rows of contoso in AuditLogCoverage whose row key begins with `prefix`.
async fn tenant_rows(fixture: &CollectorFixture, prefix: &str) -> Vec<Entity> {
    let rows = fixture.stored(COVERAGE, &TenantId::new(CONTOSO).to_string()).await;
    rows.into_iter().map(|row| row.entity).filter(|row| row.key.row.as_str().starts_with(prefix)).collect()
}

fn threat(fixture: &CollectorFixture, id: u128) -> serde_json::Value {
    forwarding_rule(id, "Invoices", "eve@evil.example", fixture.now())
}

#[tokio::test]
async fn rows_of_the_first_version_keep_working() {
    let fixture = CollectorFixture::start().await;
    fixture.exchange_down(true);
    fixture.publish(vec![threat(&fixture, 1), blank_rule_change(2, fixture.now())]);
    fixture.read().await.unwrap();
    rewrite(&fixture, COVERAGE, "tenant", |row| Some(without(row, &ADDED_TO_COVERAGE))).await;
    rewrite(&fixture, PROCESSED, "contoso.com", |row| Some(without(row, &ADDED_TO_FINDINGS))).await;
    let covered = fixture.coverage().await.covered_until;

    fixture.exchange_down(false);
    let properties = json!({ "ForwardTo": ["\"eva\" [SMTP:eva@evil.example]"] });
    fixture.set_rule(15_394_007_330_931_153_153, "Others", properties);
    fixture.wait(TimeDelta::minutes(20));
    fixture.publish(vec![threat(&fixture, 3)]);
    let report = fixture.read().await.unwrap();
    assert_eq!((report.blobs, report.threats), (1, 2), "the new record, and the one that waited");
    assert!(fixture.coverage().await.covered_until > covered);
    let states: Vec<_> = fixture.findings().await.iter().map(|row| row.state).collect();
    assert_eq!(states, [FindingState::Sent, FindingState::Sent, FindingState::Repeat]);
}

#[tokio::test]
async fn mute_of_the_first_version_lasts_180_days() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![threat(&fixture, 1)]);
    fixture.read().await.unwrap();
    let mute = |row: &Stored| {
        let is_fingerprint = row.entity.key.row.as_str().starts_with("seen_");
        is_fingerprint.then(|| {
            let mut entity = row.entity.clone();
            entity.set("Muted", Column::Bool(true));
            entity
        })
    };
    rewrite(&fixture, COVERAGE, &TenantId::new(CONTOSO).to_string(), mute).await;
    for (weeks, id, notified) in [(6, 2, 1), (23, 3, 1), (2, 4, 2)] {
        for _ in 0..weeks {
            fixture.wait(TimeDelta::days(6));
            fixture.read().await.unwrap();
        }
        fixture.publish(vec![threat(&fixture, id)]);
        fixture.read().await.unwrap();
        assert_eq!(fixture.notified("InboxRule").len(), notified, "after {} more days", weeks * 6);
    }
}

#[tokio::test]
async fn findings_of_a_newer_version_are_left_alone() {
    for columns in [[("State", "Escalating"), ("Verdict", "x")], [("Type", "SharePointRule"), ("Verdict", "x")]] {
        let fixture = CollectorFixture::start().await;
        fixture.exchange_down(true);
        fixture.publish(vec![blank_rule_change(1, fixture.now())]);
        fixture.read().await.unwrap();
        rewrite(&fixture, PROCESSED, "contoso.com", |row| Some(with(row, &columns))).await;
        let before = fixture.stored(PROCESSED, "contoso.com").await;

        fixture.exchange_down(false);
        for _ in 0..3 {
            fixture.wait(TimeDelta::hours(1));
            fixture.read().await.unwrap();
        }
        let after = fixture.stored(PROCESSED, "contoso.com").await;
        assert_eq!(before[0].entity, after[0].entity, "{columns:?}");
        assert_eq!(tenant_rows(&fixture, "pending_").await.len(), 1, "{columns:?}: the newer version needs its note");
        fixture.publish(vec![threat(&fixture, 2)]);
        assert_eq!(fixture.read().await.unwrap().threats, 1, "{columns:?}: others are notified");
    }
}

#[tokio::test]
async fn tenant_of_a_newer_version_is_read_and_keeps_its_columns() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    rewrite(&fixture, COVERAGE, "tenant", |row| {
        Some(with(row, &[("State", "Throttled"), ("Quota", "7"), ("Forecast", "[]")]))
    })
    .await;
    assert_eq!(fixture.coverage().await.state, TenantState::Unknown);
    fixture.publish(vec![threat(&fixture, 1)]);
    assert_eq!(fixture.read().await.unwrap().threats, 1);
    fixture.list_customers(&[CONTOSO]);
    assert_eq!(fixture.get_domain().await.len(), 1);
    let rows = fixture.stored(COVERAGE, "tenant").await;
    assert_eq!((rows[0].entity.text("Quota"), rows[0].entity.text("Forecast")), (Some("7"), Some("[]")));
}

#[tokio::test]
async fn fingerprint_of_a_newer_version_keeps_its_columns() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![threat(&fixture, 1)]);
    fixture.read().await.unwrap();
    let is_fingerprint = |row: &Stored| row.entity.key.row.as_str().starts_with("seen_");
    let newer = |row: &Stored| is_fingerprint(row).then(|| with(row, &[("Severity", "Low"), ("Verdict", "a b")]));
    rewrite(&fixture, COVERAGE, &TenantId::new(CONTOSO).to_string(), newer).await;
    fixture.publish(vec![threat(&fixture, 2)]);
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 2, "it got worse");
    let rows = tenant_rows(&fixture, "seen_").await;
    assert_eq!((rows[0].text("Verdict"), rows[0].text("Severity")), (Some("a b"), Some("High")));
}

#[tokio::test]
async fn deferred_blob_of_a_newer_version_is_left_alone() {
    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(8);
    fixture.publish(vec![threat(&fixture, 1)]);
    fixture.read().await.unwrap();
    let newer = |row: &Stored| {
        let is_deferred = row.entity.key.row.as_str().starts_with("owed_");
        is_deferred.then(|| with(row, &[("ContentType", "Audit.SharePoint")]))
    };
    rewrite(&fixture, COVERAGE, &TenantId::new(CONTOSO).to_string(), newer).await;
    fixture.sim.clear_faults();
    for _ in 0..3 {
        fixture.wait(TimeDelta::minutes(30));
        fixture.read().await.unwrap();
    }
    let rows = tenant_rows(&fixture, "owed_").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].text("ContentType"), Some("Audit.SharePoint"));
}
