//! Relations between the findings of a scan: near a threat, shared targets, repeats, removals, and records of one consent.

use std::collections::BTreeSet;

use audit_log::AuditRecord;
use serde_json::{Value, json};
use tenantwatch::detection::{
    Finding, FindingKind, Knowledge, ReasonName, Severity, correlate, has_new_scope, is_change_near_threats, judge,
};
use uuid::Uuid;

use super::fixtures::tenant;

const APP: &str = "7a1e0f6e-2bb4-4b36-8a5d-0000000000aa";

fn offline() -> Knowledge {
    Knowledge { offline: true, ..tenant() }
}

/// One record after another; `minute` counts from the first day at midnight.
struct Log {
    known: Knowledge,
    findings: Vec<Finding>,
}

impl Log {
    fn new() -> Self {
        Self { known: offline(), findings: Vec::new() }
    }

    fn add(&mut self, minute: i64, actor: &str, operation: &str, more: Value) {
        let begin: chrono::DateTime<chrono::Utc> = "2026-11-20T00:00:00Z".parse().unwrap();
        let number = self.findings.len() as u128 + 1;
        let mut record = json!({
            "Id": Uuid::from_u128(number), "CreationTime": begin + chrono::TimeDelta::minutes(minute),
            "Operation": operation, "UserId": actor, "UserType": 2, "RecordType": 1, "ResultStatus": "True",
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let record = AuditRecord::parse(record.to_string().as_bytes()).unwrap();
        self.findings.extend(judge(&record, &self.known));
    }

    fn cmdlet(&mut self, minute: i64, actor: &str, operation: &str, parameters: &[(&str, &str)]) {
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        self.add(minute, actor, operation, json!({ "Parameters": parameters }));
    }

    fn forward(&mut self, minute: i64, mailbox: &str, target: &str) {
        let parameters = [("Identity", mailbox), ("ForwardingSmtpAddress", target)];
        self.cmdlet(minute, mailbox, "Set-Mailbox", &parameters);
    }

    fn consent(&mut self, minute: i64, actor: &str, operation: &str, scope: &str) {
        let changed = match operation {
            "Consent to application." => json!([
                {"Name": "ConsentAction.Permissions", "OldValue": "", "NewValue": format!("[] => [[ClientId: {APP}, Scope: {scope}]]")},
            ]),
            _ => json!([
                {"Name": "DelegatedPermissionGrant.Scope", "OldValue": "", "NewValue": scope},
                {"Name": "ServicePrincipal.ObjectID", "OldValue": "", "NewValue": APP},
            ]),
        };
        self.add(
            minute,
            actor,
            operation,
            json!({"ModifiedProperties": changed, "Target": [{"ID": "Tool", "Type": 1}]}),
        );
    }

    fn correlated(mut self) -> Vec<Finding> {
        correlate(&mut self.findings);
        self.findings
    }
}

fn names(finding: &Finding) -> BTreeSet<ReasonName> {
    finding.reasons.iter().map(|reason| reason.name).collect()
}

fn has(finding: &Finding, name: ReasonName) -> bool {
    names(finding).contains(&name)
}

/// The type, the actor, the operation and its parameters.
type Change = (FindingKind, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Changes to Grady's account that are Low alone, each of another family.
const CHANGES: &[Change] = &[
    (
        FindingKind::AutoReply,
        "grady@contoso.com",
        "Set-MailboxAutoReplyConfiguration",
        &[("Identity", "grady@contoso.com"), ("AutoReplyState", "Enabled")],
    ),
    (
        FindingKind::ClientAccess,
        "admin@contoso.com",
        "Set-CASMailbox",
        &[("Identity", "grady@contoso.com"), ("ImapEnabled", "True")],
    ),
    (
        FindingKind::MailboxTrust,
        "grady@contoso.com",
        "Set-MailboxJunkEmailConfiguration",
        &[("Identity", "grady@contoso.com"), ("TrustedSendersAndDomains", "shop.example")],
    ),
    (
        FindingKind::MailboxPermission,
        "admin@contoso.com",
        "Add-MailboxPermission",
        &[("Identity", "grady@contoso.com"), ("User", "anna@contoso.com"), ("AccessRights", "FullAccess")],
    ),
    (
        FindingKind::TransportRule,
        "grady@contoso.com",
        "New-TransportRule",
        &[("Name", "Sales"), ("PrependSubject", "x")],
    ),
    (
        FindingKind::JournalRule,
        "grady@contoso.com",
        "New-JournalRule",
        &[("Name", "Sales"), ("JournalEmailAddress", "archive@contoso.com")],
    ),
    (FindingKind::Domain, "grady@contoso.com", "Set-AcceptedDomain", &[("Identity", "contoso.com")]),
    (
        FindingKind::ContactRetargeted,
        "grady@contoso.com",
        "New-MailContact",
        &[("Name", "Anna"), ("ExternalEmailAddress", "anna@contoso.com")],
    ),
    (FindingKind::SignInMethod, "grady@contoso.com", "User registered security info", &[]),
];

#[test]
fn low_change_after_a_threat_is_medium() {
    for (kind, actor, operation, parameters) in CHANGES {
        let mut log = Log::new();
        log.forward(0, "grady@contoso.com", "smtp:drop@evil.example");
        log.cmdlet(23 * 60, actor, operation, parameters);
        let found = log.correlated();
        let [threat, change] = found.as_slice() else { panic!("{operation}: {}", found.len()) };
        assert_eq!((change.kind, change.severity, change.threat), (*kind, Severity::Medium, true), "{operation}");
        assert!(has(change, ReasonName::AfterThreat), "{operation}");
        assert!(!has(threat, ReasonName::ChangeNearby), "{operation}: the change came later");
    }
}

#[test]
fn low_change_before_a_threat_is_added_to_it() {
    for (kind, actor, operation, parameters) in CHANGES {
        let mut log = Log::new();
        log.cmdlet(0, actor, operation, parameters);
        log.forward(23 * 60, "grady@contoso.com", "smtp:drop@evil.example");
        let found = log.correlated();
        let [change, threat] = found.as_slice() else { panic!("{operation}: {}", found.len()) };
        let expected = match kind {
            FindingKind::SignInMethod => ReasonName::MethodChangedNearby,
            _ => ReasonName::ChangeNearby,
        };
        assert!(has(threat, expected), "{operation}: {:?}", names(threat));
        assert_eq!((change.severity, change.threat), (Severity::Low, false), "{operation}");
    }
}

#[test]
fn changes_of_others_or_of_another_day_stay_low() {
    for (_, actor, operation, parameters) in CHANGES {
        for (minute, mailbox) in [(25 * 60, "grady@contoso.com"), (60, "joey@contoso.com")] {
            let mut log = Log::new();
            log.forward(0, mailbox, "smtp:drop@evil.example");
            log.cmdlet(minute, actor, operation, parameters);
            let found = log.correlated();
            assert!(!found[1].threat && !has(&found[0], ReasonName::ChangeNearby), "{operation} of {mailbox}");
        }
    }
}

#[test]
fn cleaning_up_after_a_threat_is_no_threat() {
    let mut log = Log::new();
    log.forward(0, "grady@contoso.com", "smtp:drop@evil.example");
    let grady = ("Identity", "grady@contoso.com");
    log.cmdlet(1, "admin@contoso.com", "Set-Mailbox", &[grady, ("ForwardingSmtpAddress", "")]);
    log.cmdlet(2, "admin@contoso.com", "Set-MailboxAutoReplyConfiguration", &[grady, ("AutoReplyState", "Disabled")]);
    log.cmdlet(3, "admin@contoso.com", "Remove-MailboxPermission", &[grady, ("User", "eve@contoso.com")]);
    log.cmdlet(4, "admin@contoso.com", "Disable-InboxRule", &[grady]);
    let mut found = log.correlated();
    assert_eq!(found.len(), 5);
    assert_eq!(found.iter().filter(|finding| finding.threat).count(), 1);
    assert!(found.iter_mut().skip(1).all(|finding| !is_change_near_threats(finding)));
}

#[test]
fn admin_of_a_threatened_mailbox_is_not_the_changed_account() {
    let mut log = Log::new();
    let permission = [("Identity", "info@contoso.com"), ("User", "anna@contoso.com"), ("AccessRights", "FullAccess")];
    log.cmdlet(
        0,
        "admin@contoso.com",
        "Set-Mailbox",
        &[("Identity", "grady@contoso.com"), ("ForwardingSmtpAddress", "drop@evil.example")],
    );
    log.cmdlet(10, "admin@contoso.com", "Add-MailboxPermission", &permission);
    assert!(!log.correlated()[1].threat);
}

#[test]
fn target_of_two_mailboxes_is_shared() {
    let mut log = Log::new();
    log.forward(0, "grady@contoso.com", "smtp:drop@evil.example");
    log.forward(5, "joey@contoso.com", "smtp:Drop@evil.example");
    log.forward(9 * 24 * 60, "anna@contoso.com", "smtp:drop@evil.example");
    log.forward(9 * 24 * 60 + 5, "eve@contoso.com", "smtp:other@evil.example");
    let found = log.correlated();
    let shared: Vec<bool> = found.iter().map(|finding| has(finding, ReasonName::SharedTarget)).collect();
    assert_eq!(shared, [false, true, false, false]);
    let sentence = &found[1].reasons.iter().find(|reason| reason.name == ReasonName::SharedTarget).unwrap().sentence;
    assert!(sentence.contains("2 mailboxes in 1 tenant "), "{sentence}");
}

#[test]
fn same_target_in_two_tenants_is_counted_by_tenant() {
    let mut log = Log::new();
    log.forward(0, "grady@contoso.com", "smtp:drop@evil.example");
    log.known.tenant_id = "99999999-2222-4333-8444-555555555555".parse().unwrap();
    log.forward(5, "grady@contoso.com", "smtp:drop@evil.example");
    let found = log.correlated();
    let sentence = &found[1].reasons.iter().find(|reason| reason.name == ReasonName::SharedTarget).unwrap().sentence;
    assert!(sentence.contains("2 mailboxes in 2 tenants"), "{sentence}");
}

#[test]
fn contact_that_a_mailbox_forwards_to_is_a_threat() {
    for forwards in [true, false] {
        let mut log = Log::new();
        let target = if forwards { "Accounts" } else { "Anna" };
        log.cmdlet(
            0,
            "admin@contoso.com",
            "Set-Mailbox",
            &[("Identity", "grady@contoso.com"), ("ForwardingAddress", target)],
        );
        log.cmdlet(
            5,
            "admin@contoso.com",
            "Set-MailContact",
            &[("Identity", "accounts"), ("ExternalEmailAddress", "drop@evil.example")],
        );
        assert_eq!(log.correlated()[1].threat, forwards);
    }
}

/// Returns for each finding the index of the finding that it repeats.
fn repeats(found: &[Finding]) -> Vec<Option<usize>> {
    let place = |id| found.iter().position(|finding| finding.record_id == id);
    found.iter().map(|finding| finding.repeat_of.and_then(place)).collect()
}

#[test]
fn same_threat_within_30_days_is_a_repeat() {
    let mut log = Log::new();
    for day in [0, 1, 29, 31] {
        log.forward(day * 24 * 60, "grady@contoso.com", "smtp:drop@evil.example");
    }
    assert_eq!(repeats(&log.correlated()), [None, Some(0), Some(0), None]);
}

#[test]
fn other_target_is_no_repeat() {
    let mut log = Log::new();
    log.forward(0, "grady@contoso.com", "smtp:drop@evil.example");
    log.forward(1, "grady@contoso.com", "smtp:drop2@evil.example");
    log.forward(2, "joey@contoso.com", "smtp:drop@evil.example");
    assert_eq!(repeats(&log.correlated()), [None, None, None]);
}

/// A threat, and the removal of what it created, each by the record that Exchange or the directory writes.
fn created_and_removed() -> Vec<(&'static str, [&'static str; 2], Value, Value)> {
    let parameters = |pairs: &[(&str, &str)]| json!({"Parameters": pairs.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect::<Vec<_>>()});
    let grady = ("Identity", "grady@contoso.com");
    let rule = parameters(&[("Name", "Sync"), ("ForwardTo", "drop@evil.example")]);
    let audit = |operation: &str| {
        json!({"MailboxOwnerUPN": "grady@contoso.com", "OperationProperties": [
            {"Name": "RuleOperation", "Value": operation}, {"Name": "RuleId", "Value": "-77"}, {"Name": "RuleState", "Value": "Enabled"},
            {"Name": "RuleName", "Value": "Sync"}, {"Name": "RuleActions", "Value": "[{\"ActionType\":\"Forward\",\"Recipients\":[\"drop@evil.example\"]}]"}]})
    };
    let scope = json!({"ModifiedProperties": [
        {"Name": "DelegatedPermissionGrant.Scope", "OldValue": "", "NewValue": "Mail.Read"}, {"Name": "ServicePrincipal.ObjectID", "OldValue": "", "NewValue": APP}]});
    let no_scope =
        json!({"ModifiedProperties": [{"Name": "ServicePrincipal.ObjectID", "OldValue": APP, "NewValue": ""}]});
    vec![
        (
            "rule by name",
            ["New-InboxRule", "Remove-InboxRule"],
            rule.clone(),
            parameters(&[("Identity", "grady\\Sync")]),
        ),
        ("rule disabled", ["New-InboxRule", "Disable-InboxRule"], rule, parameters(&[("Identity", "grady\\Sync")])),
        (
            "rule of Outlook",
            ["UpdateInboxRules", "UpdateInboxRules"],
            audit("AddMailboxRule"),
            audit("RemoveMailboxRule"),
        ),
        (
            "rule of Outlook by a cmdlet",
            ["UpdateInboxRules", "Remove-InboxRule"],
            audit("AddMailboxRule"),
            parameters(&[("Identity", "grady\\18446744073709551539")]),
        ),
        (
            "forwarding",
            ["Set-Mailbox", "Set-Mailbox"],
            parameters(&[grady, ("ForwardingSmtpAddress", "smtp:drop@evil.example")]),
            parameters(&[grady, ("ForwardingSmtpAddress", "")]),
        ),
        (
            "access",
            ["Add-MailboxPermission", "Remove-MailboxPermission"],
            parameters(&[grady, ("User", "Everyone"), ("AccessRights", "FullAccess")]),
            parameters(&[grady, ("User", "Everyone"), ("AccessRights", "FullAccess")]),
        ),
        (
            "access to send",
            ["Add-RecipientPermission", "Remove-RecipientPermission"],
            parameters(&[grady, ("Trustee", "eve@evil.example"), ("AccessRights", "SendAs")]),
            parameters(&[grady, ("Trustee", "eve@evil.example"), ("AccessRights", "SendAs")]),
        ),
        (
            "mail flow rule",
            ["New-TransportRule", "Remove-TransportRule"],
            parameters(&[("Name", "Sync"), ("BlindCopyTo", "drop@evil.example")]),
            parameters(&[("Identity", "Sync")]),
        ),
        (
            "journal rule",
            ["New-JournalRule", "Disable-JournalRule"],
            parameters(&[("Name", "Sync"), ("JournalEmailAddress", "drop@evil.example")]),
            parameters(&[("Identity", "Sync")]),
        ),
        (
            "connector",
            ["New-InboundConnector", "Remove-InboundConnector"],
            parameters(&[("Name", "Sync"), ("SenderDomains", "*")]),
            parameters(&[("Identity", "Sync")]),
        ),
        (
            "consent",
            ["Add delegated permission grant.", "Remove delegated permission grant."],
            scope.clone(),
            no_scope.clone(),
        ),
        (
            "consent of the older name",
            ["Add delegated permission grant.", "Remove OAuth2PermissionGrant."],
            scope,
            no_scope,
        ),
    ]
}

#[test]
fn threat_that_was_removed_in_the_meantime_is_new_again() {
    for (what, [create, remove], created, removed) in created_and_removed() {
        let mut log = Log::new();
        for (minute, is_removal) in [(0, false), (20, false), (40, true), (60, false)] {
            let (operation, more) = if is_removal { (remove, &removed) } else { (create, &created) };
            log.add(minute, "grady@contoso.com", operation, more.clone());
        }
        let found = log.correlated();
        assert_eq!(found.len(), 4, "{what}");
        assert!(!found[2].threat && !found[2].removed.is_empty(), "{what}: {:?}", found[2]);
        assert_eq!(repeats(&found), [None, Some(0), None, None], "{what}");
    }
}

#[test]
fn removal_that_failed_or_was_elsewhere_clears_nothing() {
    for (what, [create, remove], created, removed) in created_and_removed() {
        let mut failed = removed.clone();
        failed["ResultStatus"] = json!("False");
        let mut log = Log::new();
        log.add(0, "grady@contoso.com", create, created.clone());
        log.add(40, "grady@contoso.com", remove, failed);
        log.known.tenant_id = "99999999-2222-4333-8444-555555555555".parse().unwrap();
        log.add(50, "grady@contoso.com", remove, removed);
        log.known = offline();
        log.add(60, "grady@contoso.com", create, created);
        let found = log.correlated();
        assert_eq!(found.last().unwrap().repeat_of, Some(found[0].record_id), "{what}");
    }
}

#[test]
fn records_of_one_consent_are_one_finding() {
    let mut log = Log::new();
    log.consent(0, "grady@contoso.com", "Consent to application.", "User.Read");
    log.consent(1, "grady@contoso.com", "Add delegated permission grant.", "User.Read Mail.Read");
    log.consent(9, "grady@contoso.com", "Add delegated permission grant.", "Files.Read.All");
    let first = log.findings[0].clone();
    let found = log.correlated();
    let [consent] = found.as_slice() else { panic!("{}", found.len()) };
    assert_eq!((consent.record_id, &consent.fingerprint), (first.record_id, &first.fingerprint));
    assert_eq!(consent.scopes, ["User.Read", "Mail.Read", "Files.Read.All"]);
    assert_eq!((consent.severity, consent.threat), (Severity::Medium, true));
    let sentence = &consent.reasons.iter().find(|reason| reason.name == ReasonName::AppReadsMail).unwrap().sentence;
    assert!(sentence.contains("Files.Read.All, Mail.Read"), "{sentence}");
}

#[test]
fn consents_of_others_or_later_are_findings_of_their_own() {
    let mut log = Log::new();
    log.consent(0, "grady@contoso.com", "Consent to application.", "Mail.Read");
    log.consent(1, "joey@contoso.com", "Consent to application.", "Mail.Read");
    log.consent(11, "grady@contoso.com", "Consent to application.", "Mail.Read");
    assert_eq!(log.correlated().len(), 3);
}

#[test]
fn later_consent_is_a_repeat_unless_it_has_a_new_scope() {
    let mut log = Log::new();
    log.consent(0, "grady@contoso.com", "Consent to application.", "Mail.Read");
    log.consent(60, "grady@contoso.com", "Consent to application.", "mail.read");
    log.consent(120, "grady@contoso.com", "Consent to application.", "Mail.Read Mail.Send");
    log.consent(180, "grady@contoso.com", "Consent to application.", "Mail.Read");
    let found = log.correlated();
    assert_eq!(repeats(&found), [None, Some(0), None, Some(2)]);
    assert!(!has_new_scope(&found[0].scopes, &found[1].scopes) && has_new_scope(&found[0].scopes, &found[2].scopes));
}

#[test]
fn added_domain_is_named() {
    let mut log = Log::new();
    log.add(0, "admin@contoso.com", "Add verified domain.", json!({"Target": [{"ID": "new.example", "Type": 1}]}));
    log.cmdlet(1, "admin@contoso.com", "Set-AcceptedDomain", &[("Identity", "contoso.com")]);
    let added: Vec<_> =
        log.findings.iter().map(|finding| finding.added_domain().map(|domain| domain.to_string())).collect();
    assert_eq!(added, [Some("new.example".to_owned()), None]);
}
