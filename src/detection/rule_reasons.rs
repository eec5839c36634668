//! The reasons of an inbox or sweep rule.

use std::collections::BTreeSet;

use super::conditions::{has_senders, has_words, narrows};
use super::evidence::Evidence;
use super::folders::{Folder, FolderKind};
use super::lookalike::is_disguised;
use super::odd_name;
use super::reason::ReasonName::*;
use super::resolution;
use super::rule::{Action, RuleShape};
use super::rule_words;
use super::seen_rule::{SeenRule, is_unnamed_folder};
use super::sentence::{listed, shown};
use super::targets::Destination;
use super::unread_part::UnreadPart;
use super::words;

/// Adds every reason that holds for the rule.
pub(super) fn add(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    add_targets(rule, evidence);
    add_deletion(rule, evidence);
    add_folders(rule, evidence);
    add_plain_actions(rule, evidence);
    add_conditions(rule, evidence);
    rule_words::add(rule, evidence);
    add_names(rule, evidence);
    add_look_alikes(rule, evidence);
    add_parts_out_of_sight(rule, evidence);
}

fn add_targets(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    let resolver = resolution::Resolver::new(rule.targets(), rule.known);
    let (mut all, mut verbs) = (Vec::new(), BTreeSet::new());
    for action in rule.actions() {
        match action {
            Action::Forward { how, targets } => {
                verbs.insert(how.phrase());
                all.extend(targets.iter().flat_map(|target| resolver.destinations(target)));
            }
            Action::Unread(part) => {
                all.extend(part.targets.iter().flat_map(|target| resolver.destinations(target)).map(unproven));
            }
            _ => {}
        }
    }
    evidence.rejudge |= resolver.is_withheld();
    evidence.signals().targets_were_asked_for = resolver.can_ask();
    evidence.leads_to(&all);
    add_destination_reasons(evidence, &all, &verbs.into_iter().collect::<Vec<_>>().join(" and "));
}

/// An external address in a part that could not be read proves nothing.
fn unproven(reach: Destination) -> Destination {
    match reach {
        Destination::Outside(text) => Destination::Unresolved { text, withheld: false },
        other => other,
    }
}

/// Adds the reasons that follow from where mail goes.
fn add_destination_reasons(evidence: &mut Evidence, all: &[Destination], verbs: &str) {
    let of = |wanted: fn(&Destination) -> bool| -> Vec<&str> {
        all.iter().filter(|reach| wanted(reach)).map(Destination::text).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let outside = of(|reach| matches!(reach, Destination::Outside(_)));
    let unresolved = of(|reach| matches!(reach, Destination::Unresolved { .. }));
    let trusted = of(|reach| matches!(reach, Destination::Trusted(_)));
    let inside = of(|reach| matches!(reach, Destination::Inside(_)));
    let is_internal = outside.is_empty() && unresolved.is_empty();
    if !outside.is_empty() {
        let targets = listed(outside);
        let sentence = format!("The rule tells Exchange to {verbs} to {targets}, outside the organization.");
        evidence.because(ForwardsExternally, sentence);
    }
    if !unresolved.is_empty() {
        let targets = listed(unresolved);
        let advice = match evidence.signals().targets_were_asked_for {
            true => "which could not be resolved and may be external",
            false => "which cannot be resolved from the log alone. Look up whether it is external",
        };
        evidence.because(TargetUnresolved, format!("The rule sends messages to {targets}, {advice}."));
    }
    if is_internal && !trusted.is_empty() {
        let sentence = format!("The rule sends messages to {}, which is trusted in TRUSTED_DOMAINS.", listed(trusted));
        evidence.because(ForwardsToTrusted, sentence);
    }
    if is_internal && !inside.is_empty() {
        let sentence = format!("The rule sends messages to {}, inside the organization.", listed(inside));
        evidence.because(ForwardsInternally, sentence);
    }
}

fn add_deletion(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    if rule.actions().any(|action| *action == Action::Delete) {
        evidence.deletes = true;
        evidence.because(DeletesMessages, "The rule deletes messages before the owner sees them.");
    }
    if let Some(folder) = moved_to(rule, FolderKind::Deleted, false) {
        evidence.deletes = true;
        evidence.because(DeletesMessages, format!("The rule moves messages to '{}'.", shown(folder.text())));
    }
}

fn add_folders(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    let signals = evidence.signals();
    signals.moves |= rule.actions().any(|action| matches!(action, Action::Move(_) | Action::MoveSomewhere));
    signals.copies |= rule.actions().any(|action| matches!(action, Action::Copy(_)));
    if let Some(folder) = moved_to(rule, FolderKind::Hidden, evidence.deletes) {
        let folder = shown(folder.text());
        let sentence = format!("The rule puts messages into '{folder}', a folder that users do not normally open.");
        evidence.because(HidesInFolder, sentence);
    }
    for kind in [FolderKind::Junk, FolderKind::Archive] {
        if let Some(folder) = moved_to(rule, kind, false) {
            evidence.signals().moves_to_junk |= kind == FolderKind::Junk;
            evidence.because(MovesToArchiveOrJunk, format!("The rule moves messages to '{}'.", shown(folder.text())));
        }
    }
}

/// The first folder of a kind that messages are moved to, or copied to if copies count.
fn moved_to<'a>(rule: &'a SeenRule<'_>, kind: FolderKind, copies: bool) -> Option<&'a Folder> {
    rule.actions().find_map(|action| match action {
        Action::Move(folder) if folder.kind() == Some(kind) => Some(folder),
        Action::Copy(folder) if copies && folder.kind() == Some(kind) => Some(folder),
        _ => None,
    })
}

fn add_plain_actions(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    if rule.actions().any(|action| *action == Action::MarkAsRead) {
        evidence.because(MarksAsRead, "The rule marks messages as read, so they do not appear as new.");
    }
    if rule.actions().any(|action| *action == Action::Stop) {
        let sentence = "The rule stops further rules from running, which is the default in Outlook on the web.";
        evidence.because(StopsProcessing, sentence);
    }
}

fn add_conditions(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    let applies_to_all = |shape: &RuleShape| {
        shape.complete && !shape.conditions.iter().any(|condition| narrows(condition, rule.own_addresses(), rule.year))
    };
    if rule.shapes().any(applies_to_all) {
        evidence.applies_to_all_mail = true;
        evidence.because(AppliesToAllMail, "The rule has no limiting condition, so it applies to all mail.");
    }
}

fn add_names(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    if let Some(name) = rule.names().find(|name| odd_name::is_nameless(name)) {
        let name = odd_name::quoted(name);
        evidence.because(
            NamelessRule,
            format!("The rule is named {name}, a name that users do not normally give their own rules."),
        );
    } else if let Some(name) = rule.names().find(|name| odd_name::is_short(name)) {
        let name = odd_name::quoted(name);
        let how = if odd_name::is_repeated(&name) { "one character repeated" } else { "a single character" };
        evidence.because(ShortName, format!("The rule is named {name}, which is {how}."));
    }
}

fn add_look_alikes(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    let names = rule.names().find(|name| is_disguised(name) || words::is_disguised_match(name));
    let folder = || {
        let folders = rule.actions().filter_map(|action| match action {
            Action::Move(folder @ Folder::Path(_)) | Action::Copy(folder @ Folder::Path(_)) => Some(folder),
            _ => None,
        });
        folders.filter(|folder| folder.is_disguised() || is_disguised(folder.text())).map(Folder::text).next()
    };
    let word = || {
        let values = rule.conditions().filter(|condition| has_words(condition) || has_senders(condition));
        let mut values = values.flat_map(|condition| &condition.values);
        values.find(|value| is_disguised(value) || words::is_disguised_match(value)).map(String::as_str)
    };
    if let Some(text) = names.or_else(folder).or_else(word) {
        let sentence = format!("The rule contains '{}', which is written to look like other text.", shown(text));
        evidence.because(LookalikeText, sentence);
    }
}

fn add_parts_out_of_sight(rule: &SeenRule<'_>, evidence: &mut Evidence) {
    let unread: Vec<&UnreadPart> = rule
        .actions()
        .filter_map(|action| match action {
            Action::Unread(part) => Some(part),
            _ => None,
        })
        .collect();
    evidence.signals().unread_verb |= unread.iter().any(|part| part.is_active());
    evidence.signals().moves |= unread.iter().any(|part| part.moves);
    if rule.actions().any(|action| *action == Action::Deferred) {
        let sentence = "Part of the rule runs in the owner's Outlook and is not visible to Tenantwatch.";
        evidence.because(ContentNotVisible, sentence);
    } else if !unread.is_empty() {
        evidence.because(ContentNotVisible, unread_sentence(&unread));
    } else if rule.actions().any(is_unnamed_folder) && !rule.has_named_folder() {
        let sentence = "The rule moves messages to a folder that the record identifies only by an id.";
        evidence.because(ContentNotVisible, sentence);
    }
    if rule.is_hidden() {
        evidence.because(HiddenRule, "The rule is hidden: Outlook does not list it.");
    }
}

fn unread_sentence(unread: &[&UnreadPart]) -> String {
    let forwards = unread.iter().any(|part| part.forwards).then_some("forwards");
    let deletes = unread.iter().any(|part| part.deletes).then_some("deletes");
    let verbs: Vec<&str> = [forwards, deletes].into_iter().flatten().collect();
    let part = "The record describes part of the rule in a format that Tenantwatch could not read";
    match verbs.is_empty() {
        true => format!("{part}."),
        false => format!("{part}. By its text, the rule {} messages.", verbs.join(" and ")),
    }
}
