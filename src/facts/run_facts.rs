//! The facts of one run for one tenant, and what is looked up for a record.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::{Mutex, MutexGuard};

use super::breaker::Breaker;
use super::{FactCache, LOOK_UP_TIMEOUT, TenantFacts};
use crate::detection::{
    Answer, Finding, GroupFacts, GroupKind, Knowledge, LiveMailbox, MailboxFacts, Question, RecipientFacts, judge,
    questions,
};
use audit_log::AuditRecord;
use base::clock::Deadline;
use base::ids::TenantId;
use m365::exchange::{Mailbox, MailboxId, Recipient, is_not_found, is_refused};
use m365::{Service, ServiceError};

/// Answers may raise further questions (the targets of a current rule), but not without end.
/// Each level of groups in a group takes one.
const ROUNDS: usize = 8;

/// The most current mailboxes and recipients that a run caches; beyond that they are looked up again.
const MAILBOXES_LIMIT: usize = 200;
const RECIPIENTS_LIMIT: usize = 5_000;

/// The time limit of all look-ups for one record. No record's look-ups may delay another for longer.
const RECORD_TIMEOUT: Duration = Duration::from_secs(20);

/// The most look-ups for one record: the 50 that the evaluation asks for about targets, and those about the mailbox and its rules. The
/// author of the rule chose how many targets it has.
const LOOK_UPS_PER_RECORD: usize = 60;

/// The facts of one run for one tenant. Records are evaluated with them concurrently; those that something is looked up for take turns.
#[derive(Debug)]
pub struct RunFacts<'a> {
    cache: &'a FactCache,
    tenant: TenantId,
    knowledge: Mutex<Knowledge>,
    /// The name of the organization.
    pub organization: String,
    learned_at: DateTime<Utc>,
    breaker: Breaker,
    sweep_rules_read: Mutex<HashSet<String>>,
    /// Held while something is looked up for a record that is a threat whatever the answer, and for any other record.
    turn_of_threats: tokio::sync::Mutex<()>,
    turn_of_others: tokio::sync::Mutex<()>,
}

/// The turn in which something is looked up for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The record is a threat whatever the answer. It waits for others like it only.
    OfThreats,
    /// The answer may decide.
    OfOthers,
}

/// The time and look-ups that remain for one record, and the mailbox that they are about.
struct Budget {
    deadline: Deadline,
    look_ups: usize,
    /// The name of the mailbox, or the record if it is about none. Targets count as part of it: the breaker must not open because the
    /// names in one rule are not found in time.
    subject: String,
}

impl<'a> RunFacts<'a> {
    /// The facts of the tenant that were looked up or cached, with what the settings say.
    pub(super) fn new(cache: &'a FactCache, facts: TenantFacts, knowledge: Knowledge) -> Self {
        Self {
            cache,
            tenant: knowledge.tenant_id,
            knowledge: Mutex::new(knowledge),
            organization: facts.organization,
            learned_at: facts.at,
            breaker: Breaker::new(Arc::clone(&cache.clock)),
            sweep_rules_read: Mutex::default(),
            turn_of_threats: tokio::sync::Mutex::default(),
            turn_of_others: tokio::sync::Mutex::default(),
        }
    }

    /// The present facts. The lock is never held while something is looked up.
    fn known(&self) -> MutexGuard<'_, Knowledge> {
        self.knowledge.lock()
    }

    /// Adds facts that need no look-up.
    pub fn learn(&self, change: impl FnOnce(&mut Knowledge)) {
        change(&mut self.known());
    }

    /// Evaluates a record with what is known now.
    pub fn judge(&self, record: &AuditRecord) -> Option<Finding> {
        judge(record, &self.known())
    }

    /// Looks up what a record needs, and evaluates it. A record that needs nothing does not wait for those that do: Exchange may take
    /// long to answer.
    pub async fn evaluate(&self, record: &AuditRecord, turn: Turn) -> Option<Finding> {
        let finding = match self.judge_with_all_known(record) {
            Some(finding) => finding,
            None => {
                let (own, other) = match turn {
                    Turn::OfThreats => (&self.turn_of_threats, &self.turn_of_others),
                    Turn::OfOthers => (&self.turn_of_others, &self.turn_of_threats),
                };
                let _own = own.lock().await;
                // A record that something is looked up for now needs the answers that it has.
                if let Ok(_idle) = other.try_lock() {
                    self.forget_if_too_many();
                }
                self.prepare(record).await;
                self.judge(record)
            }
        };
        finding.iter().for_each(|finding| self.known().note_domain(finding));
        finding
    }

    /// Evaluates a record if nothing has to be looked up for it. One lock, so that nothing is forgotten in between.
    fn judge_with_all_known(&self, record: &AuditRecord) -> Option<Option<Finding>> {
        let known = self.known();
        let is_complete = !is_of_sweep_rule(record) && questions(record, &known).is_empty();
        is_complete.then(|| judge(record, &known))
    }

    /// Looks up what the evaluation of `record` needs and is not known yet: within 20 s and 60 look-ups, and none while the breaker is
    /// open. A look-up that fails for a transient reason is withheld; one beyond the limits is refused.
    async fn prepare(&self, record: &AuditRecord) {
        let deadline = Deadline::after(Arc::clone(&self.cache.clock), RECORD_TIMEOUT);
        let mut budget = Budget { deadline, look_ups: LOOK_UPS_PER_RECORD, subject: record.id.to_string() };
        let mut asked = HashSet::new();
        for _ in 0..ROUNDS {
            let mut open = questions(record, &self.known());
            open.retain(|question| asked.insert(question.clone()));
            if open.is_empty() {
                break;
            }
            for question in open {
                self.answer(question, &mut budget).await;
            }
        }
        if is_of_sweep_rule(record) {
            self.read_sweep_rules(record, &mut budget).await;
        }
    }

    /// Caches what later runs of the tenant may use.
    pub fn keep(self) {
        let knowledge = self.knowledge.into_inner();
        let mut recipients = knowledge.recipients;
        recipients.retain(|_, answer| matches!(answer, Answer::Known(_) | Answer::Unknown));
        let facts = TenantFacts {
            at: self.learned_at,
            accepted: knowledge.accepted,
            organization: self.organization,
            recipients,
        };
        let mut tenants = self.cache.tenants.lock();
        tenants.insert(self.tenant, facts);
    }

    async fn answer(&self, question: Question, budget: &mut Budget) {
        if let Question::Mailbox(mailbox) | Question::LiveRules(mailbox) = &question {
            budget.subject.clone_from(mailbox);
        }
        match question {
            Question::Mailbox(identity) => {
                let answer = self.mailbox(&identity, budget).await;
                self.known().mailboxes.insert(identity, answer);
            }
            Question::LiveRules(mailbox) => {
                let answer = self.live_rules(&mailbox, budget).await;
                self.known().live.insert(mailbox, answer);
            }
            Question::Recipient(text) => {
                let answer = self.recipient(&text, budget).await;
                self.known().recipients.insert(text, answer);
            }
            Question::GroupMembers { identity, kind } => {
                let answer = self.group_members(&identity, kind, budget).await;
                self.known().groups.insert(identity, answer);
            }
        }
    }

    /// The addresses that mail to the members of a group reaches, and the groups among them.
    async fn group_members(&self, identity: &str, kind: GroupKind, budget: &mut Budget) -> Answer<GroupFacts> {
        let call = self.cache.exchange.group_members(&self.tenant, kind, identity);
        match self.ask("the members of the group", call, budget).await {
            Ok(members) => Answer::Known(group_facts(&members.recipients)),
            Err(answer) => answer.into_answer(),
        }
    }

    async fn mailbox(&self, identity: &str, budget: &mut Budget) -> Answer<MailboxFacts> {
        let call = self.cache.exchange.find_mailbox(&self.tenant, identity);
        match self.ask("the mailbox", call, budget).await {
            Ok(mailbox) => mailbox.and_then(mailbox_facts).map_or(Answer::Unknown, Answer::Known),
            Err(answer) => answer.into_answer(),
        }
    }

    /// The two calls that the current rules of a mailbox cost, whatever the number of its records.
    async fn live_rules(&self, mailbox: &str, budget: &mut Budget) -> Answer<LiveMailbox> {
        let (exchange, tenant, id) = (&self.cache.exchange, &self.tenant, MailboxId::new(mailbox));
        let visible = match self.ask("the rules", exchange.inbox_rules(tenant, &id, false), budget).await {
            Ok(rules) => rules,
            Err(answer) => return answer.into_answer(),
        };
        match self.ask("the rules", exchange.inbox_rules(tenant, &id, true), budget).await {
            Ok(all) => Answer::Known(LiveMailbox { visible, all, sweep: Vec::new() }),
            Err(answer) => answer.into_answer(),
        }
    }

    /// Reads sweep rules only for a record that is about one; not every tenant has the cmdlet.
    async fn read_sweep_rules(&self, record: &AuditRecord, budget: &mut Budget) {
        for question in self.questions_without_rules(record) {
            let Question::LiveRules(mailbox) = question else { continue };
            if !self.sweep_rules_read.lock().insert(mailbox.clone()) {
                continue;
            }
            let id = MailboxId::new(&mailbox);
            let call = self.cache.exchange.sweep_rules(&self.tenant, &id);
            let answer = self.ask("the sweep rules", call, budget).await;
            match (answer, self.known().live.get_mut(&mailbox)) {
                (Ok(rules), Some(Answer::Known(live))) => live.sweep = rules,
                (Ok(_), _) => {}
                (Err(_), _) => tracing::info!(tenant = %self.tenant, "sweep rules were not read"),
            }
        }
    }

    async fn recipient(&self, text: &str, budget: &mut Budget) -> Answer<RecipientFacts> {
        let call = self.cache.exchange.recipient(&self.tenant, text);
        match self.ask("the recipient", call, budget).await {
            Ok(found) => found.as_ref().map_or(Answer::Unknown, |recipient| Answer::Known(recipient_facts(recipient))),
            Err(answer) => answer.into_answer(),
        }
    }

    /// One look-up, within its time and the budget of its record.
    async fn ask<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, ServiceError>>,
        budget: &mut Budget,
    ) -> Result<T, NoAnswer> {
        budget.look_ups = budget.look_ups.checked_sub(1).ok_or(NoAnswer::Refused)?;
        if budget.deadline.has_passed() || !self.breaker.allows() {
            return Err(NoAnswer::Withheld);
        }
        let timeout = LOOK_UP_TIMEOUT.min(budget.deadline.left());
        let outcome = Deadline::after(Arc::clone(&self.cache.clock), timeout).limit(Box::pin(call)).await;
        let outcome = outcome.unwrap_or_else(|| {
            let detail = format!("no response about {what} within {} s", timeout.as_secs());
            Err(ServiceError::Unreachable { service: Service::Exchange, detail })
        });
        match &outcome {
            Err(error) if error.is_transient() && !matches!(error, ServiceError::Token(_)) => {
                self.breaker.note_failure(&budget.subject);
            }
            _ => self.breaker.note_success(),
        }
        outcome.map_err(|error| NoAnswer::of(&error))
    }

    /// The questions about a record if no mailbox's rules were known.
    fn questions_without_rules(&self, record: &AuditRecord) -> Vec<Question> {
        let mut known = self.known();
        let live = std::mem::take(&mut known.live);
        let asked = questions(record, &known);
        known.live = live;
        asked
    }

    fn forget_if_too_many(&self) {
        let mut known = self.known();
        if known.live.len() > MAILBOXES_LIMIT {
            known.live.clear();
            self.sweep_rules_read.lock().clear();
        }
        if known.recipients.len() > RECIPIENTS_LIMIT {
            known.recipients.clear();
            known.groups.clear();
        }
        if known.mailboxes.len() > RECIPIENTS_LIMIT {
            known.mailboxes.clear();
        }
    }
}

/// Returns whether the current sweep rules are read for the record.
fn is_of_sweep_rule(record: &AuditRecord) -> bool {
    record.operation.to_ascii_lowercase().ends_with("sweeprule")
}

/// Why a look-up gave no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoAnswer {
    /// There is no such object.
    Unknown,
    /// Exchange denies access, or the record has used up its look-ups.
    Refused,
    /// A transient reason.
    Withheld,
}

impl NoAnswer {
    fn of(error: &ServiceError) -> Self {
        match error {
            error if is_not_found(error) => Self::Unknown,
            error if error.is_transient() => Self::Withheld,
            error if is_refused(error) || matches!(error, ServiceError::Token(_)) => Self::Refused,
            _ => Self::Unknown,
        }
    }

    fn into_answer<T>(self) -> Answer<T> {
        match self {
            Self::Unknown => Answer::Unknown,
            Self::Refused => Answer::Refused,
            Self::Withheld => Answer::Withheld,
        }
    }
}

fn mailbox_facts(mailbox: Mailbox) -> Option<MailboxFacts> {
    let upn = mailbox.user_principal_name.or(mailbox.primary_smtp_address)?;
    Some(MailboxFacts { upn: upn.to_lowercase(), object_id: mailbox.object_id, addresses: mailbox.addresses })
}

/// A group without an address can be asked for by its object id only.
pub fn group_facts(members: &[Recipient]) -> GroupFacts {
    let mut facts = GroupFacts::default();
    for member in members {
        match member.group_kind() {
            Some(kind) => {
                let name = member.target().or_else(|| member.object_id.clone());
                facts.groups.push((name.unwrap_or_default(), kind));
            }
            None => facts.addresses.extend(member.target()),
        }
    }
    facts
}

/// Returns the address at which mail to this recipient ends (external for a contact or mail user, else its own mailbox), and the
/// kind of group that it is.
pub fn recipient_facts(recipient: &Recipient) -> RecipientFacts {
    RecipientFacts { addresses: recipient.target().into_iter().collect(), group: recipient.group_kind() }
}
