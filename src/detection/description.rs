//! Describes a rule: in Exchange's own words if they could be read, else in the same style.

use std::collections::BTreeSet;

use super::rule::{Action, Condition, RuleShape};
use super::sentence::{listed, shown};
use super::targets::Target;

/// The description of a rule.
pub(super) fn of_rule(rule: &RuleShape) -> String {
    if let Some(description) = &rule.description {
        return description.trim_end().to_owned();
    }
    let mut out = String::new();
    part(&mut out, "If the message:", rule.conditions.iter().map(condition));
    part(&mut out, "Take the following actions:", rule.actions.iter().filter_map(action));
    part(&mut out, "Except if the message:", rule.exceptions.iter().map(condition));
    if out.is_empty() {
        out.push_str("The record does not show what the rule does.");
    }
    out.trim_end().to_owned()
}

/// A heading and its lines; nothing when there are none.
fn part(out: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    const MOST: usize = 40;
    let mut seen = BTreeSet::new();
    let lines: Vec<String> = lines.filter(|line| seen.insert(line.clone())).take(MOST).collect();
    if lines.is_empty() {
        return;
    }
    out.push_str(heading);
    out.push_str("\r\n");
    for line in lines {
        out.push('\t');
        out.push_str(&line);
        out.push_str("\r\n");
    }
}

fn condition(condition: &Condition) -> String {
    let what = SAID
        .iter()
        .find(|(name, _)| {
            condition.name.eq_ignore_ascii_case(name.trim_start_matches("ExceptIf"))
                || condition.name.eq_ignore_ascii_case(name)
        })
        .map_or_else(
            || format!("the message meets the condition '{}' with", shown(&condition.name)),
            |(_, said)| (*said).to_owned(),
        );
    format!("{what} '{}'", listed(condition.values.iter().map(String::as_str)))
}

/// Conditions in words; the others are described by the name of their property.
const SAID: &[(&str, &str)] = &[
    ("SubjectContainsWords", "the message includes specific words in the subject"),
    ("SubjectProperty", "the message includes specific words in the subject"),
    ("BodyContainsWords", "the message includes specific words in the body"),
    ("SubjectOrBodyContainsWords", "the message includes specific words in the subject or body"),
    ("HeaderContainsWords", "the message includes specific words in the message header"),
    ("FromAddressContainsWords", "the sender's address includes"),
    ("Restriction", "the message meets the restriction"),
    ("From", "the message was received from"),
    ("Sender", "the message was received from"),
    ("SentTo", "the message was sent to"),
    ("RecipientAddressContainsWords", "the recipient's address includes"),
];

fn action(action: &Action) -> Option<String> {
    Some(match action {
        Action::Forward { how, targets } => {
            let targets: Vec<&str> = targets.iter().map(target).collect();
            format!("{} the message to '{}'", how.verb(), listed(targets))
        }
        Action::Delete => "delete the message".to_owned(),
        Action::Move(folder) => format!("move the message to folder '{}'", shown(folder.text())),
        Action::MoveSomewhere => "move the message to a folder that is not shown".to_owned(),
        Action::Copy(folder) => format!("copy the message to folder '{}'", shown(folder.text())),
        Action::MarkAsRead => "mark the message as read".to_owned(),
        Action::Stop => "stop processing more rules on this message".to_owned(),
        Action::Deferred => "do something in the owner's Outlook that is not shown".to_owned(),
        Action::Unread(_) => "do something that could not be read".to_owned(),
        Action::Other(name) => format!("do '{}'", shown(name)),
    })
}

fn target(target: &Target) -> &str {
    match target {
        Target::Address { text, .. } | Target::Directory(text) | Target::Elsewhere(text) | Target::Unclear(text) => {
            text
        }
        Target::NotShown => "a recipient that is not shown",
    }
}

/// Returns the action as a fingerprint contains it, without its targets. `None` for stopping further rules, because that alone
/// makes no different rule.
pub(super) fn action_key(action: &Action) -> Option<String> {
    match action {
        Action::Stop => None,
        Action::Forward { how, .. } => Some(format!("do {}", how.verb())),
        other => self::action(other).map(|said| format!("do {}", said.to_lowercase())),
    }
}
