//! Exchange's own hidden rules, which are left enabled. They are excused by what they do, never by their name alone: an attacker can
//! give any name to a rule, and can hide it.

use serde_json::Value;

use m365::exchange::Row;

use super::rules::{Reach, text};
use crate::detection::{is_delegate_rule_name, is_junk_folder};

/// The members of a rule that are actions
/// (<https://learn.microsoft.com/powershell/module/exchange/new-inboxrule>).
const ACTIONS: &[&str] = &[
    "ApplyCategory",
    "ApplySystemCategory",
    "CopyToFolder",
    "DeleteMessage",
    "DeleteSystemCategory",
    "ForwardAsAttachmentTo",
    "ForwardTo",
    "MarkAsRead",
    "MarkImportance",
    "MoveToFolder",
    "PinMessage",
    "RedirectTo",
    "SendTextMessageNotificationTo",
    "SoftDeleteMessage",
];

/// Returns whether a hidden rule with a name of Exchange's does only what Exchange's own rule of that name does.
pub fn is_excused(row: &Row, reach: Reach) -> bool {
    let name = text(row, "Name").to_lowercase();
    let actions = actions(row);
    match name.as_str() {
        "junk e-mail rule" => actions.iter().all(|action| *action == "MoveToFolder") && moves_to_junk(row),
        name if name.starts_with("microsoft.exchange.oof.") => actions.is_empty(),
        name if is_delegate_rule_name(name) => {
            let only_sends = actions.iter().all(|action| matches!(*action, "ForwardTo" | "RedirectTo"));
            only_sends && reach == Reach::Inside && is_about_meetings(row)
        }
        _ => false,
    }
}

/// Returns whether the rule is named like Exchange's Junk rule, of which a mailbox has one.
pub fn is_junk_rule(row: &Row) -> bool {
    text(row, "Name").eq_ignore_ascii_case("Junk E-mail Rule")
}

fn actions(row: &Row) -> Vec<&'static str> {
    let is_set = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty() && !text.eq_ignore_ascii_case("false"),
        Value::Array(values) => !values.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Object(_) => true,
    };
    ACTIONS.iter().copied().filter(|action| row.get(*action).is_some_and(is_set)).collect()
}

/// Returns whether the rule moves to Junk E-mail, or shows no folder.
fn moves_to_junk(row: &Row) -> bool {
    match text(row, "MoveToFolder") {
        folder if folder.is_empty() => true,
        folder => is_junk_folder(&folder),
    }
}

/// Returns whether the rule takes meeting messages only.
fn is_about_meetings(row: &Row) -> bool {
    let kind = text(row, "MessageTypeMatches").to_lowercase();
    kind.contains("calendar") || kind.contains("meeting")
}
