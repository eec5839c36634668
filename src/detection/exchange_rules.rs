//! Exchange's own hidden rules. They are excused by what they do, never by their name alone: an attacker can give a rule any name.

use super::folders::FolderKind;
use super::knowledge::Knowledge;
use super::resolution;
use super::rule::{Action, Condition, RuleShape};
use super::targets::Destination;

/// Returns whether a rule has a name that Exchange gives its own rules. The name alone does not excuse a rule.
pub fn is_exchange_rule_name(name: &str) -> bool {
    is_junk_rule_name(name) || is_absence_rule_name(name) || is_delegate_rule_name(name)
}

/// Returns whether a rule is named like those that Exchange creates for delegates.
pub fn is_delegate_rule_name(name: &str) -> bool {
    starts_with(name, "Delegate Rule ")
}

fn is_junk_rule_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("Junk E-mail Rule")
}

fn is_absence_rule_name(name: &str) -> bool {
    starts_with(name, "Microsoft.Exchange.OOF.")
}

fn starts_with(name: &str, start: &str) -> bool {
    name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// Returns whether a hidden rule does only what Exchange's own rule of its name does. `hidden` are all hidden rules of the mailbox.
///
/// Junk moves to Junk E-mail or shows no action, once in a mailbox; an automatic reply replies with a template or shows no
/// action; a delegate's rule sends on meeting messages only, inside the organization. Other properties of the genuine rules are
/// unconfirmed.
pub(super) fn is_exchange_own(rule: &RuleShape, hidden: &[RuleShape], known: &Knowledge) -> bool {
    let Some(name) = rule.name.as_deref().filter(|_| rule.hidden) else { return false };
    let actions: Vec<&Action> = rule.actions.iter().filter(|action| **action != Action::Stop).collect();
    if is_junk_rule_name(name) {
        let junk_rules = hidden.iter().filter(|other| other.name.as_deref().is_some_and(is_junk_rule_name)).count();
        junk_rules <= 1 && actions.iter().all(|action| moves_to_junk(action))
    } else if is_absence_rule_name(name) {
        actions.iter().all(|action| replies(action))
    } else if is_delegate_rule_name(name) {
        actions.iter().all(|action| matches!(action, Action::Forward { .. }))
            && rule.conditions.iter().any(is_about_meetings)
            && resolution::destinations(rule.targets(), known)
                .iter()
                .all(|reach| matches!(reach, Destination::Inside(_)))
    } else {
        false
    }
}

fn moves_to_junk(action: &Action) -> bool {
    matches!(action, Action::Move(folder) if folder.kind() == Some(FolderKind::Junk))
}

fn replies(action: &Action) -> bool {
    matches!(action, Action::Other(name) if ["reply", "oof", "template"].iter().any(|word| name.to_ascii_lowercase().contains(word)))
}

fn is_about_meetings(condition: &Condition) -> bool {
    let is_meeting = |value: &String| {
        let value = value.to_ascii_lowercase();
        value.contains("calendar") || value.contains("meeting")
    };
    let is_kind =
        condition.name.eq_ignore_ascii_case("MessageTypeMatches") || condition.name.eq_ignore_ascii_case("ItemClass");
    is_kind && condition.values.iter().any(is_meeting)
}
