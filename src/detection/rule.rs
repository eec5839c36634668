//! The common shape of a rule from every source: a cmdlet's parameters, a mailbox audit record or Exchange itself.

use super::folders::Folder;
use super::targets::Target;
use super::unread_part::UnreadPart;

/// One rule, or what one record shows of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RuleShape {
    /// Unsigned; `None` where it is unnumbered.
    pub(super) id: Option<u64>,
    /// `None`: unknown, which is not blank.
    pub(super) name: Option<String>,
    /// A number that is either the id of the rule or its name: only other rules tell. See [`RuleShape::settle_number`].
    pub(super) number: Option<String>,
    /// `None`: not said.
    pub(super) enabled: Option<bool>,
    /// Seen only with hidden rules included.
    pub(super) hidden: bool,
    /// `true` if `conditions` are all conditions of the rule. A change shows only what was changed.
    pub(super) complete: bool,
    /// The conditions that a message must meet.
    pub(super) conditions: Vec<Condition>,
    /// The conditions that exempt a message.
    pub(super) exceptions: Vec<Condition>,
    /// The actions on a message.
    pub(super) actions: Vec<Action>,
    /// In Exchange's own words.
    pub(super) description: Option<String>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// As the parameter of New-InboxRule is called, or as the restriction writes its property.
    pub(super) name: String,
    /// Its values, as written.
    pub(super) values: Vec<String>,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Sends mail on.
    Forward {
        /// In which way.
        how: Forwarding,
        /// To whom.
        targets: Vec<Target>,
    },
    /// Deletes, in any of the ways there are.
    Delete,
    /// Moves.
    Move(Folder),
    /// Moves, the folder is not said.
    MoveSomewhere,
    /// Copies.
    Copy(Folder),
    /// Marks as read.
    MarkAsRead,
    /// No further rules.
    Stop,
    /// Done by the owner's Outlook: the server does not show it.
    Deferred,
    /// Written in a form that could not be read.
    Unread(UnreadPart),
    /// Anything else, by name.
    Other(String),
}

/// The way in which mail is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forwarding {
    /// Forwarded.
    Message,
    /// Forwarded as attachment.
    Attachment,
    /// Redirected: the sender stays the same.
    Redirect,
    /// A text message.
    TextMessage,
}

impl Forwarding {
    /// Returns the action with its object, for a sentence.
    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::Message => "forward messages",
            Self::Attachment => "forward messages as attachments",
            Self::Redirect => "redirect messages",
            Self::TextMessage => "send text messages about new mail",
        }
    }

    /// Returns the action for descriptions. Fingerprints contain it.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Message => "forward",
            Self::Attachment => "forward as an attachment",
            Self::Redirect => "redirect",
            Self::TextMessage => "send a text message about",
        }
    }
}

impl RuleShape {
    /// Every target of every forwarding action.
    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.actions.iter().flat_map(|action| match action {
            Action::Forward { targets, .. } => targets.as_slice(),
            Action::Unread(part) => part.targets.as_slice(),
            _ => &[],
        })
    }

    /// Returns the rule after a change, which shows only what was changed.
    pub(super) fn changed_by(&self, change: &Self) -> Self {
        if change.complete {
            return change.clone();
        }
        let mut changed = self.clone();
        let is_changed = |condition: &Condition| change.conditions.iter().any(|other| other.name == condition.name);
        changed.conditions.retain(|condition| !is_changed(condition));
        changed.conditions.extend(change.conditions.iter().cloned());
        changed.actions.extend(change.actions.iter().filter(|action| !self.actions.contains(action)).cloned());
        changed.name = change.name.clone().or(changed.name);
        changed.enabled = change.enabled.or(changed.enabled);
        changed
    }

    /// Decides whether the number is the id or the name of the rule. If no rule has it, ids are known by their length: Exchange draws
    /// them from 64 bits.
    pub(super) fn settle_number(mut self, is_id: impl Fn(u64) -> bool, is_name: impl Fn(&str) -> bool) -> Self {
        let Some(number) = self.number.take() else { return self };
        let id = rule_id(&number);
        if id.is_some_and(is_id) || (!is_name(&number) && looks_like_id(&number)) {
            self.id = self.id.or(id);
        } else {
            self.name.get_or_insert(number);
        }
        self
    }

    /// Returns whether a part of the rule could not be read.
    pub(super) fn has_unread_part(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::Unread(_)))
    }

    /// Returns whether the record shows no action and no condition, so that only the current rule shows what it does.
    pub(super) fn is_blank(&self) -> bool {
        self.actions.is_empty() && self.conditions.is_empty()
    }
}

/// A rule id as decimal text, signed or unsigned: the same 64 bits. 0 is unnumbered.
pub(super) fn rule_id(text: &str) -> Option<u64> {
    let text = text.trim();
    let id = text.parse::<u64>().ok().or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned))?;
    (id != 0).then_some(id)
}

/// Returns whether a number is as long as the ids of Exchange are. A rule may be called `2026`.
pub(super) fn looks_like_id(text: &str) -> bool {
    const SHORTEST: usize = 12;
    text.trim().len() >= SHORTEST && rule_id(text).is_some()
}

/// A value that switches something off or says nothing.
pub(super) fn is_unset(value: &str) -> bool {
    let value = value.trim_matches(' ');
    value.is_empty() || ["False", "$false", "$null", "{}", "[]"].iter().any(|unset| value.eq_ignore_ascii_case(unset))
}
