//! A rule with thousands of targets: its author chose how many, so they may delay and fill nothing.

use chrono::TimeDelta;
use serde_json::Value;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::records::{add_mailboxes, blank, forwarding};
use crate::collector_fixture::{CONTOSO, CollectorFixture, forwarding_rule};

/// Directory names that nothing in the tenant has.
fn directory_names(number: usize) -> String {
    (0..number).map(|number| format!("Person {number}")).collect::<Vec<_>>().join(";")
}

fn external_addresses(number: usize) -> String {
    (0..number).map(|number| format!("eve{number}@evil.example")).collect::<Vec<_>>().join(";")
}

/// The number of rows that were inserted in a table since the beginning whose partition or row key begins with this.
fn rows_written(fixture: &CollectorFixture, prefix: &str) -> usize {
    let begins =
        |key: &table_store::Key| key.partition.as_str().starts_with(prefix) || key.row.as_str().starts_with(prefix);
    fixture.store.written().iter().filter(|(_, key)| begins(key)).count()
}

#[tokio::test]
async fn look_ups_for_2500_directory_names_are_capped() {
    let fixture = CollectorFixture::start().await;
    let rule = forwarding_rule(1, "Invoices", &directory_names(2_500), fixture.now());
    fixture.publish(vec![rule, forwarding_rule(2, "Payments", "eve@evil.example", fixture.now())]);
    let report = fixture.read().await.unwrap();
    assert_eq!((report.findings, report.threats), (2, 2));
    let asked = fixture.calls("Get-Recipient");
    assert!((1..=50).contains(&asked), "{asked} look-ups of recipients");
    let found = fixture.findings().await;
    assert!(found[0].reasons.iter().any(|reason| reason.name.as_str() == "TargetUnresolved"), "{:?}", found[0].reasons);
    assert!(found[1].threat, "the ordinary threat behind it is found");
}

#[tokio::test]
async fn look_ups_of_one_record_end_after_20_seconds() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 1);
    fixture.read().await.unwrap();
    fixture.sim.inject(Fault::hang(Service::Exchange, "Get-Recipient"));
    let rule = forwarding_rule(1, "Invoices", &directory_names(2_500), fixture.now());
    // The record behind it needs a look-up, so it does not come first.
    fixture.publish(vec![rule, blank(CONTOSO, &mailboxes[0], 2, fixture.now())]);
    fixture.contoso(|tenant| {
        let properties = serde_json::json!({ "ForwardTo": ["\"eve\" [SMTP:eve@evil.example]"] });
        tenant.mailbox_mut(&mailboxes[0]).unwrap().add_rule(15_394_007_330_931_153_153, "Invoices", properties);
    });
    fixture.wait(TimeDelta::minutes(1));
    let (began, message) = (fixture.now(), fixture.message());
    let report = fixture.while_hanging(fixture.deliver(&message)).await.unwrap();
    let elapsed = fixture.now() - began;
    assert!(elapsed < TimeDelta::seconds(40), "the run took {elapsed}");
    assert_eq!(report.findings, 2);
    let sent = fixture.notified("InboxRule");
    let mut mailboxes_sent: Vec<_> = sent.iter().filter_map(|body| body["SourceMailbox"].as_str()).collect();
    mailboxes_sent.sort_unstable();
    // The targets beyond the cap are unresolved at once; the record behind it is evaluated by its current rule.
    assert_eq!(mailboxes_sent, [mailboxes[0].as_str(), "victor@contoso.com"]);
}

#[tokio::test]
async fn rows_for_4000_targets_are_capped() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 1);
    let rule: Value = forwarding_rule(1, "Invoices", &external_addresses(4_000), fixture.now());
    fixture.publish(vec![rule, forwarding(CONTOSO, &mailboxes[0], 2, "mallory@evil.example", fixture.now())]);
    let report = fixture.read().await.unwrap();
    assert_eq!((report.threats, report.notified), (2, 4));
    // Fifty targets of the one and one of the other, each noted with the target and with the tenant.
    assert_eq!((rows_written(&fixture, "target_"), rows_written(&fixture, "aim_")), (51, 51));
}

#[tokio::test]
async fn threat_is_sent_before_its_4000_targets_are_related() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", &external_addresses(4_000), fixture.now())]);
    fixture.sim.inject(Fault::new(Service::Flow, "", FaultKind::HangAfterEffect).times(1));
    let related = || rows_written(&fixture, "target_");
    let accepted = async {
        while fixture.notified("InboxRule").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    // The answer of the flow never comes, so whatever was written then was written before.
    tokio::select! {
        () = accepted => {}
        _ = fixture.read() => panic!("the flow hangs"),
    }
    assert_eq!(related(), 0);
}
