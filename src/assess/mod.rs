//! Stage 2: one record becomes one stored finding. Facts are looked up, the record is evaluated (`crate::detection`), the finding
//! is claimed and stored (`findings`, `repeats`), sent if it is a threat, and then related to others (`relate`). `resume`
//! continues the findings that earlier runs left unfinished.

mod consents;
mod exits;
mod findings;
mod marks;
mod near_events;
mod relate;
mod repeats;
mod resume;

pub use resume::{resume_notices, resume_unwatched};

use std::sync::{Mutex, OnceLock, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::app::App;
use crate::collect::Batch;
use crate::detection::{Finding, FindingKind, judge, judge_without_domains, raise_forwarding_target, unite_consents};
use crate::facts::{RunFacts, contacts};
use crate::notify::outbox::Outbox;
use crate::tables::claim::{CLAIM_HOLDS, CONTAINMENT_HOLDS, OwnedFinding};
use crate::tables::{Containment, CoverageSession, ProcessedRow, RowVersion, is_containable};
use crate::tenants::{Report, Stop};
use audit_log::AuditRecord;
use base::ids::TenantId;
use findings::is_only_recorded;
use near_events::NearEvents;
use repeats::NotifiedFingerprints;
use table_store::{StoreError, TOGETHER_LIMIT};

/// Findings that are stored concurrently.
const STORED_AT_ONCE: usize = 8;

/// Records by what they show with what is known before anything is looked up.
#[derive(Debug, Default)]
struct Sorted {
    /// Objects that were removed, and domains that were added.
    preconditions: Vec<AuditRecord>,
    /// Threats that nothing looked up can refute.
    proven: Vec<AuditRecord>,
    /// Records of consents, of which several are one finding. Nothing is looked up for them.
    consents: Vec<AuditRecord>,
    others: Vec<AuditRecord>,
}

fn is_precondition(finding: &Finding) -> bool {
    !finding.removed.is_empty() || finding.added_domain().is_some()
}

/// Returns whether the account of a threat is contained if every condition is met.
fn is_to_be_contained(app: &App, row: &ProcessedRow) -> bool {
    is_containable(row) && app.settings.containment.lists(&row.domain)
}

/// Returns the time for which the claim of a row holds.
fn claim_holds(app: &App, row: &ProcessedRow) -> TimeDelta {
    let is_due = row.containment.is_none() || row.containment == Some(Containment::Open);
    if is_due && is_to_be_contained(app, row) { CONTAINMENT_HOLDS } else { CLAIM_HOLDS }
}

/// The evaluating stage of one run.
#[derive(Debug)]
pub struct Assessor<'a> {
    app: &'a App,
    tenant: TenantId,
    session: &'a CoverageSession<'a>,
    outbox: &'a Outbox<'a>,
    facts: tokio::sync::Mutex<Option<RunFacts<'a>>>,
    organization: OnceLock<String>,
    notified: NotifiedFingerprints,
    /// Held while a sign-in from an attacker's address is counted.
    address_turn: tokio::sync::Mutex<()>,
    near: NearEvents,
    counts: Mutex<Report>,
    /// The queue of the containment stage. `None`: threats are sent immediately.
    containment: Mutex<Option<UnboundedSender<OwnedFinding>>>,
}

impl<'a> Assessor<'a> {
    /// Evaluates nothing yet.
    pub fn new(app: &'a App, tenant: TenantId, session: &'a CoverageSession<'a>, outbox: &'a Outbox<'a>) -> Self {
        Self {
            app,
            tenant,
            session,
            outbox,
            facts: tokio::sync::Mutex::default(),
            organization: OnceLock::new(),
            notified: NotifiedFingerprints::default(),
            address_turn: tokio::sync::Mutex::default(),
            near: NearEvents::default(),
            counts: Mutex::default(),
            containment: Mutex::default(),
        }
    }

    /// Hands threats whose accounts may be contained to the stage that does it, and sends the notification after it.
    #[must_use]
    pub fn with_containment(self, stage: UnboundedSender<OwnedFinding>) -> Self {
        Self { containment: Mutex::new(Some(stage)), ..self }
    }

    /// Ends the stage of containment: no further threat comes.
    pub fn end_containment(&self) {
        self.containment.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Sends a threat that this run holds the claim of, or hands it to the stage of containment.
    async fn deliver_threat(&self, row: ProcessedRow, version: RowVersion) -> Result<(), StoreError> {
        let is_open = row.containment == Some(Containment::Open);
        if !is_open && (row.containment.is_some() || !self.is_to_be_contained(&row)) {
            return self.outbox.deliver_threat(row, version).await;
        }
        let stage = self.containment.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(stage) = stage else { return self.outbox.deliver_threat(row, version).await };
        match stage.send(OwnedFinding { row, version }) {
            Ok(()) => Ok(()),
            Err(SendError(OwnedFinding { row, version })) => self.outbox.deliver_threat(row, version).await,
        }
    }

    fn is_to_be_contained(&self, row: &ProcessedRow) -> bool {
        is_to_be_contained(self.app, row)
    }

    /// Evaluates batches until the collecting stage has ended, and acknowledges each.
    pub async fn run(&self, mut batches: mpsc::Receiver<Batch>) {
        while let Some(mut batch) = batches.recv().await {
            let (records, created) = (batch.take_records(), batch.content_created);
            batch.acknowledge(Box::pin(self.assess(records, created)).await);
        }
    }

    /// Ends the stage: caches what was looked up, and returns the numbers.
    pub fn finish(self) -> Report {
        if let Some(facts) = self.facts.into_inner() {
            facts.keep();
        }
        self.counts.into_inner().unwrap_or_default()
    }

    /// Evaluates records and stores what is found. Removals and added domains come first, because threats are evaluated with them. Then
    /// come the records that prove a threat by themselves, so that they are stored and sent before anything is looked up for another.
    async fn assess(&self, mut records: Vec<AuditRecord>, created: DateTime<Utc>) -> Result<(), Stop> {
        records.sort_by_key(|record| record.created);
        if let Err(stop) = self.learn().await {
            self.store_proven_without_domains(&records, created).await?;
            return Err(stop);
        }
        let Sorted { preconditions, proven, consents, others } = self.sorted(records).await?;
        for record in preconditions.into_iter().chain(proven) {
            if let Some(finding) = self.evaluate(&record).await? {
                Box::pin(self.store_finding(finding, created)).await?;
            }
        }
        for records in [consents, others] {
            let mut findings = Vec::new();
            for record in &records {
                findings.extend(self.evaluate(record).await?);
            }
            self.store_all(findings, created).await?;
        }
        Ok(())
    }

    /// Learns the facts that every record needs.
    async fn learn(&self) -> Result<(), Stop> {
        let mut facts = self.facts.lock().await;
        self.learned(&mut facts).await.map(|_| ())
    }

    /// Stores the records that are threats whichever domains are the tenant's. The others are evaluated when its domains can be read; then
    /// the blob is read again, and these records are known.
    async fn store_proven_without_domains(&self, records: &[AuditRecord], created: DateTime<Utc>) -> Result<(), Stop> {
        let known = self.session.read(|row| self.app.facts.without_look_ups(row)).await;
        let mut findings: Vec<Finding> =
            records.iter().filter_map(|record| judge_without_domains(record, &known)).collect();
        findings.retain(|finding| !is_precondition(finding) && !finding.rejudge);
        self.store_all(findings, created).await
    }

    /// Stores findings, several at once; the records of one consent are one finding. All of them are tried, whatever becomes of one: none
    /// is cut off between the acceptance of its notification and the mark. Findings that are only recorded come last and go together.
    async fn store_all(&self, mut findings: Vec<Finding>, created: DateTime<Utc>) -> Result<(), Stop> {
        unite_consents(&mut findings);
        let (recorded, others): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_only_recorded);
        let stores: Vec<_> = others.into_iter().map(|finding| self.store_finding(finding, created).boxed()).collect();
        let mut stored: Vec<_> = stream::iter(stores).buffer_unordered(STORED_AT_ONCE).collect().await;
        for together in recorded.chunks(TOGETHER_LIMIT) {
            stored.push(self.store_together(together, created).await);
        }
        Ok(stored.into_iter().collect::<Result<(), StoreError>>()?)
    }

    /// Sorts records by what they show with what is known already.
    async fn sorted(&self, records: Vec<AuditRecord>) -> Result<Sorted, Stop> {
        let mut facts = self.facts.lock().await;
        let facts = self.learned(&mut facts).await?;
        let mut sorted = Sorted::default();
        for record in records {
            let list = match judge(&record, &facts.knowledge) {
                Some(finding) if is_precondition(&finding) => &mut sorted.preconditions,
                Some(finding) if finding.kind == FindingKind::Consent => &mut sorted.consents,
                Some(finding) if finding.threat && !finding.hinges_on_withheld_target => &mut sorted.proven,
                _ => &mut sorted.others,
            };
            list.push(record);
        }
        Ok(sorted)
    }

    /// Looks up what a record needs, and evaluates it.
    async fn evaluate(&self, record: &AuditRecord) -> Result<Option<Finding>, Stop> {
        let mut facts = self.facts.lock().await;
        let facts = self.learned(&mut facts).await?;
        Box::pin(facts.prepare(record)).await;
        let mut finding = judge(record, &facts.knowledge);
        finding.iter().for_each(|finding| facts.knowledge.note_domain(finding));
        if let Some(finding) = finding.as_mut().filter(|finding| finding.kind == FindingKind::ContactRetargeted) {
            self.ask_who_forwards(finding).await;
        }
        Ok(finding)
    }

    /// A contact forwards nothing itself: it is a threat if a mailbox forwards to it. If Exchange does not say now, the record is
    /// evaluated again.
    async fn ask_who_forwards(&self, finding: &mut Finding) {
        if finding.outside_targets.is_empty() {
            return;
        }
        match contacts::who_forwards_to(&self.app.exchange, &self.tenant, finding).await {
            Ok(Some(mailbox)) => raise_forwarding_target(finding, &mailbox),
            Ok(None) => {}
            Err(error) => {
                tracing::info!(tenant = %self.tenant, "which mailbox forwards to a contact is not known: {error}");
                finding.rejudge |= error.is_transient();
            }
        }
    }

    /// The facts of the run; learned when the first record needs them.
    async fn learned<'f>(&self, facts: &'f mut Option<RunFacts<'a>>) -> Result<&'f mut RunFacts<'a>, Stop> {
        if facts.is_none() {
            let row = self.session.read(Clone::clone).await;
            let mut learned = self.app.facts.of_tenant(&row).await?;
            learned.knowledge.attackers = self.app.attackers.current(self.app.store.as_ref()).await;
            learned.knowledge.recently_added = self.added_domains().await?;
            learned.knowledge.forget_old_domains(self.app.clock.now());
            self.organization.get_or_init(|| learned.organization.clone());
            *facts = Some(learned);
        }
        facts.as_mut().ok_or_else(|| Stop::Transient("the facts of the tenant were not kept".to_owned()))
    }

    /// The name of the tenant, as the partner's list or the tenant itself says it.
    async fn organization(&self) -> String {
        match self.organization.get() {
            Some(name) => name.clone(),
            None => self.session.read(|row| row.display_name.clone()).await,
        }
    }

    fn count(&self, change: impl FnOnce(&mut Report)) {
        if let Ok(mut counts) = self.counts.lock() {
            change(&mut counts);
        }
    }
}
