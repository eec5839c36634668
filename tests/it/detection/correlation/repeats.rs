//! Repeats of a threat, and removals that end them.

use serde_json::{Value, json};
use tenantwatch::detection::Finding;

use super::{APP, Log, offline};

/// Returns for each finding the index of the finding that it repeats.
pub fn repeats(found: &[Finding]) -> Vec<Option<usize>> {
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
