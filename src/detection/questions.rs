//! Lists the facts that must be looked up before a record can be evaluated.

use audit_log::AuditRecord;

use super::conditions::has_senders;
use super::finding::FindingKind;
use super::inbox_rule::settled_because;
use super::judge::{may_forward, targets_of};
use super::knowledge::{Knowledge, Question};
use super::live_rules::{Live, live_key};
use super::principals::{Principals, mailbox_text, principals};
use super::record_facts::{has_failed, is_noise};
use super::resolution;
use super::rule::{Action, RuleShape};
use super::rule_from_record::shown_by;
use super::selection::{OperationKind, operation_kind};
use super::targets::Target;

/// Returns the facts that must be looked up before `record` can be evaluated. Answering may raise further questions (the targets
/// of a current rule); if none are left, or the same are asked again, it can be evaluated.
pub fn questions(record: &AuditRecord, known: &Knowledge) -> Vec<Question> {
    let Some(operation_kind) = operation_kind(&record.operation) else { return Vec::new() };
    if known.offline
        || is_off(operation_kind, known)
        || (is_noise(record) && !may_forward(record, operation_kind, known))
    {
        return Vec::new();
    }
    let mut asked: Vec<Question> = owner(record, operation_kind, known).into_iter().collect();
    if is_rule(operation_kind) && !asked.is_empty() {
        // The rules to read are known only once the owner is.
        return asked;
    }
    let principals = principals(record, operation_kind, known);
    if is_rule(operation_kind) {
        asked.extend(about_rule(record, operation_kind, &principals, known));
    } else if !has_failed(record) {
        asked.extend(resolution::questions(&targets_of(record, operation_kind), known));
    }
    asked
}

fn is_rule(operation_kind: OperationKind) -> bool {
    matches!(
        operation_kind,
        OperationKind::InboxRuleCmdlet | OperationKind::SweepRuleCmdlet | OperationKind::MailboxRules
    )
}

/// Returns whether every detection that this operation could concern is disabled.
fn is_off(operation_kind: OperationKind, known: &Knowledge) -> bool {
    let kinds: &[FindingKind] = match operation_kind {
        OperationKind::InboxRuleCmdlet | OperationKind::SweepRuleCmdlet | OperationKind::MailboxRules => {
            &[FindingKind::InboxRule]
        }
        OperationKind::Mailbox => {
            &[FindingKind::InboxForward, FindingKind::MailboxPermission, FindingKind::AuditTampering]
        }
        OperationKind::Permission => &[FindingKind::MailboxPermission],
        OperationKind::RuleRemoval => &[FindingKind::InboxRule],
        OperationKind::PermissionRemoval => &[FindingKind::MailboxPermission],
        OperationKind::MailFlowRemoval => {
            &[FindingKind::TransportRule, FindingKind::JournalRule, FindingKind::Connector]
        }
        OperationKind::TransportRule => &[FindingKind::TransportRule],
        OperationKind::JournalRule => &[FindingKind::JournalRule],
        OperationKind::Connector => &[FindingKind::Connector],
        OperationKind::Trust => &[FindingKind::MailboxTrust],
        OperationKind::AutoReply => &[FindingKind::AutoReply],
        OperationKind::ClientAccess => &[FindingKind::ClientAccess],
        OperationKind::Domain => &[FindingKind::Domain],
        OperationKind::Tampering => &[FindingKind::AuditTampering],
        OperationKind::Consent | OperationKind::ConsentRemoval => &[FindingKind::Consent],
        OperationKind::SignInMethod => &[FindingKind::SignInMethod],
        OperationKind::Contact => &[FindingKind::ContactRetargeted],
    };
    kinds.iter().all(|kind| known.off.contains(kind))
}

/// Returns the question for the owner. It is asked for a plain address too if rules are evaluated: only Exchange knows the object id, which makes records
/// of all shapes about one mailbox alike.
fn owner(record: &AuditRecord, operation_kind: OperationKind, known: &Knowledge) -> Option<Question> {
    let mailbox = mailbox_text(record, operation_kind)?;
    let matters = !mailbox.is_plain || is_rule(operation_kind) || operation_kind == OperationKind::Mailbox;
    let must_ask = matters && !known.mailboxes.contains_key(&mailbox.text);
    must_ask.then_some(Question::Mailbox(mailbox.text))
}

/// The current rules of the owner, then the directory objects among the targets of the record and of the current rule.
fn about_rule(
    record: &AuditRecord,
    operation_kind: OperationKind,
    principals: &Principals,
    known: &Knowledge,
) -> Vec<Question> {
    let own = shown_by(record, operation_kind);
    if settled_because(record, &own).is_some() {
        return Vec::new();
    }
    let mut shapes = vec![own];
    let mut asked = Vec::new();
    if !is_noise(record) {
        asked.extend(live_rules(principals, known));
        let live = Live::of(principals, known);
        let own = live.settled(shapes[0].clone(), operation_kind, |own| {
            known.earlier_rules.settled(&principals.fingerprint_key(), own)
        });
        shapes.extend(live.matching(&own, operation_kind));
    }
    let senders: Vec<Target> = shapes.iter().filter(|shape| takes_mail_away(shape)).flat_map(senders_of).collect();
    let targets = resolution::questions(shapes.iter().flat_map(RuleShape::targets), known);
    let senders = resolution::questions(senders.iter(), known);
    asked.extend(targets);
    asked.extend(senders);
    asked
}

fn live_rules(principals: &Principals, known: &Knowledge) -> Option<Question> {
    let owner = live_key(principals).filter(|owner| !principals.withheld && !known.live.contains_key(*owner))?;
    Some(Question::LiveRules(owner.to_owned()))
}

/// Senders matter only where their mail is taken away.
fn takes_mail_away(shape: &RuleShape) -> bool {
    shape.actions.iter().any(|action| matches!(action, Action::Delete | Action::Move(_) | Action::MoveSomewhere))
}

fn senders_of(shape: &RuleShape) -> impl Iterator<Item = Target> {
    shape
        .conditions
        .iter()
        .filter(|condition| has_senders(condition))
        .flat_map(|condition| &condition.values)
        .filter(|value| value.contains("[EX:"))
        .filter_map(|value| Target::read(value))
}
