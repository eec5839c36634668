//! Findings that depend on more than their record: rules, contacts, other findings, the consent of the tenant.

use chrono::TimeDelta;
use tenantwatch::functions::FunctionError;
use tenantwatch::tables::{FindingState, TenantState};
use tenantwatch_simulator::world::Contact;
use tenantwatch_simulator::{Fault, Service};

use crate::collector_fixture::{
    CollectorFixture, blank_rule_change, contact_retargeted, forwarding_rule, security_info,
};

#[tokio::test]
async fn missing_consent_is_permanent_and_sends_no_single_notice() {
    let fixture = CollectorFixture::start().await;
    fixture.set_consent(false);
    let error = fixture.read().await.unwrap_err();
    assert!(matches!(error, FunctionError::Permanent(_)), "{error:?}");
    assert_eq!(fixture.coverage().await.state, TenantState::ConsentMissing);
    assert_eq!(fixture.notified("Coverage").len(), 0);
}

#[tokio::test]
async fn unreadable_rule_is_reevaluated_and_notified_if_a_threat() {
    let fixture = CollectorFixture::start().await;
    fixture.exchange_down(true);
    fixture.publish(vec![blank_rule_change(1, fixture.now())]);
    fixture.read().await.unwrap();
    assert_eq!(fixture.findings().await[0].state, FindingState::Rejudge);
    assert_eq!(fixture.notified("InboxRule").len(), 0);

    fixture.exchange_down(false);
    let properties = serde_json::json!({ "ForwardTo": ["\"eve\" [SMTP:eve@evil.example]"] });
    fixture.set_rule(15_394_007_330_931_153_153, "Invoices", properties);
    fixture.wait(TimeDelta::minutes(20));
    let report = fixture.read().await.unwrap();
    assert_eq!(report.threats, 1);
    assert_eq!(fixture.findings().await[0].state, FindingState::Sent);
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    fixture.read().await.unwrap();
    assert!(!fixture.coverage().await.pending);
}

#[tokio::test]
async fn record_alone_decides_after_a_day_of_unreadable_rules() {
    let fixture = CollectorFixture::start().await;
    fixture.exchange_down(true);
    fixture.publish(vec![blank_rule_change(1, fixture.now())]);
    for _ in 0..20 {
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::hours(2));
    }
    assert_eq!(fixture.findings().await[0].state, FindingState::Recorded);
    assert!(!fixture.coverage().await.pending);
}

#[tokio::test]
async fn the_same_target_on_another_mailbox_is_a_reason_of_its_own() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let mut other = forwarding_rule(2, "Payments", "eve@evil.example", fixture.now());
    other["UserId"] = "anna@contoso.com".into();
    other["ObjectId"] = "anna@contoso.com\\Payments".into();
    other["MailboxOwnerUPN"] = "anna@contoso.com".into();
    fixture.publish(vec![other]);
    fixture.read().await.unwrap();
    let findings = fixture.findings().await;
    let names = |at: usize| findings[at].reasons.iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
    assert!(!names(0).contains(&"SharedTarget"));
    assert!(names(1).contains(&"SharedTarget"), "{:?}", names(1));
}

#[tokio::test]
async fn sign_in_method_change_near_a_threat_is_found_in_any_order() {
    for method_first in [true, false] {
        let fixture = CollectorFixture::start().await;
        let threat = forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now());
        let before = security_info(2, fixture.now() - TimeDelta::hours(2));
        let after = security_info(3, fixture.now() + TimeDelta::hours(2));
        let (first, second) =
            if method_first { (vec![before, after], vec![threat]) } else { (vec![threat], vec![before, after]) };
        fixture.publish(first);
        fixture.read().await.unwrap();
        fixture.publish(second);
        fixture.read().await.unwrap();
        let findings = fixture.findings().await;
        let names = |at: usize| findings[at].reasons.iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
        assert!(names(0).contains(&"MethodChangedNearby"), "{method_first}: {:?}", names(0));
        assert!(!findings[1].threat, "{method_first}");
        assert!(findings[2].threat && findings[2].state == FindingState::Sent, "{method_first}: {:?}", findings[2]);
        assert!(names(2).contains(&"AfterThreat"));
        assert_eq!(fixture.notified("SignInMethod").len(), 1, "{method_first}");
    }
}

#[tokio::test]
async fn failed_sign_in_method_change_is_never_a_threat() {
    for method_first in [true, false] {
        let fixture = CollectorFixture::start().await;
        let threat = forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now());
        let mut failed = security_info(3, fixture.now() + TimeDelta::hours(2));
        failed["ResultStatus"] = "Failure".into();
        let (first, second) = if method_first { (failed, threat) } else { (threat, failed) };
        for record in [first, second] {
            fixture.publish(vec![record]);
            fixture.read().await.unwrap();
        }
        assert_eq!(
            (fixture.notified("InboxRule").len(), fixture.notified("SignInMethod").len()),
            (1, 0),
            "{method_first}"
        );
    }
}

#[tokio::test]
async fn retargeted_contact_is_notified_if_a_mailbox_forwards_to_it() {
    let fixture = CollectorFixture::start().await;
    fixture.contoso(|tenant| {
        for alias in ["archive", "unused"] {
            tenant.contacts.push(Contact {
                legacy_dn: format!("/o=ExchangeLabs/cn=Recipients/cn={alias}"),
                identity: format!("{alias} of the notary"),
                ..Contact::new(alias, "archive@notary.example")
            });
        }
        tenant.mailbox_mut("victor@contoso.com").unwrap().forwarding_address = Some("archive of the notary".to_owned());
    });
    fixture.sim.inject(Fault::status(Service::Exchange, "Get-Mailbox", 503));
    fixture.publish(vec![
        contact_retargeted(1, "archive", "eve@evil.example", fixture.now()),
        contact_retargeted(2, "unused", "eva@evil.example", fixture.now()),
    ]);
    fixture.read().await.unwrap();
    assert!(fixture.notified("ContactRetargeted").is_empty(), "nobody knows yet");
    fixture.sim.clear_faults();
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    let told = fixture.notified("ContactRetargeted");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0]["Reasons"].as_str().unwrap().contains("victor@contoso.com forwards its mail to this contact"));
    assert_eq!(told[0]["Severity"], "Medium");
}
