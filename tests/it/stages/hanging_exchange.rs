//! An Exchange that never responds, or responds with 503, delays its own tenant by a few seconds and no other tenant.

use std::time::Duration;

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::json;
use tenantwatch::functions::FunctionError;
use tenantwatch::tables::{FindingState, TenantState};
use tenantwatch_simulator::{Fault, Service};
use uuid::Uuid;

use super::records::{add_mailboxes, blank, forwarding};
use crate::collector_fixture::{CONTOSO, CollectorFixture, forwarding_rule};

/// Long enough for any machine. No test waits that long unless it fails.
const LONG: Duration = Duration::from_secs(60);

/// Requests to Exchange apart from those for the accepted domains, which every run needs.
fn look_ups(fixture: &CollectorFixture) -> usize {
    let is_look_up = |cmdlet: &str| cmdlet != "Get-AcceptedDomain";
    fixture.sim.count(|request| request.cmdlet.as_deref().is_some_and(is_look_up))
}

#[tokio::test]
async fn proven_threat_is_sent_before_anything_is_looked_up() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 2);
    for mailbox in &mailboxes {
        fixture.sim.inject(Fault::hang(Service::Exchange, "").in_tenant(CONTOSO).on_mailbox(mailbox));
    }
    let now = fixture.now();
    let mut records: Vec<_> = mailboxes.iter().zip(1..).map(|(mailbox, id)| blank(CONTOSO, mailbox, id, now)).collect();
    records.push(forwarding_rule(9, "Invoices", "eve@evil.example", now));
    fixture.publish(records);
    assert_sent_while_look_ups_hang(&fixture).await;
    assert_eq!(fixture.sim.hanging(), 0, "nothing was looked up for another record");
}

/// Reads until a threat is sent. The clock stands still, so that look-ups which hang never end.
async fn assert_sent_while_look_ups_hang(fixture: &CollectorFixture) {
    let sent = async {
        while fixture.notified("InboxRule").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        sent = tokio::time::timeout(LONG, sent) => {
            assert!(sent.is_ok(), "the threat waits for look-ups");
        }
        _ = fixture.read() => panic!("look-ups hang"),
    }
}

#[tokio::test]
async fn proven_threat_in_a_later_blob_waits_for_no_look_up() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 20);
    fixture.read().await.unwrap();
    for (mailbox, id) in mailboxes.iter().zip(1..) {
        fixture.sim.inject(Fault::hang(Service::Exchange, "").in_tenant(CONTOSO).on_mailbox(mailbox));
        fixture.publish(vec![blank(CONTOSO, mailbox, id, fixture.now())]);
    }
    fixture.publish(vec![forwarding_rule(99, "Invoices", "eve@evil.example", fixture.now())]);
    assert_sent_while_look_ups_hang(&fixture).await;
    assert_eq!(fixture.sim.hanging(), 1, "look-ups take turns");
}

#[tokio::test]
async fn proven_threat_waits_for_no_earlier_record() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 1);
    fixture.read().await.unwrap();
    fixture.sim.inject(Fault::status(Service::Exchange, "", 503));
    fixture.publish(vec![blank(CONTOSO, &mailboxes[0], 1, fixture.now())]);
    fixture.read().await.unwrap();
    fixture.sim.clear_faults();
    fixture.sim.inject(Fault::hang(Service::Exchange, "").in_tenant(CONTOSO).on_mailbox(&mailboxes[0]));
    fixture.wait(TimeDelta::minutes(20));
    fixture.publish(vec![forwarding_rule(99, "Invoices", "eve@evil.example", fixture.now())]);
    assert_sent_while_look_ups_hang(&fixture).await;
}

#[tokio::test]
async fn breaker_withholds_look_ups_after_two_silent_mailboxes() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 8);
    fixture.read().await.unwrap();
    fixture.sim.inject(Fault::hang(Service::Exchange, ""));
    for (mailbox, id) in mailboxes.iter().zip(1..) {
        fixture.publish(vec![blank(CONTOSO, mailbox, id, fixture.now())]);
    }
    let began = fixture.now();
    let report = fixture.while_hanging(fixture.read()).await.unwrap();
    assert_eq!((report.findings, report.blobs), (8, 8));
    assert!(look_ups(&fixture) <= 3, "{} look-ups", look_ups(&fixture));
    let elapsed = fixture.now() - began;
    assert!(elapsed < TimeDelta::minutes(3), "the run took {elapsed}");
    assert_eq!(fixture.coverage().await.state, TenantState::Healthy);
    assert!(fixture.findings().await.iter().all(|row| row.state == FindingState::Rejudge));

    fixture.sim.clear_faults();
    let properties = json!({ "ForwardTo": ["\"eve\" [SMTP:eve@evil.example]"] });
    fixture.contoso(|tenant| {
        for mailbox in &mailboxes {
            let mailbox = tenant.mailbox_mut(mailbox).unwrap();
            mailbox.add_rule(15_394_007_330_931_153_153, "Invoices", properties.clone());
        }
    });
    fixture.wait(TimeDelta::minutes(20));
    assert_eq!(fixture.read().await.unwrap().threats, 8, "every record is evaluated as soon as Exchange responds");
}

#[tokio::test]
async fn run_with_eight_mailboxes_and_a_silent_exchange_sends_all() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 8);
    fixture.sim.inject(Fault::hang(Service::Exchange, ""));
    for (mailbox, id) in mailboxes.iter().zip(1_u128..) {
        let target = format!("drop{id}@evil.example");
        let now = fixture.now();
        fixture.publish(vec![blank(CONTOSO, mailbox, 100 + id, now), forwarding(CONTOSO, mailbox, id, &target, now)]);
    }
    let began = fixture.now();
    let report = fixture.while_hanging(fixture.read()).await.unwrap();
    assert_eq!((report.threats, report.notified), (8, 16));
    assert_eq!(fixture.notified("InboxRule").len(), 8);
    let elapsed = fixture.now() - began;
    assert!(elapsed < TimeDelta::minutes(3), "the run took {elapsed}");
}

#[tokio::test]
async fn six_hanging_tenants_do_not_delay_a_seventh() {
    let fixture = CollectorFixture::start().await;
    let hanging: Vec<Uuid> = (1..=6).map(|number| Uuid::from_u128(0x700 + number)).collect();
    for (number, tenant) in hanging.iter().enumerate() {
        fixture.add_customer(*tenant, &format!("hanging{number}.example"), "Hanging");
        fixture.sim.inject(Fault::hang(Service::Exchange, "").in_tenant(*tenant));
        for (mailbox, id) in add_mailboxes(&fixture, *tenant, 4).iter().zip(1..) {
            fixture.publish_for(*tenant, &[blank(*tenant, mailbox, id, fixture.now())]);
        }
    }
    fixture.publish(vec![forwarding_rule(9, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.wait(TimeDelta::minutes(1));
    let messages: Vec<_> = hanging.iter().map(|tenant| fixture.message_for(*tenant)).collect();
    let runs = join_all(messages.iter().map(|message| fixture.deliver(message)));
    let seventh = async {
        while fixture.sim.hanging() < hanging.len() {
            tokio::task::yield_now().await;
        }
        // The clock stands still, so none of the six can end.
        fixture.deliver(&fixture.message()).await.unwrap()
    };
    let report = tokio::select! {
        report = seventh => report,
        _ = runs => panic!("the six hang"),
    };
    assert_eq!((report.threats, report.notified), (1, 2));
}

#[tokio::test]
async fn unavailable_exchange_is_called_few_times_for_40_mailboxes() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 40);
    fixture.sim.inject(Fault::status(Service::Exchange, "", 503));
    let records = mailboxes.iter().zip(1..).map(|(mailbox, id)| blank(CONTOSO, mailbox, id, fixture.now()));
    fixture.publish(records.collect());
    fixture.read().await.unwrap();
    // Two mailboxes, the first with two questions, each asked four times.
    assert!((2..=12).contains(&look_ups(&fixture)), "{} look-ups", look_ups(&fixture));
    assert_eq!(fixture.findings().await.len(), 40);
}

/// The names of a finding's reasons.
async fn reasons(fixture: &CollectorFixture) -> Vec<&'static str> {
    fixture.findings().await[0].reasons.iter().map(|reason| reason.name.as_str()).collect()
}

#[tokio::test]
async fn target_that_two_later_runs_cannot_resolve_is_notified() {
    let fixture = CollectorFixture::start().await;
    fixture.sim.inject(Fault::status(Service::Exchange, "Get-Recipient", 503));
    fixture.publish(vec![forwarding_rule(1, "Invoices", "Eve Adams", fixture.now())]);
    fixture.read().await.unwrap();
    assert_eq!(fixture.findings().await[0].state, FindingState::Rejudge);
    fixture.wait(TimeDelta::minutes(20));
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 0, "one later run may be too early");
    fixture.wait(TimeDelta::minutes(40));
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    assert!(reasons(&fixture).await.contains(&"TargetUnresolved"), "{:?}", reasons(&fixture).await);
}

#[tokio::test]
async fn target_whose_look_up_is_denied_is_unresolved_at_once() {
    let fixture = CollectorFixture::start().await;
    fixture.contoso(|tenant| tenant.exchange_role = false);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "Eve Adams", fixture.now())]);
    fixture.read().await.unwrap();
    assert!(reasons(&fixture).await.contains(&"TargetUnresolved"), "{:?}", reasons(&fixture).await);
    assert_eq!(fixture.findings().await[0].state, FindingState::Sent);
}

#[tokio::test]
async fn threat_that_needs_no_domain_is_sent_while_domains_are_unread() {
    let fixture = CollectorFixture::start().await;
    fixture.sim.inject(Fault::status(Service::Exchange, "Get-AcceptedDomain", 503));
    fixture.sim.inject(Fault::status(Service::Graph, "/domains", 503));
    let mut nameless = forwarding_rule(1, ".", "eve@evil.example", fixture.now());
    let delete = json!({ "Name": "DeleteMessage", "Value": "True" });
    nameless["Parameters"].as_array_mut().unwrap().push(delete);
    fixture.publish(vec![nameless, forwarding_rule(2, "Invoices", "mallory@evil.example", fixture.now())]);
    for _ in 0..2 {
        let failure = fixture.read().await.unwrap_err();
        assert!(matches!(failure, FunctionError::Transient(_)), "{failure}");
        fixture.wait(TimeDelta::minutes(15));
    }
    let sent = fixture.notified("InboxRule");
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0]["RuleName"], ".", "{sent:?}");
    let reasons = sent[0]["Reasons"].to_string();
    assert!(!reasons.contains("outside the organization") && !reasons.contains("inside"), "{reasons}");

    fixture.sim.clear_faults();
    fixture.wait(TimeDelta::minutes(15));
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 2, "the other one needed the domains");
}
