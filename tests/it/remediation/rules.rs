//! Inbox rules: disabled, refused, hidden, and those that are left.

use serde_json::json;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::remediation_fixture::{BOB, RULE, Ward, detail, find, outcome};

#[tokio::test]
async fn missing_exchange_role_disables_rules_through_graph() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| tenant.exchange_role = false);
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.body["Status"], "CompletedWithErrors");
    let rules = ward.mailbox().rules;
    assert!(rules.iter().filter(|rule| !rule.hidden).all(|rule| !rule.enabled));
    assert!(detail(&answer, "DisableInboxRules").contains("Disabled 2 rules"), "{:#}", answer.body);
    assert!(rules.iter().any(|rule| rule.hidden && rule.enabled), "Graph shows none of them, so that is said");
    assert!(find(&answer, "DisableInboxRules")["Verified"].as_str().unwrap().contains("Hidden rules"));
    for step in ["ClearForwarding", "DisableInboxRules", "DisableClientAccess"] {
        assert_eq!(outcome(&answer, step), "Failed");
        assert!(detail(&answer, step).contains("Exchange Administrator"), "{}", detail(&answer, step));
    }
    assert!(!ward.user(BOB).account_enabled);
}

#[tokio::test]
async fn a_name_excuses_no_rule() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.add_rule(21, "Delegate Rule 2", json!({ "RedirectTo": ["harry@contoso.com"] })).hidden = true;
        bob.add_rule(22, "Junk E-mail Rule", json!({}));
        bob.add_rule(23, "Microsoft.Exchange.OOF.x", json!({ "ForwardTo": ["eve@evil.example"] })).hidden = true;
    });
    ward.press(json!({})).await;
    let rules = ward.mailbox().rules;
    let is_on = |id: u64| rules.iter().find(|rule| rule.id == id).unwrap().enabled;
    assert!(is_on(21), "Exchange's own, to a delegate inside");
    assert!(!is_on(22), "Exchange's own is hidden, this one is not");
    assert!(!is_on(23), "it forwards outside");
    assert!(!is_on(10), "it deletes");
    assert!(is_on(9), "Exchange's own");
}

#[tokio::test]
async fn fixed_delegate_rule_is_skipped_unless_it_forwards_externally() {
    for (target, rules) in [("nobody knows", "Skipped"), ("eve@evil.example", "Failed")] {
        let ward = Ward::open().await;
        ward.contoso(|tenant| {
            let bob = tenant.mailbox_mut(BOB).unwrap();
            bob.rules.clear();
            bob.sweep_rules.clear();
            bob.add_rule(20, "Delegate Rule 1", json!({ "RedirectTo": [target] })).hidden = true;
        });
        let answer = ward.press(json!({})).await;
        assert_eq!(outcome(&answer, "DisableInboxRules"), rules, "{:#}", answer.body);
        assert!(detail(&answer, "DisableInboxRules").contains("Delegate Rule 1"));
    }
}

#[tokio::test]
async fn rule_that_graph_cannot_disable_is_a_failure() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| tenant.exchange_role = false);
    let rule = json!({ "id": "AQ", "displayName": ".", "sequence": 1, "isEnabled": true, "isReadOnly": true,
        "actions": { "redirectTo": [{ "emailAddress": { "address": "eve@evil.example" } }] } });
    let kind = FaultKind::Status {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: json!({ "value": [rule] }).to_string(),
    };
    ward.sim.inject(Fault::status(Service::Graph, "messageRules/AQ", 403));
    ward.sim.inject(Fault::new(Service::Graph, "messageRules", kind));
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "DisableInboxRules"), "Failed", "{:#}", answer.body);
    assert!(find(&answer, "DisableInboxRules")["Verified"].as_str().unwrap().contains("still enabled"));
}

#[tokio::test]
async fn system_named_rule_with_unknown_targets_is_not_skipped() {
    let ward = Ward::open().await;
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.add_rule(99, "Delegate Rule 9", json!({ "RedirectTo": ["eve@evil.example"] })).hidden = true;
    });
    ward.sim.inject(Fault::status(Service::Exchange, "Get-AcceptedDomain", 400));
    let blind = ward.press(json!({})).await;
    assert_eq!(blind.body["Status"], "CompletedWithErrors", "{:#}", blind.body);
    assert!(find(&blind, "DisableInboxRules")["Verified"].as_str().unwrap().contains("Delegate Rule 9"));
    ward.sim.clear_faults();
    let seen = ward.press(json!({})).await;
    assert_eq!(outcome(&seen, "DisableInboxRules"), "Failed", "it refuses, and it sends mail outside: {:#}", seen.body);
}

#[tokio::test]
async fn attacker_rules_are_disabled_when_hidden_rules_are_unknown() {
    let ward = Ward::open().await;
    ward.sim.inject(Fault::status(Service::Exchange, "Get-InboxRule Mailbox", 400));
    let blind = ward.press(json!({})).await;
    assert_eq!(outcome(&blind, "DisableInboxRules"), "Done", "{:#}", blind.body);
    assert!(ward.mailbox().rules.iter().all(|rule| !rule.enabled));
    let undone = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(undone.body["Status"], "Undone", "{:#}", undone.body);
    assert!(ward.mailbox().rules.iter().any(|rule| rule.id == 9 && rule.enabled), "Exchange's own works again");
}

#[tokio::test]
async fn a_rule_that_refuses_is_known_again_by_its_id() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.add_rule(20, "Delegate Rule 1", json!({ "RedirectTo": ["nobody knows"] })).hidden = true;
    });
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    assert_eq!(ward.press(json!({})).await.body["Status"], "AlreadyDone");
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.add_rule(21, "Delegate Rule 1", json!({ "RedirectTo": ["nobody knows"] })).hidden = true;
    });
    let third = ward.press(json!({})).await;
    assert_eq!(third.body["Status"], "Completed", "it was tried: {:#}", third.body);
    assert!(detail(&third, "DisableInboxRules").contains("Left enabled"), "{:#}", third.body);
}

#[tokio::test]
async fn a_rule_that_serves_a_group_is_nobodys_own() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.add_rule(77, "Junk E-mail Rule", json!({ "RedirectTo": ["\"g\" [SMTP:group@contoso.com]"] })).hidden = true;
    });
    let group =
        json!({ "value": [{ "PrimarySmtpAddress": "group@contoso.com", "RecipientTypeDetails": "GroupMailbox" }] });
    let group = FaultKind::Status {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: group.to_string(),
    };
    ward.sim.inject(Fault::new(Service::Exchange, "Get-Recipient", group));
    ward.press(json!({})).await;
    assert!(!ward.mailbox().rules.iter().find(|rule| rule.id == 77).unwrap().enabled);
}

#[tokio::test]
async fn sweep_rules_that_cannot_be_read_do_not_save_the_inbox_rules() {
    for status in [400, 403] {
        let ward = Ward::open().await;
        ward.sim.inject(Fault::status(Service::Exchange, "Get-SweepRule", status));
        let answer = ward.press(json!({})).await;
        assert_eq!(outcome(&answer, "DisableInboxRules"), "Failed", "{:#}", answer.body);
        assert!(detail(&answer, "DisableInboxRules").contains("weep rules"));
        let left: Vec<_> = ward.mailbox().rules.into_iter().filter(|rule| rule.enabled).map(|rule| rule.name).collect();
        assert_eq!(left, ["Junk E-mail Rule"], "{status}");
        assert_eq!(answer.body["Status"], "CompletedWithErrors");
        ward.sim.clear_faults();
        assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
        ward.assert_secured();
    }
}

#[tokio::test]
async fn hidden_rules_are_excused_by_what_they_do() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.rules.clear();
        let rules = [
            (40, "Junk E-mail Rule", json!({ "MoveToFolder": "Junk Email" }), true),
            (41, "Junk E-mail Rule", json!({}), false),
            (42, "Junk E-mail Rule", json!({ "MoveToFolder": "RSS Feeds" }), false),
            (43, "Microsoft.Exchange.OOF.AllExternalSenders.Global", json!({}), true),
            (44, "Microsoft.Exchange.OOF.AllExternalSenders.Global", json!({ "MoveToFolder": "Archive" }), false),
            (45, "Junk E-mail Rule", json!({ "MoveToFolder": "Junk Email", "MarkAsRead": true }), false),
        ];
        for (id, name, properties, _) in &rules {
            bob.add_rule(*id, name, properties.clone()).hidden = true;
        }
    });
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.body["Status"], "Completed", "{:#}", answer.body);
    let on: Vec<u64> = ward.mailbox().rules.iter().filter(|rule| rule.enabled).map(|rule| rule.id).collect();
    assert_eq!(on, [40, 43]);
    assert!(detail(&answer, "DisableInboxRules").contains("Left enabled as Exchange's own"), "{:#}", answer.body);
}

#[tokio::test]
async fn a_rule_that_the_threat_names_is_never_excused() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.rules.clear();
        bob.add_rule(RULE, "Junk E-mail Rule", json!({ "MoveToFolder": "Junk Email" })).hidden = true;
    });
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    assert!(!ward.mailbox().rules[0].enabled);
}
