//! What every step works with.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

use crate::app::App;
use crate::clock::Deadline;
use crate::ledger::ProcessedRow;
use crate::microsoft::ServiceError;
use crate::microsoft::exchange::{Anchor, Row};
use crate::names::TenantId;
use crate::store::StoreError;

use super::accounts::{Account, Accounts};
use super::boundary::Boundary;
use super::findings;
use super::lock::Lock;

/// What has to be granted where Exchange refuses.
pub const EXCHANGE_GRANT: &str = "Grant the app the application role Exchange.ManageAsApp and, in this tenant, the directory \
     role Exchange Administrator.";

/// How often a lease is looked at while a step is under way. Well below what it holds.
const RENEWED_EVERY: Duration = Duration::from_secs(15);

/// The shortest wait.
const GLANCE: Duration = Duration::from_millis(1);

/// One press on one finding.
pub struct Case<'a> {
    pub app: &'a App,
    pub finding: &'a ProcessedRow,
    pub accounts: &'a Accounts,
    /// Whom the account steps act on.
    pub compromised: Vec<Account>,
    /// Read everything, change nothing.
    pub preview: bool,
    /// After this nothing new is begun.
    pub deadline: &'a Deadline,
    /// Held by every run that changes something.
    pub lock: Option<Mutex<Lock<'a>>>,
    boundary: OnceCell<Boundary>,
    findings: OnceCell<Vec<ProcessedRow>>,
}

impl<'a> Case<'a> {
    pub fn new(app: &'a App, finding: &'a ProcessedRow, accounts: &'a Accounts, deadline: &'a Deadline) -> Self {
        Self {
            app,
            finding,
            accounts,
            compromised: Vec::new(),
            preview: false,
            deadline,
            lock: None,
            boundary: OnceCell::new(),
            findings: OnceCell::new(),
        }
    }

    /// Lets go of the lock of the mailbox.
    pub async fn let_go(self) {
        if let Some(lock) = self.lock {
            lock.into_inner().release().await;
        }
    }

    pub fn tenant(&self) -> &TenantId {
        &self.finding.tenant_id
    }

    /// What Exchange knows the mailbox by.
    pub fn mailbox(&self) -> &str {
        &self.accounts.owner.name
    }

    /// Runs a cmdlet on the mailbox: `member` names it among the other parameters (`Identity` or `Mailbox`).
    pub async fn on_mailbox(&self, cmdlet: &str, member: &str, parameters: Value) -> Result<Vec<Row>, ServiceError> {
        let mut parameters = parameters;
        parameters[member] = json!(self.mailbox());
        self.invoke(cmdlet, parameters).await
    }

    /// Runs a cmdlet, routed by the mailbox.
    pub async fn invoke(&self, cmdlet: &str, parameters: Value) -> Result<Vec<Row>, ServiceError> {
        let anchor = Anchor::Mailbox(self.mailbox().to_owned());
        self.app.exchange.invoke(self.tenant(), &anchor, cmdlet, parameters).await
    }

    /// Runs a cmdlet about the organization.
    pub async fn on_organization(&self, cmdlet: &str, parameters: Value) -> Result<Vec<Row>, ServiceError> {
        self.app.exchange.invoke(self.tenant(), &Anchor::Organization, cmdlet, parameters).await
    }

    /// Whether there is time for one more change, and the mailbox is still ours alone to change.
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
    /// it stands. A call may take longer than the lease holds, so that is renewed meanwhile.
    pub async fn while_ours<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let pause = self.deadline.left().min(RENEWED_EVERY).max(GLANCE);
            match select(work, self.app.clock.sleep(pause)).await {
                Either::Left((output, _)) => return Some(output),
                Either::Right(((), unfinished)) => work = unfinished,
            }
            if !self.is_still_ours().await {
                return None;
            }
        }
    }

    /// As [`Case::may_go_on`]. While the work itself holds the lock it is being renewed.
    async fn is_still_ours(&self) -> bool {
        if self.deadline.has_passed() {
            return false;
        }
        match self.lock.as_ref().map(Mutex::try_lock) {
            Some(Ok(mut lock)) => lock.renew().await,
            Some(Err(_)) | None => true,
        }
    }

    /// Which addresses are inside the organization. Read once.
    pub async fn boundary(&self) -> Result<&Boundary, ServiceError> {
        self.boundary.get_or_try_init(|| Boundary::read(self)).await
    }

    /// Findings of the last 30 days about the mailbox or one of the accounts. Read once.
    pub async fn findings(&self) -> Result<&[ProcessedRow], StoreError> {
        self.findings.get_or_try_init(|| findings::about(self)).await.map(Vec::as_slice)
    }
}
