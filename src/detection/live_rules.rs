//! The result of looking up the current rules of a mailbox.

use base::ids::MailAddress;

use super::knowledge::{Answer, Knowledge};
use super::live_mailbox::LiveMailbox;
use super::principals::Principals;
use super::rule::RuleShape;
use super::selection::OperationKind;

/// The result of looking up the current rules of a mailbox.
#[derive(Debug, Clone, Copy)]
pub(super) enum Live<'a> {
    /// Read.
    Read(&'a LiveMailbox),
    /// There is no such mailbox.
    NotThere,
    /// A transient error: they may be read later.
    Withheld,
    /// Exchange denies access to them.
    Refused,
    /// Nothing is looked up here.
    Offline,
}

/// Returns the key of the question for the current rules: the owner, if known by an address.
pub(super) fn live_key(principals: &Principals) -> Option<&str> {
    principals.mailbox.parse::<MailAddress>().is_ok().then_some(principals.mailbox.as_str())
}

impl<'a> Live<'a> {
    pub(super) fn of(principals: &Principals, known: &'a Knowledge) -> Self {
        match live_key(principals).map(|key| known.live.get(key)) {
            _ if known.offline => Self::Offline,
            Some(Some(Answer::Known(mailbox))) => Self::Read(mailbox),
            Some(Some(Answer::Unknown)) => Self::NotThere,
            Some(Some(Answer::Refused)) => Self::Refused,
            Some(Some(Answer::Withheld) | None) => Self::Withheld,
            None if principals.withheld => Self::Withheld,
            None => Self::NotThere,
        }
    }

    /// Returns the rules that are listed only with hidden rules included.
    pub(super) fn hidden_rules(self) -> Vec<RuleShape> {
        match self {
            Self::Read(mailbox) => mailbox.hidden_rules(),
            _ => Vec::new(),
        }
    }

    /// Returns the shape with its number decided by the current rules, or by `earlier` records where no rules were read.
    pub(super) fn settled(
        self,
        shown: RuleShape,
        operation_kind: OperationKind,
        earlier: impl FnOnce(RuleShape) -> RuleShape,
    ) -> RuleShape {
        match self {
            Self::Read(mailbox) => mailbox.settled(shown, operation_kind),
            _ => earlier(shown),
        }
    }

    /// The current rules that `shown` is about: those of its id, else those of its name.
    pub(super) fn matching(self, shown: &RuleShape, operation_kind: OperationKind) -> Vec<RuleShape> {
        match self {
            Self::Read(mailbox) => mailbox.matching(shown, operation_kind),
            _ => Vec::new(),
        }
    }
}
