//! Families, as far as a fixture of one record does not show them.

use audit_log::AuditRecord;
use serde_json::json;
use tenantwatch::detection::{FindingKind, Knowledge, Severity, judge};

use super::fixtures::tenant;
use super::kinds::{self, offline};

fn severity(actor: &str, operation: &str, parameters: &[(&str, &str)]) -> Severity {
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let record = json!({
        "Id": "10000000-0000-4000-8000-000000000001", "CreationTime": "2026-11-20T10:00:00", "UserType": 2, "RecordType": 1,
        "Operation": operation, "UserId": actor, "ResultStatus": "True", "Parameters": parameters,
    });
    let record = AuditRecord::parse(record.to_string().as_bytes()).unwrap();
    judge(&record, &Knowledge { offline: true, ..tenant() }).map_or(Severity::Low, |finding| finding.severity)
}

#[test]
fn domain_of_the_owner_is_an_own_one_offline() {
    for (item, expected) in [
        ("anna@fabrikarn.example", Severity::Low),
        ("fabrikarn.example", Severity::Medium),
        ("helpdesk@fabrikarn.example", Severity::Medium),
        ("fabrikam.example", Severity::Medium),
    ] {
        let owner = "grady@fabrikarn.example";
        let parameters = [("Identity", owner), ("TrustedSendersAndDomains", item)];
        assert_eq!(severity(owner, "Set-MailboxJunkEmailConfiguration", &parameters), expected, "{item}");
    }
}

/// Ways in which one rule can let one sender past two protections.
#[test]
fn bypass_is_recognized_by_every_sender_condition() {
    let skip = [
        ("SetSCL", "-1"),
        ("SetHeaderName", "X-MS-Exchange-Organization-SkipSafeAttachmentProcessing"),
        ("SetHeaderValue", "1"),
    ];
    for condition in [
        ("SenderDomainIs", "partner.example;other.example"),
        ("From", "pay@partner.example"),
        ("FromAddressContainsWords", "@partner.example"),
        ("FromAddressMatchesPatterns", ".*@partner\\.example$"),
    ] {
        let parameters = [&[("Name", "Partner"), condition], &skip[..]].concat();
        assert_eq!(severity("admin@contoso.com", "New-TransportRule", &parameters), Severity::Medium, "{condition:?}");
        let one_only = [("Name", "Partner"), condition, skip[0]];
        assert_eq!(severity("admin@contoso.com", "New-TransportRule", &one_only), Severity::Low, "{condition:?}");
    }
}

#[test]
fn deleting_is_excused_only_by_spam_verdicts() {
    let by = |conditions: &[(&str, &str)]| {
        let parameters = [&[("Name", "Filter"), ("DeleteMessage", "True")], conditions].concat();
        severity("admin@contoso.com", "New-TransportRule", &parameters)
    };
    for spam in [("SCLOver", "5"), ("SCLOver", "9")] {
        assert_eq!(by(&[spam]), Severity::Low, "{spam:?}");
        assert_eq!(by(&[spam, ("FromScope", "NotInOrganization")]), Severity::Low, "{spam:?}");
        assert_eq!(by(&[spam, ("From", "x@partner.example")]), Severity::High, "{spam:?}");
    }
    let scopes_and_exceptions = [
        ("FromScope", "NotInOrganization"),
        ("SCLOver", "-1"),
        ("SentToScope", "InOrganization"),
        ("ExceptIfSCLOver", "6"),
        ("RecipientAddressContainsWords", "boss"),
        ("AttachmentExtensionMatchesWords", "exe"),
    ];
    for condition in scopes_and_exceptions {
        assert_eq!(by(&[condition]), Severity::High, "{condition:?}");
    }
}

#[test]
fn applications_are_known_by_the_begin_and_the_spelling_of_their_names() {
    let consent = |name: &str| {
        offline(&kinds::record(
            "Consent to application.",
            &json!({"Target": [{"ID": name, "Type": 1}, {"ID": "00000001-5555-4666-8777-999999999999", "Type": 2}],
                "ModifiedProperties": [{"Name": "ConsentAction.Permissions", "OldValue": "", "NewValue": "[] => [[Scope: User.Read]]"}]}),
        ))
        .severity
    };
    for name in [
        "rclone",
        "rclone-test",
        "rclone (backup)",
        "Rclone_2",
        "Spike",
        "Spike Email - Mail & Team Chat",
        "eM Client 10",
        "SigParser-App",
        "Outlok",
        "OneDirve",
        "SharePiont Online",
        "Exchnage Online",
        "Microsft Teams",
        "rnicrosoft",
    ] {
        assert_eq!(consent(name), Severity::High, "{name}");
    }
    for name in [
        "Spike Prime",
        "SpikeNow",
        "Rclonely",
        "Lookout",
        "PDF-XChange Editor",
        "One Driver",
        "Outlook Reminders",
        "Exchange Rates",
        "Office Timeline",
        "OfficeRnD",
        "Postboxes of Bonn",
        "Teamwork",
        "Share Points",
    ] {
        assert_eq!(consent(name), Severity::Low, "{name}");
    }
}

#[test]
fn disabled_family_finds_nothing() {
    let families = [
        (FindingKind::JournalRule, "New-JournalRule", ("JournalEmailAddress", "x@evil.example")),
        (FindingKind::Connector, "New-OutboundConnector", ("SmartHosts", "mx.evil.example")),
        (FindingKind::Domain, "New-AcceptedDomain", ("DomainName", "new.example")),
    ];
    for (kind, operation, parameter) in families {
        assert!(severity("admin@contoso.com", operation, &[("Name", "X"), parameter]) > Severity::Low, "{operation}");
        let record = json!({
            "Id": "10000000-0000-4000-8000-000000000001", "CreationTime": "2026-11-20T10:00:00", "UserType": 2,
            "Operation": operation, "UserId": "admin@contoso.com", "Parameters": [{"Name": parameter.0, "Value": parameter.1}],
        });
        let record = AuditRecord::parse(record.to_string().as_bytes()).unwrap();
        assert!(judge(&record, &Knowledge { off: [kind].into(), ..tenant() }).is_none(), "{operation}");
    }
}
