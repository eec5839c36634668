//! Inbox and sweep rules: what the record shows and what is live, judged together.

use std::collections::BTreeSet;

use audit_log::AuditRecord;

use super::conditions::{has_senders, has_words, narrows};
use super::description;
use super::evidence::{Evidence, listed, shown};
use super::finding::FindingKind;
use super::fold::folded;
use super::folders::{Folder, FolderKind};
use super::knowledge::Knowledge;
use super::live_rules::Live;
use super::odd_name;
use super::reason::ReasonName::*;
use super::rule::{Action, Condition, RuleShape, is_exchange_rule_name};
use super::rule_from_mailbox_audit::{from_mailbox_audit, is_removal};
use super::rule_from_parameters::from_cmdlet;
use super::selection::Concern;
use super::senders;
use super::targets::Reach;
use super::who::{Who, has_failed, is_noise};
use super::words::{WordGroup, groups_in};

/// What the record shows of the rule.
pub(super) fn shown_by(record: &AuditRecord, concern: Concern) -> RuleShape {
    match concern {
        Concern::MailboxRules => from_mailbox_audit(record),
        _ => from_cmdlet(record),
    }
}

/// Why a record about a rule is no threat whatever the rule does. `None` when it is to be judged.
pub(super) fn settled_because(record: &AuditRecord, shape: &RuleShape) -> Option<&'static str> {
    if has_failed(record) {
        Some("The attempt failed; nothing was changed.")
    } else if is_removal(record) {
        Some("The rule was removed.")
    } else if shape.enabled == Some(false) {
        Some("The rule is switched off by this change.")
    } else {
        None
    }
}

/// Judges the rule that a record is about.
pub(super) fn evidence(record: &AuditRecord, concern: Concern, who: &Who, known: &Knowledge) -> Evidence {
    let own = shown_by(record, concern);
    let settled = settled_because(record, &own);
    // What the system does is judged by the change alone.
    let live = if settled.is_some() || is_noise(record) { Live::Offline } else { Live::of(who, known) };
    let matching = live.matching(&own, concern);
    let is_dormant = own.is_blank() && !matching.is_empty() && matching.iter().all(|rule| rule.enabled == Some(false));
    let rule = SeenRule { own: &own, live: &matching, who, known, concern };

    let mut evidence = Evidence::new(FindingKind::InboxRule);
    rule.add_reasons(&mut evidence);
    rule.identify(&mut evidence);
    evidence.description = description::of_rule(&rule.best());
    if let Some(why) = settled {
        evidence.is_settled = true;
        evidence.note(why);
    } else if is_dormant && !is_enabling(record) {
        evidence.is_settled = true;
        evidence.note("The rule is switched off.");
    }
    note_live_state(&mut evidence, live, &rule);
    evidence
}

fn is_enabling(record: &AuditRecord) -> bool {
    record.operation.trim().get(..7).is_some_and(|verb| verb.eq_ignore_ascii_case("Enable-"))
}

/// Says when the live rule was needed and could not be had; a passing fault is to be tried again.
fn note_live_state(evidence: &mut Evidence, live: Live<'_>, rule: &SeenRule<'_>) {
    match live {
        Live::Withheld if rule.needs_live() => {
            evidence.rejudge = true;
            evidence
                .note("The live rules could not be read just now; this is judged by the record alone until they can.");
        }
        Live::Withheld => {}
        Live::Refused => {
            evidence.note("Exchange refuses us the live rules of this tenant; this is judged by the record alone.")
        }
        Live::Offline | Live::Read(_) | Live::NotThere => {}
    }
}

/// One rule from both sides.
struct SeenRule<'a> {
    own: &'a RuleShape,
    live: &'a [RuleShape],
    who: &'a Who,
    known: &'a Knowledge,
    concern: Concern,
}

impl SeenRule<'_> {
    fn shapes(&self) -> impl Iterator<Item = &RuleShape> {
        std::iter::once(self.own).chain(self.live)
    }

    fn actions(&self) -> impl Iterator<Item = &Action> {
        self.shapes().flat_map(|shape| &shape.actions)
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.shapes().flat_map(|shape| &shape.conditions)
    }

    /// The live rule tells more than the record when the record is a change, says nothing, or names a folder by its id. A rule
    /// that was made with Outlook or Exchange Web Services may be hidden, which no record shows.
    fn needs_live(&self) -> bool {
        let may_be_hidden = self.concern == Concern::MailboxRules;
        !self.own.complete || may_be_hidden || self.own.actions.iter().any(is_unnamed_folder)
    }

    /// What describes the rule best: the live rule, else the record.
    fn best(&self) -> RuleShape {
        let mut best = self.live.first().unwrap_or(self.own).clone();
        if best.name.is_none() {
            best.name.clone_from(&self.own.name);
        }
        best
    }

    fn add_reasons(&self, evidence: &mut Evidence) {
        self.add_targets(evidence);
        self.add_folders(evidence);
        self.add_plain_actions(evidence);
        self.add_conditions(evidence);
        self.add_words(evidence);
        self.add_senders(evidence);
        self.add_name(evidence);
        self.add_what_is_not_visible(evidence);
    }

    fn add_targets(&self, evidence: &mut Evidence) {
        let (mut all, mut verbs) = (Vec::new(), BTreeSet::new());
        for shape in self.shapes() {
            for action in &shape.actions {
                let Action::Forward { how, targets } = action else { continue };
                verbs.insert(how.verb());
                all.extend(targets.iter().flat_map(|target| target.reach(self.known)));
            }
        }
        evidence.leads_to(&all);
        add_reach_reasons(evidence, &all, &verbs.into_iter().collect::<Vec<_>>().join(" and "));
    }

    fn add_folders(&self, evidence: &mut Evidence) {
        let of_kind = |kind: FolderKind, copies: bool| {
            self.actions().find_map(|action| match action {
                Action::Move(folder) if folder.kind() == Some(kind) => Some(folder),
                Action::Copy(folder) if copies && folder.kind() == Some(kind) => Some(folder),
                _ => None,
            })
        };
        if self.actions().any(|action| matches!(action, Action::Move(_) | Action::MoveSomewhere)) {
            evidence.moves_mail();
        }
        if self.actions().any(|action| *action == Action::Delete) {
            evidence.deletes = true;
            evidence.because(DeletesMessages, "The rule deletes messages before the owner sees them.");
        }
        if let Some(folder) = of_kind(FolderKind::Deleted, false) {
            evidence.deletes = true;
            evidence.because(DeletesMessages, format!("The rule moves messages to '{}'.", shown(folder.text())));
        }
        if let Some(folder) = of_kind(FolderKind::Hidden, evidence.deletes) {
            evidence.because(
                HidesInFolder,
                format!("The rule puts messages into '{}', a folder that people do not open.", shown(folder.text())),
            );
        }
        if let Some(folder) = of_kind(FolderKind::Aside, false) {
            evidence.because(MovesToArchiveOrJunk, format!("The rule moves messages to '{}'.", shown(folder.text())));
        }
    }

    fn add_plain_actions(&self, evidence: &mut Evidence) {
        if self.actions().any(|action| *action == Action::MarkAsRead) {
            evidence.because(MarksAsRead, "The rule marks messages as read, so that nothing looks new.");
        }
        if self.actions().any(|action| *action == Action::Stop) {
            evidence.because(
                StopsProcessing,
                "No further rules run after this one, as Outlook on the web sets by default.",
            );
        }
    }

    fn add_conditions(&self, evidence: &mut Evidence) {
        let applies_to_all =
            |shape: &RuleShape| shape.complete && !shape.conditions.iter().any(|one| narrows(one, &self.who.own));
        if self.shapes().any(applies_to_all) {
            evidence.applies_to_all_mail = true;
            evidence.because(AppliesToAllMail, "The rule has no condition that narrows it: it applies to all mail.");
        }
    }

    fn add_words(&self, evidence: &mut Evidence) {
        let (mut groups, mut words) = (BTreeSet::new(), BTreeSet::new());
        for value in self.conditions().filter(|condition| has_words(condition)).flat_map(|condition| &condition.values)
        {
            let found = groups_in(value);
            if !found.is_empty() {
                words.insert(value.trim());
                groups.extend(found);
            }
        }
        if groups.is_empty() {
            return;
        }
        if groups.contains(&WordGroup::Security) {
            evidence.looks_for_security_words();
        }
        let groups: Vec<&str> = groups.into_iter().map(WordGroup::as_str).collect();
        let sentence = format!("The rule looks for words of {}: {}.", groups.join(" and "), listed(words));
        evidence.because(SensitiveWords, sentence);
    }

    fn add_senders(&self, evidence: &mut Evidence) {
        let values =
            self.conditions().filter(|condition| has_senders(condition)).flat_map(|condition| &condition.values);
        let values: BTreeSet<&str> = values.map(|value| value.trim()).collect();
        evidence.rejudge |= values.iter().any(|value| senders::is_withheld(value, self.known));
        let warning: BTreeSet<&str> = values.into_iter().filter(|value| senders::warns(value, self.known)).collect();
        if !warning.is_empty() {
            let sentence = format!("The rule catches messages of those who would warn the owner: {}.", listed(warning));
            evidence.because(TargetsSenders, sentence);
        }
    }

    fn add_name(&self, evidence: &mut Evidence) {
        let mut names = self.shapes().filter_map(|shape| shape.name.as_deref());
        if let Some(name) = names.find(|name| odd_name::is_odd(name)) {
            let sentence = format!(
                "The name of the rule is {}, which nobody would give to a rule of his own.",
                odd_name::quoted(name)
            );
            evidence.because(OddName, sentence);
        }
    }

    fn add_what_is_not_visible(&self, evidence: &mut Evidence) {
        if self.actions().any(|action| *action == Action::Deferred) {
            evidence.because(
                ContentNotVisible,
                "Part of what the rule does is done by the owner's Outlook and cannot be seen from here.",
            );
        } else if self.actions().any(|action| *action == Action::Unread) {
            evidence.because(ContentNotVisible, "The record describes the rule in a form that could not be read.");
        } else if self.actions().any(is_unnamed_folder) && !self.actions().any(is_named_move) {
            evidence
                .because(ContentNotVisible, "The rule moves messages to a folder that the record gives by an id only.");
        }
        let is_hidden = self.live.iter().any(|rule| rule.hidden);
        if is_hidden && !self.is_exchange_own(evidence) {
            evidence.because(HiddenRule, "The rule is hidden: Outlook does not list it.");
        }
    }

    /// Named like one of Exchange's own, hidden, and harmless. A name alone excuses nothing.
    fn is_exchange_own(&self, evidence: &Evidence) -> bool {
        let named = self.live.iter().all(|rule| rule.hidden && rule.name.as_deref().is_some_and(is_exchange_rule_name));
        named && !evidence.has(DeletesMessages) && !evidence.has(ForwardsExternally) && !evidence.has(TargetUnresolved)
    }

    /// Id or name, then normalised conditions and actions of the live rule, else of the record. Targets are added by the evidence.
    fn identify(&self, evidence: &mut Evidence) {
        let id = self.own.id.or_else(|| self.live.iter().find_map(|rule| rule.id));
        let best = self.best();
        evidence.rule_id = id.map(|id| id.to_string()).unwrap_or_default();
        evidence.rule_name = shown(best.name.as_deref().unwrap_or_default());
        let mut parts = BTreeSet::new();
        for condition in &best.conditions {
            let values: BTreeSet<String> = condition.values.iter().map(|value| folded(value)).collect();
            parts.insert(format!(
                "if {}={}",
                condition.name.to_ascii_lowercase(),
                values.into_iter().collect::<Vec<_>>().join(";")
            ));
        }
        parts.extend(best.actions.iter().filter_map(description::action_key));
        evidence.identity.push(match id {
            Some(id) => format!("id {id}"),
            None => format!("name {}", folded(best.name.as_deref().unwrap_or_default())),
        });
        evidence.identity.extend(parts);
    }
}

/// The reasons that follow from where mail goes.
fn add_reach_reasons(evidence: &mut Evidence, all: &[Reach], verbs: &str) {
    let of = |wanted: fn(&Reach) -> bool| -> Vec<&str> {
        all.iter().filter(|reach| wanted(reach)).map(Reach::text).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let outside = of(|reach| matches!(reach, Reach::Outside(_)));
    let unresolved = of(|reach| matches!(reach, Reach::Unresolved { .. }));
    let trusted = of(|reach| matches!(reach, Reach::Trusted(_)));
    let inside = of(|reach| matches!(reach, Reach::Inside(_)));
    if !outside.is_empty() {
        let sentence = format!(
            "The rule tells Exchange to {verbs} messages to {}, outside the organization.",
            listed(outside.clone())
        );
        evidence.because(ForwardsExternally, sentence);
    }
    if !unresolved.is_empty() {
        let sentence = format!(
            "The rule sends messages to {}, which could not be resolved and may be outside.",
            listed(unresolved.clone())
        );
        evidence.because(TargetUnresolved, sentence);
    }
    if !outside.is_empty() || !unresolved.is_empty() {
        return;
    }
    if !trusted.is_empty() {
        evidence.because(
            ForwardsToTrusted,
            format!("The rule sends messages to {}, which your settings trust.", listed(trusted)),
        );
    }
    if !inside.is_empty() {
        evidence.because(
            ForwardsInternally,
            format!("The rule sends messages to {}, inside the organization.", listed(inside)),
        );
    }
}

fn is_unnamed_folder(action: &Action) -> bool {
    matches!(action, Action::MoveSomewhere | Action::Move(Folder::Id(_)) | Action::Copy(Folder::Id(_)))
}

fn is_named_move(action: &Action) -> bool {
    matches!(action, Action::Move(Folder::Path(_)) | Action::Copy(Folder::Path(_)))
}
