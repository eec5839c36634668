//! One run of automatic containment: the least that stops the attacker, under the locks of a remediation and with its steps.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::remediation::accounts::Account;
use crate::remediation::context::RemediationContext;
use crate::remediation::history::History;
use crate::remediation::remediate::{self, RemediationRequest};
use crate::remediation::{Refusal, Report, RunStatus, steps};
use crate::tables::{self, ProcessedRow};
use base::ids::RunId;

use super::breaker::{Breaker, NoRoom};
use super::conditions::Condition;
use super::evidence::accounts_of;

/// The pause before a run requests locks again that another run holds.
const LOCK_PAUSE: Duration = Duration::from_secs(2);

/// The number of these requests.
const LOCK_TRIES: usize = 40;

/// The reason why a run changed nothing.
#[derive(Debug)]
pub enum NotRun {
    /// A condition is not met.
    Unmet(Condition),
    /// The breaker is open, or could not be used.
    NoRoom(NoRoom),
}

impl From<Refusal> for NotRun {
    fn from(refusal: Refusal) -> Self {
        Self::Unmet(match refusal {
            Refusal::Protected(_) => Condition::NotProtected,
            Refusal::Busy => Condition::Free,
            Refusal::Store(_) => Condition::Stored,
            _ => Condition::KnownAccounts,
        })
    }
}

/// A run and its limits.
pub struct Run<'a> {
    pub request: RemediationRequest<'a>,
    pub breaker: Breaker<'a>,
    /// The object ids of the accounts whose conditions are met.
    pub checked: BTreeSet<String>,
    /// Set when something is changed in the tenant from now on.
    pub has_begun: &'a AtomicBool,
}

impl Run<'_> {
    /// Contains the accounts, or continues where an earlier run of the same threat stopped.
    ///
    /// # Errors
    /// Returns [`NotRun`] if nothing was changed.
    pub async fn contain(&self) -> Result<Report, NotRun> {
        let run_id = RunId::random();
        let mut context = self.locked(run_id).await?;
        let outcome = Box::pin(self.under_lock(&mut context, run_id)).await;
        context.release_lock().await;
        outcome
    }

    /// Takes the locks. While another run holds one of them, it waits as long as there is time.
    async fn locked(&self, run_id: RunId) -> Result<RemediationContext<'_>, Refusal> {
        for _ in 1..LOCK_TRIES {
            match self.request.locked(run_id).await {
                Err(Refusal::Busy) if self.request.deadline.left() > LOCK_PAUSE => {
                    self.request.app.clock.sleep(LOCK_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
        self.request.locked(run_id).await
    }

    async fn under_lock<'c>(&'c self, context: &mut RemediationContext<'c>, run_id: RunId) -> Result<Report, NotRun> {
        let request = self.request;
        let mut history = request.history().await?;
        context.compromised = request.compromised(&history).await?;
        context.only_offending = true;
        if !self.has_claim().await? {
            return Err(NotRun::Unmet(Condition::Free));
        }
        self.check_again(&context.compromised, &history)?;
        // A run begun again after a kill is counted already.
        let ids = super::ids_of(&context.compromised);
        self.breaker.reserve(request.finding, &ids).await.map_err(NotRun::NoRoom)?;
        let wanted = steps::least(request.finding.kind);
        let (mut steps, is_done) = remediate::steps_so_far(&wanted, &history, request.finding, &context.compromised);
        let snapshot = history.open_snapshot();
        let record = request.begin(run_id, &mut history, &steps).await?.after(snapshot);
        context.record = Some(Mutex::new(record));
        self.has_begun.store(true, Ordering::SeqCst);
        let status = match is_done {
            true => remediate::secure_again(context, &wanted, &mut steps).await,
            false => {
                remediate::take_all(context, &mut steps).await;
                RunStatus::of(&steps, RunStatus::Completed)
            }
        };
        let warnings = context.finish(status, &steps).await;
        let mut report = request.report(run_id, status, &context.compromised, steps);
        report.warnings = warnings;
        Ok(report)
    }

    /// Returns whether no other run has taken the threat over: that one contains the account and sends the notification.
    async fn has_claim(&self) -> Result<bool, Refusal> {
        let (app, finding) = (self.request.app, self.request.finding);
        let stored = tables::load::<ProcessedRow>(app.store.as_ref(), &finding.key()).await?;
        Ok(stored.is_some_and(|(row, _)| row.state.is_closed() || row.claim_id == finding.claim_id))
    }

    /// Checks what may have changed before the locks were held: an Undo, or an account that was disabled or enabled.
    fn check_again(&self, compromised: &[Account], history: &History) -> Result<(), NotRun> {
        let now = self.request.app.clock.now();
        if history.last_undo().is_some_and(|undo| now - undo <= super::conditions::AFTER_UNDO) {
            return Err(NotRun::Unmet(Condition::NoRecentUndo));
        }
        let is_checked = |account: &Account| self.checked.contains(&account.key().to_lowercase());
        if !compromised.iter().all(is_checked) || accounts_of(self.request.accounts, history).is_empty() {
            return Err(NotRun::Unmet(Condition::KnownAccounts));
        }
        let is_enabled = |account: &Account| {
            let state = account.user.as_ref().and_then(|user| user.account_enabled);
            let was_enabled = account.object_id.as_deref().is_some_and(|id| history.was_enabled(id));
            state.is_some_and(|enabled| enabled || was_enabled)
        };
        match compromised.iter().all(is_enabled) {
            true => Ok(()),
            false => Err(NotRun::Unmet(Condition::Enabled)),
        }
    }
}
