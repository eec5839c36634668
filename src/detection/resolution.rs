//! Resolves targets to internal and external ones.
//!
//! Targets that need no look-up are decided first. The others are looked up, at most [`MOST_LOOKUPS`] for one record, so that a
//! record with thousands of targets delays nothing else.

use std::collections::BTreeSet;

use crate::names::Domain;

use super::knowledge::{Answer, Knowledge, Question, RecipientFacts};
use super::targets::{Reach, Target, is_inside};

/// The most look-ups for one record. Targets beyond it are unresolved.
const MOST_LOOKUPS: usize = 50;

/// The look-ups of a record, in their order.
struct LookUps {
    /// Texts to ask `Get-Recipient` for: addresses under accepted domains first, then directory names.
    recipients: BTreeSet<(Order, String)>,
    /// How many of them there may be.
    most: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Address,
    DirectoryName,
}

impl LookUps {
    fn of<'a>(targets: impl IntoIterator<Item = &'a Target>, known: &Knowledge) -> Self {
        let recipients = targets.into_iter().filter_map(|target| {
            match target.decoded(known).as_ref().unwrap_or(target) {
                Target::Address { text, domain } if is_inside(domain, known) => Some((Order::Address, text.clone())),
                Target::Directory(text) => Some((Order::DirectoryName, text.clone())),
                _ => None,
            }
        });
        Self { recipients: recipients.collect(), most: MOST_LOOKUPS }
    }

    fn within(&self) -> impl Iterator<Item = &String> {
        self.recipients.iter().take(self.most).map(|(_, text)| text)
    }

    fn is_within(&self, text: &str) -> bool {
        self.within().any(|within| within == text)
    }

    /// Groups take the look-ups that recipients leave over.
    fn groups<'k>(&'k self, known: &'k Knowledge) -> impl Iterator<Item = Question> + 'k {
        let left = self.most - self.recipients.len().min(self.most);
        let groups = self.within().filter_map(|text| match known.recipients.get(text) {
            Some(Answer::Known(RecipientFacts { group: Some(kind), .. })) => {
                Some(Question::GroupMembers { identity: text.clone(), kind: *kind })
            }
            _ => None,
        });
        groups.take(left)
    }
}

/// Returns where targets lead, by the accepted domains, the trusted ones and the answers of Exchange.
pub(super) fn reaches<'a>(targets: impl IntoIterator<Item = &'a Target>, known: &Knowledge) -> Vec<Reach> {
    let targets: Vec<&Target> = targets.into_iter().collect();
    let look_ups = LookUps::of(targets.iter().copied(), known);
    targets.into_iter().flat_map(|target| reach_of(target, &look_ups, known)).collect()
}

/// Returns the questions about targets that have no answer yet.
pub(super) fn questions<'a>(targets: impl IntoIterator<Item = &'a Target>, known: &Knowledge) -> Vec<Question> {
    let look_ups = LookUps::of(targets, known);
    let recipients = look_ups.within().filter(|text| !known.recipients.contains_key(*text));
    let mut asked: Vec<Question> = recipients.map(|text| Question::Recipient(text.clone())).collect();
    let is_open = |question: &Question| matches!(question, Question::GroupMembers { identity, .. } if !known.groups.contains_key(identity));
    asked.extend(look_ups.groups(known).filter(is_open));
    asked
}

/// Returns whether a transient error withheld an answer about a target, or whether it was not asked for yet.
pub(super) fn is_withheld<'a>(targets: impl IntoIterator<Item = &'a Target>, known: &Knowledge) -> bool {
    if known.offline {
        return false;
    }
    let look_ups = LookUps::of(targets, known);
    let is_open = |text: &String| matches!(known.recipients.get(text), None | Some(Answer::Withheld));
    let is_open_group = |question: Question| match question {
        Question::GroupMembers { identity, .. } => {
            matches!(known.groups.get(&identity), None | Some(Answer::Withheld))
        }
        _ => false,
    };
    look_ups.within().any(is_open) || look_ups.groups(known).any(is_open_group)
}

fn reach_of(target: &Target, look_ups: &LookUps, known: &Knowledge) -> Vec<Reach> {
    match target.decoded(known).as_ref().unwrap_or(target) {
        Target::Elsewhere(text) => vec![Reach::Outside(text.clone())],
        Target::Address { text, domain } if !known.offline && is_inside(domain, known) => {
            reach_of_own_address(text, domain, look_ups, known)
        }
        Target::Address { text, domain } => vec![reach_by_domain(text, domain, known)],
        Target::Directory(text) => reach_of_directory_name(text, look_ups, known),
        Target::NotShown => vec![unresolved("a recipient that the record does not show", false)],
    }
}

fn unresolved(text: &str, withheld: bool) -> Reach {
    Reach::Unresolved { text: text.to_owned(), withheld }
}

/// An address under an accepted domain counts by the recipient that has it. If no one has it, the mail bounces, except under a relay
/// domain, where it goes to another mail system. As long as it is not known, it counts as internal.
fn reach_of_own_address(text: &str, domain: &Domain, look_ups: &LookUps, known: &Knowledge) -> Vec<Reach> {
    match known.recipients.get(text) {
        Some(Answer::Known(facts)) => {
            let reaches = reach_of_recipient(text, facts, look_ups, known).into_iter();
            let as_written = |reach| match reach {
                // Which of its addresses is the primary one changes nothing.
                Reach::Inside(_) => Reach::Inside(text.to_owned()),
                other => other,
            };
            reaches.map(as_written).collect()
        }
        Some(answer) if known.accepted.relay(domain) => vec![unresolved(text, matches!(answer, Answer::Withheld))],
        None if !look_ups.is_within(text) => vec![unresolved(text, false)],
        _ => vec![Reach::Inside(text.to_owned())],
    }
}

fn reach_of_directory_name(text: &str, look_ups: &LookUps, known: &Knowledge) -> Vec<Reach> {
    match known.recipients.get(text) {
        Some(Answer::Known(facts)) if !facts.addresses.is_empty() => reach_of_recipient(text, facts, look_ups, known),
        Some(Answer::Known(_) | Answer::Unknown | Answer::Refused) => vec![unresolved(text, false)],
        Some(Answer::Withheld) => vec![unresolved(text, true)],
        None => vec![unresolved(text, !known.offline && look_ups.is_within(text))],
    }
}

fn reach_of_recipient(text: &str, facts: &RecipientFacts, look_ups: &LookUps, known: &Knowledge) -> Vec<Reach> {
    if facts.group.is_some() {
        return vec![reach_of_group(text, look_ups, known)];
    }
    if facts.addresses.is_empty() {
        return vec![Reach::Inside(text.to_owned())];
    }
    facts.addresses.iter().map(|address| reach_of_resolved(address, known)).collect()
}

/// A group counts by its members. One external member among many makes nothing certain, so it is told as unresolved.
fn reach_of_group(text: &str, look_ups: &LookUps, known: &Knowledge) -> Reach {
    match known.groups.get(text) {
        Some(Answer::Known(members)) => {
            let is_external = |member: &&String| matches!(reach_of_resolved(member, known), Reach::Outside(_));
            match members.iter().find(is_external) {
                Some(member) => unresolved(&format!("{text} (a group with the external member {member})"), false),
                None => Reach::Inside(text.to_owned()),
            }
        }
        Some(Answer::Withheld) => Reach::Inside(text.to_owned()),
        Some(Answer::Unknown | Answer::Refused) => unresolved(text, false),
        None => {
            let is_within = look_ups.groups(known).any(|question| matches!(question, Question::GroupMembers { identity, .. } if identity == text));
            if is_within { Reach::Inside(text.to_owned()) } else { unresolved(text, false) }
        }
    }
}

/// An address that Exchange gave for a recipient. Text that is not an address is not resolved: one step, no chains.
fn reach_of_resolved(text: &str, known: &Knowledge) -> Reach {
    match Target::read(text) {
        Some(Target::Address { text, domain }) => reach_by_domain(&text, &domain, known),
        Some(Target::Elsewhere(text)) => Reach::Outside(text),
        _ => unresolved(text, false),
    }
}

fn reach_by_domain(text: &str, domain: &Domain, known: &Knowledge) -> Reach {
    if is_inside(domain, known) {
        Reach::Inside(text.to_owned())
    } else if known.trusted_targets.iter().any(|trusted| trusted.covers(text, domain, &known.domain)) {
        Reach::Trusted(text.to_owned())
    } else {
        Reach::Outside(text.to_owned())
    }
}
