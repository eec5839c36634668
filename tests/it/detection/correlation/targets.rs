//! Targets that findings share.

use serde_json::json;
use tenantwatch::detection::ReasonName;

use super::{Log, has};

#[test]
fn target_of_two_mailboxes_is_shared() {
    let mut log = Log::new();
    log.forward(0, "grady@contoso.com", "smtp:drop@evil.example");
    log.forward(5, "joey@contoso.com", "smtp:Drop@evil.example");
    log.forward(9 * 24 * 60, "anna@contoso.com", "smtp:drop@evil.example");
    log.forward(9 * 24 * 60 + 5, "eve@contoso.com", "smtp:other@evil.example");
    let found = log.correlated();
    let shared: Vec<bool> = found.iter().map(|finding| has(finding, ReasonName::SharedTarget)).collect();
    assert_eq!(shared, [false, true, false, false]);
    let sentence = &found[1].reasons.iter().find(|reason| reason.name == ReasonName::SharedTarget).unwrap().sentence;
    assert!(sentence.contains("2 mailboxes in 1 tenant "), "{sentence}");
}

#[test]
fn same_target_in_two_tenants_is_counted_by_tenant() {
    let mut log = Log::new();
    log.forward(0, "grady@contoso.com", "smtp:drop@evil.example");
    log.known.tenant_id = "99999999-2222-4333-8444-555555555555".parse().unwrap();
    log.forward(5, "grady@contoso.com", "smtp:drop@evil.example");
    let found = log.correlated();
    let sentence = &found[1].reasons.iter().find(|reason| reason.name == ReasonName::SharedTarget).unwrap().sentence;
    assert!(sentence.contains("2 mailboxes in 2 tenants"), "{sentence}");
}

#[test]
fn contact_that_a_mailbox_forwards_to_is_a_threat() {
    for forwards in [true, false] {
        let mut log = Log::new();
        let target = if forwards { "Accounts" } else { "Anna" };
        log.cmdlet(
            0,
            "admin@contoso.com",
            "Set-Mailbox",
            &[("Identity", "grady@contoso.com"), ("ForwardingAddress", target)],
        );
        log.cmdlet(
            5,
            "admin@contoso.com",
            "Set-MailContact",
            &[("Identity", "accounts"), ("ExternalEmailAddress", "drop@evil.example")],
        );
        assert_eq!(log.correlated()[1].threat, forwards);
    }
}

#[test]
fn added_domain_is_named() {
    let mut log = Log::new();
    log.add(0, "admin@contoso.com", "Add verified domain.", json!({"Target": [{"ID": "new.example", "Type": 1}]}));
    log.cmdlet(1, "admin@contoso.com", "Set-AcceptedDomain", &[("Identity", "contoso.com")]);
    let added: Vec<_> =
        log.findings.iter().map(|finding| finding.added_domain().map(|domain| domain.to_string())).collect();
    assert_eq!(added, [Some("new.example".to_owned()), None]);
}
