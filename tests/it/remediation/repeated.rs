//! Repeated requests, and steps that are done again because their effect is missing.

use serde_json::json;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::remediation_fixture::{BOB, Ward, find, outcome};

#[tokio::test]
async fn a_second_press_reads_again_and_changes_nothing() {
    let ward = Ward::open().await;
    ward.press(json!({})).await;
    ward.sim.forget_requests();
    let again = ward.press(json!({})).await;
    assert_eq!(again.body["Status"], "AlreadyDone", "{:#}", again.body);
    assert_eq!(ward.changes(), 0);
    assert!(ward.sim.count(|request| request.cmdlet.as_deref() == Some("Get-CASMailbox")) > 0);
    assert_eq!(ward.user(BOB).password_resets, 1);
    assert_eq!(ward.runs().await.len(), 2);
}

#[tokio::test]
async fn reverted_change_repeats_every_step() {
    let ward = Ward::open().await;
    ward.press(json!({})).await;
    ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().account_enabled = true);
    let again = ward.press(json!({})).await;
    assert_eq!(again.body["Status"], "Completed", "{:#}", again.body);
    ward.assert_secured();
    assert_eq!(ward.user(BOB).password_resets, 2);
}

#[tokio::test]
async fn account_unblocked_after_an_unfinished_run_is_secured_again() {
    let ward = Ward::open().await;
    ward.sim.inject(Fault::status(Service::Exchange, "Set-CASMailbox", 400).times(13));
    assert_eq!(ward.press(json!({})).await.body["Status"], "CompletedWithErrors");
    ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().account_enabled = true);
    let again = ward.press(json!({})).await;
    assert_eq!(again.body["Status"], "Completed", "{:#}", again.body);
    ward.assert_secured();
    let bob = ward.user(BOB);
    assert_eq!((bob.password_resets, bob.session_revocations), (2, 4), "who came in may know the password");
}

#[tokio::test]
async fn change_reverted_before_the_end_is_made_again() {
    let ward = Ward::open().await;
    ward.sim.inject(Fault::status(Service::Exchange, "Set-CASMailbox", 400).times(13));
    ward.press(json!({})).await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.forwarding_smtp_address = Some("smtp:eve@evil.example".to_owned());
        bob.rules[0].enabled = true;
    });
    let again = ward.press(json!({})).await;
    assert_eq!(again.body["Status"], "Completed", "{:#}", again.body);
    ward.assert_secured();
    assert_eq!(ward.user(BOB).password_resets, 1);
}

#[tokio::test]
async fn failed_verification_is_reported_and_repeats_no_step() {
    let ward = Ward::open().await;
    ward.press(json!({})).await;
    ward.sim.inject(Fault::status(Service::Exchange, "Get-CASMailbox", 403));
    ward.sim.forget_requests();
    let again = ward.press(json!({})).await;
    assert_eq!(again.body["Status"], "CompletedWithErrors", "{:#}", again.body);
    assert!(find(&again, "DisableClientAccess")["Verified"].as_str().unwrap().contains("could not be verified"));
    assert_eq!((ward.changes(), ward.user(BOB).password_resets), (0, 1));
    ward.sim.clear_faults();
    let third = ward.press(json!({})).await;
    assert_eq!(third.body["Status"], "Completed", "{:#}", third.body);
    assert_eq!(ward.user(BOB).password_resets, 1);
}

#[tokio::test]
async fn a_step_that_failed_is_tried_again_and_the_others_are_not() {
    let ward = Ward::open().await;
    ward.sim.inject(Fault::status(Service::Exchange, "Set-CASMailbox", 400));
    let first = ward.press(json!({})).await;
    assert_eq!(first.body["Status"], "CompletedWithErrors", "{:#}", first.body);
    assert_eq!(outcome(&first, "DisableClientAccess"), "Failed");
    assert_eq!(outcome(&first, "DisableAutoReply"), "Done", "a step is tried whatever happened to the others");
    ward.sim.clear_faults();
    let second = ward.press(json!({})).await;
    assert_eq!(second.body["Status"], "Completed", "{:#}", second.body);
    assert_eq!(outcome(&second, "DisableClientAccess"), "Done");
    assert_eq!(outcome(&second, "ResetPassword"), "AlreadyDone");
    assert_eq!(ward.user(BOB).password_resets, 1);
    ward.assert_secured();
}

#[tokio::test]
async fn a_call_that_says_yes_and_does_nothing_is_found_out() {
    let ward = Ward::open().await;
    let yes = FaultKind::Status { status: 200, headers: Vec::new(), body: json!({ "value": [] }).to_string() };
    ward.sim.inject(Fault::new(Service::Exchange, "Set-Mailbox", yes).times(1));
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.body["Status"], "CompletedWithErrors");
    assert_eq!(outcome(&answer, "ClearForwarding"), "Failed");
    assert!(find(&answer, "ClearForwarding")["Verified"].as_str().unwrap().contains("still forwards"));
    assert_eq!(outcome(&answer, "Verify"), "Failed");
}

#[tokio::test]
async fn a_gateway_that_knows_nothing_proves_nothing() {
    let ward = Ward::open().await;
    ward.sim.inject(Fault::status(Service::Exchange, "", 404));
    let answer = ward.press(json!({})).await;
    for step in ["Snapshot", "ClearForwarding", "DisableInboxRules", "DisableClientAccess", "Verify"] {
        assert_eq!(outcome(&answer, step), "Failed", "{step}: {:#}", answer.body);
    }
    ward.sim.clear_faults();
    ward.press(json!({})).await;
    ward.assert_secured();
    ward.sim.inject(Fault::status(Service::Exchange, "", 404));
    assert_eq!(ward.press(json!({})).await.body["Status"], "CompletedWithErrors", "nothing was read");
}

#[tokio::test]
async fn an_empty_answer_proves_nothing() {
    let ward = Ward::open().await;
    let empty = FaultKind::Status { status: 200, headers: Vec::new(), body: json!({ "value": [] }).to_string() };
    for cmdlet in ["Get-CASMailbox", "Get-MailboxAutoReplyConfiguration"] {
        ward.sim.inject(Fault::new(Service::Exchange, cmdlet, empty.clone()));
    }
    let answer = ward.press(json!({})).await;
    for step in ["DisableClientAccess", "DisableAutoReply"] {
        assert_eq!(outcome(&answer, step), "Failed", "{step}: {:#}", answer.body);
    }
}
