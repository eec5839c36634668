//! Answers that prove nothing: rows of another mailbox, rows without names or members, names that nobody bears.

use serde_json::json;
use tenantwatch::tables::ProcessedRow;
use tenantwatch_simulator::world::{Permission, SignInMethod};
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::remediation_fixture::{BOB, Ward, detail, find, outcome, threat};

const HARRY: &str = "harry@contoso.com";

/// The cmdlets that read a mailbox, and the step that depends on each.
const READS: [(&str, &str); 5] = [
    ("Get-Mailbox Identity", "ClearForwarding"),
    ("Get-CASMailbox", "DisableClientAccess"),
    ("Get-InboxRule", "DisableInboxRules"),
    ("Get-SweepRule", "DisableInboxRules"),
    ("Get-MailboxAutoReplyConfiguration", "DisableAutoReply"),
];

/// Harry has nothing that a press would change, so his mailbox looks like a secured one.
fn make_harry_look_secured(ward: &Ward) {
    ward.contoso(|tenant| {
        let harry = tenant.mailbox_mut(HARRY).unwrap();
        harry.add_rule(50, "Old", json!({ "MoveToFolder": "Old" })).enabled = false;
        let mut sweep = harry.rules[0].clone();
        sweep.enabled = false;
        harry.sweep_rules.push(sweep);
        for (switch, value) in &mut harry.client_access {
            *value = switch == "SmtpClientAuthenticationDisabled";
        }
    });
}

#[tokio::test]
async fn rows_of_another_mailbox_prove_nothing() {
    for (cmdlet, step) in READS {
        let ward = Ward::open().await;
        ward.wait_shortly();
        make_harry_look_secured(&ward);
        let before = ward.contoso(|tenant| format!("{:?}", tenant.mailbox(HARRY)));
        ward.sim.inject(Fault::new(Service::Exchange, cmdlet, FaultKind::OtherMailbox(HARRY.to_owned())));
        let answer = ward.press(json!({})).await;
        assert_eq!(outcome(&answer, step), "Failed", "{cmdlet} {:#}", answer.body);
        assert_eq!(answer.body["Status"], "CompletedWithErrors", "{cmdlet}");
        assert_eq!(ward.contoso(|tenant| format!("{:?}", tenant.mailbox(HARRY))), before, "{cmdlet}");
    }
}

#[tokio::test]
async fn no_cmdlet_that_leads_elsewhere_changes_another_mailbox() {
    let ward = Ward::open().await;
    ward.wait_shortly();
    // Harry has no rule, so an empty list is all that is shown.
    let before = ward.contoso(|tenant| format!("{:?}", tenant.mailbox(HARRY)));
    for cmdlet in ["Get-", "Set-", "Disable-"] {
        ward.sim.inject(Fault::new(Service::Exchange, cmdlet, FaultKind::OtherMailbox(HARRY.to_owned())));
    }
    let answer = ward.press(json!({})).await;
    for (_, step) in READS {
        assert_eq!(outcome(&answer, step), "Failed", "{step} {:#}", answer.body);
    }
    assert_eq!(outcome(&answer, "Verify"), "Failed", "{:#}", answer.body);
    assert_eq!(ward.contoso(|tenant| format!("{:?}", tenant.mailbox(HARRY))), before);
}

#[tokio::test]
async fn verify_is_not_satisfied_by_another_mailbox() {
    let ward = Ward::open().await;
    make_harry_look_secured(&ward);
    ward.press(json!({})).await;
    ward.wait_shortly();
    ward.sim.inject(Fault::new(Service::Exchange, "Get-Mailbox Identity", FaultKind::OtherMailbox(HARRY.to_owned())));
    let again = ward.press(json!({})).await;
    assert_eq!(outcome(&again, "Verify"), "Failed", "{:#}", again.body);
    assert!(find(&again, "ClearForwarding")["Verified"].as_str().unwrap().contains("could not be verified"));
}

#[tokio::test]
async fn rows_without_any_name_prove_nothing() {
    let ward = Ward::open().await;
    ward.wait_shortly();
    let names = &[
        "Name",
        "Alias",
        "UserPrincipalName",
        "PrimarySmtpAddress",
        "ExchangeGuid",
        "Guid",
        "ExternalDirectoryObjectId",
        "LegacyExchangeDN",
        "DistinguishedName",
        "EmailAddresses",
        "Identity",
        "MailboxOwnerId",
    ];
    for (cmdlet, _) in READS.iter().filter(|(cmdlet, _)| !cmdlet.ends_with("Rule")) {
        ward.sim.inject(Fault::new(Service::Exchange, cmdlet, FaultKind::WithoutMembers(names)));
    }
    let answer = ward.press(json!({})).await;
    for step in ["ClearForwarding", "DisableClientAccess", "DisableAutoReply"] {
        assert_eq!(outcome(&answer, step), "Failed", "{step} {:#}", answer.body);
    }
}

#[tokio::test]
async fn owners_in_another_form_are_proven_by_the_mailbox() {
    let ward = Ward::open().await;
    // The rules then name their mailbox by nothing but what the mailbox itself bears.
    let alias = Fault::new(Service::Exchange, "Get-InboxRule", FaultKind::OtherMailbox("bob".to_owned()));
    ward.sim.inject(alias);
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.body["Status"], "Completed", "{:#}", answer.body);
    ward.assert_secured();
}

#[tokio::test]
async fn rows_without_the_members_that_matter_complete_nothing() {
    let members: [(&str, &'static [&'static str], &str); 4] = [
        ("Get-MailboxAutoReplyConfiguration", &["AutoReplyState"], "DisableAutoReply"),
        ("Get-InboxRule", &["Enabled"], "DisableInboxRules"),
        ("Get-SweepRule", &["Enabled"], "DisableInboxRules"),
        (
            "Get-Mailbox Identity",
            &["ForwardingSmtpAddress", "ForwardingAddress", "DeliverToMailboxAndForward"],
            "ClearForwarding",
        ),
    ];
    for (cmdlet, members, step) in members {
        for kind in [FaultKind::WithoutMembers(members), FaultKind::EmptyRow] {
            let ward = Ward::open().await;
            ward.wait_shortly();
            ward.sim.inject(Fault::new(Service::Exchange, cmdlet, kind.clone()));
            let answer = ward.press(json!({})).await;
            assert_eq!(outcome(&answer, step), "Failed", "{cmdlet} {kind:?} {:#}", answer.body);
            assert_eq!(answer.body["Status"], "CompletedWithErrors", "{cmdlet} {kind:?}");
        }
    }
}

#[tokio::test]
async fn alias_is_no_owner_while_graph_is_silent() {
    let ward = Ward::open().await;
    ward.wait_shortly();
    ward.contoso(|tenant| {
        let at = tenant.mailboxes.iter().position(|mailbox| mailbox.is(HARRY)).unwrap();
        let mut harry = tenant.mailboxes.remove(at);
        harry.other_addresses.push(BOB.to_owned());
        tenant.mailboxes.insert(0, harry);
    });
    ward.sim.inject(Fault::status(Service::Graph, "/v1.0/users", 503));
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.status, 502, "{:#}", answer.body);
    assert_eq!(ward.changes(), 0);
}

/// Presses on a finding with this owner and actor.
async fn press_on(ward: &Ward, owner: &str, actor: &str) -> u16 {
    let finding = ProcessedRow { source_mailbox: owner.to_owned(), actor: actor.to_owned(), ..threat(9, ward.now()) };
    ward.keep(&finding).await;
    ward.press(json!({ "ID": finding.record_id, "User": owner })).await.status
}

#[tokio::test]
async fn owner_whom_nobody_knows_is_refused_with_409() {
    for owner in ["x", "a0b1c2d3-0000-4000-8000-000000000001", "nobody@contoso.com", ".."] {
        let ward = Ward::open().await;
        assert_eq!(press_on(&ward, owner, HARRY).await, 409, "{owner}");
        assert_eq!(ward.changes(), 0, "harry only made the rule: {owner}");
    }
}

#[tokio::test]
async fn owner_whom_a_silent_service_may_know_is_refused_with_502() {
    let ward = Ward::open().await;
    ward.wait_shortly();
    ward.sim.inject(Fault::status(Service::Exchange, "Get-Mailbox", 503));
    assert_eq!(press_on(&ward, "x", HARRY).await, 502);
}

#[tokio::test]
async fn delegate_rule_is_excused_only_for_somebody_with_access() {
    let folder = |name: &str| {
        Some(Permission { user: HARRY.to_owned(), rights: "Editor".to_owned(), folder: Some(name.to_owned()) })
    };
    let full = Permission { user: HARRY.to_owned(), rights: "FullAccess".to_owned(), folder: None };
    let none = Permission { user: HARRY.to_owned(), rights: "None".to_owned(), folder: Some("Calendar".to_owned()) };
    let permissions =
        [(None, false), (folder("Calendar"), true), (folder("Inbox"), false), (Some(full), true), (Some(none), false)];
    for (permission, is_excused) in permissions {
        for action in ["ForwardTo", "RedirectTo"] {
            let ward = Ward::open().await;
            ward.contoso(|tenant| {
                let bob = tenant.mailbox_mut(BOB).unwrap();
                bob.permissions.extend(permission.clone());
                let rule = json!({ action: [HARRY], "MessageTypeMatches": "Calendaring" });
                bob.add_rule(60, "Delegate Rule -1", rule).hidden = true;
            });
            let answer = ward.press(json!({})).await;
            let told = detail(&answer, "DisableInboxRules");
            assert_eq!(excused(told), is_excused, "{permission:?} {action} {told}");
        }
    }
}

/// Returns whether the detail names the delegate rule among Exchange's own.
fn excused(told: &str) -> bool {
    let own = told.split("as Exchange's own:").nth(1).and_then(|own| own.split("Left enabled because").next());
    own.is_some_and(|own| own.contains("Delegate Rule"))
}

#[tokio::test]
async fn delegate_rule_is_not_excused_by_unreadable_permissions() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.permissions.push(Permission { user: HARRY.to_owned(), rights: "FullAccess".to_owned(), folder: None });
        let rule = json!({ "ForwardTo": [HARRY], "MessageTypeMatches": "Calendaring" });
        bob.add_rule(60, "Delegate Rule -1", rule).hidden = true;
    });
    ward.sim.inject(Fault::status(Service::Exchange, "Get-MailboxPermission", 403));
    let answer = ward.press(json!({})).await;
    let told = detail(&answer, "DisableInboxRules");
    assert!(!excused(told), "{told}");
}

#[tokio::test]
async fn sign_in_method_with_a_path_as_id_reaches_no_path() {
    for id in ["..", ".", "", "../../../contracts", "a/../b", "x?y", "%2e%2e"] {
        let ward = Ward::open_with(&[("ACTION_KEY", "off"), ("REMOVE_SIGNIN_METHODS", "true")]).await;
        let created = Some(ward.now() - chrono::TimeDelta::days(1));
        let method = |id: &str| SignInMethod {
            id: id.to_owned(),
            kind: "phoneAuthenticationMethod".to_owned(),
            label: "+1 555 0100".to_owned(),
            created,
        };
        ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().methods.extend([method(id), method("ok-1_A=")]));
        let answer = ward.press(json!({})).await;
        assert_eq!(outcome(&answer, "ReviewSignInMethods"), "Failed", "{id} {:#}", answer.body);
        assert!(detail(&answer, "ReviewSignInMethods").contains("by hand"), "{:#}", answer.body);
        assert_eq!(ward.sim.count(|request| request.method == "DELETE"), 1, "only the sound one: {id}");
    }
}
