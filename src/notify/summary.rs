//! Describes an event in plain words.

use crate::detection::{FindingKind, ReasonName};
use crate::tables::incidents::is_owner_unknown;
use crate::tables::{Containment, ProcessedRow};
use table_store::cut_text;

use super::Notification;

/// The longest text of an attacker in a sentence, in UTF-16 units.
const QUOTE_LIMIT: usize = 120;

/// Returns one sentence that a technician can act on. Text that an attacker may have chosen is defanged.
pub fn summary(notification: &Notification<'_>) -> String {
    let row = notification.row;
    match row.kind {
        FindingKind::Coverage => {
            notification.safe(&told(&row.description, "The monitoring state of this tenant has changed."))
        }
        FindingKind::Investigation => notification.safe(&told(&row.description, "An investigation was made.")),
        FindingKind::Test => "This is a test notification. Nothing has happened.".to_owned(),
        _ if row.threat => {
            format!("{}. {}", what_happened(notification), advice(notification))
        }
        _ => format!("{}. Recorded only; no action is needed.", what_happened(notification)),
    }
}

/// Returns the action that a technician has to take because of a threat.
pub fn advice(notification: &Notification<'_>) -> String {
    let row = notification.row;
    match &row.containment {
        _ if is_owner_unknown(row) => {
            "The owner of the mailbox is unknown, so Tenantwatch cannot secure an account. If this change was not \
             agreed, find the mailbox in the audit record and secure its owner manually."
                .to_owned()
        }
        Some(Containment::Done) => {
            "Sign-in is already blocked. If the change was not agreed, select Secure and Remediate for the rest; \
             if it was, let the account back in."
                .to_owned()
        }
        Some(Containment::Partly | Containment::Open) => {
            "If the change was not agreed, select Secure and Remediate to continue; if it was, let the account back in."
                .to_owned()
        }
        _ => format!("If this change was not agreed, secure {}.", whom(notification)),
    }
}

/// The sentence of a finding, and one about the other threats of its incident.
pub fn of_notification(notification: &Notification<'_>) -> String {
    let sentences = [summary(notification), containment(notification), notification.others()];
    sentences.into_iter().filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join(" ")
}

/// One sentence about the automatic containment. Empty if there was nothing to contain.
pub fn containment(notification: &Notification<'_>) -> String {
    let row = notification.row;
    let whom = whom(notification);
    let change = match row.kind {
        FindingKind::InboxForward => "the forwarding is removed. The password is unchanged",
        _ => "the rule is disabled. The password and the other server-side rules are unchanged",
    };
    match &row.containment {
        None | Some(Containment::Unknown(_)) => String::new(),
        Some(Containment::Done) => {
            format!("Tenantwatch has contained {whom}: sign-in is blocked, all sessions are revoked, and {change}.")
        }
        Some(Containment::Partly | Containment::Open) => format!("Tenantwatch contained {whom} only in part."),
        Some(Containment::WouldBe) => {
            format!("Tenantwatch would have contained {whom}, but only observes: nothing was changed.")
        }
        Some(Containment::Refused(condition)) => {
            format!("Tenantwatch has not contained {whom} automatically: {condition}.")
        }
    }
}

/// Returns the name of a threat in the headline.
fn threat_class(row: &ProcessedRow) -> &'static str {
    match &row.containment {
        Some(Containment::Done) => "Contained",
        Some(Containment::Partly | Containment::Open) => "Contained in part",
        _ => "Threat",
    }
}

/// Returns the head of a card: severity and kind, account, tenant, event.
pub fn headline(notification: &Notification<'_>) -> [String; 4] {
    let row = notification.row;
    let class = match (row.kind, row.threat) {
        (FindingKind::Test, _) => "Test".to_owned(),
        (FindingKind::Investigation, _) => format!("Investigation · {}", row.operation),
        (FindingKind::Coverage, _) => "Notice · monitoring".to_owned(),
        (kind, true) => format!("{} · {} severity · {}", threat_class(row), row.severity.as_str(), in_words(kind)),
        (kind, false) => format!("Notice · {} severity · {}", row.severity.as_str(), in_words(kind)),
    };
    let what = match row.kind {
        FindingKind::Coverage | FindingKind::Investigation | FindingKind::Test => summary(notification),
        _ if is_owner_unknown(row) => format!("{}.", what_happened(notification)),
        FindingKind::InboxRule => format!("An inbox rule {}.", what_it_does(notification)),
        FindingKind::InboxForward => format!("Forwarding on the mailbox {}.", what_it_does(notification)),
        _ => format!("{} {}.", quote(notification, &row.actor), what_it_does(notification)),
    };
    let account = if row.source_mailbox.is_empty() { &row.actor } else { &row.source_mailbox };
    let (whom, tenant) = match account.as_str() {
        _ if is_owner_unknown(row) => ("Owner unknown".to_owned(), format!(" · {}", row.organization)),
        "" => (row.organization.clone(), String::new()),
        account => (account.to_owned(), format!(" · {}", row.organization)),
    };
    [class, whom, tenant, what]
}

fn in_words(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::InboxRule => "inbox rule",
        FindingKind::InboxForward => "forwarding on the mailbox",
        FindingKind::MailboxPermission => "access to a mailbox",
        FindingKind::TransportRule => "mail flow rule",
        FindingKind::JournalRule => "journal rule",
        FindingKind::Connector => "connector",
        FindingKind::MailboxTrust => "safe and blocked senders",
        FindingKind::AutoReply => "automatic reply",
        FindingKind::ClientAccess => "mail protocol",
        FindingKind::AuditTampering => "auditing or protection",
        FindingKind::Consent => "consent to an application",
        FindingKind::SignInMethod => "sign-in method",
        FindingKind::Domain => "domain",
        FindingKind::ContactRetargeted => "contact changed",
        FindingKind::KnownAttackerAddress => "sign-in from an attacker's address",
        FindingKind::Investigation => "investigation",
        FindingKind::Coverage => "monitoring",
        FindingKind::Test => "test",
    }
}

/// Returns actor, action and object of the event, without a full stop.
fn what_happened(notification: &Notification<'_>) -> String {
    let row = notification.row;
    let actor = quote(notification, &row.actor);
    let (mailbox, does) = (quote(notification, &row.source_mailbox), what_it_does(notification));
    let by = if is_same(&row.actor, &row.source_mailbox) { "its owner's account".to_owned() } else { actor.clone() };
    match row.kind {
        FindingKind::InboxRule if mailbox.is_empty() => {
            format!("An inbox rule in a mailbox whose owner is unknown, set by {by}, {does}")
        }
        FindingKind::InboxRule => format!("An inbox rule on {mailbox}, set by {by}, {does}"),
        FindingKind::InboxForward if mailbox.is_empty() => {
            format!("Forwarding on a mailbox whose owner is unknown, set by {by}, {does}")
        }
        FindingKind::InboxForward => format!("Forwarding on the mailbox {mailbox}, set by {by}, {does}"),
        FindingKind::MailboxPermission
        | FindingKind::MailboxTrust
        | FindingKind::AutoReply
        | FindingKind::ClientAccess
            if !mailbox.is_empty() =>
        {
            format!("On the mailbox {mailbox}, {by} {does}")
        }
        _ if is_owner_unknown(row) => format!("On a mailbox whose owner is unknown, {actor} {does}"),
        _ => format!("{actor} {does}"),
    }
}

/// Returns the effect of the rule or change, as the end of a sentence whose subject it is.
pub fn what_it_does(notification: &Notification<'_>) -> String {
    let row = notification.row;
    let mut parts: Vec<String> = row.reasons.iter().filter_map(|reason| effect(reason.name, notification)).collect();
    let mut seen = std::collections::BTreeSet::new();
    parts.retain(|part| seen.insert(part.clone()));
    match parts.pop() {
        None => ordinary(row.kind).to_owned(),
        Some(only) if parts.is_empty() => only,
        Some(last) => format!("{} and {last}", parts.join(", ")),
    }
}

/// Returns the effect that a reason describes; `None` if the reason describes a circumstance.
fn effect(reason: ReasonName, notification: &Notification<'_>) -> Option<String> {
    use ReasonName as R;
    let target = match notification.row.forwarding_address.as_str() {
        "" => "an address".to_owned(),
        address => quote(notification, address),
    };
    let effect = match reason {
        R::ForwardsExternally => format!("sends mail outside to {target}"),
        R::MailboxForwardsExternally => format!("sends all mail outside to {target}"),
        R::TargetUnresolved => format!("sends mail to {target}, which could not be resolved"),
        R::ForwardsInternally | R::MailboxForwardsInternally => {
            format!("sends mail to {target} inside the organization")
        }
        R::ForwardsToTrusted => format!("sends mail to the trusted target {target}"),
        R::KeepsNoCopy => "keeps no copy".to_owned(),
        R::DeletesMessages => "deletes messages".to_owned(),
        R::HidesInFolder => "hides messages in a folder that people do not open".to_owned(),
        R::MovesToArchiveOrJunk => "moves messages to Archive or Junk".to_owned(),
        R::MarksAsRead => "marks messages as read".to_owned(),
        R::AppliesToAllMail => "applies to all mail".to_owned(),
        R::SensitiveWords => "matches words about money, payroll, security or replies".to_owned(),
        R::TargetsSenders => "matches mail from the help desk or security notifications".to_owned(),
        R::ContentNotVisible => "performs an action that is not visible from the server".to_owned(),
        R::GrantsToSelf => "granted their own account access".to_owned(),
        R::GrantsBroadly => "granted access to external users or to everyone".to_owned(),
        R::GrantsAccess => "granted another user access".to_owned(),
        R::TransportsExternally => format!("created or changed a mail flow rule that sends mail outside to {target}"),
        R::TransportDeletes => "created or changed a mail flow rule that deletes mail".to_owned(),
        R::TransportBypassesProtection => {
            "created or changed a mail flow rule that exempts mail from an external domain from protection".to_owned()
        }
        R::TransportQuarantinesWarnings => {
            "created or changed a mail flow rule that quarantines security warnings".to_owned()
        }
        R::JournalsExternally => format!("created or changed a journal rule that copies mail to {target}"),
        R::JournalRuleChanged => "created or changed a journal rule".to_owned(),
        R::ConnectorChanged => "created or changed a connector".to_owned(),
        R::TrustsLookalike => "added a look-alike address or an internal address to the safe senders".to_owned(),
        R::BlocksWarnings => "blocked senders that warn the mailbox owner".to_owned(),
        R::MailTrustChanged => "changed the safe or blocked senders of the mailbox".to_owned(),
        R::AutoReplySet => "set an automatic reply".to_owned(),
        R::ClientAccessOpened => "enabled a mail protocol for the mailbox".to_owned(),
        R::TransportRuleChanged => "changed a mail flow rule of the organization".to_owned(),
        R::AuditingWeakened => "disabled or bypassed auditing".to_owned(),
        R::ForwardingLoosened => "allowed automatic forwarding to external addresses".to_owned(),
        R::ProtectionRemoved => "removed a protection of the organization".to_owned(),
        R::AppSeenInTakeovers => "consented to an application that attackers use in compromised accounts".to_owned(),
        R::AppImitatesMicrosoft => "consented to an application whose name imitates a Microsoft product".to_owned(),
        R::AppReadsMail => "granted an application access to mail, contacts or files".to_owned(),
        R::AppConsented => "consented to an application".to_owned(),
        R::MethodChanged => "changed a sign-in method".to_owned(),
        R::DomainSignInChanged => "changed how the users of a domain sign in".to_owned(),
        R::DomainAdded => "added a domain to the organization".to_owned(),
        R::DomainRelays => "turned a domain of the organization into a relay".to_owned(),
        R::DomainChanged => "changed a domain of the organization".to_owned(),
        R::ContactPointsElsewhere => format!("changed the address of a contact to {target}"),
        R::KnownAttackerAddress => "signed in from an address that an attacker used in another account".to_owned(),
        R::SameAttacker
        | R::StopsProcessing
        | R::NamelessRule
        | R::ShortName
        | R::LookalikeText
        | R::ChangedByAnother
        | R::HiddenRule
        | R::SharedTarget
        | R::MethodChangedNearby
        | R::ChangeNearby
        | R::AfterThreat => return None,
    };
    Some(effect)
}

/// Returns the effect of a change of this kind if no reason says more.
fn ordinary(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::InboxRule => "sorts messages",
        FindingKind::InboxForward => "did not change where mail goes",
        FindingKind::MailboxPermission => "changed who has access",
        FindingKind::TransportRule => "changed a mail flow rule of the organization",
        FindingKind::JournalRule => "changed a journal rule of the organization",
        FindingKind::Connector => "changed a connector of the organization",
        FindingKind::MailboxTrust => "changed the safe or blocked senders of the mailbox",
        FindingKind::AutoReply => "changed the automatic reply of the mailbox",
        FindingKind::ClientAccess => "changed the mail protocols of the mailbox",
        FindingKind::AuditTampering => "changed auditing or a protection of the organization",
        FindingKind::Consent => "consented to an application",
        FindingKind::SignInMethod => "changed a sign-in method",
        FindingKind::Domain => "changed a domain of the organization",
        FindingKind::ContactRetargeted => "changed the address of a contact",
        FindingKind::KnownAttackerAddress => "signed in from an address that is no attacker's any more",
        FindingKind::Coverage | FindingKind::Investigation | FindingKind::Test => "is about Tenantwatch itself",
    }
}

/// The accounts that are compromised by the look of it: the mailbox owner, and the actor when that is another.
pub fn whom(notification: &Notification<'_>) -> String {
    let row = notification.row;
    match (row.source_mailbox.as_str(), row.actor.as_str()) {
        ("", actor) => quote(notification, actor),
        (mailbox, actor) if actor.is_empty() || is_same(mailbox, actor) => quote(notification, mailbox),
        (mailbox, actor) => format!("{} and {}", quote(notification, mailbox), quote(notification, actor)),
    }
}

/// Returns whether two texts name the same account.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn quote(notification: &Notification<'_>, text: &str) -> String {
    let one_line: String = notification.safe(text).split_whitespace().collect::<Vec<_>>().join(" ");
    cut_text(&one_line, QUOTE_LIMIT)
}

/// The first line of a text of our own, or another where there is none.
fn told(text: &str, otherwise: &str) -> String {
    match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => cut_text(line, 500),
        None => otherwise.to_owned(),
    }
}
