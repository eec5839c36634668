//! Stage 1: what is new in one tenant's audit log. Plans which spans of time to list ([`windows`]), lists them (`listing`) and streams
//! every new blob (`blobs`) as batches of records to the next stage. A blob counts as read when that stage has acknowledged every
//! record of it. A blob that could not be read is deferred (`retry_queue`); content that is permanently lost is a gap (`gaps`).

mod batch;
mod blob_stream;
mod blobs;
mod gaps;
mod listing;
mod retry_queue;
mod time;
pub mod windows;

pub use batch::{Batch, batches};
pub use blob_stream::{ArrayEnds, LargeRecord};
pub use listing::PAGES;
pub use time::{Now, now};

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore, mpsc};

use crate::app::App;
use crate::notify::outbox::Outbox;
use crate::tables::CoverageSession;
use crate::tenants::stop::stop_in_time;
use crate::tenants::{Report, Stop};
use base::clock::Deadline;
use base::ids::TenantId;
use m365::{Service, ServiceError};

use windows::Plan;

/// A difference between times that is more than the duration of a run.
const NOTABLE_DELAY: TimeDelta = TimeDelta::minutes(15);

/// The collecting stage of one run.
#[derive(Debug)]
pub struct Collector<'a> {
    app: &'a App,
    tenant: TenantId,
    deadline: &'a Deadline,
    session: &'a CoverageSession<'a>,
    outbox: &'a Outbox<'a>,
    batches: mpsc::Sender<Batch>,
    /// One for each byte of the records that wait to be stored.
    waiting_places: Arc<Semaphore>,
    /// Blobs in the retry queue, by content id: this run does not read them as new ones.
    deferred: Mutex<HashSet<String>>,
    /// Set once the tenant can be read.
    reading: OnceCell<()>,
    /// Something has ended the run: what is under way is finished, nothing else is begun.
    ending: Arc<AtomicBool>,
    counts: Mutex<Report>,
}

impl<'a> Collector<'a> {
    /// Reads nothing yet. Batches go to `batches`.
    pub fn new(
        app: &'a App,
        tenant: TenantId,
        deadline: &'a Deadline,
        session: &'a CoverageSession<'a>,
        outbox: &'a Outbox<'a>,
        batches: mpsc::Sender<Batch>,
    ) -> Self {
        Self {
            app,
            tenant,
            deadline,
            session,
            outbox,
            batches,
            waiting_places: Arc::new(Semaphore::new(blobs::WAITING_BYTES)),
            deferred: Mutex::default(),
            reading: OnceCell::new(),
            ending: Arc::default(),
            counts: Mutex::default(),
        }
    }

    /// Reads everything that is due, in the order of its urgency, and notes the numbers in `report`. Consumes the collector: the end of its
    /// batches is the end of the next stage's work.
    pub async fn run(self, share: Deadline, report: &mut Report) -> Result<(), Stop> {
        let outcome = self.read_all(share).await;
        *report = self.counts.into_inner();
        outcome
    }

    async fn read_all(&self, share: Deadline) -> Result<(), Stop> {
        self.read_retry_queue(&share).await?;
        // Its response tells a process that has just started the time of a second clock.
        self.app.tokens.token(&self.tenant, Service::ManagementActivity).await.map_err(ServiceError::Token)?;
        let before = time::now(self.app).time;
        let read = self.read_planned().await;
        // The first listing may have shown that the clock was behind.
        let was_behind = time::now(self.app).time - before > NOTABLE_DELAY;
        if read.is_ok() && was_behind { self.read_planned().await } else { read }
    }

    /// Lists and reads what is missing up to now.
    async fn read_planned(&self) -> Result<(), Stop> {
        let settings = &self.app.settings.collection;
        let (lookback, overlap) = (span_of(settings.lookback), span_of(settings.overlap));
        let now = time::now(self.app);
        let plan = self.session.read(|row| windows::plan(row, &now, lookback, overlap)).await;
        let mut outcome = Ok(());
        for window in &plan.windows {
            stop_in_time(self.deadline)?;
            match self.read_window(&plan, *window).await {
                // A window that cannot be listed now does not keep newer content from being read.
                Err(stop @ Stop::Transient(_)) => outcome = outcome.and(Err(stop)),
                read => read?,
            }
            self.ending.store(false, Ordering::Relaxed);
            if plan.windows.len() > 1 {
                self.session.save().await?;
            }
        }
        outcome
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    fn ends_if<T>(&self, outcome: &Result<T, Stop>) {
        self.ending.fetch_or(outcome.is_err(), Ordering::Relaxed);
    }

    /// The tenant can be read: a first run that is cut short continues from where it began, and what an outage made unlistable is a gap.
    /// Not notified before, because while the tenant is unreadable it grows from run to run.
    async fn begin_reading(&self, plan: &Plan) -> Result<(), Stop> {
        let (now, latest) = (self.app.clock.now(), time::now(self.app).latest);
        self.session
            .change(|row| {
                // A wrong clock covered a time that no clock has reached yet.
                if row.covered_until.is_none_or(|covered| covered > latest + NOTABLE_DELAY) {
                    row.covered_until = Some(plan.start);
                }
                row.read_from = row.read_from.or(row.covered_until);
                row.read_since = row.read_since.or(Some(now));
            })
            .await;
        let why = "it was not read for more than 7 days, and Microsoft does not list older content";
        self.lose(&plan.lost, why).await?;
        self.session.change(|row| plan.lost.iter().for_each(|span| row.cover(*span))).await;
        Ok(())
    }

    fn count(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.counts.lock());
    }
}

/// A setting as a span of time.
pub fn span_of(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
