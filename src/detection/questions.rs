//! What must be looked up before a record can be judged.

use audit_log::AuditRecord;

use super::conditions::has_senders;
use super::finding::FindingKind;
use super::inbox_rule::{settled_because, shown_by};
use super::judge::{may_forward, targets_of};
use super::knowledge::{Knowledge, Question};
use super::live_rules::{Live, live_key};
use super::resolution;
use super::rule::{Action, RuleShape};
use super::selection::{Concern, concern};
use super::targets::Target;
use super::who::{Who, has_failed, is_noise, mailbox_text, who};

/// What must be looked up before `record` can be judged. Answering may raise further questions (the targets of a live rule); when
/// none are left, or the same are asked again, it can be judged.
pub fn questions(record: &AuditRecord, known: &Knowledge) -> Vec<Question> {
    let Some(concern) = concern(&record.operation) else { return Vec::new() };
    if known.offline || is_off(concern, known) || (is_noise(record) && !may_forward(record, concern, known)) {
        return Vec::new();
    }
    let mut asked: Vec<Question> = owner(record, concern, known).into_iter().collect();
    if is_rule(concern) && !asked.is_empty() {
        // Whose rules to read is known only when the owner is.
        return asked;
    }
    let who = who(record, concern, known);
    if is_rule(concern) {
        asked.extend(about_rule(record, concern, &who, known));
    } else if !has_failed(record) {
        let targets = targets_of(record, concern);
        // Who is given access gets no mail, so that an address says enough.
        let is_named = |target: &&Target| concern != Concern::Permission || matches!(target, Target::Directory(_));
        asked.extend(resolution::questions(targets.iter().filter(is_named), known));
    }
    asked
}

fn is_rule(concern: Concern) -> bool {
    matches!(concern, Concern::InboxRuleCmdlet | Concern::SweepRuleCmdlet | Concern::MailboxRules)
}

/// Whether everything that this operation could be about is switched off.
fn is_off(concern: Concern, known: &Knowledge) -> bool {
    let kinds: &[FindingKind] = match concern {
        Concern::InboxRuleCmdlet | Concern::SweepRuleCmdlet | Concern::MailboxRules => &[FindingKind::InboxRule],
        Concern::Mailbox => &[FindingKind::InboxForward, FindingKind::MailboxPermission, FindingKind::AuditTampering],
        Concern::Permission => &[FindingKind::MailboxPermission],
        Concern::RuleRemoval => &[FindingKind::InboxRule],
        Concern::PermissionRemoval => &[FindingKind::MailboxPermission],
        Concern::MailFlowRemoval => &[FindingKind::TransportRule, FindingKind::JournalRule, FindingKind::Connector],
        Concern::TransportRule => &[FindingKind::TransportRule],
        Concern::JournalRule => &[FindingKind::JournalRule],
        Concern::Connector => &[FindingKind::Connector],
        Concern::Trust => &[FindingKind::MailboxTrust],
        Concern::AutoReply => &[FindingKind::AutoReply],
        Concern::ClientAccess => &[FindingKind::ClientAccess],
        Concern::Domain => &[FindingKind::Domain],
        Concern::Tampering => &[FindingKind::AuditTampering],
        Concern::Consent | Concern::ConsentRemoval => &[FindingKind::Consent],
        Concern::SignInMethod => &[FindingKind::SignInMethod],
        Concern::Contact => &[FindingKind::ContactRetargeted],
    };
    kinds.iter().all(|kind| known.off.contains(kind))
}

/// Who owns the mailbox. Asked for a plain address too where rules are judged: only Exchange knows the object id, which makes records
/// of all shapes about one mailbox alike.
fn owner(record: &AuditRecord, concern: Concern, known: &Knowledge) -> Option<Question> {
    let mailbox = mailbox_text(record, concern)?;
    let matters = !mailbox.is_plain || is_rule(concern) || concern == Concern::Mailbox;
    let must_ask = matters && !known.mailboxes.contains_key(&mailbox.text);
    must_ask.then_some(Question::Mailbox(mailbox.text))
}

/// The live rules of the owner, then the directory objects among the targets of the record and of the live rule.
fn about_rule(record: &AuditRecord, concern: Concern, who: &Who, known: &Knowledge) -> Vec<Question> {
    let own = shown_by(record, concern);
    if settled_because(record, &own).is_some() {
        return Vec::new();
    }
    let mut shapes = vec![own];
    let mut asked = Vec::new();
    if !is_noise(record) {
        asked.extend(live_rules(who, known));
        let live = Live::of(who, known).matching(&shapes[0], concern);
        shapes.extend(live);
    }
    let senders: Vec<Target> = shapes.iter().filter(|shape| takes_mail_away(shape)).flat_map(senders_of).collect();
    let targets = resolution::questions(shapes.iter().flat_map(RuleShape::targets), known);
    let senders = resolution::questions(senders.iter(), known);
    asked.extend(targets);
    asked.extend(senders);
    asked
}

fn live_rules(who: &Who, known: &Knowledge) -> Option<Question> {
    let owner = live_key(who).filter(|owner| !who.withheld && !known.live.contains_key(*owner))?;
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
