//! Access of others to the mailbox: permissions, consents, sign-in methods.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::detection::FindingKind;
use tenantwatch::tables::ProcessedRow;
use tenantwatch_simulator::world::{Grant, Permission, SignInMethod};
use tenantwatch_simulator::{Fault, FaultKind, Service};
use uuid::Uuid;

use super::remediation_fixture::{BOB, Ward, detail, outcome, threat};

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
