//! `Undo` restores forwarding only to targets that Exchange proves to be internal or trusted.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::tables::{AddedDomainRow, COVERAGE};
use tenantwatch_simulator::world::{AcceptedDomain, Contact, Group, GroupKind};
use tenantwatch_simulator::{Fault, Service};

use super::remediation_fixture::{BOB, Ward, outcome};

/// A ward with a contact of an own address that leads outside, a group with a guest and one without.
async fn ward() -> Ward {
    let ward = Ward::open_with(&[("ACTION_KEY", "off"), ("TRUSTED_DOMAINS", "archive.example")]).await;
    ward.contoso(|tenant| {
        tenant.contacts.push(Contact::mail_user("partner", "partner@contoso.com", "evil@fabrikam.com"));
        tenant.contacts.push(Contact::mail_user("archive", "archive@contoso.com", "mail@archive.example"));
        tenant.contacts.push(Contact::new("guest", "guest@evil.example"));
        tenant.groups.push(Group::new(GroupKind::Distribution, "all", "all@contoso.com", &["harry", "guest"]));
        tenant.groups.push(Group::new(GroupKind::Unified, "team", "team@contoso.com", &["harry"]));
    });
    ward
}

const OUTSIDE: [&str; 9] = [
    "partner@contoso.com",
    "all@contoso.com",
    "IMCEASMTP-x+40evil.example@contoso.com",
    "IMCEASMTP-IMCEASMTP-drop+2B40evil+2Eexample+40contoso+2Ecom@contoso.com",
    "evil@fabrikam.com,harry@contoso.com",
    "evil@fabrikam.com;harry@contoso.com",
    "evil@fabrikam.com harry@contoso.com",
    "nobody@contoso.com",
    "evil9@fabrikam.com",
];

const INSIDE: [&str; 4] =
    ["harry@contoso.com", "team@contoso.com", "archive@contoso.com", "IMCEASMTP-harry+40contoso+2Ecom@contoso.com"];

#[tokio::test]
async fn forwarding_is_restored_to_proven_targets_only() {
    for (target, is_inside) in
        OUTSIDE.map(|target| (target, false)).into_iter().chain(INSIDE.map(|target| (target, true)))
    {
        let ward = ward().await;
        let smtp = format!("smtp:{target}");
        ward.contoso(|tenant| {
            let bob = tenant.mailbox_mut(BOB).unwrap();
            bob.forwarding_address = None;
            bob.forwarding_smtp_address = Some(smtp.clone());
        });
        ward.press(json!({})).await;
        assert_eq!(ward.mailbox().forwarding_smtp_address, None);
        let answer = ward.press(json!({ "Action": "Undo" })).await;
        assert_eq!(ward.mailbox().forwarding_smtp_address, is_inside.then_some(smtp), "{target} {:#}", answer.body);
    }
}

#[tokio::test]
async fn forwarding_to_an_object_is_restored_by_its_target() {
    for (object, is_inside) in [("partner", false), ("all", false), ("harry", true), ("team", true), ("gone", false)] {
        let ward = ward().await;
        ward.contoso(|tenant| {
            let bob = tenant.mailbox_mut(BOB).unwrap();
            bob.forwarding_smtp_address = None;
            bob.forwarding_address = Some(object.to_owned());
        });
        ward.press(json!({})).await;
        ward.press(json!({ "Action": "Undo" })).await;
        assert_eq!(ward.mailbox().forwarding_address.is_some(), is_inside, "{object}");
    }
}

#[tokio::test]
async fn rules_are_restored_to_proven_targets_only() {
    let ward = ward().await;
    let all: Vec<&str> = OUTSIDE.into_iter().chain(INSIDE).collect();
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        for (at, target) in (100..).zip(&all) {
            bob.add_rule(at, &format!("Rule {at}"), json!({ "RedirectTo": [format!("\"p\" [SMTP:{target}]")] }));
        }
    });
    ward.press(json!({})).await;
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    let rules = ward.mailbox().rules;
    for (at, target) in (100..).zip(&all) {
        let is_on = rules.iter().find(|rule| rule.id == at).unwrap().enabled;
        assert_eq!(is_on, INSIDE.contains(target), "{target} {:#}", answer.body);
    }
}

#[tokio::test]
async fn domain_that_was_added_lately_is_not_the_tenants_own() {
    for (days, back) in [(1, false), (40, true)] {
        let ward = ward().await;
        ward.contoso(|tenant| {
            tenant.accepted_domains.push(AcceptedDomain::new("brand.example"));
            tenant.mailbox_mut("harry").unwrap().other_addresses.push("harry@brand.example".to_owned());
            let bob = tenant.mailbox_mut(BOB).unwrap();
            bob.forwarding_address = None;
            bob.forwarding_smtp_address = Some("smtp:harry@brand.example".to_owned());
        });
        let added = AddedDomainRow {
            tenant_id: ward.threat.tenant_id,
            domain: "brand.example".parse().unwrap(),
            event_time: ward.now() - TimeDelta::days(days),
        };
        ward.put(COVERAGE, &added.to_entity()).await;
        ward.press(json!({})).await;
        ward.press(json!({ "Action": "Undo" })).await;
        assert_eq!(ward.mailbox().forwarding_smtp_address.is_some(), back, "{days}");
    }
}

#[tokio::test]
async fn target_that_cannot_be_looked_up_stays_off() {
    for cmdlet in ["Get-Recipient", "Get-UnifiedGroupLinks"] {
        let ward = ward().await;
        ward.contoso(|tenant| {
            let bob = tenant.mailbox_mut(BOB).unwrap();
            bob.forwarding_address = None;
            bob.forwarding_smtp_address = Some("smtp:team@contoso.com".to_owned());
        });
        ward.press(json!({})).await;
        ward.sim.inject(Fault::status(Service::Exchange, cmdlet, 403));
        let answer = ward.press(json!({ "Action": "Undo" })).await;
        assert_eq!(outcome(&answer, "ClearForwarding"), "Skipped", "{cmdlet} {:#}", answer.body);
        assert_eq!(ward.mailbox().forwarding_smtp_address, None);
    }
}

#[tokio::test]
async fn force_restores_rules_but_no_external_forwarding() {
    let ward = ward().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.forwarding_address = None;
        bob.forwarding_smtp_address = Some("smtp:partner@contoso.com".to_owned());
        bob.add_rule(100, "Out", json!({ "RedirectTo": ["partner@contoso.com"] }));
    });
    ward.press(json!({})).await;
    let undone: Value = ward.press(json!({ "Action": "Undo", "Force": true })).await.body;
    let bob = ward.mailbox();
    assert_eq!(bob.forwarding_smtp_address, None, "{undone:#}");
    assert!(bob.rules.iter().find(|rule| rule.id == 100).unwrap().enabled);
}
