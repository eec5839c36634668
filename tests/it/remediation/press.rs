//! The effects of a remediation request.

use serde_json::{Value, json};
use tenantwatch::detection::Severity;
use tenantwatch::tables::{COVERAGE, FindingState, NotifiedFingerprintRow};
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::remediation_fixture::{BOB, Ward, detail, find, outcome, threat};

#[tokio::test]
async fn request_with_members_of_2019_secures_and_verifies() {
    let ward = Ward::open().await;
    let answer = ward.press(json!({})).await;
    assert_eq!((answer.status, &answer.body["Status"]), (200, &json!("Completed")), "{:#}", answer.body);
    ward.assert_secured();
    let names: Vec<&str> =
        answer.body["Steps"].as_array().unwrap().iter().map(|step| step["Step"].as_str().unwrap()).collect();
    let in_order = "Snapshot BlockSignIn RevokeSessions ResetPassword ClearForwarding DisableClientAccess DisableInboxRules \
         DisableAutoReply RemoveDelegates ReviewSignInMethods RevokeConsents RevokeSessionsAgain Verify";
    assert_eq!(names.join(" "), in_order);
    for step in ["BlockSignIn", "ClearForwarding", "DisableInboxRules", "DisableClientAccess"] {
        assert_ne!(find(&answer, step)["Verified"], "", "{step} was not read again");
    }
    assert!(detail(&answer, "DisableInboxRules").contains("client-side"));
    assert_eq!(ward.mailbox().rules.len(), 5, "rules are evidence: switched off, not removed");
}

#[tokio::test]
async fn member_names_in_any_case_and_texts_as_other_types_are_taken() {
    let ward = Ward::open().await;
    let body = json!({
        "domain": "CONTOSO.com.", "USER": "Bob@Contoso.com", "id": ward.threat.record_id.to_string().to_uppercase(),
        "action": "preview", "FORCE": "false", "Reason": 17, "Something": { "else": [1] }, "Account": null,
    });
    let answer = ward.send(&body).await;
    assert_eq!((answer.status, &answer.body["Status"]), (200, &json!("Preview")), "{:#}", answer.body);
    assert_eq!(ward.runs().await[0].reason, "17");
}

#[tokio::test]
async fn the_run_and_what_was_there_before_are_kept() {
    let ward = Ward::open().await;
    let answer = ward.press(json!({ "Reason": "called by the owner" })).await;
    let newest = ward.newest().await.unwrap();
    assert_eq!(json!(newest.run_id.to_string()), answer.body["RunId"]);
    assert_eq!((newest.status.as_str(), newest.user.as_str()), ("Completed", BOB));
    assert_eq!(newest.reason, "called by the owner");
    assert!(newest.finished.is_some());
    assert_eq!(ward.shown_steps(&newest), answer.body["Steps"]);
    assert_eq!(ward.runs().await, std::slice::from_ref(&newest));
    let snapshot: Value = serde_json::from_str(&newest.snapshot).unwrap();
    assert_eq!(snapshot["Users"][0]["accountEnabled"], true);
    assert_eq!(snapshot["Forwarding"]["ForwardingSmtpAddress"], "smtp:eve@evil.example");
    assert_eq!(snapshot["ClientAccess"]["OWAEnabled"], true);
    let rules = |source: &str| snapshot["Rules"][source].as_array().unwrap().len();
    assert_eq!((rules("Inbox"), rules("Sweep")), (5, 1));
    assert_eq!(snapshot["AutoReply"]["AutoReplyState"], "Enabled");
}

#[tokio::test]
async fn attacker_name_in_a_service_error_becomes_no_link() {
    let ward = Ward::open().await;
    let body = json!({ "error": { "code": "BadRequest", "message": "no www.evil.example or https://evil.example" } });
    let no = FaultKind::Status { status: 400, headers: Vec::new(), body: body.to_string() };
    ward.sim.inject(Fault::new(Service::Exchange, "Set-CASMailbox", no));
    let answer = ward.press(json!({})).await;
    let said = detail(&answer, "DisableClientAccess");
    assert!(said.contains("evil") && !said.contains("evil.example"), "{said}");
}

#[tokio::test]
async fn finished_remediation_resets_all_threats_to_the_mailbox() {
    let ward = Ward::open().await;
    let (mut second, mut dismissed, mut of_harry) =
        (threat(2, ward.now()), threat(3, ward.now()), threat(4, ward.now()));
    second.source_mailbox = "robert@contoso.com".to_owned();
    dismissed.state = FindingState::Dismissed;
    of_harry.source_mailbox = "harry@contoso.com".to_owned();
    let mut keys = Vec::new();
    for (row, muted) in [(&ward.threat, false), (&second, false), (&dismissed, true), (&of_harry, false)] {
        if row.record_id != ward.threat.record_id {
            ward.keep(row).await;
        }
        let seen = NotifiedFingerprintRow {
            tenant_id: row.tenant_id,
            fingerprint: row.fingerprint.clone(),
            record_id: row.record_id,
            severity: Severity::High,
            since: ward.now(),
            event_time: None,
            scopes: Vec::new(),
            muted,
        };
        ward.put(COVERAGE, &seen.to_entity()).await;
        keys.push(NotifiedFingerprintRow::key(&row.tenant_id, &row.fingerprint));
    }
    let told = async || {
        let mut told = Vec::new();
        for key in &keys {
            told.push(ward.row(COVERAGE, key).await.is_some());
        }
        told
    };
    ward.press(json!({ "Action": "Preview" })).await;
    assert_eq!(told().await, [true; 4]);
    ward.press(json!({})).await;
    assert_eq!(told().await, [false, false, true, true], "its own, another of the mailbox, a dismissed one, another's");
}

#[tokio::test]
async fn a_preview_says_what_would_be_done_and_changes_nothing() {
    let ward = Ward::open().await;
    let before = format!("{:?}{:?}", ward.user(BOB), ward.mailbox());
    let answer = ward.press(json!({ "Action": "Preview" })).await;
    assert_eq!((answer.status, &answer.body["Status"]), (200, &json!("Preview")));
    for step in ["BlockSignIn", "ResetPassword", "ClearForwarding", "DisableInboxRules", "DisableClientAccess"] {
        assert_eq!(outcome(&answer, step), "Planned", "{:#}", answer.body);
        assert_ne!(detail(&answer, step), "", "{step}");
    }
    assert_eq!(ward.changes(), 0);
    assert_eq!(format!("{:?}{:?}", ward.user(BOB), ward.mailbox()), before);
    assert!(ward.newest().await.is_none(), "nothing was remediated, so nothing may say so");
    assert_eq!(ward.runs().await[0].action, "Preview");
}
