//! The table that turns reasons into a severity. Every clause only raises, so adding a reason never lowers the severity.

use std::collections::BTreeSet;

use super::finding::Severity;
use super::reason::ReasonName::{self, *};

/// What the verdict looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// The reasons that hold.
    pub reasons: BTreeSet<ReasonName>,
    /// Mail is moved, to any folder.
    pub moves: bool,
    /// The sensitive words are of the group security.
    pub security_words: bool,
}

/// The severity of these signs. Medium and High are threats.
pub fn severity(signs: &Signs) -> Severity {
    let has = |name: &ReasonName| signs.reasons.contains(name);
    let any = |names: &[ReasonName]| names.iter().any(has);
    if any(&ALWAYS_HIGH) || (any(&[DeletesMessages, HidesInFolder]) && any(&[AppliesToAllMail, OddName])) {
        return Severity::High;
    }
    let medium = any(&ALWAYS_MEDIUM)
        || (any(&[DeletesMessages, HidesInFolder]) && any(&[SensitiveWords, TargetsSenders]))
        || (has(&HidesInFolder) && has(&MarksAsRead))
        || (signs.moves && has(&MarksAsRead) && any(&[SensitiveWords, TargetsSenders, AppliesToAllMail, OddName]))
        || (has(&MovesToArchiveOrJunk) && signs.security_words && has(&SensitiveWords))
        || (any(&[HiddenRule, ContentNotVisible]) && any(&FORWARDING_OR_HIDING))
        || (has(&TransportRuleChanged) && has(&OddName))
        || (has(&ContactPointsElsewhere) && has(&SharedTarget));
    if medium { Severity::Medium } else { Severity::Low }
}

/// Alone enough for High.
const ALWAYS_HIGH: [ReasonName; 4] =
    [ForwardsExternally, MailboxForwardsExternally, TransportsExternally, TransportDeletes];

/// Alone enough for Medium. A person who weakens auditing or a protection is High by its own file.
const ALWAYS_MEDIUM: [ReasonName; 8] = [
    TargetUnresolved,
    GrantsToSelf,
    GrantsBroadly,
    AuditingWeakened,
    ProtectionRemoved,
    ForwardingLoosened,
    AppReadsMail,
    MethodChangedAfterThreat,
];

/// Signs that mail is sent on or hidden, for rules that cannot be seen as a whole.
const FORWARDING_OR_HIDING: [ReasonName; 6] =
    [ForwardsInternally, ForwardsToTrusted, TargetUnresolved, DeletesMessages, HidesInFolder, MarksAsRead];
