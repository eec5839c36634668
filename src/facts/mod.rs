//! Caches facts about a tenant: accepted domains, the organization's name, recipients and their targets. One cache, one look-up
//! logic and one circuit breaker per run serve everything that evaluates records.
//!
//! Rules and the state of a sign-in are read again in each run and never cached for a remediation request.

mod attackers;
mod breaker;
pub mod contacts;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::detection::{
    AcceptedDomains, Answer, FindingKind, GroupFacts, GroupKind, Knowledge, LiveMailbox, MailboxFacts, Question,
    RecipientFacts, questions,
};
use crate::settings::TrustSettings;
use crate::tables::CoverageRow;
pub use attackers::AttackerCache;
use audit_log::AuditRecord;
use base::clock::{Clock, Deadline};
use base::ids::{Domain, TenantId};
use breaker::Breaker;
use m365::exchange::{Exchange, Mailbox, MailboxId, Recipient, is_not_found, is_refused};
use m365::graph::Graph;
use m365::{Service, ServiceError};

/// The age up to which cached accepted domains, the organization's name and recipients are used.
const CACHE_LIFE: TimeDelta = TimeDelta::hours(1);

/// Answers may raise further questions (the targets of a current rule), but not without end.
/// Each level of groups in a group takes one.
const ROUNDS: usize = 8;

/// The most current mailboxes and recipients that a run caches; beyond that they are looked up again.
const MAILBOXES_LIMIT: usize = 200;
const RECIPIENTS_LIMIT: usize = 5_000;

/// The time limit of one look-up.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit of all look-ups for one record. No record's look-ups may delay another for longer.
const RECORD_TIMEOUT: Duration = Duration::from_secs(20);

/// The most look-ups for one record: the 50 that the evaluation asks for about targets, and those about the mailbox and its rules. The
/// author of the rule chose how many targets it has.
const LOOK_UPS_PER_RECORD: usize = 60;

/// The facts of a tenant that change slowly.
#[derive(Debug, Clone)]
struct TenantFacts {
    at: DateTime<Utc>,
    accepted: AcceptedDomains,
    organization: String,
    recipients: HashMap<String, Answer<RecipientFacts>>,
}

/// Looks facts up and caches them for the process.
#[derive(Debug)]
pub struct FactCache {
    exchange: Exchange,
    graph: Graph,
    trust: TrustSettings,
    clock: Arc<dyn Clock>,
    tenants: Mutex<HashMap<TenantId, TenantFacts>>,
}

impl FactCache {
    /// An empty cache over these services.
    pub fn new(exchange: Exchange, graph: Graph, trust: TrustSettings, clock: Arc<dyn Clock>) -> Self {
        Self { exchange, graph, trust, clock, tenants: Mutex::default() }
    }

    /// The facts that every record of the tenant needs, from the cache or looked up.
    ///
    /// # Errors
    /// If neither Exchange nor Graph says now which domains are the tenant's own. Nothing is evaluated without.
    pub async fn of_tenant(&self, row: &CoverageRow) -> Result<RunFacts<'_>, ServiceError> {
        let facts = match self.cached(&row.tenant_id) {
            Some(facts) => facts,
            None => self.look_up_tenant(row).await?,
        };
        Ok(RunFacts {
            cache: self,
            knowledge: self.knowledge(row, facts.accepted, facts.recipients),
            organization: facts.organization,
            learned_at: facts.at,
            breaker: Breaker::new(Arc::clone(&self.clock)),
            sweep_rules_read: HashSet::new(),
        })
    }

    /// The facts about a tenant that need no look-up: settings, and the domain that it is known by.
    pub fn without_look_ups(&self, row: &CoverageRow) -> Knowledge {
        self.knowledge(row, AcceptedDomains::default(), HashMap::new())
    }

    fn cached(&self, tenant: &TenantId) -> Option<TenantFacts> {
        let now = self.clock.now();
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.retain(|_, facts| (now - facts.at).abs() < CACHE_LIFE);
        tenants.get(tenant).cloned()
    }

    /// The accepted domains of a tenant that are cached now. Nothing is looked up.
    pub fn cached_domains(&self, tenant: &TenantId) -> Vec<Domain> {
        self.cached(tenant).map(|facts| facts.accepted.exact.into_iter().collect()).unwrap_or_default()
    }

    fn knowledge(
        &self,
        row: &CoverageRow,
        accepted: AcceptedDomains,
        recipients: HashMap<String, Answer<RecipientFacts>>,
    ) -> Knowledge {
        let off = |kind: &FindingKind| self.trust.detections_off.contains(kind.as_str());
        Knowledge {
            accepted,
            trusted_targets: self.trust.targets.clone(),
            trusted_apps: self.trust.apps.clone(),
            off: FindingKind::ALL.iter().copied().filter(off).collect(),
            recipients,
            ..Knowledge::new(row.tenant_id, row.domain.clone())
        }
    }

    async fn look_up_tenant(&self, row: &CoverageRow) -> Result<TenantFacts, ServiceError> {
        let accepted = self.accepted_domains(row).await?;
        let organization = match row.display_name.as_str() {
            "" => {
                let name = self.graph.organization_name(&row.tenant_id).await.ok().flatten();
                name.unwrap_or_else(|| row.domain.to_string())
            }
            name => name.to_owned(),
        };
        Ok(TenantFacts { at: self.clock.now(), accepted, organization, recipients: HashMap::new() })
    }

    /// Exchange's accepted domains, else the directory's verified ones. If both deny access, only the domain that the tenant is known
    /// by counts as its own.
    async fn accepted_domains(&self, row: &CoverageRow) -> Result<AcceptedDomains, ServiceError> {
        let tenant = &row.tenant_id;
        let limit = Deadline::after(Arc::clone(&self.clock), LOOK_UP_TIMEOUT);
        let call = self.exchange.accepted_domains(tenant);
        match limit.limit(Box::pin(call)).await {
            Some(Ok(domains)) if !domains.is_empty() => return Ok(AcceptedDomains::of_exchange(&domains)),
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::info!(%tenant, "accepted domains are taken from the directory: {error}"),
            None => tracing::warn!(%tenant, "accepted domains are taken from the directory: Exchange did not respond"),
        }
        match self.graph.domains(tenant).await {
            Ok(domains) => {
                let verified = domains.iter().filter(|domain| domain.is_verified);
                Ok(AcceptedDomains::of_directory(verified.map(|domain| domain.id.as_str())))
            }
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                tracing::warn!(%tenant, "only {} counts as the tenant's own domain: {error}", row.domain);
                Ok(AcceptedDomains { exact: [row.domain.clone()].into(), ..AcceptedDomains::default() })
            }
        }
    }
}

/// The facts of one run for one tenant.
#[derive(Debug)]
pub struct RunFacts<'a> {
    cache: &'a FactCache,
    /// Given to the evaluation.
    pub knowledge: Knowledge,
    /// The name of the organization.
    pub organization: String,
    learned_at: DateTime<Utc>,
    breaker: Breaker,
    sweep_rules_read: HashSet<String>,
}

/// The time and look-ups that remain for one record, and the mailbox that they are about.
struct Budget {
    deadline: Deadline,
    look_ups: usize,
    /// The name of the mailbox, or the record if it is about none. Targets count as part of it: the breaker must not open because the
    /// names in one rule are not found in time.
    subject: String,
}

impl RunFacts<'_> {
    /// Looks up what the evaluation of `record` needs and is not known yet: within 20 s and 60 look-ups, and none while the breaker is
    /// open. A look-up that fails for a transient reason is withheld; one beyond the limits is refused.
    pub async fn prepare(&mut self, record: &AuditRecord) {
        self.forget_if_too_many();
        let deadline = Deadline::after(Arc::clone(&self.cache.clock), RECORD_TIMEOUT);
        let mut budget = Budget { deadline, look_ups: LOOK_UPS_PER_RECORD, subject: record.id.to_string() };
        let mut asked = HashSet::new();
        for _ in 0..ROUNDS {
            let mut open = questions(record, &self.knowledge);
            open.retain(|question| asked.insert(question.clone()));
            if open.is_empty() {
                break;
            }
            for question in open {
                self.answer(question, &mut budget).await;
            }
        }
        if record.operation.to_ascii_lowercase().ends_with("sweeprule") {
            self.read_sweep_rules(record, &mut budget).await;
        }
    }

    /// Caches what later runs of the tenant may use.
    pub fn keep(self) {
        let mut recipients = self.knowledge.recipients;
        recipients.retain(|_, answer| matches!(answer, Answer::Known(_) | Answer::Unknown));
        let facts = TenantFacts {
            at: self.learned_at,
            accepted: self.knowledge.accepted,
            organization: self.organization,
            recipients,
        };
        let mut tenants = self.cache.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.insert(self.knowledge.tenant_id, facts);
    }

    async fn answer(&mut self, question: Question, budget: &mut Budget) {
        if let Question::Mailbox(mailbox) | Question::LiveRules(mailbox) = &question {
            budget.subject.clone_from(mailbox);
        }
        match question {
            Question::Mailbox(identity) => {
                let answer = self.mailbox(&identity, budget).await;
                self.knowledge.mailboxes.insert(identity, answer);
            }
            Question::LiveRules(mailbox) => {
                let answer = self.live_rules(&mailbox, budget).await;
                self.knowledge.live.insert(mailbox, answer);
            }
            Question::Recipient(text) => {
                let answer = self.recipient(&text, budget).await;
                self.knowledge.recipients.insert(text, answer);
            }
            Question::GroupMembers { identity, kind } => {
                let answer = self.group_members(&identity, kind, budget).await;
                self.knowledge.groups.insert(identity, answer);
            }
        }
    }

    /// The addresses that mail to the members of a group reaches, and the groups among them.
    async fn group_members(&self, identity: &str, kind: GroupKind, budget: &mut Budget) -> Answer<GroupFacts> {
        let call = self.cache.exchange.group_members(&self.knowledge.tenant_id, kind, identity);
        match self.ask("the members of the group", call, budget).await {
            Ok(members) => Answer::Known(group_facts(&members.recipients)),
            Err(answer) => answer.into_answer(),
        }
    }

    async fn mailbox(&self, identity: &str, budget: &mut Budget) -> Answer<MailboxFacts> {
        let call = self.cache.exchange.find_mailbox(&self.knowledge.tenant_id, identity);
        match self.ask("the mailbox", call, budget).await {
            Ok(mailbox) => mailbox.and_then(mailbox_facts).map_or(Answer::Unknown, Answer::Known),
            Err(answer) => answer.into_answer(),
        }
    }

    /// The two calls that the current rules of a mailbox cost, whatever the number of its records.
    async fn live_rules(&self, mailbox: &str, budget: &mut Budget) -> Answer<LiveMailbox> {
        let (exchange, tenant, id) = (&self.cache.exchange, &self.knowledge.tenant_id, MailboxId::new(mailbox));
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
    async fn read_sweep_rules(&mut self, record: &AuditRecord, budget: &mut Budget) {
        let live = std::mem::take(&mut self.knowledge.live);
        let asked = questions(record, &self.knowledge);
        self.knowledge.live = live;
        for question in asked {
            let Question::LiveRules(mailbox) = question else { continue };
            if !self.sweep_rules_read.insert(mailbox.clone()) {
                continue;
            }
            let id = MailboxId::new(&mailbox);
            let call = self.cache.exchange.sweep_rules(&self.knowledge.tenant_id, &id);
            let answer = self.ask("the sweep rules", call, budget).await;
            match (answer, self.knowledge.live.get_mut(&mailbox)) {
                (Ok(rules), Some(Answer::Known(live))) => live.sweep = rules,
                (Ok(_), _) => {}
                (Err(_), _) => tracing::info!(tenant = %self.knowledge.tenant_id, "sweep rules were not read"),
            }
        }
    }

    async fn recipient(&self, text: &str, budget: &mut Budget) -> Answer<RecipientFacts> {
        let call = self.cache.exchange.recipient(&self.knowledge.tenant_id, text);
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

    fn forget_if_too_many(&mut self) {
        if self.knowledge.live.len() > MAILBOXES_LIMIT {
            self.knowledge.live.clear();
            self.sweep_rules_read.clear();
        }
        if self.knowledge.recipients.len() > RECIPIENTS_LIMIT {
            self.knowledge.recipients.clear();
            self.knowledge.groups.clear();
        }
        if self.knowledge.mailboxes.len() > RECIPIENTS_LIMIT {
            self.knowledge.mailboxes.clear();
        }
    }
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
