//! Inbox and sweep rules: the record and the current rule, evaluated together.

use audit_log::AuditRecord;
use chrono::Datelike as _;

use super::description;
use super::evidence::Evidence;
use super::exchange_rules::is_exchange_own;
use super::finding::FindingKind;
use super::knowledge::Knowledge;
use super::live_rules::Live;
use super::principals::Principals;
use super::record_facts::{has_failed, is_noise};
use super::rule::RuleShape;
use super::rule_from_mailbox_audit::is_removal;
use super::rule_from_record::{is_creation, shown_by};
use super::rule_reasons;
use super::seen_rule::{SeenRule, is_unnamed_folder};
use super::selection::{OperationKind, operation_kind};

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
    let own = live.settled(own, operation_kind, |own| known.earlier_rules.settled(&principals.fingerprint_key(), own));
    let earlier = known
        .earlier_rules
        .of(&principals.fingerprint_key(), &own, record.created)
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
