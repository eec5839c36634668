//! The context of a press, with which every step works.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::{Mutex, OnceCell};

use crate::app::App;
use crate::tables::ProcessedRow;
use base::clock::Deadline;
use base::ids::TenantId;
use m365::exchange::{AcceptedDomain, MailboxId};
use m365::{Service, ServiceError};
use table_store::StoreError;

use super::accounts::{Account, Accounts};
use super::boundary::{Boundary, Recipient};
use super::findings::{self, Findings};
use super::journal::RunJournal;
use super::lock::Locks;
use super::snapshot::Snapshot;
use super::step::StepReport;
use super::{RunStatus, Step};

/// The interval at which a lease is checked during a step, well below the time of a lease.
const RENEWED_EVERY: Duration = Duration::from_secs(15);

/// The time limit of a call to Exchange, or of a step for one account, retries included. A service that hangs must not use up the
/// time of the other steps.
const EXCHANGE_CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// The same, after that service was silent once.
const TIMEOUT_AFTER_SILENCE: Duration = Duration::from_secs(5);

/// The shortest wait.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// One press on one finding.
pub struct RemediationContext<'a> {
    pub app: &'a App,
    pub finding: &'a ProcessedRow,
    pub accounts: &'a Accounts,
    /// The accounts that the account steps act on.
    pub compromised: Vec<Account>,
    /// Read everything, change nothing.
    pub preview: bool,
    /// Of the rules, only the one of the finding is disabled.
    pub only_offending: bool,
    /// After this nothing new is begun.
    pub deadline: &'a Deadline,
    /// Held by every run that changes something.
    pub lock: Option<Mutex<Locks<'a>>>,
    /// The stored state of the run, in every run that changes something.
    pub record: Option<Mutex<RunJournal<'a>>>,
    pub(super) boundary: OnceCell<Boundary>,
    findings: OnceCell<Findings>,
    /// Those that were looked up.
    pub(super) recipients: Mutex<BTreeMap<String, Recipient>>,
    exchange_was_silent: AtomicBool,
    graph_was_silent: AtomicBool,
}

impl<'a> RemediationContext<'a> {
    pub fn new(app: &'a App, finding: &'a ProcessedRow, accounts: &'a Accounts, deadline: &'a Deadline) -> Self {
        Self {
            app,
            finding,
            accounts,
            compromised: Vec::new(),
            preview: false,
            only_offending: false,
            deadline,
            lock: None,
            record: None,
            boundary: OnceCell::new(),
            findings: OnceCell::new(),
            recipients: Mutex::default(),
            exchange_was_silent: AtomicBool::new(false),
            graph_was_silent: AtomicBool::new(false),
        }
    }

    /// Releases the locks.
    pub async fn release_lock(self) {
        if let Some(lock) = self.lock {
            lock.into_inner().release().await;
        }
    }

    pub fn tenant(&self) -> &TenantId {
        &self.finding.tenant_id
    }

    /// Returns the mailbox of the finding: Exchange is asked for it by the object id of its owner.
    pub fn mailbox(&self) -> MailboxId {
        let owner = &self.accounts.owner;
        MailboxId { name: owner.name.clone(), object_id: owner.object_id.clone() }
    }

    /// Returns the accepted domains of the organization.
    pub async fn accepted_domains(&self) -> Result<Vec<AcceptedDomain>, ServiceError> {
        self.ask_exchange("accepted domains", self.app.exchange.accepted_domains(self.tenant())).await
    }

    /// Returns the answer of Exchange to one call; `what` names the call in the error if no answer comes in time.
    pub async fn ask_exchange<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        self.within_timeout(Service::Exchange, &self.exchange_was_silent, what, call).await
    }

    /// Returns the answer of Graph to one call; `what` names the call in the error if no answer comes in time.
    pub async fn ask_graph<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        self.within_timeout(Service::Graph, &self.graph_was_silent, what, call).await
    }

    async fn within_timeout<T>(
        &self,
        service: Service,
        was_silent: &AtomicBool,
        what: &str,
        call: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        let timeout = timeout(was_silent);
        // On the heap, as every long piece of work here: a step waits in many places, and each would hold a place for it.
        self.within(timeout, Box::pin(call)).await.unwrap_or_else(|| {
            was_silent.store(true, Ordering::Relaxed);
            let detail = format!("no answer to {what} within {} s", timeout.as_secs());
            Err(ServiceError::Unreachable { service, detail })
        })
    }

    /// Returns whether a call to Exchange was not answered in time.
    pub fn exchange_was_silent(&self) -> bool {
        self.exchange_was_silent.load(Ordering::Relaxed)
    }

    /// The output, unless the work takes longer.
    pub async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        Deadline::after(Arc::clone(&self.app.clock), limit).limit(work).await
    }

    /// Does a step for one compromised account, in its time: the other accounts and steps have to get theirs.
    pub async fn in_time(&self, account: &Account, work: impl Future<Output = StepReport>) -> StepReport {
        let timeout = timeout(&self.graph_was_silent);
        self.within(timeout, Box::pin(work)).await.unwrap_or_else(|| {
            self.graph_was_silent.store(true, Ordering::Relaxed);
            let seconds = timeout.as_secs();
            StepReport::failed(format!("{}: no response within {seconds} s. Run the remediation again.", account.name))
        })
    }

    /// Keeps for Undo what was seen before it is changed: what has been kept before stays as it is. A Preview keeps nothing.
    pub async fn keep(&self, seen: Snapshot) {
        if let Some(record) = &self.record {
            record.lock().await.keep(seen).await;
        }
    }

    /// Returns the settings that are saved for Undo so far.
    pub async fn kept(&self) -> Option<Snapshot> {
        match &self.record {
            Some(record) => record.lock().await.kept(),
            None => None,
        }
    }

    /// Stores how far the steps are.
    pub async fn save(&self, steps: &[Step]) {
        if let Some(record) = &self.record {
            record.lock().await.save(steps).await;
        }
    }

    /// Stores how far the steps are, where people look as well.
    pub async fn publish(&self, steps: &[Step]) {
        if let Some(record) = &self.record {
            record.lock().await.publish(steps).await;
        }
    }

    /// Stores the end of the run. Returns the parts that could not be stored.
    pub async fn finish(&self, status: RunStatus, steps: &[Step]) -> Vec<String> {
        let Some(record) = &self.record else { return Vec::new() };
        let mut record = record.lock().await;
        record.finish(status, steps).await;
        std::mem::take(&mut record.warnings)
    }

    /// Returns whether there is time for one more change, and this run still holds the locks.
    pub async fn may_go_on(&self) -> bool {
        if self.deadline.has_passed() {
            return false;
        }
        match &self.lock {
            Some(lock) => lock.lock().await.renew().await,
            None => true,
        }
    }

    /// The output, or `None` when time runs out or the mailbox is no longer ours alone to change; then the work is dropped where
    /// it stands. A step may take longer than the lease holds, so that is renewed meanwhile.
    pub async fn run_while_locked<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let pause = self.deadline.left().min(RENEWED_EVERY).max(SHORTEST_WAIT);
            match select(work, self.app.clock.sleep(pause)).await {
                Either::Left((output, _)) => return Some(output),
                Either::Right(((), unfinished)) => work = unfinished,
            }
            if !self.is_still_ours().await {
                return None;
            }
        }
    }

    /// As [`RemediationContext::may_go_on`]. While the work itself holds the lock it is being renewed.
    async fn is_still_ours(&self) -> bool {
        if self.deadline.has_passed() {
            return false;
        }
        match self.lock.as_ref().map(Mutex::try_lock) {
            Some(Ok(mut lock)) => lock.renew().await,
            Some(Err(_)) | None => true,
        }
    }

    /// Returns the owner of the mailbox and the accounts that the account steps act on.
    fn concerned(&self) -> Vec<&Account> {
        std::iter::once(&self.accounts.owner).chain(&self.compromised).collect()
    }

    /// Findings of the last 30 days about the mailbox or one of the accounts. Read once.
    pub async fn findings(&self) -> Result<&Findings, StoreError> {
        let read = async || findings::about(self.app, self.finding, &self.concerned()).await;
        self.findings.get_or_try_init(read).await
    }
}

fn timeout(was_silent: &AtomicBool) -> Duration {
    if was_silent.load(Ordering::Relaxed) { TIMEOUT_AFTER_SILENCE } else { EXCHANGE_CALL_TIMEOUT }
}
