//! Undo and Dismiss.

use base::ids::RecordId;
use chrono::TimeDelta;
use serde_json::json;
use tenantwatch::cli::Tables;
use tenantwatch::cli::token::{IssueError, issue};
use tenantwatch::detection::FindingKind;
use tenantwatch::notify::token::Scope;
use tenantwatch::tables::COVERAGE;
use tenantwatch::tables::{FindingState, NotifiedFingerprintRow};
use tenantwatch_simulator::{Fault, FaultKind, Service};
use uuid::Uuid;

use super::remediation_fixture::{BOB, RULE, Ward, detail, outcome, threat};

const HARRY: &str = "harry@contoso.com";

#[tokio::test]
async fn undo_restores_settings_except_those_a_threat_names() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.forwarding_address = None;
        bob.forwarding_smtp_address = Some("smtp:harry@contoso.com".to_owned());
    });
    let before = ward.mailbox();
    ward.press(json!({})).await;
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!((answer.status, &answer.body["Status"]), (200, &json!("Undone")), "{:#}", answer.body);
    assert_eq!(outcome(&answer, "BlockSignIn"), "Undone");
    let (user, mailbox) = (ward.user(BOB), ward.mailbox());
    assert!(user.account_enabled);
    assert_eq!(user.password_resets, 1, "the password stays reset");
    assert_eq!(mailbox.client_access, before.client_access);
    assert_eq!(mailbox.forwarding_smtp_address, before.forwarding_smtp_address);
    assert_eq!(mailbox.auto_reply_state, "Enabled");
    let is_on = |id: u64| mailbox.rules.iter().find(|rule| rule.id == id).unwrap().enabled;
    assert!(is_on(7), "the owner's own rule");
    assert!(!is_on(RULE), "a threat names it");
}

#[tokio::test]
async fn recreated_rule_named_by_a_threat_remains_disabled() {
    let ward = Ward::open().await;
    let name = ward.threat.rule_name.clone();
    assert!(!name.is_empty());
    ward.contoso(|tenant| {
        tenant.mailbox_mut(BOB).unwrap().add_rule(4_711, &name.to_uppercase(), json!({}));
    });
    ward.press(json!({})).await;
    ward.press(json!({ "Action": "Undo" })).await;
    let mailbox = ward.mailbox();
    let is_on = |id: u64| mailbox.rules.iter().find(|rule| rule.id == id).unwrap().enabled;
    assert!(is_on(7) && !is_on(4_711));
}

#[tokio::test]
async fn half_stored_dismissal_is_reported_and_repeatable() {
    let ward = Ward::open().await;
    // Its own row and the one under the log id, then the fingerprint; the finding is not closed.
    ward.lose_writes_after(3);
    let answer = ward.press(json!({ "Action": "Dismiss" })).await;
    assert_eq!(answer.status, 503);
    let said = answer.body["Error"].as_str().unwrap();
    assert!(said.contains("could not be closed") && !said.contains("nothing was changed"), "{said}");
    ward.lose_writes_after(usize::MAX);
    let again = ward.press(json!({ "Action": "Dismiss" })).await;
    assert_eq!((again.status, ward.stored_threat().await.state), (200, FindingState::Dismissed));
}

#[tokio::test]
async fn force_brings_back_the_rule_that_a_threat_names_too() {
    let ward = Ward::open().await;
    ward.press(json!({})).await;
    ward.press(json!({ "Action": "Undo", "Force": true })).await;
    assert!(ward.mailbox().rules.iter().find(|rule| rule.id == RULE).unwrap().enabled);
}

#[tokio::test]
async fn forwarding_to_the_outside_is_never_brought_back() {
    for force in [false, true] {
        let ward = Ward::open().await;
        ward.press(json!({})).await;
        let answer = ward.press(json!({ "Action": "Undo", "Force": force })).await;
        assert_eq!(outcome(&answer, "ClearForwarding"), "Skipped", "{:#}", answer.body);
        assert_eq!(ward.mailbox().forwarding_smtp_address, None);
    }
}

#[tokio::test]
async fn forwarding_that_a_threat_names_comes_back_only_by_force() {
    for (force, back) in [(false, None), (true, Some("smtp:harry@contoso.com".to_owned()))] {
        let ward = Ward::open().await;
        ward.contoso(|tenant| {
            let bob = tenant.mailbox_mut(BOB).unwrap();
            bob.forwarding_address = None;
            bob.forwarding_smtp_address = Some("smtp:harry@contoso.com".to_owned());
        });
        let mut forward = threat(2, ward.now());
        forward.kind = FindingKind::InboxForward;
        forward.forwarding_address = "smtp:harry@contoso.com".to_owned();
        ward.keep(&forward).await;
        ward.press(json!({})).await;
        ward.press(json!({ "Action": "Undo", "Force": force })).await;
        assert_eq!(ward.mailbox().forwarding_smtp_address, back);
    }
}

#[tokio::test]
async fn after_an_undo_there_is_nothing_to_undo_and_a_press_acts_anew() {
    let ward = Ward::open().await;
    ward.press(json!({})).await;
    ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(ward.press(json!({ "Action": "Undo" })).await.status, 409);
    let again = ward.press(json!({})).await;
    assert_eq!(again.body["Status"], "Completed", "{:#}", again.body);
    assert_eq!(outcome(&again, "Snapshot"), "Done");
    ward.assert_secured();
}

#[tokio::test]
async fn the_answer_to_a_remediation_holds_the_token_that_undoes_it() {
    let ward = Ward::open_with(&[]).await;
    let act = ward.token(Scope::Act, chrono::TimeDelta::hours(1));
    let answer = ward.press(json!({ "Token": act })).await;
    let undo = answer.body["UndoToken"].as_str().unwrap().to_owned();
    assert_eq!(ward.press(json!({ "Token": undo })).await.status, 403, "it does not act");
    ward.wait(chrono::TimeDelta::days(29));
    assert_eq!(ward.press(json!({ "Token": undo, "Action": "Undo" })).await.body["Status"], "Undone");
    ward.wait(chrono::TimeDelta::days(2));
    assert_eq!(ward.press(json!({ "Token": undo, "Action": "Undo" })).await.status, 403, "30 days are over");
}

#[tokio::test]
async fn a_dismissal_mutes_the_fingerprint_and_touches_nobody() {
    let ward = Ward::open().await;
    let answer = ward.press(json!({ "Action": "Dismiss", "Reason": "newsletter" })).await;
    assert_eq!((answer.status, &answer.body["Status"]), (200, &json!("Dismissed")), "{:#}", answer.body);
    let key = NotifiedFingerprintRow::key(&ward.threat.tenant_id, &ward.threat.fingerprint);
    let (seen, _) = NotifiedFingerprintRow::from_stored(&ward.row(COVERAGE, &key).await.unwrap()).unwrap();
    assert!(seen.muted);
    assert_eq!(ward.stored_threat().await.state, FindingState::Dismissed);
    assert_eq!((ward.changes(), ward.newest().await.unwrap().action.as_str()), (0, "Dismiss"));
}

#[tokio::test]
async fn token_command_creates_tokens_by_log_id() {
    use secrecy::ExposeSecret as _;
    let ward = Ward::open_with(&[]).await;
    ward.monitor().await;
    let tables = Tables { store: ward.app.store.clone(), clock: ward.app.clock.clone() };
    let actions = &ward.app.settings.actions;
    let token = issue(&tables, actions, &ward.threat.record_id, Scope::Act).await.unwrap();
    let answer = ward.press(json!({ "Token": token.expose_secret(), "Action": "Preview" })).await;
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    let unknown = RecordId::new(Uuid::from_u128(99));
    assert!(
        matches!(issue(&tables, actions, &unknown, Scope::Act).await, Err(IssueError::Unknown(id)) if id == unknown)
    );
}

#[tokio::test]
async fn an_undo_lets_in_again_whom_a_later_press_has_blocked() {
    let ward = Ward::open().await;
    let mut by_harry = threat(2, ward.now());
    by_harry.actor = "harry@contoso.com".to_owned();
    ward.keep(&by_harry).await;
    ward.press(json!({ "ID": by_harry.record_id, "Account": "Owner" })).await;
    ward.press(json!({ "ID": by_harry.record_id })).await;
    assert!(!ward.user("harry@contoso.com").account_enabled);
    let answer = ward.press(json!({ "ID": by_harry.record_id, "Action": "Undo" })).await;
    assert_eq!(answer.body["Status"], "Undone", "{:#}", answer.body);
    assert!(ward.user(BOB).account_enabled);
    assert!(ward.user("harry@contoso.com").account_enabled);
}

#[tokio::test]
async fn undo_leaves_accounts_that_another_finding_blocked() {
    let ward = Ward::open().await;
    let mut by_harry = threat(2, ward.now());
    by_harry.actor = HARRY.to_owned();
    ward.keep(&by_harry).await;
    ward.press(json!({ "ID": by_harry.record_id })).await;
    ward.press(json!({})).await;
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(answer.body["Status"], "Undone", "{:#}", answer.body);
    assert!(ward.user(BOB).account_enabled && !ward.user(HARRY).account_enabled);
    let said = detail(&answer, "BlockSignIn");
    assert!(said.contains("harry@contoso.com: was blocked because of another finding"), "{said}");
    let answer = ward.press(json!({ "ID": by_harry.record_id, "Action": "Undo" })).await;
    assert_eq!(answer.body["Status"], "Undone", "{:#}", answer.body);
    assert!(ward.user(HARRY).account_enabled);
    assert_eq!(ward.press(json!({ "ID": by_harry.record_id, "Action": "Undo" })).await.status, 409);
}

#[tokio::test]
async fn an_undo_lets_in_nobody_whom_account_leaves_out() {
    let ward = Ward::open().await;
    let mut by_harry = threat(2, ward.now());
    by_harry.actor = HARRY.to_owned();
    ward.keep(&by_harry).await;
    ward.press(json!({ "ID": by_harry.record_id })).await;
    ward.press(json!({ "ID": by_harry.record_id, "Action": "Undo", "Account": "Owner" })).await;
    assert!(ward.user(BOB).account_enabled && !ward.user(HARRY).account_enabled);
}

#[tokio::test]
async fn run_after_unfinished_undo_repeats_steps_and_keeps_snapshot() {
    let ward = Ward::open().await;
    let before = ward.mailbox();
    ward.press(json!({})).await;
    ward.sim.inject(Fault::status(Service::Exchange, "Set-CASMailbox", 400).times(13));
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(answer.body["Status"], "CompletedWithErrors", "{:#}", answer.body);
    assert!(ward.user(BOB).account_enabled);
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    ward.assert_secured();
    assert_eq!(ward.user(BOB).password_resets, 2);
    assert_eq!(ward.press(json!({ "Action": "Undo" })).await.body["Status"], "Undone");
    assert_eq!(ward.mailbox().client_access, before.client_access);
}

#[tokio::test]
async fn rules_that_went_off_through_graph_come_back_through_graph() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        tenant.exchange_role = false;
        tenant.mailbox_mut(BOB).unwrap().add_rule(12, "Hidden", json!({ "MoveToFolder": "News" })).hidden = true;
    });
    ward.press(json!({})).await;
    let is_on = |ward: &Ward, id: u64| ward.mailbox().rules.iter().find(|rule| rule.id == id).unwrap().enabled;
    assert!(!is_on(&ward, 7));
    ward.contoso(|tenant| tenant.exchange_role = true);
    // The role is read from the token, and a denied token is replaced once an hour.
    ward.wait(TimeDelta::minutes(61));
    ward.press(json!({})).await;
    assert!(!is_on(&ward, 12), "now the hidden one is seen");
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(outcome(&answer, "DisableInboxRules"), "Undone", "{:#}", answer.body);
    assert!(is_on(&ward, 7), "it went off through Graph");
    assert!(!is_on(&ward, 12), "nobody would see that a hidden rule works again");
    assert!(!is_on(&ward, RULE), "a threat names it");
}

#[tokio::test]
async fn undo_fails_for_rules_unreadable_through_their_interface() {
    let ward = Ward::open().await;
    ward.press(json!({})).await;
    ward.contoso(|tenant| tenant.exchange_role = false);
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(outcome(&answer, "DisableInboxRules"), "Failed", "{:#}", answer.body);
    assert!(detail(&answer, "DisableInboxRules").contains("Exchange Administrator"));
}

#[tokio::test]
async fn step_saves_settings_that_the_snapshot_missed() {
    let ward = Ward::open().await;
    let before = ward.mailbox();
    for cmdlet in ["Get-CASMailbox", "Get-InboxRule", "Get-MailboxAutoReplyConfiguration"] {
        ward.sim.inject(Fault::status(Service::Exchange, cmdlet, 400).times(1));
    }
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "Snapshot"), "Failed", "{:#}", answer.body);
    ward.assert_secured();
    ward.press(json!({})).await;
    ward.press(json!({ "Action": "Undo" })).await;
    let mailbox = ward.mailbox();
    assert_eq!(mailbox.client_access, before.client_access);
    assert_eq!(mailbox.auto_reply_state, "Enabled");
    assert!(mailbox.rules.iter().find(|rule| rule.id == 7).unwrap().enabled);
}

#[tokio::test]
async fn forwarding_that_a_threat_of_any_kind_names_stays_off() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.forwarding_address = None;
        bob.forwarding_smtp_address = Some("smtp:harry@contoso.com".to_owned());
    });
    let mut rule = threat(2, ward.now());
    rule.forwarding_address = "harry@contoso.com".to_owned();
    ward.keep(&rule).await;
    ward.press(json!({})).await;
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(outcome(&answer, "ClearForwarding"), "Skipped", "{:#}", answer.body);
    assert_eq!(ward.mailbox().forwarding_smtp_address, None);
}

#[tokio::test]
async fn an_undo_that_graph_refuses_says_what_to_grant() {
    let ward = Ward::open().await;
    ward.press(json!({})).await;
    ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().administrator = true);
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(outcome(&answer, "BlockSignIn"), "Failed", "{:#}", answer.body);
    assert!(detail(&answer, "BlockSignIn").contains("User.EnableDisableAccount.All"));
}

#[tokio::test]
async fn an_account_that_graph_showed_only_later_is_let_in_again() {
    let ward = Ward::open().await;
    ward.sim.inject(Fault::status(Service::Graph, "GET /v1.0/users/bob", 400).times(1));
    let answer = ward.press(json!({})).await;
    assert_eq!((outcome(&answer, "Snapshot"), outcome(&answer, "BlockSignIn")), ("Failed", "Done"));
    ward.press(json!({})).await;
    let undo = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(outcome(&undo, "BlockSignIn"), "Undone", "{:#}", undo.body);
    assert!(ward.user(BOB).account_enabled);
}

#[tokio::test]
async fn account_with_unknown_state_is_not_reported_as_undone() {
    let ward = Ward::open().await;
    ward.sim.inject(Fault::status(Service::Graph, "GET /v1.0/users/", 400));
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "BlockSignIn"), "Done", "{:#}", answer.body);
    ward.sim.clear_faults();
    ward.press(json!({})).await;
    let undo = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!((outcome(&undo, "BlockSignIn"), &undo.body["Status"]), ("Failed", &json!("CompletedWithErrors")));
    assert!(detail(&undo, "BlockSignIn").contains("manually"), "{:#}", undo.body);
}

#[tokio::test]
async fn external_rule_is_restored_only_with_force() {
    for (force, back) in [(false, false), (true, true)] {
        for exchange_role in [true, false] {
            let ward = Ward::open().await;
            ward.contoso(|tenant| {
                let bob = tenant.mailbox_mut(BOB).unwrap();
                bob.add_rule(12, "Out", json!({ "RedirectTo": ["mallory@evil.example"] }));
                bob.add_rule(13, "In", json!({ "ForwardTo": ["harry@contoso.com"] }));
                tenant.exchange_role = exchange_role;
            });
            ward.press(json!({})).await;
            let undo = ward.press(json!({ "Action": "Undo", "Force": force })).await;
            let mailbox = ward.mailbox();
            let is_on = |id: u64| mailbox.rules.iter().find(|rule| rule.id == id).unwrap().enabled;
            assert_eq!(is_on(12), back, "{:#}", undo.body);
            assert!(is_on(13) || !exchange_role, "{:#}", undo.body);
        }
    }
}

#[tokio::test]
async fn an_undo_does_not_say_that_a_password_was_reset_which_was_not() {
    let ward = Ward::open().await;
    let federated = json!({ "value": [{ "id": "contoso.com", "isDefault": true, "isVerified": true, "authenticationType": "Federated" }] });
    let federated = FaultKind::Status {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: federated.to_string(),
    };
    ward.sim.inject(Fault::new(Service::Graph, "/domains", federated));
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "ResetPassword"), "Failed", "{:#}", answer.body);
    let undo = ward.press(json!({ "Action": "Undo" })).await;
    assert!(detail(&undo, "BlockSignIn").contains("NOT reset"), "{:#}", undo.body);
}

#[tokio::test]
async fn undo_restores_settings_that_a_later_run_saved() {
    let ward = Ward::open().await;
    let before = ward.mailbox();
    ward.contoso(|tenant| tenant.exchange_role = false);
    ward.press(json!({})).await;
    ward.contoso(|tenant| tenant.exchange_role = true);
    // The role is read from the token, and a denied token is replaced once an hour.
    ward.wait(TimeDelta::minutes(61));
    ward.press(json!({})).await;
    assert_ne!(ward.mailbox().client_access, before.client_access);
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(outcome(&answer, "DisableClientAccess"), "Undone", "{:#}", answer.body);
    assert_eq!(ward.mailbox().client_access, before.client_access);
}
