use chrono::{DateTime, Utc};
use tenantwatch::detection::{
    Finding, FindingKind, ReasonName, Severity, add_change_nearby, add_shared_target, judge, raise_after_threat,
    raise_forwarding_target,
};

use super::fixtures::situations;

fn found(name: &str) -> Finding {
    let (_, situation) = situations().into_iter().find(|(_, situation)| situation.name.ends_with(name)).unwrap();
    judge(&situation.record(), &situation.knowledge()).unwrap()
}

fn time() -> DateTime<Utc> {
    "2026-11-20T07:00:00Z".parse().unwrap()
}

fn sentence(finding: &Finding, name: ReasonName) -> &str {
    &finding.reasons.iter().find(|reason| reason.name == name).unwrap().sentence
}

#[test]
fn a_shared_target_says_how_many_and_only_raises() {
    let before = found("update_inbox_rules_a: forwards everything outside");
    let mut after = before.clone();
    add_shared_target(&mut after, 3, 2);
    assert!(sentence(&after, ReasonName::SharedTarget).contains("3 mailboxes in 2 tenants"));
    assert!(after.score > before.score && after.severity == Severity::High);
    add_shared_target(&mut after, 4, 1);
    assert!(sentence(&after, ReasonName::SharedTarget).contains("4 mailboxes in 1 tenant "));
    assert_eq!(after.reasons.len(), before.reasons.len() + 1);
}

#[test]
fn a_method_that_is_changed_after_a_threat_is_a_threat() {
    let mut change = found("a method was added");
    raise_after_threat(&mut change, time());
    assert_eq!((change.threat, change.severity), (true, Severity::Medium));
    assert!(change.score >= 40 && sentence(&change, ReasonName::AfterThreat).contains("2026-11-20 07:00 UTC"));
}

#[test]
fn a_method_that_was_changed_before_a_threat_belongs_to_it() {
    let mut threat = found("deletes invoices");
    let score = threat.score;
    add_change_nearby(&mut threat, FindingKind::SignInMethod, time());
    assert_eq!(threat.severity, Severity::Medium);
    assert!(threat.score >= score && sentence(&threat, ReasonName::MethodChangedNearby).contains("07:00 UTC"));
}

#[test]
fn a_contact_that_somebody_forwards_to_is_a_threat() {
    let mut contact = found("contact_retargeted: a contact points elsewhere");
    raise_forwarding_target(&mut contact, "grady@contoso.com");
    assert_eq!((contact.threat, contact.severity), (true, Severity::Medium));
    assert!(sentence(&contact, ReasonName::SharedTarget).contains("grady@contoso.com"));
}
