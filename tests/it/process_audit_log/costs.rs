//! Requests and operations of the store that a run costs, and its limits.

use chrono::TimeDelta;

use crate::collector_fixture::{CollectorFixture, blank_rule_change, forwarding_rule};

#[tokio::test]
async fn a_thousand_blank_changes_of_one_mailbox_cost_two_rule_calls() {
    let fixture = CollectorFixture::start().await;
    let records = (0..1_000).map(|id| blank_rule_change(id, fixture.now())).collect();
    fixture.publish(records);
    let report = fixture.read().await.unwrap();
    assert_eq!(report.selected, 1_000);
    assert_eq!(fixture.calls("Get-InboxRule"), 2);
}

#[tokio::test]
async fn quiet_tenant_costs_two_listings_and_two_table_operations() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.listings();
    fixture.store_operations();
    fixture.read().await.unwrap();
    assert_eq!(fixture.store_operations(), 2);
    assert_eq!(fixture.listings().len(), 2, "one for each content type");
    assert_eq!(fixture.fetches(), 0);
}

#[tokio::test]
async fn threat_on_two_channels_costs_seventeen_more_operations() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.store_operations();
    assert_eq!(fixture.read().await.unwrap().notified, 2);
    // Related events: the target is looked up and stored under two keys (3), the mailbox is looked up and stored (2). Protection
    // against a kill: the note (2), its end (1), a check that it was the last (1). The finding and its fingerprint (2), a mark
    // for each channel (2). The incident is looked up, opened, and read again at the sending (3). Recently added domains (1).
    assert_eq!(fixture.store_operations(), 2 + 17);
}

#[tokio::test]
async fn the_directory_is_not_read_when_all_of_its_detections_are_off() {
    let fixture = CollectorFixture::start_with(|settings| {
        settings.trust.detections_off =
            ["Consent", "SignInMethod", "Domain", "AuditTampering"].map(str::to_owned).into();
    })
    .await;
    fixture.read().await.unwrap();
    assert_eq!(fixture.listings().len(), 1, "Audit.Exchange alone");
}

#[tokio::test]
async fn many_blobs_with_threats_are_read_at_once() {
    let fixture = CollectorFixture::start().await;
    for id in 0..40_u128 {
        let target = format!("eve{id}@evil.example");
        fixture.publish(vec![forwarding_rule(id, "Invoices", &target, fixture.now())]);
    }
    let report = fixture.read().await.unwrap();
    // Five one by one, and one for the others, on two channels.
    assert_eq!((report.blobs, report.threats, report.notified), (40, 40, 12));
    assert_eq!(fixture.notified("InboxRule").len(), 6);
}

#[tokio::test]
async fn a_run_whose_time_is_over_stops_and_the_next_one_goes_on() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.wait(TimeDelta::minutes(1));
    let report = fixture.deliver_within(&fixture.message(), std::time::Duration::from_secs(20)).await.unwrap();
    assert_eq!(report.blobs, 0);
    assert_eq!(fixture.coverage().await.last_run, None);
    assert_eq!(fixture.read().await.unwrap().threats, 1);
}

#[tokio::test]
async fn a_thousand_repeats_cost_hardly_more_than_a_row_each() {
    let fixture = CollectorFixture::start().await;
    let record = |id| forwarding_rule(id, "Invoices", "eve@evil.example", fixture.now());
    fixture.publish(vec![record(0)]);
    fixture.read().await.unwrap();
    fixture.publish((1..=1_000).map(record).collect());
    fixture.store_operations();
    fixture.read().await.unwrap();
    let operations = fixture.store_operations();
    assert!(operations < 2_000, "{operations}");
    assert_eq!(fixture.notified("InboxRule").len(), 1);
}
