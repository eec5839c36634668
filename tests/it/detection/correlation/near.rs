//! Changes near a threat to the same account.

use tenantwatch::detection::{FindingKind, ReasonName, Severity, is_change_near_threats};

use super::{Log, has, names};

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
