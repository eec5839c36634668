//! Reads a rule from the names and values of New-InboxRule, Set-InboxRule and the sweep cmdlets. The rows of Get-InboxRule and
//! Get-SweepRule have the same names.
//!
//! Sources: parameters of New-InboxRule (<https://learn.microsoft.com/powershell/module/exchange/new-inboxrule>) and New-SweepRule
//! (<https://learn.microsoft.com/powershell/module/exchange/new-sweeprule>); lists are joined with `;` in audit records.

use serde_json::Value;

use audit_log::AuditRecord;

use super::addresses::{json_in, targets_in, targets_of};
use super::conditions;
use super::folders::Folder;
use super::json::scalar;
use super::rule::{Action, Condition, Forwarding, RuleShape, is_unset, looks_like_id, rule_id};
use super::targets::Target;
use super::unread_part::{self, UnreadPart};

/// Returns the rule as the record of a rule cmdlet shows it. A new rule is shown whole, a change only by its changed parameters.
pub(super) fn from_cmdlet(record: &AuditRecord) -> RuleShape {
    let mut shape = RuleShape {
        complete: record.operation.trim().get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case("New-")),
        ..RuleShape::default()
    };
    for (name, value) in record.parameters.iter() {
        if let Some(value) = value {
            shape.take_text(name, value);
            shape.take_unknown(name, value);
        }
    }
    shape.actions.extend(unread_part::parts_of(record).into_iter().map(Action::Unread));
    if shape.complete && record.parameters.is_empty() && !shape.has_unread_part() {
        // A new rule has parameters. If they are missing, the record does not show them.
        shape.actions.push(Action::Unread(UnreadPart::default()));
    }
    shape.take_identity(record);
    shape.complete &= !shape.has_unread_part();
    shape
}

impl RuleShape {
    /// Takes the id and the name from the texts that name the rule. An id counts before a name wherever it is.
    fn take_identity(&mut self, record: &AuditRecord) {
        let texts = names_of_rule(record);
        let is_number = |text: &&&str| rule_id(text).is_some();
        let name = texts.iter().find(|text| !is_number(text)).map(|name| (*name).to_owned());
        let long = texts.iter().find(|text| looks_like_id(text));
        let number = long.or_else(|| texts.iter().find(is_number)).map(|number| number.trim().to_owned());
        let is_new_name = |number: &String| self.name.as_deref().is_some_and(|name| name.trim() == number);
        let Some(number) = number.filter(|number| !(self.complete && is_new_name(number))) else {
            self.name = self.name.take().or(name);
            return;
        };
        let other_number = texts.iter().find(|text| is_number(text) && text.trim() != number);
        let beside = name.or_else(|| other_number.map(|text| (*text).to_owned()));
        if self.complete && !looks_like_id(&number) {
            // The ObjectId of a new rule ends with its name.
            self.name.get_or_insert(number);
        } else if beside.is_some() || self.complete {
            self.id = self.id.or(rule_id(&number));
            self.name = self.name.take().or(beside);
        } else if self.id.is_none() {
            self.number = Some(number);
        }
    }
}

/// The texts that name the rule: the rule part of `Identity`, then that of `ObjectId`.
fn names_of_rule(record: &AuditRecord) -> Vec<&str> {
    let identity = record.parameters.get("Identity");
    let of_identity = identity.map(|text| text.split_once('\\').map_or(text, |(_, rule)| rule));
    let of_object = record.object_id.as_deref().and_then(|text| text.split_once('\\')).map(|(_, rule)| rule);
    of_identity.into_iter().chain(of_object).collect()
}

/// The mailbox part and the rule part of `<mailbox>\<rule>`, parted at the first backslash: the path of a mailbox holds none, the
/// name of a rule may. `ObjectId` first, else the parameter `Identity`.
pub(super) fn mailbox_and_rule(record: &AuditRecord) -> (Option<&str>, Option<&str>) {
    let identity = record.parameters.get("Identity");
    for text in [record.object_id.as_deref(), identity].into_iter().flatten() {
        if let Some((mailbox, rule)) = text.split_once('\\') {
            return (Some(mailbox.trim()).filter(|mailbox| !mailbox.is_empty()), Some(rule));
        }
    }
    // A bare identity of Set- and Enable- is the rule; a bare ObjectId of New- is the mailbox.
    match (record.object_id.as_deref(), identity) {
        (_, Some(rule)) => (None, Some(rule)),
        (object, None) => (object.map(str::trim).filter(|object| !object.is_empty()), None),
    }
}

/// A value as it is in a record or in a current rule.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    Text(&'a str),
    Json(&'a Value),
}

impl Given<'_> {
    fn is_set(self) -> bool {
        match self {
            Self::Text(text) => !is_unset(text),
            Self::Json(Value::Null | Value::Bool(false)) => false,
            Self::Json(Value::String(text)) => !is_unset(text),
            Self::Json(Value::Array(items)) => items.iter().any(|item| Given::Json(item).is_set()),
            Self::Json(Value::Object(members)) => !members.is_empty(),
            Self::Json(_) => true,
        }
    }

    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.to_owned()),
            Self::Json(Value::Array(_) | Value::Object(_)) => {
                Some(self.items().join(";")).filter(|text| !text.is_empty())
            }
            Self::Json(value) => scalar(value),
        }
    }

    /// The items of a list: a text is parted at `;`, a JSON array has items already.
    fn items(self) -> Vec<String> {
        match self {
            Self::Text(text) => text.split(';').map(str::to_owned).collect(),
            Self::Json(Value::Array(items)) => items.iter().flat_map(|item| Given::Json(item).items()).collect(),
            Self::Json(Value::Object(members)) => {
                members.values().flat_map(|value| Given::Json(value).items()).collect()
            }
            Self::Json(_) => self.text().into_iter().collect(),
        }
    }

    fn targets(self) -> Vec<Target> {
        match self {
            Self::Text(text) => targets_in(text),
            Self::Json(value) => targets_of(value),
        }
    }
}

impl RuleShape {
    /// Takes the value of a parameter, which may be a list or an object as JSON. A name is a name whatever it looks like.
    fn take_text(&mut self, name: &str, value: &str) {
        let is_a_name = matches!(Known::of(name), Some(Known::Name | Known::Description));
        match json_in(value).filter(|_| !is_a_name) {
            Some(json) => self.take(name, Given::Json(&json)),
            None => self.take(name, Given::Text(value)),
        }
    }

    pub(super) fn take(&mut self, name: &str, value: Given<'_>) {
        match Known::of(name) {
            Some(Known::Name) => self.name = value.text(),
            Some(Known::Id) => self.id = value.text().and_then(|text| rule_id(&text)),
            Some(Known::Enabled) => self.enabled = value.text().map(|text| !is_unset(&text)),
            Some(Known::Description) => self.description = value.text().filter(|text| !text.trim().is_empty()),
            Some(Known::Action(read)) if value.is_set() => self.actions.extend(read(value)),
            Some(Known::Action(_)) => {}
            None if !value.is_set() => {}
            None if conditions::is_exception(name) => {
                self.exceptions.push(Condition { name: name.to_owned(), values: value.items() });
            }
            None if conditions::is_condition(name) => {
                self.conditions.push(Condition { name: name.to_owned(), values: value.items() });
            }
            None => {}
        }
    }
}

impl RuleShape {
    /// A parameter that is not known and names a verb beside an address, or a verb of deleting, is a part that could not be read.
    fn take_unknown(&mut self, name: &str, value: &str) {
        let is_known = Known::of(name).is_some()
            || conditions::is_condition(name)
            || conditions::is_exception(name)
            || OF_THE_CMDLET.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is_known || is_unset(value) {
            return;
        }
        let part = UnreadPart::of(&format!("{name} {value}"));
        if part.deletes || !part.targets.is_empty() {
            self.actions.push(Action::Unread(part));
        }
    }
}

/// Parameters that say nothing about the rule itself.
const OF_THE_CMDLET: &[&str] = &[
    "Identity",
    "Mailbox",
    "AlwaysDeleteOutlookRulesBlob",
    "Force",
    "Confirm",
    "WhatIf",
    "DomainController",
    "Priority",
    "FromMessageId",
    "ValidateOnly",
    "ApplySystemCategory",
    "DeleteSystemCategory",
    "Provider",
    "ExceptIfFromMessageId",
];

/// Returns whether a name is a parameter of a rule.
pub(super) fn is_rule_parameter(name: &str) -> bool {
    Known::of(name).is_some() || conditions::is_condition(name) || conditions::is_exception(name)
}

/// The names that are no conditions.
#[derive(Clone, Copy)]
enum Known {
    Name,
    Id,
    Enabled,
    Description,
    Action(fn(Given<'_>) -> Option<Action>),
}

impl Known {
    fn of(name: &str) -> Option<Self> {
        KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, known)| *known)
    }
}

const KNOWN: &[(&str, Known)] = &[
    ("Name", Known::Name),
    ("RuleIdentity", Known::Id),
    ("RuleId", Known::Id),
    ("Enabled", Known::Enabled),
    ("Description", Known::Description),
    ("ForwardTo", Known::Action(|given| forward(given, Forwarding::Message))),
    ("ForwardAsAttachmentTo", Known::Action(|given| forward(given, Forwarding::Attachment))),
    ("RedirectTo", Known::Action(|given| forward(given, Forwarding::Redirect))),
    ("SendTextMessageNotificationTo", Known::Action(|given| forward(given, Forwarding::TextMessage))),
    ("DeleteMessage", Known::Action(|_| Some(Action::Delete))),
    ("SoftDeleteMessage", Known::Action(|_| Some(Action::Delete))),
    ("PermanentDelete", Known::Action(|_| Some(Action::Delete))),
    ("HardDeleteMessage", Known::Action(|_| Some(Action::Delete))),
    ("MoveToFolder", Known::Action(moved)),
    ("DestinationFolder", Known::Action(moved)),
    ("CopyToFolder", Known::Action(|given| folder(given).map(Action::Copy))),
    ("MarkAsRead", Known::Action(|_| Some(Action::MarkAsRead))),
    ("StopProcessingRules", Known::Action(|_| Some(Action::Stop))),
    ("ApplyCategory", Known::Action(|_| Some(Action::Other("ApplyCategory".to_owned())))),
    ("MarkImportance", Known::Action(|_| Some(Action::Other("MarkImportance".to_owned())))),
    ("PinMessage", Known::Action(|_| Some(Action::Other("PinMessage".to_owned())))),
];

fn forward(given: Given<'_>, how: Forwarding) -> Option<Action> {
    let targets = given.targets();
    (!targets.is_empty()).then_some(Action::Forward { how, targets })
}

fn folder(given: Given<'_>) -> Option<Folder> {
    given.text().and_then(|text| Folder::read(&text))
}

fn moved(given: Given<'_>) -> Option<Action> {
    Some(folder(given).map_or(Action::MoveSomewhere, Action::Move))
}
