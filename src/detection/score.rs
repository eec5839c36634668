//! The score orders findings within and across severities: 0–39 Low, 40–69 Medium, 70–100 High. Within a severity the weightiest
//! reason gives up to 20 points and the others together up to 10, a tenth of their weights.

use super::finding::Severity;
use super::judgement::Judgement;
use super::reason::{Reason, ReasonName};

/// Orders the reasons, the weightiest first, and sets the score by them and the severity. It never falls.
pub fn weigh(judged: &mut Judgement<'_>) {
    judged.reasons.sort_by_key(|reason| std::cmp::Reverse(weight(reason.name)));
    *judged.score = score(*judged.severity, judged.reasons).max(*judged.score);
}

/// The score of a finding.
pub fn score(severity: Severity, reasons: &[Reason]) -> u8 {
    let base: u32 = match severity {
        Severity::Low => 0,
        Severity::Medium => 40,
        Severity::High => 70,
    };
    let ceiling: u32 = match severity {
        Severity::Low => 39,
        Severity::Medium => 69,
        Severity::High => 100,
    };
    let heaviest = reasons.iter().map(|reason| weight(reason.name)).max().unwrap_or(0);
    let all: u32 = reasons.iter().map(|reason| weight(reason.name)).fold(0, u32::saturating_add);
    let rest = (all.saturating_sub(heaviest) / 10).min(10);
    u8::try_from((base + heaviest.min(20) + rest).min(ceiling)).unwrap_or(100)
}

/// Returns the weight of a reason, 0 to 20.
pub fn weight(name: ReasonName) -> u32 {
    use ReasonName::*;
    match name {
        ForwardsExternally | MailboxForwardsExternally | TransportsExternally | JournalsExternally => 20,
        ProtectionRemoved | AuditingWeakened | TransportDeletes | DomainSignInChanged => 19,
        AppSeenInTakeovers | AppImitatesMicrosoft => 18,
        KnownAttackerAddress | SameAttacker => 18,
        DeletesMessages | HidesInFolder | SharedTarget | AfterThreat => 16,
        HiddenRule | KeepsNoCopy | GrantsToSelf | GrantsBroadly | AppReadsMail => 14,
        TransportBypassesProtection | TransportQuarantinesWarnings | TrustsLookalike | BlocksWarnings => 14,
        LookalikeText | NamelessRule => 13,
        SensitiveWords | TargetsSenders | ShortName | MethodChangedNearby | DomainAdded | DomainRelays => 12,
        TargetUnresolved | ForwardingLoosened | ContentNotVisible => 11,
        AppliesToAllMail | ChangedByAnother | ContactPointsElsewhere | ChangeNearby | ConnectorChanged => 9,
        MarksAsRead | MovesToArchiveOrJunk => 7,
        ForwardsInternally | MailboxForwardsInternally | ForwardsToTrusted => 4,
        TransportRuleChanged | GrantsAccess | AppConsented | MethodChanged => 4,
        JournalRuleChanged | MailTrustChanged | AutoReplySet | ClientAccessOpened | DomainChanged => 4,
        StopsProcessing => 0,
    }
}
