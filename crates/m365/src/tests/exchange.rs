//! Exchange: the forms of calls, and what is believed of their answers.

use serde_json::{Value, json};

use super::{Answer, Server, TENANT, tenant};
use crate::ServiceError;
use crate::exchange::{
    AcceptedDomain, Anchor, AutoReply, ClientAccess, ClientAccessSwitch, DomainType, GROUP_MEMBERS_LIMIT, GroupKind,
    MailboxGrant, MailboxId, RuleForm, is_not_found,
};

/// The object id of the owner.
const VICTOR: &str = "aaaaaaaa-0000-0000-0000-000000000001";

fn rows(rows: &Value) -> Answer {
    Answer::json(200, &json!({ "value": rows }))
}

fn rejected(kind: &str, message: &str) -> Answer {
    let exception = json!({ "message": message, "type": format!("Microsoft.Exchange.{kind}") });
    Answer::json(400, &json!({"error": {"code": "BadRequest", "innererror": {"internalexception": exception}}}))
}

fn victor() -> MailboxId {
    MailboxId { name: "victor@contoso.com".to_owned(), object_id: Some(VICTOR.to_owned()) }
}

#[tokio::test]
async fn rows_lose_annotations_and_keep_every_digit() {
    let server = Server::start().await;
    let rows = r#"{"@adminapi.warnings":[],"value":[{"Name":"r","RuleIdentity":15394007230974001153,"Priority@data.type":"System.Int32"}]}"#;
    server.says([Answer::new(200, rows)]);
    let found =
        server.exchange().invoke(&tenant(TENANT), &Anchor::Organization, "Get-InboxRule", json!({})).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["RuleIdentity"].as_u64(), Some(15_394_007_230_974_001_153));
    assert!(!found[0].contains_key("Priority@data.type"));
}

#[tokio::test]
async fn change_may_be_answered_with_an_empty_body() {
    let server = Server::start().await;
    server.says([Answer::new(200, "")]);
    let anchor = Anchor::mailbox("v@contoso.com");
    assert!(server.exchange().invoke(&tenant(TENANT), &anchor, "Set-Mailbox", json!({})).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_form_of_rejection_is_read() {
    let inner = json!({"error": {"code": "NotFound", "message": "Error", "innererror": {"internalexception": {
        "message": "The object 'x' couldn't be found", "type": "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"}}}});
    let detail = json!({"error": {"code": "BadRequest", "message": "Invalid Operation",
        "details": [{"code": "Client", "message": "|Microsoft.Exchange.AmbiguousParameterSetException|Parameter set cannot be resolved."}]}});
    let table = [
        (Answer::json(404, &inner), "ManagementObjectNotFoundException", "The object 'x' couldn't be found"),
        (Answer::json(400, &detail), "AmbiguousParameterSetException", "Parameter set cannot be resolved."),
        (
            Answer::new(403, vec![0; 64]).header("x-ms-diagnostics", "2000003;reason=\"no role\""),
            "",
            "2000003;reason=\"no role\"",
        ),
        (Answer::new(401, ""), "", "the app role Exchange.ManageAsApp is missing in the token"),
    ];
    let server = Server::start().await;
    for (answer, code, message) in table {
        server.says([answer]);
        let outcome = server.exchange().invoke(&tenant(TENANT), &Anchor::Organization, "Get-Mailbox", json!({})).await;
        let Err(ServiceError::Answered { code: found, message: text, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((found.as_str(), text.as_str()), (code, message));
    }
}

#[tokio::test]
async fn rules_are_listed_with_all_their_properties() {
    let server = Server::start().await;
    let rule = json!({
        "Identity": "7957928c\\15394007230974001153", "RuleIdentity": 15_394_007_230_974_001_153_u64, "Name": ".",
        "Enabled": true, "ForwardTo": ["\"x\" [SMTP:x@evil.example]"], "RedirectTo": null, "MarkAsRead": true,
        "DeleteMessage": false, "NewIn2027": "value",
    });
    server.says([rows(&json!([rule]))]);
    let rules = server.exchange().inbox_rules(&tenant(TENANT), &victor(), true).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].call(), ("Get-InboxRule", &json!({ "Mailbox": VICTOR, "IncludeHidden": true })));
    let rule = &rules[0];
    assert_eq!((rule.id.as_str(), rule.name.as_str(), rule.enabled), ("15394007230974001153", ".", true));
    assert_eq!(rule.targets(), ["\"x\" [SMTP:x@evil.example]"]);
    assert_eq!((rule.actions(), rule.deletes()), (vec!["ForwardTo", "MarkAsRead"], false));
    assert_eq!(rule.properties["NewIn2027"], "value");
}

#[tokio::test]
async fn identity_of_a_rule_is_never_sent_together_with_its_mailbox() {
    let server = Server::start().await;
    server.says([
        rows(&json!([{ "Identity": "v\\7", "RuleIdentity": 7, "Name": ".", "Enabled": true }])),
        rows(&json!([])),
    ]);
    let (exchange, tenant) = (server.exchange(), tenant(TENANT));
    let rule = exchange.inbox_rules(&tenant, &victor(), false).await.unwrap().remove(0);
    let by_identity = RuleForm::by_identity(&rule.identity, &rule.id, &victor());
    exchange.set_inbox_rule_enabled(&tenant, &victor(), &by_identity, false).await.unwrap();
    let with_mailbox = RuleForm::with_mailbox(&rule.id, &victor());
    exchange.set_inbox_rule_enabled(&tenant, &victor(), &with_mailbox, true).await.unwrap();
    exchange.set_sweep_rule_enabled(&tenant, &victor(), &by_identity, false).await.unwrap();
    let asked = server.asked();
    let switches = json!({ "Confirm": false, "Force": true, "AlwaysDeleteOutlookRulesBlob": true });
    let with_switches = |mut parameters: Value| {
        parameters.as_object_mut().unwrap().extend(switches.as_object().unwrap().clone());
        parameters
    };
    assert_eq!(asked[1].call(), ("Disable-InboxRule", &with_switches(json!({ "Identity": "v\\7" }))));
    let fallback = json!({ "Identity": "7", "Mailbox": VICTOR });
    assert_eq!(asked[2].call(), ("Enable-InboxRule", &with_switches(fallback)));
    assert_eq!(asked[3].call(), ("Disable-SweepRule", &json!({ "Identity": "v\\7", "Confirm": false })));
}

#[tokio::test]
async fn object_is_believed_only_under_the_name_that_was_asked_for() {
    let server = Server::start().await;
    let row = json!({
        "Name": "anna.bell", "Alias": "annab", "PrimarySmtpAddress": "Anna@contoso.com", "RecipientTypeDetails": "UserMailbox",
        "EmailAddresses": ["SMTP:anna@contoso.com", "smtp:ann@contoso.com"], "ExternalDirectoryObjectId": "AAAA",
    });
    server.says([rows(&json!([row]))]);
    let (exchange, tenant) = (server.exchange(), tenant(TENANT));
    let canonical =
        "EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/anna.bell";
    for name in ["ann@contoso.com", "ANNAB", "aaaa", canonical] {
        let mailbox = exchange.find_mailbox(&tenant, name).await.unwrap().expect(name);
        assert_eq!(mailbox.addresses, ["anna@contoso.com", "ann@contoso.com"]);
        assert_eq!(exchange.recipient(&tenant, name).await.unwrap().expect(name).target().unwrap(), "anna@contoso.com");
    }
    for part in ["ann", "anna", "contoso.com"] {
        assert_eq!(exchange.find_mailbox(&tenant, part).await.unwrap(), None, "{part}");
        assert_eq!(exchange.recipient(&tenant, part).await.unwrap(), None, "{part}");
    }
    server.says([rows(&json!([row, row]))]);
    assert_eq!(exchange.recipient(&tenant, "annab").await.unwrap(), None, "more than one match is no match");
    server.says([rows(&json!([]))]);
    assert!(exchange.recipient(&tenant, "annab").await.unwrap_err().is_transient());
    server.says([rejected("ManagementObjectNotFoundException", "couldn't be found")]);
    assert_eq!(exchange.recipient(&tenant, "annab").await.unwrap(), None);
}

#[tokio::test]
async fn wrong_anchor_is_replaced_by_the_next_one() {
    let server = Server::start().await;
    let proxy = rejected("CmdletProxyNotAvailableException", "Cmdlet needs proxy. Current Server FQDN : a");
    server.says([proxy.clone(), proxy.clone(), rows(&json!([]))]);
    let exchange = server.exchange();
    exchange.clear_forwarding(&tenant(TENANT), &victor()).await.unwrap();
    let anchors: Vec<String> = server.asked().into_iter().map(|asked| asked.anchor).collect();
    let system = "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}";
    assert_eq!(
        anchors,
        ["UPN:victor@contoso.com".to_owned(), format!("OID:{VICTOR}@{TENANT}"), format!("{system}@{TENANT}"),]
    );
    server.says([proxy]);
    assert_eq!(exchange.accepted_domains(&tenant(TENANT)).await.unwrap_err().status(), Some(400));
}

#[tokio::test]
async fn reading_cmdlet_without_rows_is_a_transient_error() {
    let server = Server::start().await;
    server.says([Answer::json(200, &json!({ "@adminapi.warnings": [] }))]);
    let (exchange, tenant) = (server.exchange(), tenant(TENANT));
    let errors = [
        exchange.inbox_rules(&tenant, &victor(), false).await.unwrap_err(),
        exchange.sweep_rules(&tenant, &victor()).await.unwrap_err(),
        exchange.mailbox(&tenant, &victor()).await.unwrap_err(),
        exchange.client_access(&tenant, &victor()).await.unwrap_err(),
        exchange.auto_reply(&tenant, &victor()).await.unwrap_err(),
        exchange.accepted_domains(&tenant).await.unwrap_err(),
        exchange.group_members(&tenant, GroupKind::Dynamic, "all").await.unwrap_err(),
        exchange.mailbox_permissions(&tenant, &victor()).await.unwrap_err(),
        exchange.can_send_as(&tenant, &victor(), "w").await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_transient() && error.to_string().contains(": no list of rows"), "{error}");
    }
}

#[tokio::test]
async fn known_switches_are_set_in_one_call() {
    let server = Server::start().await;
    let shown = json!([{ "Identity": VICTOR, "OWAEnabled": true, "EwsEnabled": null, "ImapEnabled": "False", "ECPEnabled": true }]);
    server.says([rows(&shown), rows(&json!([]))]);
    let (exchange, tenant) = (server.exchange(), tenant(TENANT));
    let access = exchange.client_access(&tenant, &victor()).await.unwrap().unwrap();
    assert_eq!(access.open(), [ClientAccessSwitch::Owa, ClientAccessSwitch::Ews]);
    exchange.set_client_access(&tenant, &victor(), &access.closed()).await.unwrap();
    let together = json!({ "Identity": VICTOR, "OWAEnabled": false, "EwsEnabled": false, "ImapEnabled": false });
    assert_eq!(server.asked()[1].call(), ("Set-CASMailbox", &together));
}

#[test]
fn stored_auto_reply_of_the_first_version_is_read() {
    let stored = r#"{"AutoReplyState":"Enabled","ExternalAudience":null}"#;
    let reply: AutoReply = serde_json::from_str(stored).unwrap();
    assert_eq!((reply.auto_reply_state.as_str(), reply.external_audience.as_str()), ("Enabled", ""));
}

#[test]
fn stored_switches_are_read_as_far_as_they_are_known() {
    let stored = r#"{"OWAEnabled":true,"ImapEnabled":null,"PopEnabled":"no","Invented":true}"#;
    let access: ClientAccess = serde_json::from_str(stored).unwrap();
    assert_eq!(serde_json::to_value(&access).unwrap(), json!({ "OWAEnabled": true, "ImapEnabled": null }));
}

#[tokio::test]
async fn each_grant_is_removed_by_its_own_call() {
    let server = Server::start().await;
    server.says([rows(&json!([]))]);
    let user = || "eve@evil.example".to_owned();
    let grants = [
        MailboxGrant::Mailbox { user: user(), access_rights: vec!["FullAccess".to_owned()] },
        MailboxGrant::SendAs { trustee: user() },
        MailboxGrant::SendOnBehalf { grantee: user() },
        MailboxGrant::Folder { path: "\\Inbox".to_owned(), user: user() },
        MailboxGrant::Folder { path: "\\Inbox".to_owned(), user: "Default".to_owned() },
    ];
    for grant in &grants {
        server.exchange().remove_grant(&tenant(TENANT), &victor(), grant).await.unwrap();
    }
    let asked = server.asked();
    let cmdlets: Vec<&str> = asked.iter().map(|asked| asked.call().0).collect();
    assert_eq!(
        cmdlets,
        [
            "Remove-MailboxPermission",
            "Remove-RecipientPermission",
            "Set-Mailbox",
            "Remove-MailboxFolderPermission",
            "Set-MailboxFolderPermission",
        ]
    );
    assert_eq!(asked[4].call().1["Identity"], format!("{VICTOR}:\\Inbox"));
}

#[tokio::test]
async fn group_with_too_many_members_is_reported_as_incomplete() {
    let server = Server::start().await;
    let members = |count: usize| (0..count).map(|n| json!({ "Name": n.to_string() })).collect::<Vec<_>>();
    server.says([rows(&json!(members(GROUP_MEMBERS_LIMIT))), rows(&json!(members(GROUP_MEMBERS_LIMIT + 1)))]);
    let (exchange, tenant) = (server.exchange(), tenant(TENANT));
    assert!(exchange.group_members(&tenant, GroupKind::Distribution, "sales").await.unwrap().is_complete);
    let members = exchange.group_members(&tenant, GroupKind::Unified, "team").await.unwrap();
    assert_eq!((members.recipients.len(), members.is_complete), (GROUP_MEMBERS_LIMIT, false));
    let asked = server.asked();
    assert_eq!(
        asked[1].call(),
        ("Get-UnifiedGroupLinks", &json!({ "Identity": "team", "ResultSize": 501, "LinkType": "Members" }))
    );
}

#[tokio::test]
async fn accepted_domains_are_read_with_their_type() {
    let server = Server::start().await;
    server.says([rows(&json!([
        { "DomainName": "Contoso.com", "DomainType": "Authoritative", "MatchSubDomains": false },
        { "DomainName": "*.relay.example", "DomainType": "ExternalRelay", "MatchSubDomains": "True" },
        { "DomainName": null },
        { "DomainName": "new.example", "DomainType": "NewType" },
    ]))]);
    let domains = server.exchange().accepted_domains(&tenant(TENANT)).await.unwrap();
    let domain =
        |name: &str, match_sub_domains, kind| AcceptedDomain { name: name.parse().unwrap(), match_sub_domains, kind };
    assert_eq!(
        domains,
        [
            domain("contoso.com", false, DomainType::Authoritative),
            domain("relay.example", true, DomainType::ExternalRelay),
            domain("new.example", false, DomainType::Unknown),
        ]
    );
}

#[tokio::test]
async fn missing_mailbox_is_none_and_a_bare_404_is_an_error() {
    let server = Server::start().await;
    server.says([rejected("ManagementObjectNotFoundException", "couldn't be found")]);
    assert_eq!(server.exchange().client_access(&tenant(TENANT), &victor()).await.unwrap(), None);
    server.says([Answer::new(404, "<html>")]);
    let error = server.exchange().client_access(&tenant(TENANT), &victor()).await.unwrap_err();
    assert!(!is_not_found(&error), "{error}");
}
