//! Reads a rule as mailbox auditing writes it (`UpdateInboxRules`), in both layouts.
//!
//! Layout A has properties `RuleOperation`, `RuleId`, `RuleState`, `RuleCondition` and `RuleActions` (JSON in a text); layout B has
//! `ServerRule`, which is JSON. Only some action types were ever published, so unknown ones are kept by name.
//!
//! Sources: SEKOIA-IO/intake-formats `Office 365/o365/tests/` (A), splunk/security_content
//! `detections/cloud/o365_new_email_forwarding_rule_enabled.yml` (B), [MS-OXORULE] 2.2.5.1.1 for the numbers.

use chrono::Datelike as _;
use serde_json::{Map, Value};

use audit_log::{AuditRecord, damaged_pairs};

use super::addresses::targets_of;
use super::folders::Folder;
use super::json::{member, scalar};
use super::restriction;
use super::rule::{Action, Condition, Forwarding, RuleShape, rule_id};
use super::rule_from_parameters::{Given, is_rule_parameter};
use super::targets::Target;
use super::unread_part::UnreadPart;

/// The depth to which JSON inside a record is followed.
const DEPTH: usize = 12;

/// Returns the rule as the record shows it.
pub(super) fn from_mailbox_audit(record: &AuditRecord) -> RuleShape {
    let said = &record.operation_properties;
    let mut shape = RuleShape {
        id: said.get("RuleId").and_then(rule_id),
        name: said.get("RuleName").map(str::to_owned),
        enabled: said.get("RuleState").and_then(is_enabled),
        ..RuleShape::default()
    };
    if let Some(condition) = said.get("RuleCondition") {
        shape.take_condition(condition, record.created.year());
    }
    if said.get("RuleState").is_some_and(stops) {
        shape.actions.push(Action::Stop);
    }
    if let Some(actions) = said.get("RuleActions") {
        shape.take_actions_text(actions);
    }
    if let Some(rule) = said.get("ServerRule") {
        shape.take_server_rule(rule, record.created.year());
    }
    shape.actions.extend(said.unread().iter().map(|text| Action::Unread(UnreadPart::of(text))));
    // An Outlook re-sync writes records that show neither conditions nor actions; then nothing can be said about conditions.
    let says_something = |action: &Action| !matches!(action, Action::Stop | Action::Unread(_));
    shape.complete =
        !shape.has_unread_part() && (shape.actions.iter().any(says_something) || !shape.conditions.is_empty());
    shape
}

/// Returns whether the record removes the rule.
pub(super) fn is_removal(record: &AuditRecord) -> bool {
    let operation = record.operation_properties.get("RuleOperation").unwrap_or_default().trim();
    ["RemoveMailboxRule", "DeleteMailboxRule"].iter().any(|removal| operation.eq_ignore_ascii_case(removal))
}

impl RuleShape {
    fn take_server_rule(&mut self, text: &str, year: i32) {
        let Ok(Value::Object(rule)) = serde_json::from_str::<Value>(text) else {
            self.take_unread(text);
            return;
        };
        let text_of = |name: &str| member(&rule, name).and_then(scalar);
        self.id = self.id.or_else(|| text_of("RuleId").or_else(|| text_of("Id")).and_then(|id| rule_id(&id)));
        self.name = self.name.take().or_else(|| text_of("Name"));
        let state = text_of("State");
        if state.as_deref().is_some_and(stops) {
            self.actions.push(Action::Stop);
        }
        self.enabled = self.enabled.or_else(|| state.as_deref().and_then(is_enabled));
        self.enabled = self.enabled.or_else(|| text_of("IsEnabled").map(|text| text.eq_ignore_ascii_case("true")));
        match member(&rule, "Condition") {
            Some(Value::String(condition)) => self.take_condition(condition, year),
            Some(Value::Null) | None => {}
            Some(condition) => {
                self.conditions.push(Condition { name: "Condition".to_owned(), values: strings(condition, DEPTH) })
            }
        }
        if let Some(actions) = member(&rule, "Actions") {
            self.take_actions(actions, DEPTH);
        }
    }

    /// The text of a restriction. Free text is a condition too, of which nothing more is known.
    fn take_condition(&mut self, text: &str, year: i32) {
        self.conditions.extend(restriction::read(text, year));
        let trimmed = text.trim();
        if !trimmed.is_empty() && !trimmed.starts_with(['{', '(', '[']) && !trimmed.eq_ignore_ascii_case("null") {
            self.actions.push(Action::Unread(UnreadPart::default()));
        }
    }

    fn take_unread(&mut self, text: &str) {
        self.actions.push(Action::Unread(UnreadPart::of(text)));
    }

    /// `RuleActions`: JSON, or one of the damaged forms of a list. Any other text says that there is something, not what.
    fn take_actions_text(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        match (serde_json::from_str::<Value>(text), damaged_pairs(text)) {
            (Ok(actions), _) => self.take_actions(&actions, DEPTH),
            (Err(_), Some(pairs)) => objects_of(pairs).iter().for_each(|members| self.take_action(members)),
            (Err(_), None) => self.take_unread(text),
        }
    }

    fn take_actions(&mut self, actions: &Value, depth: usize) {
        match actions {
            Value::Null => {}
            Value::Array(actions) if depth > 0 => {
                actions.iter().for_each(|action| self.take_actions(action, depth - 1))
            }
            Value::Object(members) => self.take_action(members),
            Value::String(text) if depth > 0 && text.trim_start().starts_with(['[', '{', '@']) => {
                self.take_actions_text(text)
            }
            other => self.take_unread(&other.to_string()),
        }
    }

    /// One action by its type, else a map of the parameters of New-InboxRule.
    fn take_action(&mut self, members: &Map<String, Value>) {
        if let Some(action) = action(members) {
            return self.actions.push(action);
        }
        let is_map = members.keys().any(|name| is_rule_parameter(name));
        match is_map && !has_action_type(members) {
            true => members.iter().for_each(|(name, value)| self.take(name, Given::Json(value))),
            false => self.take_unread(&Value::Object(members.clone()).to_string()),
        }
    }
}

/// Fields of a damaged list as objects: the first name begins each of them.
fn objects_of(pairs: Vec<(String, Option<String>)>) -> Vec<Map<String, Value>> {
    let first = pairs.first().map(|(name, _)| name.clone()).unwrap_or_default();
    let mut objects: Vec<Map<String, Value>> = Vec::new();
    for (name, value) in pairs {
        if objects.is_empty() || name == first {
            objects.push(Map::new());
        }
        if let Some(object) = objects.last_mut() {
            object.insert(name, value.map_or(Value::Null, Value::String));
        }
    }
    objects
}

/// The members that name the type of an action.
const ACTION_TYPES: [&str; 4] = ["ActionType", "Type", "$type", "@odata.type"];

fn has_action_type(members: &Map<String, Value>) -> bool {
    ACTION_TYPES.iter().any(|name| member(members, name).is_some())
}

fn action(members: &Map<String, Value>) -> Option<Action> {
    let kind = ACTION_TYPES.iter().find_map(|name| member(members, name)).and_then(scalar)?;
    Some(match Kind::of(&kind) {
        Kind::Forward(how) => forward(members, flagged(members).unwrap_or(how)),
        Kind::Move => folder(members).map_or(Action::MoveSomewhere, Action::Move),
        Kind::Copy => folder(members).map_or(Action::Other(kind), Action::Copy),
        Kind::Delete => Action::Delete,
        Kind::MarkAsRead => Action::MarkAsRead,
        Kind::Stop => Action::Stop,
        Kind::Deferred => Action::Deferred,
        Kind::Other => Action::Other(kind),
    })
}

/// The kind of an action.
enum Kind {
    Forward(Forwarding),
    Move,
    Copy,
    Delete,
    MarkAsRead,
    Stop,
    Deferred,
    Other,
}

impl Kind {
    /// By name or by number. Delegating hands the message on like redirecting.
    fn of(kind: &str) -> Self {
        let kind = kind.trim().to_ascii_lowercase();
        let says = |word: &str| kind.contains(word);
        match kind.as_str() {
            "1" => Self::Move,
            "2" => Self::Copy,
            "5" => Self::Deferred,
            "7" => Self::Forward(Forwarding::Message),
            "8" => Self::Forward(Forwarding::Redirect),
            "10" => Self::Delete,
            "11" => Self::MarkAsRead,
            _ if says("asattachment") => Self::Forward(Forwarding::Attachment),
            _ if says("redirect") || says("delegate") => Self::Forward(Forwarding::Redirect),
            _ if says("forward") => Self::Forward(Forwarding::Message),
            _ if says("sms") || says("textmessage") => Self::Forward(Forwarding::TextMessage),
            _ if says("defer") => Self::Deferred,
            _ if says("delete") => Self::Delete,
            _ if says("move") => Self::Move,
            _ if says("copy") => Self::Copy,
            _ if says("markasread") || says("markread") => Self::MarkAsRead,
            _ if says("stopprocessing") => Self::Stop,
            _ => Self::Other,
        }
    }
}

/// `ForwardFlags`: names, or the bits of [MS-OXORULE] 2.2.5.1.1 (1 keeps the sender, 4 as attachment, 8 text message).
fn flagged(members: &Map<String, Value>) -> Option<Forwarding> {
    let flags = member(members, "ForwardFlags").and_then(scalar)?;
    let (lower, bits) = (flags.to_ascii_lowercase(), flags.trim().parse::<u32>().unwrap_or(0));
    if lower.contains("attach") || bits & 4 != 0 {
        Some(Forwarding::Attachment)
    } else if lower.contains("text") || lower.contains("sms") || bits & 8 != 0 {
        Some(Forwarding::TextMessage)
    } else if lower.contains("redirect") || lower.contains("preservesender") || bits & 1 != 0 {
        Some(Forwarding::Redirect)
    } else {
        None
    }
}

fn forward(members: &Map<String, Value>, how: Forwarding) -> Action {
    let recipients = members.iter().filter(|(name, _)| is_recipient_list(name)).map(|(_, value)| value);
    let mut targets: Vec<Target> = recipients.flat_map(targets_of).collect();
    if targets.is_empty() {
        // It forwards, and the record does not show the recipients: that must never count as internal.
        targets.push(Target::NotShown);
    }
    Action::Forward { how, targets }
}

fn is_recipient_list(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("recipient") || name == "addresses" || name == "to"
}

/// The folder of a move: any member that is called after a folder, its path or name rather than its id.
fn folder(members: &Map<String, Value>) -> Option<Folder> {
    let folders: Vec<Folder> = members
        .iter()
        .filter(|(name, _)| name.to_ascii_lowercase().contains("folder") || name.eq_ignore_ascii_case("Destination"))
        .flat_map(|(_, value)| strings(value, DEPTH))
        .filter_map(|text| Folder::read(&text))
        .collect();
    let named = folders.iter().find(|folder| folder.kind().is_some());
    named.or_else(|| folders.iter().find(|folder| matches!(folder, Folder::Path(_)))).or(folders.first()).cloned()
}

/// Every text inside a value, down to `depth` levels.
fn strings(value: &Value, depth: usize) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) if depth > 0 => items.iter().flat_map(|item| strings(item, depth - 1)).collect(),
        Value::Object(members) if depth > 0 => members.values().flat_map(|item| strings(item, depth - 1)).collect(),
        _ => Vec::new(),
    }
}

/// `RuleState`: flags by name or as a number. `None` where it says nothing.
fn is_enabled(state: &str) -> Option<bool> {
    (!state.trim().is_empty()).then(|| has_flag(state, "Enabled", 1))
}

/// No further rules run after this one.
fn stops(state: &str) -> bool {
    has_flag(state, "ExitAfterExecution", 0x10)
}

fn has_flag(state: &str, name: &str, bit: u32) -> bool {
    match state.trim().parse::<u32>() {
        Ok(bits) => bits & bit != 0,
        Err(_) => state.split([',', '|', ' ']).any(|flag| flag.trim().eq_ignore_ascii_case(name)),
    }
}
