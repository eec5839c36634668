//! Stage 2: one record becomes one stored finding. Facts are looked up, the record is evaluated (`crate::detection`), the finding
//! is claimed and stored (`findings`, `repeats`), sent if it is a threat, and then related to others (`relate`). `resume`
//! continues the findings that earlier runs left unfinished.

mod consents;
mod exits;
mod findings;
mod marks;
mod near_events;
mod recorder;
mod relate;
mod repeats;
mod resume;

pub use resume::{resume_notices, resume_unwatched};

use std::collections::HashMap;

use parking_lot::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::{OnceCell, Semaphore};

use crate::app::App;
use crate::collect::Batch;
use crate::detection::{Finding, FindingKind, judge_without_domains, raise_forwarding_target, unite_consents};
use crate::facts::{RunFacts, Turn, contacts};
use crate::notify::outbox::Outbox;
use crate::tables::claim::{CLAIM_HOLDS, CONTAINMENT_HOLDS, OwnedFinding};
use crate::tables::incidents::Joined;
use crate::tables::{Containment, CoverageSession, ProcessedRow, RowVersion, is_containable};
use crate::tenants::{Report, Stop};
use audit_log::AuditRecord;
use base::ids::TenantId;
use findings::is_only_recorded;
use near_events::NearEvents;
use recorder::Recorder;
use repeats::NotifiedFingerprints;
use table_store::StoreError;

/// Findings that are stored concurrently.
const STORED_AT_ONCE: usize = 8;

/// Batches that are evaluated concurrently. Each holds its records until all of them are stored.
const BATCHES_AT_ONCE: usize = 64;

/// The time after which the facts of a tenant are looked up again in the run in which that failed.
const LEARNED_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(10);

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
    facts: OnceCell<RunFacts<'a>>,
    /// Held while the facts are learned; why and when that last failed.
    learning: tokio::sync::Mutex<Option<(DateTime<Utc>, Stop)>>,
    /// Held to write by what must not be stored together with anything else, and to read by the rest.
    storing: tokio::sync::RwLock<()>,
    /// One for each finding that is stored and sent now, over all batches.
    places: Semaphore,
    recorder: Recorder,
    notified: NotifiedFingerprints,
    /// Held while a sign-in from an attacker's address is counted.
    address_turn: tokio::sync::Mutex<()>,
    near: NearEvents,
    /// The incidents that repeats of this run have joined, by account.
    incidents: tokio::sync::Mutex<HashMap<String, Joined>>,
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
            facts: OnceCell::new(),
            learning: tokio::sync::Mutex::default(),
            storing: tokio::sync::RwLock::default(),
            places: Semaphore::new(STORED_AT_ONCE),
            recorder: Recorder::default(),
            notified: NotifiedFingerprints::default(),
            address_turn: tokio::sync::Mutex::default(),
            near: NearEvents::default(),
            incidents: tokio::sync::Mutex::default(),
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
        self.containment.lock().take();
    }

    /// Sends a threat that this run holds the claim of, or hands it to the stage of containment.
    async fn deliver_threat(&self, row: ProcessedRow, version: RowVersion) -> Result<(), StoreError> {
        let is_open = row.containment == Some(Containment::Open);
        if !is_open && (row.containment.is_some() || !self.is_to_be_contained(&row)) {
            return self.outbox.deliver_threat(row, version).await;
        }
        let stage = self.containment.lock().clone();
        let Some(stage) = stage else { return self.outbox.deliver_threat(row, version).await };
        match stage.send(OwnedFinding { row, version }) {
            Ok(()) => Ok(()),
            Err(SendError(OwnedFinding { row, version })) => self.outbox.deliver_threat(row, version).await,
        }
    }

    fn is_to_be_contained(&self, row: &ProcessedRow) -> bool {
        is_to_be_contained(self.app, row)
    }

    /// Evaluates batches until the collecting stage has ended, and acknowledges each. Several at once: a batch for which something is
    /// looked up must not delay the threats in another.
    pub async fn run(&self, mut batches: mpsc::Receiver<Batch>) {
        stream::poll_fn(|context| batches.poll_recv(context))
            .for_each_concurrent(BATCHES_AT_ONCE, |mut batch| async {
                let (records, created) = (batch.take_records(), batch.content_created);
                batch.acknowledge(self.assess(records, created).boxed().await);
            })
            .await;
    }

    /// Ends the stage: caches what was looked up, and returns the numbers.
    pub fn finish(self) -> Report {
        if let Some(facts) = self.facts.into_inner() {
            facts.keep();
        }
        self.counts.into_inner()
    }

    /// Evaluates records and stores what is found. Removals and added domains come first, because threats are evaluated with them. Then
    /// come the records that prove a threat by themselves, so that they are stored and sent before anything is looked up for another.
    async fn assess(&self, mut records: Vec<AuditRecord>, created: DateTime<Utc>) -> Result<(), Stop> {
        records.sort_by_key(|record| record.created);
        if let Err(stop) = self.facts().await {
            self.store_proven_without_domains(&records, created).await?;
            return Err(stop);
        }
        let Sorted { preconditions, proven, consents, others } = self.sorted(records).await?;
        for record in preconditions {
            if let Some(finding) = self.evaluate(&record, Turn::OfThreats).await? {
                let _alone = self.storing.write().await;
                Box::pin(self.store_finding(finding, created)).await?;
            }
        }
        for record in proven {
            if let Some(finding) = self.evaluate(&record, Turn::OfThreats).await? {
                let _with_others = self.storing.read().await;
                Box::pin(self.store_finding(finding, created)).await?;
            }
        }
        let consents = self.evaluate_all(&consents).await?;
        if !consents.is_empty() {
            let _alone = self.storing.write().await;
            self.store_all(consents, created).await?;
        }
        let others = self.evaluate_all(&others).await?;
        let _with_others = self.storing.read().await;
        self.store_all(others, created).await
    }

    async fn evaluate_all(&self, records: &[AuditRecord]) -> Result<Vec<Finding>, Stop> {
        let mut findings = Vec::new();
        for record in records {
            findings.extend(self.evaluate(record, Turn::OfOthers).await?);
        }
        Ok(findings)
    }

    /// Stores the records that are threats whichever domains are the tenant's. The others are evaluated when its domains can be read; then
    /// the blob is read again, and these records are known.
    async fn store_proven_without_domains(&self, records: &[AuditRecord], created: DateTime<Utc>) -> Result<(), Stop> {
        let known = self.session.read(|row| self.app.facts.without_look_ups(row)).await;
        let mut findings: Vec<Finding> =
            records.iter().filter_map(|record| judge_without_domains(record, &known)).collect();
        findings.retain(|finding| !is_precondition(finding) && !finding.rejudge);
        let _alone = self.storing.write().await;
        self.store_all(findings, created).await
    }

    /// Stores findings, several at once; the records of one consent are one finding. All of them are tried, whatever becomes of one: none
    /// is cut off between the acceptance of its notification and the mark. Findings that are only recorded come last and go together.
    async fn store_all(&self, mut findings: Vec<Finding>, created: DateTime<Utc>) -> Result<(), Stop> {
        unite_consents(&mut findings);
        let (recorded, others): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_only_recorded);
        let store = async |finding| {
            let _place = self.places.acquire().await;
            self.store_finding(finding, created).await
        };
        let stored = join_all(others.into_iter().map(|finding| store(finding).boxed())).await;
        let mut rows = Vec::new();
        for finding in &recorded {
            let row = ProcessedRow { content_created: Some(created), ..self.row(finding).await };
            rows.push(row.to_entity());
        }
        let recorded = self.record(rows).await;
        stored.into_iter().collect::<Result<(), StoreError>>()?;
        recorded
    }

    /// Sorts records by what they show with what is known already.
    async fn sorted(&self, records: Vec<AuditRecord>) -> Result<Sorted, Stop> {
        let facts = self.facts().await?;
        let mut sorted = Sorted::default();
        for record in records {
            let list = match facts.judge(&record) {
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
    async fn evaluate(&self, record: &AuditRecord, turn: Turn) -> Result<Option<Finding>, Stop> {
        let mut finding = Box::pin(self.facts().await?.evaluate(record, turn)).await;
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

    /// The facts of the run; learned when the first record needs them. Batches that wait while that fails fail with it.
    async fn facts(&self) -> Result<&RunFacts<'a>, Stop> {
        if let Some(facts) = self.facts.get() {
            return Ok(facts);
        }
        let mut failure = self.learning.lock().await;
        if let Some((at, stop)) = failure.as_ref()
            && (self.app.clock.now() - *at).abs() < LEARNED_AGAIN_AFTER
        {
            return Err(stop.clone());
        }
        let learned = self.facts.get_or_try_init(|| self.learn()).await;
        *failure = learned.as_ref().err().map(|stop| (self.app.clock.now(), stop.clone()));
        learned
    }

    /// Learns the facts that every record needs.
    async fn learn(&self) -> Result<RunFacts<'a>, Stop> {
        let row = self.session.read(Clone::clone).await;
        let learned = self.app.facts.of_tenant(&row).await?;
        let attackers = self.app.attackers.current(self.app.store.as_ref()).await;
        let recently_added = self.added_domains().await?;
        learned.learn(|known| {
            known.attackers = attackers;
            known.recently_added = recently_added;
            known.forget_old_domains(self.app.clock.now());
        });
        Ok(learned)
    }

    /// The name of the tenant, as the partner's list or the tenant itself says it.
    async fn organization(&self) -> String {
        match self.facts.get() {
            Some(facts) => facts.organization.clone(),
            None => self.session.read(|row| row.display_name.clone()).await,
        }
    }

    fn count(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.counts.lock());
    }
}
