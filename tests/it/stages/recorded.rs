//! Findings that are only recorded are stored together, and none of them is lost or stored twice.

use serde_json::{Value, json};

use crate::collector_fixture::{CollectorFixture, Failure, Operation, forwarding_rule};

/// As many as need three requests.
const MANY: u128 = 250;

/// Victor changes a limit of the own mailbox.
fn ordinary_change(fixture: &CollectorFixture, id: u128) -> Value {
    let mut record = forwarding_rule(id, "", "", fixture.now());
    record["Operation"] = json!("Set-Mailbox");
    record["ObjectId"] = json!("victor@contoso.com");
    record["Parameters"] = json!([{ "Name": "MaxReceiveSize", "Value": "35 MB" }]);
    record
}

fn many(fixture: &CollectorFixture) -> Vec<Value> {
    (1000..1000 + MANY).map(|id| ordinary_change(fixture, id)).collect()
}

/// The number of rows with an id of [`many`], each of which must be there once.
async fn recorded(fixture: &CollectorFixture) -> usize {
    let mut ids: Vec<_> =
        fixture.findings().await.into_iter().filter(|row| !row.threat).map(|row| row.record_id).collect();
    ids.sort();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "a record is stored twice");
    all
}

#[tokio::test]
async fn recorded_findings_are_stored_in_few_requests() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(many(&fixture));
    fixture.store_operations();
    let report = fixture.read().await.unwrap();
    assert_eq!((report.findings, report.threats), (250, 0));
    assert!(fixture.store_operations() < 30, "a hundred rows are one request");
    assert_eq!(recorded(&fixture).await, 250);
    assert!(fixture.findings().await.iter().all(|row| row.content_created.is_some()));
}

#[tokio::test]
async fn recorded_finding_that_is_stored_already_hides_no_other() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![ordinary_change(&fixture, 1077)]);
    assert_eq!(fixture.read().await.unwrap().findings, 1);
    let mut records = many(&fixture);
    records.push(ordinary_change(&fixture, 1003));
    fixture.publish(records);
    assert_eq!(fixture.read().await.unwrap().findings, 249);
    assert_eq!(recorded(&fixture).await, 250);
}

#[tokio::test]
async fn threat_is_stored_before_findings_that_are_only_recorded() {
    let fixture = CollectorFixture::start().await;
    // So few records are evaluated as one batch.
    let mut records: Vec<Value> = many(&fixture).into_iter().take(50).collect();
    records.push(forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now()));
    fixture.publish(records);
    let report = fixture.read().await.unwrap();
    assert_eq!((report.findings, report.threats, report.notified), (51, 1, 2));
    let written = fixture.store.written();
    let at = |id: u128| {
        let id = uuid::Uuid::from_u128(id).to_string();
        written.iter().position(|(_, key)| key.partition.as_str() == "contoso.com" && key.row.as_str() == id)
    };
    assert!(at(1).unwrap() < at(1000).unwrap(), "the threat comes first");
}

#[tokio::test]
async fn lost_response_to_recorded_findings_loses_and_repeats_none() {
    for failure in [Failure::BeforeEffect, Failure::AfterEffect] {
        let fixture = CollectorFixture::start().await;
        fixture.store.fail(Operation::InsertTogether, "", failure, 1);
        fixture.publish(many(&fixture));
        assert_eq!(fixture.read().await.unwrap().findings, 250, "{failure:?}");
        assert!(fixture.store.has_failed_as_planned());
        assert_eq!(recorded(&fixture).await, 250);
    }
}

#[tokio::test]
async fn recorded_findings_are_read_again_if_the_store_fails() {
    let fixture = CollectorFixture::start().await;
    fixture.store.fail(Operation::InsertTogether, "", Failure::BeforeEffect, 1);
    fixture.store.fail(Operation::Insert, "", Failure::BeforeEffect, 20);
    fixture.publish(many(&fixture));
    let first = fixture.read().await.map(|report| report.findings).unwrap_or_default();
    assert!(fixture.store.has_failed_as_planned());
    fixture.read().await.unwrap();
    assert_eq!(recorded(&fixture).await, 250, "after {first}");
}
