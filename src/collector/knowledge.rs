//! What must be known of a tenant to judge its records: looked up in Exchange and Graph, each thing once in a run, the slow
//! things once an hour.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::app::App;
use crate::detection::{
    AcceptedDomains, Answer, FindingKind, Knowledge, LiveMailbox, MailboxFacts, Question, RecipientFacts, questions,
};
use crate::tables::CoverageRow;
use audit_log::AuditRecord;
use base::ids::TenantId;
use m365::ServiceError;
use m365::exchange::{Anchor, Row, is_not_found, is_refused};

/// How long accepted domains, the organization's name and recipients are believed.
const BELIEVED: TimeDelta = TimeDelta::hours(1);

/// Answers may raise further questions (the targets of a live rule), but not for ever.
const ROUNDS: usize = 4;

/// The most live mailboxes and recipients that are remembered at once; beyond that they are asked for again.
const REMEMBERED_MAILBOXES: usize = 200;
const REMEMBERED_RECIPIENTS: usize = 5_000;

/// What was learned of tenants in the last hour, kept by the process.
#[derive(Debug, Default)]
pub struct Memory {
    tenants: Mutex<HashMap<TenantId, Learned>>,
    /// By how many milliseconds our clock is ahead of the service's, as its last `Date` header says.
    clock_is_ahead: AtomicI64,
}

impl Memory {
    /// Notes the service's time, which was read just now.
    pub(super) fn note_service_time(&self, service: DateTime<Utc>, clock: DateTime<Utc>) {
        self.clock_is_ahead.store((clock - service).num_milliseconds().max(0), Ordering::Relaxed);
    }

    /// The earlier of our clock and the service's, so that a fast clock carries nothing into the future.
    pub(super) fn now(&self, clock: DateTime<Utc>) -> DateTime<Utc> {
        let ahead = TimeDelta::milliseconds(self.clock_is_ahead.load(Ordering::Relaxed));
        clock.checked_sub_signed(ahead).unwrap_or(clock)
    }
}

/// What is slow to change in a tenant.
#[derive(Debug, Clone)]
struct Learned {
    at: DateTime<Utc>,
    accepted: AcceptedDomains,
    organization: String,
    recipients: HashMap<String, Answer<RecipientFacts>>,
}

/// The knowledge of one run.
#[derive(Debug)]
pub struct Known<'a> {
    app: &'a App,
    /// Handed to judging.
    pub knowledge: Knowledge,
    /// The name of the organization.
    pub organization: String,
    learned_at: DateTime<Utc>,
    swept: HashSet<String>,
}

impl<'a> Known<'a> {
    /// Learns what every record of the tenant needs, or remembers it.
    ///
    /// # Errors
    /// When neither Exchange nor Graph can say right now which domains are the tenant's own. Nothing is judged without.
    pub async fn learn(app: &'a App, row: &CoverageRow) -> Result<Self, ServiceError> {
        let learned = match remembered(app, &row.tenant_id) {
            Some(learned) => learned,
            None => ask_about_tenant(app, row).await?,
        };
        Ok(Self {
            app,
            knowledge: knowledge(app, row, learned.accepted, learned.recipients),
            organization: learned.organization,
            learned_at: learned.at,
            swept: HashSet::new(),
        })
    }

    /// Looks up whatever judging `record` needs and is not known yet.
    pub async fn prepare(&mut self, record: &AuditRecord) {
        self.forget_what_is_too_much();
        let mut asked = HashSet::new();
        for _ in 0..ROUNDS {
            let mut open = questions(record, &self.knowledge);
            open.retain(|question| asked.insert(question.clone()));
            if open.is_empty() {
                break;
            }
            for question in open {
                self.answer(question).await;
            }
        }
        if record.operation.to_ascii_lowercase().ends_with("sweeprule") {
            self.read_sweep_rules(record).await;
        }
    }

    /// Keeps what later runs of the tenant may believe.
    pub fn remember(self) {
        let mut recipients = self.knowledge.recipients;
        recipients.retain(|_, answer| matches!(answer, Answer::Known(_) | Answer::Unknown));
        let learned = Learned {
            at: self.learned_at,
            accepted: self.knowledge.accepted,
            organization: self.organization,
            recipients,
        };
        if let Ok(mut tenants) = self.app.memory.tenants.lock() {
            tenants.insert(self.knowledge.tenant_id, learned);
        }
    }

    async fn answer(&mut self, question: Question) {
        match question {
            Question::Mailbox(identity) => {
                let answer = self.mailbox(&identity).await;
                self.knowledge.mailboxes.insert(identity, answer);
            }
            Question::LiveRules(mailbox) => {
                let answer = self.live_rules(&mailbox).await;
                self.knowledge.live.insert(mailbox, answer);
            }
            Question::Recipient(text) => {
                let answer = self.recipient(&text).await;
                self.knowledge.recipients.insert(text, answer);
            }
        }
    }

    async fn mailbox(&self, identity: &str) -> Answer<MailboxFacts> {
        match self.ask(&Anchor::Organization, "Get-Mailbox", json!({ "Identity": identity })).await {
            Ok(rows) => match rows.as_slice() {
                [row] => mailbox_facts(row).map_or(Answer::Unknown, Answer::Known),
                _ => Answer::Unknown,
            },
            Err(error) => unanswered(&error),
        }
    }

    /// The two calls that the live rules of a mailbox cost, whatever the number of its records.
    async fn live_rules(&self, mailbox: &str) -> Answer<LiveMailbox> {
        let anchor = Anchor::mailbox(mailbox);
        let visible = match self.ask(&anchor, "Get-InboxRule", json!({ "Mailbox": mailbox })).await {
            Ok(rows) => rows,
            Err(error) => return unanswered(&error),
        };
        let all = json!({ "Mailbox": mailbox, "IncludeHidden": true });
        match self.ask(&anchor, "Get-InboxRule", all).await {
            Ok(all) => Answer::Known(LiveMailbox { visible, all, sweep: Vec::new() }),
            Err(error) => unanswered(&error),
        }
    }

    /// Sweep rules are read only where a record is about one, and as well as may be: not every tenant has the cmdlet.
    async fn read_sweep_rules(&mut self, record: &AuditRecord) {
        let live = std::mem::take(&mut self.knowledge.live);
        let asked = questions(record, &self.knowledge);
        self.knowledge.live = live;
        for question in asked {
            let Question::LiveRules(mailbox) = question else { continue };
            if !self.swept.insert(mailbox.clone()) {
                continue;
            }
            let anchor = Anchor::mailbox(&mailbox);
            let answer = self.ask(&anchor, "Get-SweepRule", json!({ "Mailbox": mailbox })).await;
            match (answer, self.knowledge.live.get_mut(&mailbox)) {
                (Ok(rows), Some(Answer::Known(live))) => live.sweep = rows,
                (Ok(_), _) => {}
                (Err(error), _) => tracing::info!(tenant = %self.knowledge.tenant_id, "sweep rules not read: {error}"),
            }
        }
    }

    async fn recipient(&self, text: &str) -> Answer<RecipientFacts> {
        match self.ask(&Anchor::Organization, "Get-Recipient", json!({ "Identity": text })).await {
            Ok(rows) => match rows.as_slice() {
                [row] if is_named(row, text) => Answer::Known(recipient_facts(row)),
                _ => Answer::Unknown,
            },
            Err(error) => unanswered(&error),
        }
    }

    async fn ask(&self, anchor: &Anchor, cmdlet: &str, parameters: Value) -> Result<Vec<Row>, ServiceError> {
        self.app.exchange.invoke(&self.knowledge.tenant_id, anchor, cmdlet, parameters).await
    }

    fn forget_what_is_too_much(&mut self) {
        if self.knowledge.live.len() > REMEMBERED_MAILBOXES {
            self.knowledge.live.clear();
            self.swept.clear();
        }
        if self.knowledge.recipients.len() > REMEMBERED_RECIPIENTS {
            self.knowledge.recipients.clear();
        }
        if self.knowledge.mailboxes.len() > REMEMBERED_RECIPIENTS {
            self.knowledge.mailboxes.clear();
        }
    }
}

fn remembered(app: &App, tenant: &TenantId) -> Option<Learned> {
    let now = app.clock.now();
    let mut tenants = app.memory.tenants.lock().ok()?;
    tenants.retain(|_, learned| now - learned.at < BELIEVED);
    tenants.get(tenant).cloned()
}

fn knowledge(
    app: &App,
    row: &CoverageRow,
    accepted: AcceptedDomains,
    recipients: HashMap<String, Answer<RecipientFacts>>,
) -> Knowledge {
    let trust = &app.settings.trust;
    Knowledge {
        tenant_id: row.tenant_id,
        domain: row.domain.clone(),
        offline: false,
        accepted,
        trusted_targets: trust.targets.clone(),
        trusted_apps: trust.apps.clone(),
        off: FindingKind::ALL.iter().copied().filter(|kind| trust.detections_off.contains(kind.as_str())).collect(),
        mailboxes: HashMap::new(),
        live: HashMap::new(),
        recipients,
    }
}

async fn ask_about_tenant(app: &App, row: &CoverageRow) -> Result<Learned, ServiceError> {
    let accepted = accepted_domains(app, row).await?;
    let organization = if row.display_name.is_empty() {
        app.graph.organization_name(&row.tenant_id).await.ok().flatten().unwrap_or_else(|| row.domain.to_string())
    } else {
        row.display_name.clone()
    };
    Ok(Learned { at: app.clock.now(), accepted, organization, recipients: HashMap::new() })
}

/// Exchange's accepted domains, else the directory's verified ones. Where both refuse for good, only the domain that the
/// tenant is known by counts as its own.
async fn accepted_domains(app: &App, row: &CoverageRow) -> Result<AcceptedDomains, ServiceError> {
    let tenant = &row.tenant_id;
    match app.exchange.invoke(tenant, &Anchor::Organization, "Get-AcceptedDomain", json!({})).await {
        Ok(rows) if !rows.is_empty() => return Ok(AcceptedDomains::of_exchange(&rows)),
        Ok(_) => {}
        Err(error) => tracing::info!(%tenant, "accepted domains are taken from the directory: {error}"),
    }
    match app.graph.domains(tenant).await {
        Ok(domains) => Ok(AcceptedDomains::of_directory(&domains)),
        Err(error) if error.is_transient() => Err(error),
        Err(error) => {
            tracing::warn!(%tenant, "only {} counts as the tenant's own domain: {error}", row.domain);
            Ok(AcceptedDomains { exact: [row.domain.clone()].into(), ..AcceptedDomains::default() })
        }
    }
}

/// Why there is no answer: it does not exist, we may not know, or not now.
fn unanswered<T>(error: &ServiceError) -> Answer<T> {
    if is_not_found(error) {
        Answer::Unknown
    } else if error.is_transient() {
        Answer::Withheld
    } else if is_refused(error) || matches!(error, ServiceError::Token(_)) {
        Answer::Refused
    } else {
        Answer::Unknown
    }
}

fn mailbox_facts(row: &Row) -> Option<MailboxFacts> {
    let upn = text(row, "UserPrincipalName").or_else(|| text(row, "PrimarySmtpAddress"))?;
    Some(MailboxFacts {
        upn: upn.to_lowercase(),
        object_id: text(row, "ExternalDirectoryObjectId").map(str::to_lowercase),
        addresses: proxy_addresses(row).filter_map(smtp_address).collect(),
    })
}

/// Where mail to this recipient ends: outside for a contact or mail user, else in its own mailbox.
fn recipient_facts(row: &Row) -> RecipientFacts {
    let end = text(row, "ExternalEmailAddress").or_else(|| text(row, "PrimarySmtpAddress"));
    RecipientFacts {
        addresses: end
            .map(|address| smtp_address(address).unwrap_or_else(|| address.to_lowercase()))
            .into_iter()
            .collect(),
    }
}

/// Whether the recipient that answered is the one that was asked for: Exchange also answers to parts of names.
fn is_named(row: &Row, asked: &str) -> bool {
    const NAMES: [&str; 9] = [
        "LegacyExchangeDN",
        "DistinguishedName",
        "Alias",
        "Identity",
        "Id",
        "Guid",
        "ExternalDirectoryObjectId",
        "PrimarySmtpAddress",
        "ExternalEmailAddress",
    ];
    let same = |text: &str| text.to_lowercase() == asked.to_lowercase();
    let without_scheme = |address: &str| address.split_once(':').map(|(_, rest)| rest.to_owned());
    NAMES
        .iter()
        .filter_map(|name| text(row, name))
        .any(|name| same(name) || without_scheme(name).is_some_and(|n| same(&n)))
        || proxy_addresses(row).any(|address| same(address) || without_scheme(address).is_some_and(|a| same(&a)))
}

fn proxy_addresses(row: &Row) -> impl Iterator<Item = &str> {
    row.get("EmailAddresses").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The address of `SMTP:x` or `smtp:x`, lower case; `None` for any other kind. Without a scheme it is taken as it is.
fn smtp_address(address: &str) -> Option<String> {
    match address.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("smtp") => Some(rest.to_lowercase()),
        Some(_) => None,
        None => Some(address.to_lowercase()),
    }
}

fn text<'r>(row: &'r Row, name: &str) -> Option<&'r str> {
    row.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
