//! The stage of containment: a task of its own beside the evaluation of records. It gets threats, contains their accounts, and sends
//! the notification, which waits for the containment for [`NOTIFICATION_WAITS`] at most.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _, join};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::app::App;
use crate::notify::outbox::Outbox;
use crate::tables::claim::{CLAIM_HOLDS, OwnedFinding};
use crate::tables::incidents::account_of;
use crate::tables::{self, Containment, CoverageSession, ProcessedRow, RowVersion, pending};
use base::clock::Deadline;
use table_store::StoreError;

use super::conditions::Condition;
use super::{Contained, Containing};

/// The longest time that a notification waits for its containment.
const NOTIFICATION_WAITS: Duration = Duration::from_secs(30);

/// No containment is begun with less than this left in the run: the next run does it.
const RESERVE: Duration = Duration::from_secs(120);

/// The age of a threat up to which later runs try to end its containment.
const ENDED_WITHIN: TimeDelta = TimeDelta::days(2);

/// The most accounts that are contained at the same time. Each is several requests to the tenant.
const AT_ONCE: usize = 64;

/// The most notifications that are sent at the same time.
const SENT_AT_ONCE: usize = 64;

/// The containments of one run.
#[derive(Debug)]
pub struct ContainmentStage<'a> {
    containing: Containing<'a>,
    outbox: &'a Outbox<'a>,
    accounts: Mutex<HashMap<String, Arc<Account>>>,
    contained: Mutex<Vec<ProcessedRow>>,
    containments: Semaphore,
    sendings: Semaphore,
}

/// One account of this run: its threats are contained one after the other, in the order in which they came.
#[derive(Debug, Default)]
struct Account {
    /// Given in the order of the requests. Whoever waits for it holds nothing that another account needs.
    turn: tokio::sync::Mutex<()>,
    /// `true` if the containment of one of its threats has begun in this run: the notifications of the others say so too.
    has_begun: AtomicBool,
}

impl<'a> ContainmentStage<'a> {
    /// Contains nothing yet. Nothing is begun that cannot end before `deadline`.
    pub fn new(app: &'a App, session: &'a CoverageSession<'a>, outbox: &'a Outbox<'a>, deadline: &'a Deadline) -> Self {
        Self {
            containing: Containing { app, session, deadline },
            outbox,
            accounts: Mutex::default(),
            contained: Mutex::default(),
            containments: Semaphore::new(AT_ONCE),
            sendings: Semaphore::new(SENT_AT_ONCE),
        }
    }

    /// Contains the accounts of threats until their sender has gone. Each threat is begun when it comes, so that its notification waits
    /// from then on: hundreds of threats to one account hold back none to another.
    ///
    /// # Errors
    /// Returns the first [`StoreError`]. The other threats are contained and sent before.
    pub async fn run(&self, mut threats: UnboundedReceiver<OwnedFinding>) -> Result<(), StoreError> {
        let (mut handled, mut all, mut is_open) = (FuturesUnordered::new(), Ok(()), true);
        while is_open || !handled.is_empty() {
            tokio::select! {
                threat = threats.recv(), if is_open => match threat {
                    Some(threat) => handled.push(self.handle(threat).boxed()),
                    None => is_open = false,
                },
                Some(outcome) = handled.next(), if !handled.is_empty() => all = all.and(outcome),
            }
        }
        all
    }

    async fn handle(&self, threat: OwnedFinding) -> Result<(), StoreError> {
        if self.containing.deadline.left() < RESERVE {
            // Its claim ends soon, and the next run takes it over.
            return Ok(());
        }
        let OwnedFinding { row, version } = threat;
        let finding = row.clone();
        let account = self.account(&finding);
        let mut work = pin!(self.contain_in_turn(&finding, &account));
        if row.state.is_closed() {
            return self.end(&row, work.await).await;
        }
        if row.containment.is_some() {
            return self.tell_and_end(row, version, work).await;
        }
        let wait = Deadline::after(Arc::clone(&self.containing.app.clock), NOTIFICATION_WAITS);
        match wait.limit(work.as_mut()).await {
            Some(contained) => self.tell(row, version, contained).await,
            None if account.has_begun.load(Ordering::SeqCst) || self.containing.may_have_begun(&finding) => {
                self.tell_and_end(row, version, work).await
            }
            None => self.tell(row, version, Contained::refused(Condition::InTime)).await,
        }
    }

    fn account(&self, finding: &ProcessedRow) -> Arc<Account> {
        let mut accounts = self.accounts.lock();
        Arc::clone(accounts.entry(account_of(finding)).or_default())
    }

    async fn contain_in_turn(&self, finding: &ProcessedRow, account: &Account) -> Contained {
        let _turn = account.turn.lock().await;
        let _place = self.containments.acquire().await;
        if self.containing.deadline.left() < RESERVE {
            return Contained::open();
        }
        let contained = Box::pin(self.containing.contain(finding, &account.has_begun)).await;
        if contained.has_acted() {
            self.contained.lock().push(finding.clone());
        }
        contained
    }

    /// Returns the threats whose accounts were contained in this run.
    pub fn contained(&self) -> Vec<ProcessedRow> {
        std::mem::take(&mut self.contained.lock())
    }

    /// Sends the notification with the result.
    async fn tell(&self, row: ProcessedRow, version: RowVersion, contained: Contained) -> Result<(), StoreError> {
        let no_room = contained.no_room;
        let row = ProcessedRow { containment: Some(contained.result), containment_detail: contained.detail, ..row };
        let told = self.send(row, version).await;
        if let Some(no_room) = no_room {
            self.containing.tell_of_opening(self.outbox, &no_room).await;
        }
        told
    }

    /// Sends the notification now, and ends the containment without a further one.
    async fn tell_and_end(
        &self,
        row: ProcessedRow,
        version: RowVersion,
        work: impl Future<Output = Contained>,
    ) -> Result<(), StoreError> {
        let row = ProcessedRow { containment: Some(Containment::Open), ..row };
        let (sent, contained) = join!(self.send(row.clone(), version), work);
        sent?;
        self.end(&row, contained).await
    }

    /// Stores the result with the claim for as long as sending may take, and sends. A row that another run has taken over is sent by it.
    async fn send(&self, mut row: ProcessedRow, version: RowVersion) -> Result<(), StoreError> {
        let app = self.containing.app;
        let _place = self.sendings.acquire().await;
        row.next_attempt = Some(app.clock.now() + CLAIM_HOLDS);
        match row.replace(app.store.as_ref(), &version).await? {
            Some(version) => self.outbox.deliver_threat(row, version).await,
            None => Ok(()),
        }
    }

    /// Stores the result of a containment whose notification was sent. While the notification is still owed to a channel only its sender
    /// may change the row; then a later run comes here again.
    async fn end(&self, row: &ProcessedRow, contained: Contained) -> Result<(), StoreError> {
        let app = self.containing.app;
        let store = app.store.as_ref();
        if contained.result == Containment::Open && app.clock.now() - row.event_time < ENDED_WITHIN {
            return Ok(());
        }
        let result = if contained.result == Containment::Done { Containment::Done } else { Containment::Partly };
        let key = row.key();
        let is_closed = tables::update::<ProcessedRow, bool>(store, &app.clock, &key, |stored| match stored {
            Some(row) if row.state.is_closed() && row.containment == Some(Containment::Open) => {
                let (containment, containment_detail) = (Some(result.clone()), contained.detail.clone());
                (Some(ProcessedRow { containment, containment_detail, ..row }), true)
            }
            Some(row) => (None, row.state.is_closed()),
            None => (None, true),
        });
        if is_closed.await? {
            pending::remove(store, &row.tenant_id, &row.record_id).await?;
        }
        Ok(())
    }
}
