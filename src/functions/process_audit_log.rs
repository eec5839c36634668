//! ProcessAuditLog: reads what is new in one tenant's audit log, evaluates and stores it, and sends notifications.

use tracing::Instrument as _;

use crate::app::App;
use crate::assess::Assessor;
use crate::casework::{investigate_due, note_contained, start_subscriptions};
use crate::collect::{self, Collector, batches, span_of};
use crate::notify::outbox::Outbox;
use crate::readiness::daily;
use crate::remediation::contain::ContainmentStage;
use crate::tables::{COVERAGE, CoverageRow, CoverageSession, PendingRow, TenantState, coverage};
use crate::tenants::audit_check::auditing_is_off;
use crate::tenants::stop::Start;
use crate::tenants::{self, Stop, service, stop};
use base::clock::Deadline;
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt as _;
use table_store::{PartitionKey, Query, StoreError};
use tokio::sync::mpsc::unbounded_channel;

pub use crate::tenants::Report;

/// A run that covered nothing up to this long before now has not read the tenant up to now.
const RECENT: TimeDelta = TimeDelta::minutes(15);

use super::{FunctionError, TenantMessage, tenant_span};

/// The time limit of one run, in seconds. Below `functionTimeout` of `host.json`.
pub const DEADLINE_SECONDS: u64 = 8 * 60;

/// Reads one tenant. Safe to repeat, and to run more than once at the same time.
///
/// # Errors
/// Returns [`FunctionError::Transient`] if the host should try again; results so far are stored. Returns
/// [`FunctionError::Permanent`] if that is pointless: the tenant's state names the reason, and a notice was sent.
pub async fn run(app: &App, message: &TenantMessage, deadline: &Deadline) -> Result<Report, FunctionError> {
    let read = async {
        let report = Box::pin(read_tenant(app, message, deadline)).await?;
        log(&report);
        Ok(report)
    };
    read.instrument(tenant_span(&message.tenant_id, &message.domain, &message.display_name)).await
}

/// One run: continues what earlier runs left, lets the stages work on what is new, and ends with a state of the tenant.
async fn read_tenant(app: &App, message: &TenantMessage, deadline: &Deadline) -> Result<Report, Stop> {
    let Some(session) = monitored(app, message).await? else { return Ok(Report::default()) };
    let started = app.clock.now();
    if session.read(|row| is_outdated(message, row.last_run_started, started)).await {
        return Ok(Report::default());
    }
    let is_look_due = session.read(|row| daily::is_due(row, started)).await;
    let outbox = app.outbox(deadline);
    let (to_containment, containable) = unbounded_channel();
    let assessor = Assessor::new(app, message.tenant_id, &session, &outbox).with_containment(to_containment);
    let mut collected = Report::default();
    let stage = ContainmentStage::new(app, &session, &outbox, deadline);
    let stages = async {
        let reading = async {
            let read = work(app, message, deadline, &session, &outbox, &assessor, &mut collected).await;
            assessor.end_containment();
            read
        };
        let (read, contained) = tokio::join!(reading.boxed(), stage.run(containable).boxed());
        Box::pin(outbox.send_bundles()).await?;
        read.and(contained.map_err(Stop::from))
    };
    let outcome = stop::in_time(deadline, stages.boxed()).await;
    let assessed = assessor.finish();
    if matches!(outcome, Ok(()) | Err(Stop::Starting(Start::Accepted))) {
        let _ = deadline.limit(start_subscriptions(app, &session)).await;
        note_contained(app, &session, &stage.contained(), deadline).await;
        investigate(app, &session, &outbox, deadline).await;
    }
    let run = Run { app, message, session: &session, outbox: &outbox, started };
    let ended = Box::pin(run.store_outcome(&outcome)).await;
    let report = Report {
        findings: assessed.findings,
        threats: assessed.threats,
        owed: session.read(|row| u64::from(row.owed)).await,
        notified: outbox.accepted(),
        ..collected
    };
    ended?;
    if is_look_due && may_look(&outcome) {
        Box::pin(daily::look_and_store(app, &session, deadline)).await;
    }
    match outcome {
        Ok(()) | Err(Stop::OutOfTime | Stop::Starting(_)) => Ok(report),
        Err(stop) => Err(stop),
    }
}

/// Investigates in the time that is left. A failure is no failure of the run: what is owed is noted, and the next run finds it.
async fn investigate(app: &App, session: &CoverageSession<'_>, outbox: &Outbox<'_>, deadline: &Deadline) {
    let due = async { Ok(Box::pin(investigate_due(app, session, outbox, deadline)).await?) };
    if let Err(stop) = stop::in_time(deadline, due).await {
        tracing::warn!("investigations are left to the next run: {stop}");
    }
}

/// Returns whether the run has found out enough to look at the tenant: it was read, or it cannot be read. A problem of Tenantwatch itself
/// says nothing about the tenant.
fn may_look(outcome: &Result<(), Stop>) -> bool {
    match outcome {
        Ok(()) => true,
        Err(Stop::AccessBlocked(state, _)) => *state != TenantState::OurFault,
        Err(Stop::OutOfTime | Stop::Starting(_) | Stop::Transient(_)) => false,
    }
}

/// Returns whether a complete run began after the message was queued. A beginning that lies ahead was written by a wrong clock and skips
/// nothing.
fn is_outdated(message: &TenantMessage, last_run_started: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    last_run_started.is_some_and(|started| started >= message.queued_at && started <= now)
}

/// The coverage row of the tenant. `None` if the tenant is not monitored: GetDomain stores a row before it queues a tenant for the first
/// time, and a message for any other tenant is not believed.
async fn monitored<'a>(app: &'a App, message: &TenantMessage) -> Result<Option<CoverageSession<'a>>, StoreError> {
    let known = coverage::read(app.store.as_ref(), &message.tenant_id).await?;
    let is_excluded = |row: &CoverageRow| app.settings.tenants.excludes(&row.tenant_id, &row.domain);
    let Some((row, version)) = known.filter(|(row, _)| !is_excluded(row)) else {
        tracing::warn!(tenant = %message.tenant_id, "a message names a tenant that is not monitored; it is not read");
        return Ok(None);
    };
    Ok(Some(CoverageSession::new(app.store.as_ref(), app.clock.clone(), row, version)))
}

/// Sends what was left undelivered, then lets both stages work side by side: one reads, the other evaluates what was read. Beside them
/// earlier records are evaluated again, because an Exchange that does not answer must not delay what is new.
async fn work(
    app: &App,
    message: &TenantMessage,
    deadline: &Deadline,
    session: &CoverageSession<'_>,
    outbox: &Outbox<'_>,
    assessor: &Assessor<'_>,
    collected: &mut Report,
) -> Result<(), Stop> {
    let unfinished = assessor.resume(deadline, &share(app, deadline)).boxed().await?;
    Box::pin(outbox.send_bundles()).await?;
    let (sender, receiver) = batches();
    let collector = Collector::new(app, message.tenant_id, deadline, session, outbox, sender);
    // On the heap: each stage waits in many places, and would hold room for all of them on the stack. Their types are erased, because
    // the compiler looks only so deep into one.
    let collecting = collector.run(share(app, deadline), collected).boxed();
    let share = share(app, deadline);
    let again = assessor.resume_all(unfinished, deadline, &share).boxed();
    let (read, (), again) = tokio::join!(collecting, assessor.run(receiver).boxed(), again);
    read.and(again)
}

/// Returns the time budget for one kind of unfinished work of earlier runs. New content must be read however much of that there
/// is.
fn share(app: &App, deadline: &Deadline) -> Deadline {
    Deadline::after(app.clock.clone(), deadline.left() / 4)
}

/// The parts that the end of a run needs.
struct Run<'a> {
    app: &'a App,
    message: &'a TenantMessage,
    session: &'a CoverageSession<'a>,
    outbox: &'a Outbox<'a>,
    started: DateTime<Utc>,
}

impl Run<'_> {
    /// Ends the run with a state of the tenant. The coverage row is written last.
    async fn store_outcome(&self, outcome: &Result<(), Stop>) -> Result<(), StoreError> {
        self.clear_pending().await?;
        let (now, overlap) = (self.app.clock.now(), span_of(self.app.settings.collection.overlap));
        self.session
            .change(|row| {
                if !self.message.display_name.is_empty() {
                    row.display_name.clone_from(&self.message.display_name);
                }
                if let Some(listed_again) = row.covered_until.and_then(|covered| covered.checked_sub_signed(overlap)) {
                    row.forget_fetched_before(listed_again);
                }
                row.last_outcome = match outcome {
                    Ok(()) => "read up to now".to_owned(),
                    Err(stop) => stop.to_string(),
                };
                if matches!(outcome, Ok(()) | Err(Stop::AccessBlocked(..))) {
                    row.last_run = Some(now);
                    row.last_run_started = Some(self.started);
                }
            })
            .await;
        if let Some(apart) = collect::now(self.app).disagreement {
            service::notice_clocks(self.app, self.outbox, apart).await?;
        }
        match outcome {
            Ok(()) => self.enter_read_state().await,
            Err(Stop::AccessBlocked(state, why)) => self.enter_blocked(*state, why).await,
            Err(Stop::OutOfTime | Stop::Starting(_) | Stop::Transient(_)) => self.session.save().await,
        }
    }

    /// The tenant was read up to now: healthy, unless its auditing is off, or the clocks do not let it be said.
    async fn enter_read_state(&self) -> Result<(), StoreError> {
        let now = collect::now(self.app);
        let covered = self.session.read(|row| row.covered_until).await;
        if covered.is_none_or(|covered| (now.time - covered).abs() > RECENT) {
            self.session.change(|row| row.last_outcome = "nothing recent could be listed".to_owned()).await;
            return self.session.save().await;
        }
        let is_off = auditing_is_off(self.app, self.session).await;
        // A message from before the tenant left the partner's list does not bring it back.
        let queued_at = self.message.queued_at;
        let has_left = self.session.read(|row| row.state == TenantState::NotListed && queued_at < row.since).await;
        let state = match (has_left, is_off) {
            (true, _) => TenantState::NotListed,
            (false, true) => TenantState::AuditingOff,
            (false, false) => TenantState::Healthy,
        };
        tenants::enter(self.app, self.session, self.outbox, state, "").await
    }

    async fn enter_blocked(&self, state: TenantState, why: &str) -> Result<(), StoreError> {
        tenants::enter(self.app, self.session, self.outbox, state, why).await?;
        if state == TenantState::OurFault {
            service::our_fault(self.app, self.outbox, why).await?;
        }
        Ok(())
    }

    /// `Pending` goes when nothing unfinished is left, on no page.
    async fn clear_pending(&self) -> Result<(), StoreError> {
        if !self.session.read(|row| row.pending).await {
            return Ok(());
        }
        let partition = PartitionKey::tenant(&self.message.tenant_id);
        let mut query = Query::partition(partition).with_prefix(PendingRow::ROW_PREFIX);
        query.limit = 1;
        loop {
            let page = self.app.store.list(COVERAGE, &query).await?;
            if !page.rows.is_empty() {
                return Ok(());
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        self.session.change(|row| row.pending = false).await;
        Ok(())
    }
}

/// Writes the one line of a run. Under the host every line costs money, so a run without a result writes it at debug level.
fn log(report: &Report) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                blobs = report.blobs,
                records = report.records,
                selected = report.selected,
                malformed = report.broken,
                findings = report.findings,
                threats = report.threats,
                notified = report.notified,
                deferred = report.owed,
                gaps = report.gaps,
                "audit log read"
            )
        };
    }
    if report.is_quiet() { line!(debug) } else { line!(info) }
}
