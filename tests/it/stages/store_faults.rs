//! A store that is busy for a moment, or that answers in pages of an unusual form.

use chrono::TimeDelta;
use serde_json::json;
use tenantwatch::tables::FindingState;

use super::records::{add_mailboxes, forwarding};
use crate::collector_fixture::{CONTOSO, CollectorFixture, Failure, Operation, blank_rule_change, forwarding_rule};

const BOTH: [Failure; 2] = [Failure::BeforeEffect, Failure::AfterEffect];

#[tokio::test]
async fn single_503_at_the_claim_of_a_fingerprint_delays_nothing() {
    for failure in BOTH {
        let fixture = CollectorFixture::start().await;
        fixture.store.fail(Operation::Insert, "seen_", failure, 1);
        fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
        let report = fixture.read().await.unwrap();
        assert!(fixture.store.has_failed_as_planned());
        assert_eq!((report.threats, report.notified), (1, 2), "{failure:?}");
        assert_eq!(fixture.findings().await[0].state, FindingState::Sent, "{failure:?}");
        assert!(!fixture.coverage().await.pending, "{failure:?}");
    }
}

#[tokio::test]
async fn single_503_at_the_insert_of_a_threat_delays_nothing() {
    for failure in BOTH {
        let fixture = CollectorFixture::start().await;
        let id = uuid::Uuid::from_u128(1).to_string();
        fixture.store.fail(Operation::Insert, &id, failure, 1);
        fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
        let report = fixture.read().await.unwrap();
        assert!(fixture.store.has_failed_as_planned());
        assert_eq!((report.threats, report.notified), (1, 2), "{failure:?}");
    }
}

#[tokio::test]
async fn single_503_anywhere_costs_at_most_one_retry_of_the_run() {
    for failure in BOTH {
        let (mut operation, mut has_failed) = (0, true);
        while has_failed {
            let fixture = CollectorFixture::start().await;
            let mailboxes = add_mailboxes(&fixture, CONTOSO, 1);
            fixture.read().await.unwrap();
            fixture.publish(vec![
                forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now()),
                forwarding(CONTOSO, &mailboxes[0], 2, "eve@evil.example", fixture.now()),
            ]);
            fixture.store.fail_after(operation, failure);
            let first = fixture.read().await;
            has_failed = fixture.store.has_failed_as_planned();
            if first.is_err() {
                fixture.read().await.unwrap();
            }
            let sent = fixture.notified("InboxRule").len();
            assert_eq!(sent, 2, "{failure:?} of operation {operation}, first run: {first:?}");
            operation += 1;
        }
        assert!(operation > 20, "only {operation} operations");
    }
}

#[tokio::test]
async fn empty_first_page_of_unfinished_findings_loses_none() {
    let fixture = CollectorFixture::start().await;
    fixture.store.begin_listings_with_an_empty_page();
    fixture.exchange_down(true);
    fixture.publish(vec![blank_rule_change(1, fixture.now())]);
    fixture.read().await.unwrap();
    fixture.read().await.unwrap();
    assert!(fixture.coverage().await.pending, "the unfinished finding is on the second page");

    fixture.exchange_down(false);
    let properties = json!({ "ForwardTo": ["\"eve\" [SMTP:eve@evil.example]"] });
    fixture.set_rule(15_394_007_330_931_153_153, "Invoices", properties);
    fixture.wait(TimeDelta::minutes(20));
    assert_eq!(fixture.read().await.unwrap().threats, 1);
    fixture.read().await.unwrap();
    assert!(!fixture.coverage().await.pending, "nothing is left on any page");
}

#[tokio::test]
async fn empty_first_page_of_deferred_blobs_loses_none() {
    let fixture = CollectorFixture::start().await;
    fixture.store.begin_listings_with_an_empty_page();
    fixture.cut_blobs(8);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    assert_eq!(fixture.read().await.unwrap().owed, 1);
    fixture.sim.clear_faults();
    fixture.wait(TimeDelta::minutes(15));
    let report = fixture.read().await.unwrap();
    assert_eq!((report.threats, report.owed), (1, 0));
}
