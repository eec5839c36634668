//! The words and senders that a rule matches.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{has_senders, has_words, is_sender_text};
use super::evidence::Evidence;
use super::folders::FolderKind;
use super::reason::ReasonName::*;
use super::rule::{Action, Condition, RuleShape};
use super::seen_rule::SeenRule;
use super::senders::{self, SenderKind};
use super::sentence::listed;
use super::words::{self, Match, WordCounts, WordGroup};

/// Adds the reasons that follow from words and senders.
pub(super) fn add(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    let mut seen = SeenWords::default();
    for shape in rule.shapes() {
        seen.take(shape, rule);
    }
    seen.add_words(evidence);
    add_senders(rule, evidence);
}

#[derive(Default)]
struct SeenWords<'a> {
    by_group: BTreeMap<WordGroup, BTreeSet<Match>>,
    texts: BTreeSet<&'a str>,
    /// The words that weigh.
    weighing: WordCounts,
}

impl<'a> SeenWords<'a> {
    /// Adds the words of one rule. Conditions are ANDed: words of security in a rule that matches only mail from external
    /// senders, such as a newsletter, are shown and weigh nothing. So are those of the help desk unless its mail is deleted.
    fn take(&mut self, shape: &'a RuleShape, rule: &SeenRule<'_>) {
        let mut matches: BTreeSet<Match> = BTreeSet::new();
        for condition in &shape.conditions {
            for value in &condition.values {
                let found = matches_of(condition, value, rule);
                if !found.is_empty() {
                    self.texts.insert(value.trim());
                }
                matches.extend(found);
            }
        }
        for matched in &matches {
            self.by_group.entry(matched.group).or_default().insert(*matched);
        }
        let mut counts = words::counted(&matches);
        if shape.conditions.iter().any(names_bounces) {
            counts.set(WordGroup::Replies, counts.of(WordGroup::Replies).max(2));
            self.by_group.entry(WordGroup::Replies).or_default();
            self.texts.extend(bounces_of(shape));
        }
        if is_limited_to_outsiders(shape, rule) || files_tickets(shape, &matches) {
            counts.set(WordGroup::Security, 0);
        }
        self.weighing.raise(&counts);
    }

    fn add_words(self, evidence: &mut Evidence) {
        evidence.signals().words.raise(&self.weighing);
        if self.by_group.is_empty() {
            return;
        }
        let group = |(group, matches): (&WordGroup, &BTreeSet<Match>)| {
            let count = matches.len().max(self.weighing.of(*group));
            format!("{} ({count})", group.as_str())
        };
        let groups: Vec<String> = self.by_group.iter().map(group).collect();
        let words = listed(self.texts.iter().copied());
        let sentence = format!("The rule matches words about {}: {words}.", groups.join(" and "));
        evidence.because(SensitiveWords, sentence);
    }
}

/// Returns whether all words of security are those of the help desk, and its mail is kept: people sort tickets.
fn files_tickets(shape: &RuleShape, matches: &BTreeSet<Match>) -> bool {
    let deletes = |action: &Action| match action {
        Action::Delete => true,
        Action::Move(folder) => folder.kind() == Some(FolderKind::Deleted),
        Action::Unread(part) => part.is_active(),
        _ => false,
    };
    let mut security = matches.iter().filter(|matched| matched.group == WordGroup::Security);
    security.all(|matched| matched.is_help_desk) && !shape.actions.iter().any(deletes)
}

/// Returns the words in a condition on text. An address is a sender, not a word, except for the names of automatic senders.
fn matches_of(condition: &Condition, value: &str, rule: &SeenRule<'_>) -> BTreeSet<Match> {
    if has_senders(condition) && senders::kind_of(value, rule.known) == Some(SenderKind::Bounce) {
        let local = value.split('@').next().unwrap_or(value);
        return words::matches_in(local);
    }
    let is_address = is_sender_text(condition) && value.contains(['.', '@']);
    match has_words(condition) && !is_address {
        true => words::matches_in(value),
        false => BTreeSet::new(),
    }
}

/// `MessageTypeMatches` of bounces or automatic replies stands for all their words.
fn names_bounces(condition: &Condition) -> bool {
    let is_bounce = |value: &String| {
        ["NonDeliveryReport", "AutomaticReply"].iter().any(|kind| value.trim().eq_ignore_ascii_case(kind))
    };
    condition.name.eq_ignore_ascii_case("MessageTypeMatches") && condition.values.iter().any(is_bounce)
}

fn bounces_of(shape: &RuleShape) -> impl Iterator<Item = &str> {
    shape
        .conditions
        .iter()
        .filter(|condition| names_bounces(condition))
        .flat_map(|condition| &condition.values)
        .map(String::as_str)
}

/// Returns whether a condition takes only mail of senders that are proven to be external and do not warn.
fn is_limited_to_outsiders(shape: &RuleShape, rule: &SeenRule<'_>) -> bool {
    shape.conditions.iter().filter(|condition| has_senders(condition)).any(|condition| {
        let is_outsider = |value: &String| {
            let kind = senders::kind_of(value, rule.known);
            matches!(kind, Some(SenderKind::Outsider | SenderKind::Routine))
        };
        !condition.values.is_empty() && condition.values.iter().all(is_outsider)
    })
}

fn add_senders(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    let conditions = rule.conditions().filter(|condition| has_senders(condition));
    let values: BTreeSet<&str> = conditions.flat_map(|condition| &condition.values).map(|value| value.trim()).collect();
    evidence.rejudge |= values.iter().any(|value| senders::is_withheld(value, rule.known));
    let of = |wanted: &[SenderKind]| -> BTreeSet<&str> {
        let is_wanted = |value: &str| senders::kind_of(value, rule.known).is_some_and(|kind| wanted.contains(&kind));
        values.iter().copied().filter(|value| is_wanted(value)).collect()
    };
    let (own, account) = (of(&[SenderKind::HelpDesk]), of(&[SenderKind::AccountSecurity]));
    let (payroll, routine) = (of(&[SenderKind::Payroll]), of(&[SenderKind::Routine]));
    let signals = evidence.signals();
    signals.account_senders |= !account.is_empty() || !payroll.is_empty();
    signals.warning_senders |= signals.account_senders || !own.is_empty();
    let warning: BTreeSet<&str> = own.union(&account).copied().collect();
    let sentence = if !warning.is_empty() {
        format!("The rule matches messages from senders who would warn the owner: {}.", listed(warning))
    } else if !payroll.is_empty() {
        format!("The rule matches messages from payroll services: {}.", listed(payroll))
    } else if !routine.is_empty() {
        format!("The rule matches routine notices from Microsoft, which many users file away: {}.", listed(routine))
    } else {
        return;
    };
    evidence.because(TargetsSenders, sentence);
}
