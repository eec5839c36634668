//! Inbox and sweep rules: the record and the current rule, evaluated together.

use std::collections::BTreeSet;

use audit_log::AuditRecord;
use chrono::Datelike as _;

use super::conditions::OwnAddresses;
use super::description;
use super::evidence::{Evidence, shown};
use super::exchange_rules::is_exchange_own;
use super::finding::FindingKind;
use super::fold::plain;
use super::folders::Folder;
use super::knowledge::Knowledge;
use super::live_rules::Live;
use super::principals::{Principals, has_failed, is_noise};
use super::rule::{Action, Condition, RuleShape};
use super::rule_from_mailbox_audit::{from_mailbox_audit, is_removal};
use super::rule_from_parameters::from_cmdlet;
use super::rule_reasons;
use super::selection::{OperationKind, operation_kind};
use super::targets::Target;

/// Returns the rule as far as the record shows it.
pub(super) fn shown_by(record: &AuditRecord, operation_kind: OperationKind) -> RuleShape {
    match operation_kind {
        OperationKind::MailboxRules => from_mailbox_audit(record),
        _ => from_cmdlet(record),
    }
}

/// Returns why a record about a rule is not a threat, whatever the rule does. `None` if the rule has to be evaluated.
pub(super) fn settled_because(record: &AuditRecord, shape: &RuleShape) -> Option<&'static str> {
    if has_failed(record) {
        Some("The attempt failed; nothing was changed.")
    } else if is_removal(record) {
        Some("The rule was removed.")
    } else if shape.enabled == Some(false) {
        Some("This change disables the rule.")
    } else {
        None
    }
}

/// Returns whether a record by itself shows the whole rule, as `SeenRule::needs_live` asks for the current one otherwise.
pub fn shows_whole_rule(record: &AuditRecord) -> bool {
    let Some(kind) = operation_kind(&record.operation).filter(|kind| *kind != OperationKind::MailboxRules) else {
        return false;
    };
    let shape = shown_by(record, kind);
    shape.complete && !shape.actions.iter().any(is_unnamed_folder)
}

/// Evaluates the rule that a record is about.
pub(super) fn evidence(
    record: &AuditRecord,
    operation_kind: OperationKind,
    principals: &Principals,
    known: &Knowledge,
) -> Evidence {
    let own = shown_by(record, operation_kind);
    let settled = settled_because(record, &own);
    // A change by the system is evaluated without the current rules.
    let live = if settled.is_some() || is_noise(record) { Live::Offline } else { Live::of(principals, known) };
    let own = live.settled(own, operation_kind, |own| known.earlier_rules.settled(principals, own));
    let earlier = known
        .earlier_rules
        .of(principals, &own, record.created)
        .filter(|_| settled.is_none() && known.offline && !is_creation(record))
        .cloned();
    let matching = live.matching(&own, operation_kind).into_iter().chain(earlier).collect::<Vec<_>>();
    let hidden = live.hidden_rules();
    let (excused, matching): (Vec<_>, Vec<_>) =
        matching.into_iter().partition(|rule| is_exchange_own(rule, &hidden, known));
    let own = if matching.is_empty() { without_excused(own, &excused, &hidden, known) } else { own };
    let is_dormant = own.is_blank() && !matching.is_empty() && matching.iter().all(|rule| rule.enabled == Some(false));
    let year = record.created.year();
    let rule = SeenRule { own: &own, live: &matching, excused: &excused, principals, known, operation_kind, year };

    let mut evidence = Evidence::new(FindingKind::InboxRule);
    rule_reasons::add(&rule, &mut evidence);
    rule.identify(&mut evidence);
    evidence.description = description::of_rule(&rule.best());
    if let Some(why) = settled {
        evidence.is_settled = true;
        evidence.note(why);
        if !has_failed(record) {
            rule.objects().into_iter().for_each(|object| evidence.removes(object));
        }
    } else if is_dormant && !is_enabling(record) {
        evidence.is_settled = true;
        evidence.note("The rule is disabled.");
    }
    note_live_state(&mut evidence, live, &rule);
    if principals.mailbox.is_empty() {
        evidence.note("The record does not name the owner of the mailbox.");
    }
    evidence
}

/// Returns the rule of the record without its conditions and actions if it does only what Exchange's own rule does, else
/// unchanged.
fn without_excused(own: RuleShape, excused: &[RuleShape], hidden: &[RuleShape], known: &Knowledge) -> RuleShape {
    let Some(live) = excused.first() else { return own };
    let as_live = RuleShape {
        hidden: true,
        name: live.name.clone(),
        conditions: own.conditions.iter().chain(&live.conditions).cloned().collect(),
        ..own.clone()
    };
    let is_excused = is_exchange_own(&as_live, hidden, known);
    let bare = RuleShape { id: own.id, name: own.name.clone(), enabled: own.enabled, ..RuleShape::default() };
    if is_excused { bare } else { own }
}

/// Returns whether the record creates a rule, which then has nothing to do with earlier rules of the same name.
pub(super) fn is_creation(record: &AuditRecord) -> bool {
    record.operation.trim().get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case("New-"))
}

fn is_enabling(record: &AuditRecord) -> bool {
    record.operation.trim().get(..7).is_some_and(|verb| verb.eq_ignore_ascii_case("Enable-"))
}

/// Says that the current rule was needed and could not be read. After a transient error the record is evaluated again.
fn note_live_state(evidence: &mut Evidence, live: Live<'_>, rule: &SeenRule<'_>) {
    match live {
        Live::Withheld if rule.needs_live() => {
            evidence.rejudge = true;
            evidence.note(
                "The current rules could not be read. This finding is based on the audit record alone until they can be read.",
            );
        }
        Live::Withheld => {}
        Live::Refused => evidence.note(
            "Exchange denies Tenantwatch access to this tenant's current rules. This finding is based on the audit record alone.",
        ),
        Live::Offline | Live::Read(_) | Live::NotThere => {}
    }
}

/// One rule from both sides.
pub(super) struct SeenRule<'a> {
    own: &'a RuleShape,
    live: &'a [RuleShape],
    /// Exchange's own rules among the current ones: they describe the rule and are not evaluated.
    excused: &'a [RuleShape],
    principals: &'a Principals,
    pub(super) known: &'a Knowledge,
    operation_kind: OperationKind,
    /// The year of the record.
    year: i32,
}

impl SeenRule<'_> {
    pub(super) fn shapes(&self) -> impl Iterator<Item = &RuleShape> {
        std::iter::once(self.own).chain(self.live)
    }

    pub(super) fn actions(&self) -> impl Iterator<Item = &Action> {
        self.shapes().flat_map(|shape| &shape.actions)
    }

    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.shapes().flat_map(|shape| &shape.conditions)
    }

    pub(super) fn targets(&self) -> Vec<&Target> {
        self.shapes().flat_map(RuleShape::targets).collect()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.shapes().filter_map(|shape| shape.name.as_deref())
    }

    pub(super) fn own_addresses(&self) -> &OwnAddresses {
        &self.principals.own
    }

    pub(super) fn year(&self) -> i32 {
        self.year
    }

    /// Returns whether the rule is hidden and not one of Exchange's own.
    pub(super) fn is_hidden(&self) -> bool {
        self.live.iter().any(|rule| rule.hidden)
    }

    /// Returns whether the current rule names the folder that the record gives by an id.
    pub(super) fn has_named_folder(&self) -> bool {
        self.actions().any(|action| matches!(action, Action::Move(Folder::Path(_)) | Action::Copy(Folder::Path(_))))
    }

    /// The current rule tells more than the record if the record is a change, says nothing, or names a folder by its id. A rule
    /// that was made with Outlook or Exchange Web Services may be hidden, which no record shows.
    fn needs_live(&self) -> bool {
        let may_be_hidden = self.operation_kind == OperationKind::MailboxRules;
        !self.own.complete || may_be_hidden || self.own.actions.iter().any(is_unnamed_folder)
    }

    /// Returns the best description of the rule: the current rule, else the record.
    fn best(&self) -> RuleShape {
        let mut best = self.live.first().or(self.excused.first()).unwrap_or(self.own).clone();
        if best.name.is_none() {
            best.name.clone_from(&self.own.name);
        }
        best
    }

    /// Id or name, then normalised conditions and actions of the current rule, else of the record. Targets are added by the evidence.
    ///
    /// Fingerprints are made of these texts. A new wording would notify threats again that were notified or dismissed before.
    fn identify(&self, evidence: &mut Evidence) {
        let id = self.own.id.or_else(|| self.live.iter().chain(self.excused).find_map(|rule| rule.id));
        let best = self.best();
        evidence.rule_id = id.map(|id| id.to_string()).unwrap_or_default();
        evidence.rule_name = shown(best.name.as_deref().unwrap_or_default());
        let mut parts = BTreeSet::new();
        for condition in &best.conditions {
            let values: BTreeSet<String> = condition.values.iter().map(|value| plain(value)).collect();
            parts.insert(format!(
                "if {}={}",
                condition.name.to_ascii_lowercase(),
                values.into_iter().collect::<Vec<_>>().join(";")
            ));
        }
        parts.extend(best.actions.iter().filter_map(description::action_key));
        evidence.identity.push(match id {
            Some(id) => format!("id {id}"),
            None => format!("name {}", plain(best.name.as_deref().unwrap_or_default())),
        });
        evidence.identity.extend(parts);
        self.objects().into_iter().for_each(|object| evidence.is_about(object));
    }

    fn objects(&self) -> Vec<String> {
        let id = self.own.id.or_else(|| self.live.iter().chain(self.excused).find_map(|rule| rule.id));
        objects(id, self.best().name.as_deref())
    }
}

/// Returns the rule as removals name it: by its id, and by its name.
pub(super) fn objects(id: Option<u64>, name: Option<&str>) -> Vec<String> {
    let id = id.map(|id| format!("id {id}"));
    // Exchange may drop the spaces of a name: a rule named with a space has none in its removal.
    let name = name.map(|name| format!("name {}", plain(name)));
    id.into_iter().chain(name).collect()
}

pub(super) fn is_unnamed_folder(action: &Action) -> bool {
    matches!(action, Action::MoveSomewhere | Action::Move(Folder::Id(_)) | Action::Copy(Folder::Id(_)))
}
