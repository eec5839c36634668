//! A press against services that behave as administrators reported it: calls that one tenant accepts and the next rejects.

use chrono::TimeDelta;
use serde_json::json;
use table_store::{PartitionKey, Query};
use tenantwatch::tables::ACTIONS;
use tenantwatch_simulator::world::{Anchors, SyncedAccounts, Unkindness};
use tenantwatch_simulator::{Fault, FaultKind, Nothing, Service};

use super::remediation_fixture::{BOB, RULE, Ward, detail, find, outcome};

/// The step that closes client access.
const ACCESS: &str = "DisableClientAccess";

/// A ward in whose tenant Exchange rejects every change of a rule; bob has visible rules only.
async fn ward_of_rejected_rules() -> Ward {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        tenant.oddities.rejects_rule_changes = true;
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.rules.retain(|rule| !rule.hidden);
        bob.sweep_rules.clear();
    });
    ward
}

fn is_on(ward: &Ward, id: u64) -> bool {
    ward.mailbox().rules.iter().find(|rule| rule.id == id).unwrap().enabled
}

#[tokio::test]
async fn rules_that_exchange_keeps_are_disabled_through_graph() {
    let ward = ward_of_rejected_rules().await;
    let answer = ward.press(json!({})).await;
    assert!(!is_on(&ward, RULE) && !is_on(&ward, 7), "{:#}", answer.body);
    assert_eq!(outcome(&answer, "DisableInboxRules"), "Done");
    assert_eq!(find(&answer, "DisableInboxRules")["Verified"], "no rule is enabled");
}

#[tokio::test]
async fn undo_enables_through_graph_what_was_disabled_there() {
    let ward = ward_of_rejected_rules().await;
    ward.press(json!({})).await;
    let answer = ward.press(json!({ "Action": "Undo", "Force": true })).await;
    assert_eq!(outcome(&answer, "DisableInboxRules"), "Undone", "{:#}", answer.body);
    assert!(is_on(&ward, RULE) && is_on(&ward, 7));
}

#[tokio::test]
async fn rules_are_disabled_whichever_form_exchange_accepts() {
    for unkindness in [Unkindness::default(), Unkindness::none()] {
        let ward = Ward::open().await;
        ward.sim.world().unkindness = unkindness;
        let answer = ward.press(json!({})).await;
        assert_eq!(answer.body["Status"], "Completed", "{:#}", answer.body);
        ward.assert_secured();
    }
}

#[tokio::test]
async fn rules_are_disabled_by_id_where_identity_is_rejected() {
    let ward = Ward::open().await;
    let body = r#"{"error":{"code":"BadRequest","message":"A parameter cannot be found"}}"#.to_owned();
    let rejected = FaultKind::Status { status: 400, headers: Vec::new(), body };
    let mut fault = Fault::new(Service::Exchange, "Disable-InboxRule", rejected);
    fault.times = Some(1);
    ward.sim.inject(fault);
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "DisableInboxRules"), "Done", "{:#}", answer.body);
    assert!(!is_on(&ward, RULE));
}

/// A ward whose tenant rejects the two switches that were reported.
async fn ward_of_rejected_switches() -> Ward {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let rejected = ["EwsEnabled", "OneWinNativeOutlookEnabled"].map(str::to_owned);
        tenant.oddities.rejected_client_access = rejected.into();
    });
    ward
}

#[tokio::test]
async fn switches_that_a_tenant_does_not_show_are_absent() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        tenant.oddities.absent_client_access = ["EwsEnabled", "MacOutlookEnabled"].map(str::to_owned).into();
    });
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, ACCESS), "Done", "{:#}", answer.body);
    assert_eq!(find(&answer, ACCESS)["Verified"], "all client access is disabled");
    assert_eq!(answer.body["Status"], "Completed", "{:#}", answer.body);
}

#[tokio::test]
async fn rejected_switches_that_stay_enabled_leave_no_other_open() {
    let ward = ward_of_rejected_switches().await;
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, ACCESS), "Failed", "{:#}", answer.body);
    assert_eq!(outcome(&answer, "Verify"), "Failed", "{:#}", answer.body);
    assert_eq!(answer.body["Status"], "CompletedWithErrors");
    assert!(find(&answer, ACCESS)["Verified"].as_str().unwrap().contains("EwsEnabled"), "{:#}", answer.body);
    for (switch, value) in ward.mailbox().client_access {
        let is_lacking = matches!(switch.as_str(), "EwsEnabled" | "OneWinNativeOutlookEnabled");
        assert_eq!(value, is_lacking || switch == "SmtpClientAuthenticationDisabled", "{switch}");
    }
}

#[tokio::test]
async fn undo_restores_the_switches_that_a_tenant_has() {
    let ward = ward_of_rejected_switches().await;
    let before = ward.mailbox().client_access;
    ward.press(json!({})).await;
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(outcome(&answer, ACCESS), "Undone", "{:#}", answer.body);
    assert_eq!(ward.mailbox().client_access, before);
}

#[tokio::test]
async fn a_switch_that_exchange_refuses_is_named_as_failed() {
    let ward = Ward::open().await;
    let body = r#"{"error":{"code":"BadRequest","message":"The value is in use by a policy."}}"#.to_owned();
    let refused = FaultKind::Status { status: 400, headers: Vec::new(), body };
    // The order of the parameters tells the call of one switch from that of all: the other switches stand before it.
    ward.sim.inject(Fault::new(Service::Exchange, "PopEnabled", refused));
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, ACCESS), "Failed", "{:#}", answer.body);
    let told = detail(&answer, ACCESS);
    assert!(told.contains("PopEnabled") && told.contains("in use by a policy"), "{told}");
    for (switch, value) in ward.mailbox().client_access {
        let is_open = matches!(switch.as_str(), "PopEnabled" | "SmtpClientAuthenticationDisabled");
        assert_eq!(value, is_open, "{switch}");
    }
}

/// A ward whose bob comes from an on-premises directory.
async fn ward_of_synced_bob(accept_block: bool, accept_password: bool) -> Ward {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        tenant.oddities.synced_accounts = SyncedAccounts { accept_block, accept_password };
        tenant.user_mut(BOB).unwrap().synced = true;
    });
    ward
}

#[tokio::test]
async fn a_password_set_in_the_cloud_is_to_be_reset_on_premises() {
    let ward = ward_of_synced_bob(true, true).await;
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "ResetPassword"), "Done", "{:#}", answer.body);
    let told = detail(&answer, "ResetPassword");
    assert!(told.contains("reset it on premises now"), "{told}");
    assert_eq!(ward.user(BOB).password_resets, 1);
}

#[tokio::test]
async fn a_rejected_password_is_to_be_reset_on_premises() {
    let ward = ward_of_synced_bob(true, false).await;
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "ResetPassword"), "Failed", "{:#}", answer.body);
    let told = detail(&answer, "ResetPassword");
    assert!(told.contains("reset the password on premises now"), "{told}");
    assert!(!told.contains("Grant"), "{told}");
}

#[tokio::test]
async fn a_synced_account_is_blocked_where_graph_accepts_it() {
    let ward = ward_of_synced_bob(true, true).await;
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "BlockSignIn"), "Done", "{:#}", answer.body);
    assert!(detail(&answer, "BlockSignIn").contains("disable it on premises too"));
    assert!(!ward.user(BOB).account_enabled);
}

#[tokio::test]
async fn a_rejected_block_is_failed_and_sent_on_premises() {
    let ward = ward_of_synced_bob(false, true).await;
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "BlockSignIn"), "Failed", "{:#}", answer.body);
    let told = detail(&answer, "BlockSignIn");
    assert!(told.contains("on premises"), "{told}");
    assert!(!told.contains("Grant"), "no permission would help: {told}");
}

#[tokio::test]
async fn a_mailbox_is_reached_by_the_only_anchor_that_leads_to_it() {
    let none = Anchors::default();
    let anchors = [Anchors { object_id: true, ..none }, Anchors { system_mailbox: true, ..none }];
    for anchors in anchors {
        let ward = Ward::open().await;
        ward.contoso(|tenant| tenant.mailbox_mut(BOB).unwrap().anchors = Some(anchors));
        let answer = ward.press(json!({})).await;
        assert_eq!(answer.body["Status"], "Completed", "{anchors:?} {:#}", answer.body);
        ward.assert_secured();
    }
}

#[tokio::test]
async fn a_role_granted_between_presses_counts_in_the_next_one() {
    let ward = Ward::open().await;
    // The tokens outlive the test, so that nothing but a rejection replaces one.
    ward.sim.world().token_seconds = 24 * 3_600;
    ward.contoso(|tenant| tenant.exchange_role = false);
    let refused = ward.press(json!({})).await;
    assert_eq!(outcome(&refused, ACCESS), "Failed", "{:#}", refused.body);
    ward.contoso(|tenant| tenant.exchange_role = true);
    ward.wait(TimeDelta::minutes(61));
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.body["Status"], "Completed", "{:#}", answer.body);
    ward.assert_secured();
}

#[tokio::test]
async fn an_answer_without_rules_never_completes_a_press() {
    for nothing in [Nothing::NoBytes, Nothing::EmptyObject, Nothing::ErrorWithoutValue] {
        let ward = Ward::open().await;
        ward.wait_shortly();
        ward.sim.inject(Fault::new(Service::Exchange, "Get-InboxRule", FaultKind::Nothing(nothing)));
        let answer = ward.press(json!({})).await;
        assert_ne!(answer.body["Status"], "Completed", "{nothing:?} {:#}", answer.body);
        assert_eq!(outcome(&answer, "DisableInboxRules"), "Failed", "{nothing:?} {:#}", answer.body);
    }
}

#[tokio::test]
async fn a_graph_listing_without_value_never_completes_a_press() {
    for listing in ["oauth2PermissionGrants", "authentication/methods"] {
        let ward = Ward::open().await;
        ward.wait_shortly();
        ward.sim.inject(Fault::new(Service::Graph, listing, FaultKind::Nothing(Nothing::WithoutValue)));
        let answer = ward.press(json!({})).await;
        assert_ne!(answer.body["Status"], "Completed", "{listing} {:#}", answer.body);
    }
}

#[tokio::test]
async fn secrets_that_a_service_repeats_are_in_no_answer_or_row() {
    let ward = Ward::open().await;
    for (service, route) in [(Service::Graph, "PATCH"), (Service::Exchange, "Set-"), (Service::Exchange, "Disable-")] {
        ward.sim.inject(Fault::new(service, route, FaultKind::Echo { status: 400 }));
    }
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "ResetPassword"), "Failed", "{:#}", answer.body);
    let query = Query::partition(PartitionKey::parse("contoso.com").unwrap());
    let rows = table_store::list_all(ward.store.as_ref(), ACTIONS, query).await.unwrap();
    for text in [answer.body.to_string(), format!("{rows:?}")] {
        let plain = text.replace('\\', "");
        assert!(plain.contains(r#""password":"[removed]""#), "the echo is to be seen: {plain}");
        assert!(!plain.contains("eyJ0eXAiOiJKV1QifQ"), "a token: {plain}");
        let passwords = plain.split(r#""password":"#).skip(1);
        assert!(passwords.into_iter().all(|rest| rest.starts_with(r#""[removed]"#)), "a password: {plain}");
    }
}

#[tokio::test]
async fn a_mailbox_finding_without_an_owner_is_refused() {
    let ward = Ward::open().await;
    let mut orphan = super::remediation_fixture::threat(2, ward.now());
    orphan.source_mailbox = String::new();
    orphan.actor = "harry@contoso.com".to_owned();
    ward.keep(&orphan).await;
    let body = json!({ "Domain": "contoso.com", "User": "harry@contoso.com", "ID": orphan.record_id });
    let answer = ward.send(&body).await;
    assert_eq!(answer.status, 409, "{:#}", answer.body);
    assert_eq!(ward.changes(), 0, "harry only made the rule; he is nobody to be secured alone");
    assert!(ward.user("harry@contoso.com").account_enabled);
}
