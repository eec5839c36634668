//! The accounts that a request secures, and those that it cannot.

use serde_json::json;
use tenantwatch::detection::FindingKind;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::remediation_fixture::{BOB, Ward, detail, outcome, threat};

#[tokio::test]
async fn acting_delegate_is_secured_but_not_their_mailbox() {
    let ward = Ward::open().await;
    let mut by_harry = threat(2, ward.now());
    by_harry.actor = "harry@contoso.com".to_owned();
    ward.keep(&by_harry).await;
    let answer = ward.press(json!({ "ID": by_harry.record_id, "User": "harry@contoso.com" })).await;
    assert_eq!(answer.body["Status"], "Completed", "{:#}", answer.body);
    assert_eq!(answer.body["Account"], "bob@contoso.com;harry@contoso.com");
    ward.assert_secured();
    assert!(!ward.user("harry@contoso.com").account_enabled);
    assert!(ward.contoso(|tenant| tenant.mailbox("harry").unwrap().client_access["OWAEnabled"]));
    let again = ward.press(json!({ "ID": by_harry.record_id })).await;
    assert_eq!(again.body["Status"], "AlreadyDone", "{:#}", again.body);
    assert_eq!(again.body["Account"], "bob@contoso.com;harry@contoso.com");
}

#[tokio::test]
async fn the_caller_can_say_whose_account() {
    for (choice, bob, harry) in [("Owner", false, true), ("Actor", true, false), ("Both", false, false)] {
        let ward = Ward::open().await;
        let mut by_harry = threat(2, ward.now());
        by_harry.actor = "harry@contoso.com".to_owned();
        ward.keep(&by_harry).await;
        ward.press(json!({ "ID": by_harry.record_id, "Account": choice })).await;
        let enabled = (ward.user(BOB).account_enabled, ward.user("harry@contoso.com").account_enabled);
        assert_eq!(enabled, (bob, harry), "{choice}");
        assert_eq!(ward.mailbox().forwarding_smtp_address, None, "mailbox steps act on the mailbox: {choice}");
    }
}

#[tokio::test]
async fn a_finding_that_is_not_about_a_mailbox_leaves_mailboxes_alone() {
    let ward = Ward::open().await;
    let mut consent = threat(2, ward.now());
    consent.kind = FindingKind::Consent;
    ward.keep(&consent).await;
    let answer = ward.press(json!({ "ID": consent.record_id })).await;
    assert_eq!(answer.body["Status"], "Completed", "{:#}", answer.body);
    assert_eq!(outcome(&answer, "DisableInboxRules"), "Skipped");
    assert!(!ward.user(BOB).account_enabled);
    assert!(ward.mailbox().forwarding_smtp_address.is_some());
}

#[tokio::test]
async fn a_synced_account_is_reported_with_the_place_to_act() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().synced = true);
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.body["Status"], "CompletedWithErrors");
    assert_eq!(outcome(&answer, "BlockSignIn"), "Failed");
    assert!(detail(&answer, "BlockSignIn").contains("disable it on premises too"));
    assert_eq!(outcome(&answer, "ResetPassword"), "Done", "writeback took it");
    assert_eq!(outcome(&answer, "DisableInboxRules"), "Done");
}

#[tokio::test]
async fn a_federated_password_is_reported_with_the_place_to_reset_it() {
    let ward = Ward::open().await;
    let domains = json!({ "value": [{ "id": "contoso.com", "isDefault": true, "isVerified": true, "authenticationType": "Federated" }] });
    let body = FaultKind::Status {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: domains.to_string(),
    };
    ward.sim.inject(Fault::new(Service::Graph, "/domains", body));
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "ResetPassword"), "Failed", "{:#}", answer.body);
    assert!(detail(&answer, "ResetPassword").contains("identity provider"));
    assert_eq!(ward.user(BOB).password_resets, 0);
    assert!(!ward.user(BOB).account_enabled);
}

#[tokio::test]
async fn untouchable_administrator_is_reported_and_mailbox_secured() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().administrator = true);
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "BlockSignIn"), "Failed");
    assert!(detail(&answer, "BlockSignIn").contains("Privileged Authentication Administrator"));
    assert_eq!(ward.mailbox().forwarding_smtp_address, None);
}

#[tokio::test]
async fn account_with_name_ending_like_another_is_secured() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| drop(tenant.add_person("ob", "Otto Bell").clone()));
    let mut by_otto = threat(2, ward.now());
    by_otto.actor = "ob@contoso.com".to_owned();
    ward.keep(&by_otto).await;
    ward.sim.inject(Fault::status(Service::Exchange, "Set-CASMailbox", 400).times(13));
    let answer = ward.press(json!({ "ID": by_otto.record_id, "Account": "Owner" })).await;
    assert_eq!(answer.body["Status"], "CompletedWithErrors");
    ward.press(json!({ "ID": by_otto.record_id })).await;
    let otto = ward.user("ob@contoso.com");
    assert!(!otto.account_enabled && otto.password_resets == 1 && otto.session_revocations >= 2, "{otto:?}");
}

#[tokio::test]
async fn an_actor_whom_graph_does_not_show_is_secured_as_well() {
    let ward = Ward::open().await;
    let mut by_harry = threat(2, ward.now());
    by_harry.actor = "harry@contoso.com".to_owned();
    ward.keep(&by_harry).await;
    ward.sim.inject(Fault::status(Service::Graph, "GET /v1.0/users/harry", 400).times(1));
    let answer = ward.press(json!({ "ID": by_harry.record_id })).await;
    assert_eq!(answer.body["Account"], "bob@contoso.com;harry@contoso.com", "{:#}", answer.body);
    assert!(!ward.user("harry@contoso.com").account_enabled);
    assert_eq!(ward.user("harry@contoso.com").password_resets, 1);
}
