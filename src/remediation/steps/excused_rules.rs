//! Exchange's own hidden rules, which are left enabled. They are excused by what they do, never by their name alone: an attacker can
//! give any name to a rule, and can hide it.

use m365::exchange::InboxRule;

use crate::detection::{is_delegate_rule_name, is_junk_folder};

/// Returns whether a hidden rule with a name of Exchange's does only what Exchange's own rule of that name does. `is_to_delegates` is
/// `true` if it sends mail only to mailboxes that have access to the owner's.
pub fn is_excused(rule: &InboxRule, is_to_delegates: bool) -> bool {
    let name = rule.name.to_lowercase();
    match name.as_str() {
        "junk e-mail rule" => rule.only_moves() && rule.move_to_folder().is_none_or(is_junk_folder),
        name if name.starts_with("microsoft.exchange.oof.") => rule.actions().is_empty(),
        name if is_delegate_rule_name(name) => {
            rule.only_forwards_or_redirects() && is_to_delegates && rule.is_about_meetings()
        }
        _ => false,
    }
}

/// Returns whether the rule is named like Exchange's Junk rule, of which a mailbox has one.
pub fn is_junk_rule(rule: &InboxRule) -> bool {
    rule.name.eq_ignore_ascii_case("Junk E-mail Rule")
}
