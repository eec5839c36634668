//! Resolves targets to internal and external ones.
//!
//! Targets that need no look-up are decided first. The others are looked up, at most [`MOST_LOOKUPS`] for one record, so that a
//! record with thousands of targets delays nothing else.

use std::collections::{BTreeSet, VecDeque};

use base::ids::Domain;

use super::addresses::targets_in;
use super::knowledge::{Answer, GroupFacts, GroupKind, Knowledge, OtherDomains, Question, RecipientFacts};
use super::targets::{Destination, Target};

/// The most look-ups for one record. Targets beyond it are unresolved.
const MOST_LOOKUPS: usize = 50;

/// The depth to which groups in groups are looked into. Deeper ones are unresolved.
const GROUP_DEPTH: usize = 4;

/// The order of look-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Address,
    DirectoryName,
}

/// Resolves the targets of one record, within its look-ups.
pub(super) struct Resolver<'k> {
    known: &'k Knowledge,
    /// The names to look up with `Get-Recipient`: addresses under accepted domains first, then directory names.
    recipients: BTreeSet<String>,
    /// Groups take the look-ups that recipients leave over.
    groups: Vec<(String, GroupKind)>,
}

/// Returns where targets lead, by the accepted domains, the trusted ones and the answers of Exchange.
pub(super) fn destinations<'a>(targets: impl IntoIterator<Item = &'a Target>, known: &Knowledge) -> Vec<Destination> {
    let targets: Vec<&Target> = targets.into_iter().collect();
    let resolver = Resolver::new(targets.iter().copied(), known);
    targets.into_iter().flat_map(|target| resolver.destinations(target)).collect()
}

/// Returns the questions about targets that have no answer yet.
pub(super) fn questions<'a>(targets: impl IntoIterator<Item = &'a Target>, known: &Knowledge) -> Vec<Question> {
    Resolver::new(targets, known).questions()
}

impl<'k> Resolver<'k> {
    pub(super) fn new<'a>(targets: impl IntoIterator<Item = &'a Target>, known: &'k Knowledge) -> Self {
        let look_ups: BTreeSet<(Order, String)> = targets
            .into_iter()
            .filter_map(|target| match target.decoded(known).as_ref().unwrap_or(target) {
                Target::Address { text, domain } if known.is_inside(domain) => Some((Order::Address, text.clone())),
                Target::Directory(text) => Some((Order::DirectoryName, text.clone())),
                _ => None,
            })
            .collect();
        let left = MOST_LOOKUPS.saturating_sub(look_ups.len());
        let recipients: BTreeSet<String> = look_ups.into_iter().take(MOST_LOOKUPS).map(|(_, text)| text).collect();
        let groups = recipients.iter().filter_map(|text| match known.recipients.get(text) {
            Some(Answer::Known(RecipientFacts { group: Some(kind), .. })) => Some((text.clone(), *kind)),
            _ => None,
        });
        let groups = with_nested(groups.collect(), left, known);
        Self { known, recipients, groups }
    }

    fn questions(&self) -> Vec<Question> {
        let recipients = self.recipients.iter().filter(|text| !self.known.recipients.contains_key(*text));
        let groups = self.groups.iter().filter(|(identity, _)| !self.known.groups.contains_key(identity));
        let groups = groups.map(|(identity, kind)| Question::GroupMembers { identity: identity.clone(), kind: *kind });
        recipients.cloned().map(Question::Recipient).chain(groups).collect()
    }

    /// Returns whether a transient error withheld a result, or whether it was not looked up yet.
    pub(super) fn is_withheld(&self) -> bool {
        let is_open = |text: &String| matches!(self.known.recipients.get(text), None | Some(Answer::Withheld));
        let is_open_group =
            |(text, _): &(String, GroupKind)| matches!(self.known.groups.get(text), None | Some(Answer::Withheld));
        !self.known.offline && (self.recipients.iter().any(is_open) || self.groups.iter().any(is_open_group))
    }

    /// Returns whether look-ups are possible. One that is refused leaves its target as unresolved as one that finds nothing.
    pub(super) fn can_ask(&self) -> bool {
        !self.known.offline
    }

    /// Returns where one of the targets leads.
    pub(super) fn destinations(&self, target: &Target) -> Vec<Destination> {
        let known = self.known;
        match target.decoded(known).as_ref().unwrap_or(target) {
            Target::Elsewhere(text) => vec![Destination::Outside(text.clone())],
            Target::Address { text, domain } if !known.offline && known.is_inside(domain) => {
                self.destination_of_own_address(text, domain)
            }
            Target::Address { text, domain } => vec![destination_by_domain(text, domain, known)],
            Target::Directory(text) => self.destination_of_directory_name(text),
            Target::Unclear(text) => vec![unresolved(text, false)],
            Target::NotShown => vec![unresolved("a recipient that the record does not show", false)],
        }
    }

    /// Returns whether Exchange proves that mail to the target stays inside or goes to trusted recipients. A target that is not known, or
    /// not known completely, is not proven.
    pub(super) fn is_proven_inside(&self, target: &Target) -> bool {
        let target = target.decoded(self.known).unwrap_or_else(|| target.clone());
        let is_near = |reach: &Destination| matches!(reach, Destination::Inside(_) | Destination::Trusted(_));
        let is_answered = match &target {
            Target::Address { text, domain } if self.known.is_inside(domain) => self.is_answered(text),
            Target::Directory(text) => self.is_answered(text),
            _ => true,
        };
        is_answered && self.destinations(&target).iter().all(is_near)
    }

    /// Returns whether Exchange knows the recipient of this name and where its mail ends. A group counts by all its members.
    fn is_answered(&self, text: &str) -> bool {
        match self.known.recipients.get(text) {
            Some(Answer::Known(facts)) if facts.group.is_some() => {
                self.groups_within(text).iter().all(|(_, answer)| matches!(answer, Some(Answer::Known(_))))
            }
            Some(Answer::Known(facts)) => !facts.addresses.is_empty(),
            _ => false,
        }
    }

    /// Returns a group and all groups that are known to be in it, each with the answer about its members.
    fn groups_within<'a>(&'a self, group: &'a str) -> Vec<(&'a str, Option<&'a Answer<GroupFacts>>)> {
        let (mut found, mut open) = (Vec::new(), vec![group]);
        while let Some(group) = open.pop() {
            if found.iter().any(|(known, _)| *known == group) {
                continue;
            }
            let answer = self.known.groups.get(group);
            found.push((group, answer));
            if let Some(Answer::Known(facts)) = answer {
                open.extend(facts.groups.iter().map(|(nested, _)| nested.as_str()));
            }
        }
        found
    }

    /// An address under an accepted domain counts by the recipient that has it. If no one has it, the mail bounces, except under a
    /// relay domain, where it goes to another mail system. After a transient error it counts as internal until it is known.
    fn destination_of_own_address(&self, text: &str, domain: &Domain) -> Vec<Destination> {
        match self.known.recipients.get(text) {
            Some(Answer::Known(facts)) => {
                let as_written = |reach| match reach {
                    // It does not matter which of its addresses is the primary one.
                    Destination::Inside(_) => Destination::Inside(text.to_owned()),
                    other => other,
                };
                self.destination_of_recipient(text, facts).into_iter().map(as_written).collect()
            }
            Some(Answer::Refused) => vec![unresolved(text, false)],
            Some(answer) if self.known.accepted.relay(domain) => {
                vec![unresolved(text, matches!(answer, Answer::Withheld))]
            }
            None if !self.recipients.contains(text) => vec![unresolved(text, false)],
            _ => vec![Destination::Inside(text.to_owned())],
        }
    }

    fn destination_of_directory_name(&self, text: &str) -> Vec<Destination> {
        match self.known.recipients.get(text) {
            Some(Answer::Known(facts)) if !facts.addresses.is_empty() => self.destination_of_recipient(text, facts),
            Some(Answer::Known(_) | Answer::Unknown | Answer::Refused) => vec![unresolved(text, false)],
            Some(Answer::Withheld) => vec![unresolved(text, true)],
            None => vec![unresolved(text, !self.known.offline && self.recipients.contains(text))],
        }
    }

    fn destination_of_recipient(&self, text: &str, facts: &RecipientFacts) -> Vec<Destination> {
        if facts.group.is_some() {
            return vec![self.destination_of_group(text)];
        }
        if facts.addresses.is_empty() {
            return vec![Destination::Inside(text.to_owned())];
        }
        facts.addresses.iter().map(|address| destination_of_resolved(address, self.known)).collect()
    }

    /// A group counts by its members and those of the groups in it. One external member among many makes nothing certain, so the group is
    /// unresolved.
    fn destination_of_group(&self, text: &str) -> Destination {
        for (group, answer) in self.groups_within(text) {
            match answer {
                Some(Answer::Known(facts)) => {
                    if let Some(member) = facts.addresses.iter().find(|member| self.may_be_external(member)) {
                        return unresolved(&format!("{text} (a group with the external member {member})"), false);
                    }
                }
                Some(Answer::Withheld) => {}
                // It will be asked for.
                None if self.groups.iter().any(|(asked, _)| asked == group) => {}
                Some(Answer::Unknown | Answer::Refused) | None if group == text => return unresolved(text, false),
                Some(Answer::Unknown | Answer::Refused) | None => {
                    let sentence = format!("{text} (a group with the group {group}, whose members are not known)");
                    return unresolved(&sentence, false);
                }
            }
        }
        Destination::Inside(text.to_owned())
    }

    fn may_be_external(&self, member: &str) -> bool {
        matches!(destination_of_resolved(member, self.known), Destination::Outside(_) | Destination::Unresolved { .. })
    }
}

/// The groups to look up: these first, then the groups among their members, at most `most`.
fn with_nested(groups: Vec<(String, GroupKind)>, most: usize, known: &Knowledge) -> Vec<(String, GroupKind)> {
    let mut open: VecDeque<(String, GroupKind, usize)> =
        groups.into_iter().map(|(group, kind)| (group, kind, 1)).collect();
    let mut found: Vec<(String, GroupKind)> = Vec::new();
    while let Some((group, kind, depth)) = open.pop_front().filter(|_| found.len() < most) {
        if found.iter().any(|(known, _)| *known == group) {
            continue;
        }
        if let Some(Answer::Known(facts)) = known.groups.get(&group).filter(|_| depth < GROUP_DEPTH) {
            open.extend(facts.groups.iter().map(|(nested, kind)| (nested.clone(), *kind, depth + 1)));
        }
        found.push((group, kind));
    }
    found
}

fn unresolved(text: &str, withheld: bool) -> Destination {
    Destination::Unresolved { text: text.to_owned(), withheld }
}

/// An address that Exchange gave for a recipient, which may be encapsulated. Text that is not one address is not resolved: one step, no
/// chains.
fn destination_of_resolved(text: &str, known: &Knowledge) -> Destination {
    let targets = targets_in(text);
    let [target] = targets.as_slice() else { return unresolved(text, false) };
    match target.decoded(known).as_ref().unwrap_or(target) {
        Target::Address { text, domain } => destination_by_domain(text, domain, known),
        Target::Elsewhere(text) => Destination::Outside(text.clone()),
        _ => unresolved(text, false),
    }
}

fn destination_by_domain(text: &str, domain: &Domain, known: &Knowledge) -> Destination {
    if known.is_inside(domain) {
        Destination::Inside(text.to_owned())
    } else if known
        .trusted_targets
        .iter()
        .any(|trusted| trusted.covers(domain, text.parse().ok().as_ref(), &known.domain))
    {
        Destination::Trusted(text.to_owned())
    } else if known.accepted.others == OtherDomains::Unread {
        unresolved(text, false)
    } else {
        Destination::Outside(text.to_owned())
    }
}
