//! The effects of a remediation request.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::detection::{FindingKind, Severity};
use tenantwatch::tables::COVERAGE;
use tenantwatch::tables::{FindingState, NotifiedFingerprintRow, ProcessedRow};
use tenantwatch_simulator::world::{Grant, Permission, SignInMethod};
use tenantwatch_simulator::{Fault, FaultKind, Service};
use uuid::Uuid;

use super::remediation_fixture::{BOB, RULE, Ward, detail, find, outcome, threat};

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

/// The record of a finding that a cmdlet with these parameters led to.
fn record_of(finding: &ProcessedRow, parameters: &[(&str, &str)]) -> String {
    let parameter = |(name, value): &(&str, &str)| json!({ "Name": name, "Value": value });
    let parameters: Vec<Value> = parameters.iter().map(parameter).collect();
    let created = finding.event_time.format("%Y-%m-%dT%H:%M:%S").to_string();
    json!({ "CreationTime": created, "Operation": finding.operation, "Parameters": parameters }).to_string()
}

#[tokio::test]
async fn finding_with_an_alias_shows_access_to_remove() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let given = Permission { user: "eve@contoso.com".to_owned(), rights: "FullAccess".to_owned(), folder: None };
        tenant.mailbox_mut(BOB).unwrap().permissions = vec![given];
    });
    let mut by_alias = threat(2, ward.now());
    by_alias.kind = FindingKind::MailboxPermission;
    by_alias.operation = "Add-MailboxPermission".to_owned();
    (by_alias.source_mailbox, by_alias.actor) = ("robert@contoso.com".to_owned(), "robert@contoso.com".to_owned());
    by_alias.record = record_of(&by_alias, &[("User", "eve@contoso.com"), ("AccessRights", "FullAccess")]);
    ward.keep(&by_alias).await;
    // The directory's data of a user need not contain every name that leads to the user.
    let known = json!({ "id": ward.user(BOB).id, "userPrincipalName": BOB, "accountEnabled": true });
    let user = FaultKind::Status {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: known.to_string(),
    };
    ward.sim.inject(Fault::new(Service::Graph, "/users/robert", user));
    let answer = ward.press(json!({ "ID": by_alias.record_id, "User": "robert@contoso.com" })).await;
    assert_eq!(outcome(&answer, "RemoveDelegates"), "Done", "{:#}", answer.body);
    assert_eq!(ward.mailbox().permissions.len(), 0);
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
async fn folder_access_is_removed_and_unknown_access_reported() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let folder = |user: &str| Permission {
            user: user.to_owned(),
            rights: "Reviewer".to_owned(),
            folder: Some("Inbox".to_owned()),
        };
        tenant.mailbox_mut(BOB).unwrap().permissions = vec![folder("Default"), folder("eve@contoso.com")];
    });
    for (id, operation, user) in [
        (2, "Add-MailboxFolderPermission", "eve@contoso.com"),
        (3, "Set-MailboxFolderPermission", "Default"),
        (4, "Open-MailboxToEverybody", "eve@contoso.com"),
    ] {
        let mut given = threat(id, ward.now());
        given.kind = FindingKind::MailboxPermission;
        given.threat = false;
        given.operation = operation.to_owned();
        given.record = record_of(&given, &[("Identity", "bob@contoso.com:\\Inbox"), ("User", user)]);
        ward.keep(&given).await;
    }
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "RemoveDelegates"), "Failed", "{:#}", answer.body);
    assert!(
        detail(&answer, "RemoveDelegates").contains("\"Open-MailboxToEverybody\" is not known"),
        "{:#}",
        answer.body
    );
    let left = ward.mailbox().permissions;
    assert!(left.iter().all(|permission| permission.user == "Default" && permission.rights == "None"), "{left:?}");
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
async fn untouchable_administrator_is_reported_and_mailbox_secured() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().administrator = true);
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "BlockSignIn"), "Failed");
    assert!(detail(&answer, "BlockSignIn").contains("Privileged Authentication Administrator"));
    assert_eq!(ward.mailbox().forwarding_smtp_address, None);
}

#[tokio::test]
async fn access_granted_since_the_incident_is_removed() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        let permission =
            |user: &str| Permission { user: user.to_owned(), rights: "FullAccess".to_owned(), folder: None };
        bob.permissions = vec![permission("eve@contoso.com"), permission("harry@contoso.com")];
    });
    for (id, user, hours) in [(2, "eve@contoso.com", 0), (3, "harry@contoso.com", 48)] {
        let mut given = threat(id, ward.now() - TimeDelta::hours(hours));
        given.kind = FindingKind::MailboxPermission;
        given.threat = false;
        given.operation = "Add-MailboxPermission".to_owned();
        given.record = record_of(&given, &[("User", user), ("AccessRights", "FullAccess")]);
        ward.keep(&given).await;
    }
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "RemoveDelegates"), "Done", "{:#}", answer.body);
    let left: Vec<String> = ward.mailbox().permissions.into_iter().map(|permission| permission.user).collect();
    assert_eq!(left, ["harry@contoso.com"]);
}

#[tokio::test]
async fn a_recent_consent_to_mail_is_revoked_and_others_are_listed() {
    let ward = Ward::open().await;
    let (evil, old) = (Uuid::from_u128(0xe1), Uuid::from_u128(0x01d));
    ward.contoso(|tenant| {
        let grant = |id: &str, client_id, scope: &str| Grant { id: id.to_owned(), client_id, scope: scope.to_owned() };
        tenant.user_mut(BOB).unwrap().grants = vec![
            grant("a", evil, "openid Mail.ReadWrite"),
            grant("b", old, "Mail.Read"),
            grant("c", evil, "User.Read"),
        ];
    });
    let mut consent = threat(2, ward.now());
    consent.kind = FindingKind::Consent;
    consent.record = json!({ "Target": [{ "ID": format!("ServicePrincipal_{evil}"), "Type": 2 }] }).to_string();
    ward.keep(&consent).await;
    let answer = ward.press(json!({})).await;
    assert_eq!(outcome(&answer, "RevokeConsents"), "Done", "{:#}", answer.body);
    assert!(detail(&answer, "RevokeConsents").contains(&old.to_string()));
    let left: Vec<String> = ward.user(BOB).grants.into_iter().map(|grant| grant.id).collect();
    assert_eq!(left, ["b", "c"]);
}

#[tokio::test]
async fn recent_sign_in_methods_are_removed_only_if_configured() {
    for (setting, left) in [("false", 3), ("true", 2)] {
        let ward = Ward::open_with(&[("ACTION_KEY", "off"), ("REMOVE_SIGNIN_METHODS", setting)]).await;
        let method = |id: &str, days: i64| SignInMethod {
            id: id.to_owned(),
            kind: "phoneAuthenticationMethod".to_owned(),
            label: "+1 555 0100".to_owned(),
            created: Some(ward.now() - TimeDelta::days(days)),
        };
        let (new, old) = (method("new", 1), method("old", 400));
        ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().methods.extend([new, old]));
        let answer = ward.press(json!({})).await;
        assert_eq!(outcome(&answer, "ReviewSignInMethods"), "Done", "{:#}", answer.body);
        let methods = ward.user(BOB).methods;
        assert_eq!(methods.len(), left);
        assert!(methods.iter().any(|method| method.id == "old"));
    }
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
