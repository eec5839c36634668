//! The table that turns reasons into a severity. Every clause only raises, so adding a reason never lowers the severity.

use std::collections::BTreeSet;

use super::finding::Severity;
use super::reason::ReasonName::{self, *};
use super::words::{WordCounts, WordGroup};

/// Everything that the verdict depends on.
///
/// Reasons alone are not enough: a newsletter's word `security` is a reason and weighs nothing. A signal is the part that weighs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals {
    /// The reasons that hold.
    pub reasons: BTreeSet<ReasonName>,
    /// Mail is moved, to any folder.
    pub moves: bool,
    /// Mail is copied, to any folder.
    pub copies: bool,
    /// Mail is moved to Junk.
    pub moves_to_junk: bool,
    /// A part that could not be read names a verb of forwarding or deleting.
    pub unread_verb: bool,
    /// The different sensitive words that weigh.
    pub words: WordCounts,
    /// The rule is about the own help desk, account-security senders or payroll services.
    pub warning_senders: bool,
    /// The same, without the own help desk.
    pub account_senders: bool,
    /// The targets that are not resolved could be looked up.
    pub targets_were_asked_for: bool,
}

impl Signals {
    fn has(&self, name: ReasonName) -> bool {
        self.reasons.contains(&name)
    }

    fn any(&self, names: &[ReasonName]) -> bool {
        names.iter().any(|name| self.has(*name))
    }

    fn has_words(&self, group: WordGroup, least: usize) -> bool {
        self.words.of(group) >= least
    }

    /// Takes everything that another detection saw in the same record.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.moves |= other.moves;
        self.copies |= other.copies;
        self.moves_to_junk |= other.moves_to_junk;
        self.unread_verb |= other.unread_verb;
        self.words.raise(&other.words);
        self.warning_senders |= other.warning_senders;
        self.account_senders |= other.account_senders;
        self.targets_were_asked_for |= other.targets_were_asked_for;
    }
}

/// Returns the severity of these signals. Medium and High are threats.
pub fn severity(signals: &Signals) -> Severity {
    if is_high(signals) {
        Severity::High
    } else if is_medium(signals) {
        Severity::Medium
    } else {
        Severity::Low
    }
}

fn is_high(signals: &Signals) -> bool {
    signals.any(&ALWAYS_HIGH)
        || (signals.any(&[DeletesMessages, HidesInFolder]) && signals.any(&[AppliesToAllMail, NamelessRule]))
        || (signals.moves && signals.has(AppliesToAllMail) && signals.has(NamelessRule))
}

/// Returns whether a rule or forwarding that is High for these reasons would be High if it forwarded nothing. A harmless target beside
/// what makes it High must not excuse it.
pub fn is_high_without_forwarding(reasons: impl IntoIterator<Item = ReasonName>) -> bool {
    let (forwarding, others): (BTreeSet<ReasonName>, BTreeSet<ReasonName>) =
        reasons.into_iter().partition(|name| matches!(name, ForwardsExternally | MailboxForwardsExternally));
    // No other reason of forwarding makes anything High by itself.
    forwarding.is_empty() || {
        let moves = others.contains(&MovesToArchiveOrJunk);
        is_high(&Signals { reasons: others, moves, ..Signals::default() })
    }
}

fn is_medium(signals: &Signals) -> bool {
    signals.any(&ALWAYS_MEDIUM)
        || deletes_in_a_suspicious_way(signals)
        || acts_without_a_name(signals)
        || files_away_unread(signals)
        || archives_warnings(signals)
        || (signals.moves_to_junk && signals.has(AppliesToAllMail))
        || is_unresolved(signals)
        || acts_out_of_sight(signals)
        || (signals.has(TransportRuleChanged) && signals.has(NamelessRule))
        || (signals.has(ContactPointsElsewhere) && signals.has(SharedTarget))
}

fn deletes_in_a_suspicious_way(signals: &Signals) -> bool {
    use WordGroup::*;
    let words = [Money, Security, Payroll].into_iter().any(|group| signals.has_words(group, 1));
    let odd = signals.any(&[ShortName, LookalikeText]);
    signals.has(DeletesMessages) && (words || signals.has_words(Replies, 2) || signals.warning_senders || odd)
}

fn acts_without_a_name(signals: &Signals) -> bool {
    let acts = signals.moves || signals.copies || signals.unread_verb || signals.any(&ACTIONS);
    signals.has(NamelessRule) && acts
}

/// A move to any folder, marked as read.
fn files_away_unread(signals: &Signals) -> bool {
    use WordGroup::*;
    let two_words = signals.words.of(Money) + signals.words.of(Replies) >= 2;
    let words = signals.has_words(Security, 1) || signals.has_words(Payroll, 1) || two_words;
    let odd = signals.any(&[AppliesToAllMail, ShortName]);
    signals.moves && signals.has(MarksAsRead) && (words || signals.account_senders || odd)
}

fn archives_warnings(signals: &Signals) -> bool {
    use WordGroup::*;
    let words = signals.has_words(Security, 1) || signals.has_words(Payroll, 1) || signals.has_words(Money, 2);
    signals.has(MovesToArchiveOrJunk) && words
}

/// Offline, where look-ups are impossible, an unresolved target needs another sign beside it.
fn is_unresolved(signals: &Signals) -> bool {
    const SIGNS: [ReasonName; 6] =
        [DeletesMessages, HidesInFolder, NamelessRule, ShortName, LookalikeText, SensitiveWords];
    signals.has(TargetUnresolved) && (signals.targets_were_asked_for || signals.any(&SIGNS))
}

fn acts_out_of_sight(signals: &Signals) -> bool {
    signals.any(&[HiddenRule, ContentNotVisible]) && (signals.unread_verb || signals.any(&FORWARDING_OR_HIDING))
}

/// Alone enough for High.
const ALWAYS_HIGH: [ReasonName; 7] = [
    ForwardsExternally,
    MailboxForwardsExternally,
    TransportsExternally,
    TransportDeletes,
    JournalsExternally,
    AppSeenInTakeovers,
    AppImitatesMicrosoft,
];

/// Alone enough for Medium. If a person made the change, some are High; the file of the family decides that.
const ALWAYS_MEDIUM: [ReasonName; 15] = [
    HidesInFolder,
    GrantsToSelf,
    GrantsBroadly,
    AuditingWeakened,
    ProtectionRemoved,
    ForwardingLoosened,
    AppReadsMail,
    AfterThreat,
    TransportBypassesProtection,
    TransportQuarantinesWarnings,
    TrustsLookalike,
    BlocksWarnings,
    DomainSignInChanged,
    DomainAdded,
    DomainRelays,
];

/// Actions that a rule without a name has no business with.
const ACTIONS: [ReasonName; 7] = [
    DeletesMessages,
    MarksAsRead,
    ForwardsExternally,
    ForwardsInternally,
    ForwardsToTrusted,
    TargetUnresolved,
    MovesToArchiveOrJunk,
];

/// Signs that mail is sent on or hidden, for rules that cannot be seen as a whole.
const FORWARDING_OR_HIDING: [ReasonName; 5] =
    [ForwardsInternally, ForwardsToTrusted, TargetUnresolved, DeletesMessages, HidesInFolder];
