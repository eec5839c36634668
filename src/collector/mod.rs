//! Reading one tenant's audit log without a gap, and telling when that is not possible.
//!
//! [`read_tenant`] is one run. It goes on with what an earlier run left (`resume`, `owed`), plans which spans of time to
//! list (`windows`), lists them (`listing`) and streams every new blob (`blobs`) into judging (`batch`, with what
//! `knowledge` looks up and `relate` finds in other findings). What is found is claimed and stored (`findings`,
//! `repeats`) and sent (`sending`). What is lost for good is a gap (`gaps`). The run ends with a state of the tenant
//! (`states`, `audit_check`), and its coverage row is written last (`kept`).

mod audit_check;
mod batch;
mod blobs;
mod contacts;
pub(crate) mod customers;
pub(crate) mod daily;
mod findings;
mod gaps;
mod kept;
mod knowledge;
mod listing;
mod message;
mod notices;
mod owed;
mod pending;
mod relate;
mod repeats;
mod resume;
mod sending;
pub(crate) mod service;
mod states;
mod stop;
mod undelivered;
mod windows;

pub(crate) use kept::Kept;
pub use knowledge::Memory;
pub use message::{MessageError, Report, TenantMessage};
pub(crate) use resume::{resume_notices, resume_unwatched};
pub(crate) use sending::Outbox;
pub(crate) use states::{LATE_AFTER, enter};
pub use stop::Stop;
pub(crate) use undelivered::undelivered;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use chrono::TimeDelta;
use tokio::sync::OnceCell;

use crate::app::App;
use crate::tables::COVERAGE;
use crate::tables::TenantState;
use base::clock::Deadline;
use base::ids::TenantId;
use table_store::{PartitionKey, Query, StoreError};

use knowledge::Known;
use repeats::Told;
use windows::Plan;

/// One run for one tenant.
#[derive(Debug)]
struct TenantRun<'a> {
    app: &'a App,
    deadline: &'a Deadline,
    tenant: TenantId,
    kept: Kept<'a>,
    outbox: Outbox<'a>,
    known: tokio::sync::Mutex<Option<Known<'a>>>,
    organization: OnceLock<String>,
    reading: OnceCell<()>,
    /// Something has ended the run: what is under way is finished, nothing else is begun.
    ending: AtomicBool,
    told: Told,
    owed: Mutex<std::collections::HashSet<String>>,
    report: Mutex<Report>,
}

/// Reads what is new in one tenant's audit log, judges it, stores it and tells of it.
///
/// # Errors
/// [`Stop::Dark`] where trying again is pointless: the tenant's state says why, and somebody was told. With any other the
/// next run goes on from where this one stopped.
pub async fn read_tenant(app: &App, message: &TenantMessage, deadline: &Deadline) -> Result<Report, Stop> {
    let kept = Kept::open(app, message).await?;
    if kept.read(|row| row.last_run.is_some_and(|last| last >= message.queued_at)).await {
        return Ok(Report::default());
    }
    let run = TenantRun::new(app, message, deadline, kept);
    let outcome = stop::in_time(deadline, run.collect()).await;
    run.finish(message, outcome).await
}

impl<'a> TenantRun<'a> {
    fn new(app: &'a App, message: &TenantMessage, deadline: &'a Deadline, kept: Kept<'a>) -> Self {
        Self {
            app,
            deadline,
            tenant: message.tenant_id,
            kept,
            outbox: Outbox::new(app, deadline),
            known: tokio::sync::Mutex::default(),
            organization: OnceLock::new(),
            reading: OnceCell::new(),
            ending: AtomicBool::new(false),
            told: Told::default(),
            owed: Mutex::default(),
            report: Mutex::default(),
        }
    }

    /// Everything that a run does, in the order of its urgency. Ends early with a reason.
    async fn collect(&self) -> Result<(), Stop> {
        self.resume(&self.share()).await?;
        self.read_owed(&self.share()).await?;
        let settings = &self.app.settings.collection;
        let (lookback, overlap) = (span_of(settings.lookback), span_of(settings.overlap));
        let now = self.app.memory.now(self.app.clock.now());
        let plan = self.kept.read(|row| windows::plan(row, now, lookback, overlap)).await;
        let mut outcome = Ok(());
        for window in &plan.windows {
            self.stop_in_time()?;
            match self.read_window(&plan, *window).await {
                // What cannot be listed now does not keep newer content from being read.
                Err(stop @ Stop::Transient(_)) => outcome = outcome.and(Err(stop)),
                read => read?,
            }
            self.ending.store(false, Ordering::Relaxed);
            if plan.windows.len() > 1 {
                self.kept.save().await?;
            }
        }
        outcome
    }

    /// The time that goes to one kind of what earlier runs left. What is new must be read however much that is.
    fn share(&self) -> Deadline {
        Deadline::after(Arc::clone(&self.app.clock), self.deadline.left() / 4)
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    fn ends_if<T>(&self, outcome: &Result<T, Stop>) {
        self.ending.fetch_or(outcome.is_err(), Ordering::Relaxed);
    }

    /// The tenant can be read: a first run that is cut short goes on from where it began, and what an outage made unlistable
    /// is a gap. Not told before, because while the tenant is dark it grows from run to run.
    async fn begin_reading(&self, plan: &Plan) -> Result<(), Stop> {
        self.kept.change(|row| row.covered_until.get_or_insert(plan.start).to_owned()).await;
        self.lose(&plan.lost, "it was not read for more than 7 days, and older content cannot be listed").await?;
        self.kept.change(|row| plan.lost.iter().for_each(|span| row.cover(*span))).await;
        Ok(())
    }

    /// Ends the run: with a state of the tenant, and the coverage row written last.
    async fn finish(self, message: &TenantMessage, outcome: Result<(), Stop>) -> Result<Report, Stop> {
        let ended = self.store_outcome(message, &outcome).await;
        let owed = self.kept.read(|row| u64::from(row.owed)).await;
        self.count(|report| {
            report.owed = owed;
            report.notified = self.outbox.accepted();
        });
        if let Some(known) = self.known.into_inner() {
            known.remember();
        }
        ended?;
        match outcome {
            Ok(()) | Err(Stop::OutOfTime) => Ok(self.report.into_inner().unwrap_or_default()),
            Err(stop) => Err(stop),
        }
    }

    async fn store_outcome(&self, message: &TenantMessage, outcome: &Result<(), Stop>) -> Result<(), StoreError> {
        self.clear_pending().await?;
        let (now, overlap) = (self.app.clock.now(), span_of(self.app.settings.collection.overlap));
        self.kept
            .change(|row| {
                if !message.display_name.is_empty() {
                    row.display_name.clone_from(&message.display_name);
                }
                if let Some(listed_again) = row.covered_until.and_then(|covered| covered.checked_sub_signed(overlap)) {
                    row.forget_fetched_before(listed_again);
                }
                row.last_outcome = match outcome {
                    Ok(()) => "read up to now".to_owned(),
                    Err(stop) => stop.to_string(),
                };
                if matches!(outcome, Ok(()) | Err(Stop::Dark(..))) {
                    row.last_run = Some(now);
                }
            })
            .await;
        match outcome {
            Ok(()) => self.enter_read_state(message).await,
            Err(Stop::Dark(state, why)) => self.enter_dark(*state, why).await,
            Err(Stop::OutOfTime | Stop::Transient(_)) => self.kept.save().await,
        }
    }

    /// The tenant was read up to now: healthy, unless its auditing is off.
    async fn enter_read_state(&self, message: &TenantMessage) -> Result<(), StoreError> {
        let is_off = self.auditing_is_off().await;
        // A message from before the tenant left the partner's list does not bring it back.
        let has_left = self.kept.read(|row| row.state == TenantState::NotListed && message.queued_at < row.since).await;
        let state = match (has_left, is_off) {
            (true, _) => TenantState::NotListed,
            (false, true) => TenantState::AuditingOff,
            (false, false) => TenantState::Healthy,
        };
        enter(self.app, &self.kept, &self.outbox, state, "").await
    }

    async fn enter_dark(&self, state: TenantState, why: &str) -> Result<(), StoreError> {
        enter(self.app, &self.kept, &self.outbox, state, why).await?;
        if state == TenantState::OurFault {
            service::our_fault(self.app, &self.outbox, why).await?;
        }
        Ok(())
    }

    /// `Pending` goes when nothing unfinished is left.
    async fn clear_pending(&self) -> Result<(), StoreError> {
        if !self.kept.read(|row| row.pending).await {
            return Ok(());
        }
        let mut query = Query::partition(PartitionKey::tenant(&self.tenant)).with_prefix("pending_");
        query.limit = 1;
        if self.app.store.list(COVERAGE, &query).await?.rows.is_empty() {
            self.kept.change(|row| row.pending = false).await;
        }
        Ok(())
    }

    fn count(&self, count: impl FnOnce(&mut Report)) {
        if let Ok(mut report) = self.report.lock() {
            count(&mut report);
        }
    }

    /// Nothing new is begun when the time is nearly over.
    fn stop_in_time(&self) -> Result<(), Stop> {
        stop::stop_in_time(self.deadline)
    }
}

fn span_of(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
