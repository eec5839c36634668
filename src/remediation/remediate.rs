//! One press of Secure and Remediate, and the Preview of one.

use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use crate::app::App;
use crate::notify::token::{ActionTokens, Scope, UNDO_LIFE};
use crate::tables::ProcessedRow;
use base::clock::Deadline;
use base::ids::RunId;
use table_store::StoreError;

use super::accounts::{Account, Accounts};
use super::context::RemediationContext;
use super::history::History;
use super::journal::RunJournal;
use super::lock::Locks;
use super::request::Request;
use super::step::StepReport;
use super::steps::verify::Reading;
use super::steps::{self, snapshot, verify};
use super::{Action, Refusal, Report, RunStatus, Step, StepName, notified_fingerprints};

/// The finding and the accounts of a press.
#[derive(Debug, Clone, Copy)]
pub struct RemediationRequest<'a> {
    /// The services and the store.
    pub app: &'a App,
    /// The stored threat.
    pub finding: &'a ProcessedRow,
    /// The request of the caller.
    pub request: &'a Request,
    /// The accounts of the finding.
    pub accounts: &'a Accounts,
    /// After this nothing new is begun.
    pub deadline: &'a Deadline,
}

impl<'a> RemediationRequest<'a> {
    /// Takes the locks of every account and mailbox that the request may change. [`RemediationContext::release_lock`] must follow,
    /// whatever the outcome of the work.
    ///
    /// # Errors
    /// [`Refusal::Busy`], and if the store cannot be used.
    pub(super) async fn locked(&self, run_id: RunId) -> Result<RemediationContext<'a>, Refusal> {
        let (store, clock) = (self.app.store.as_ref(), Arc::clone(&self.app.clock));
        let ids = self.accounts.object_ids();
        let locks = self.in_time(Locks::acquire(store, clock, &self.finding.domain, &ids, run_id)).await?;
        let mut context = RemediationContext::new(self.app, self.finding, self.accounts, self.deadline);
        context.lock = Some(Mutex::new(locks));
        Ok(context)
    }

    /// The earlier runs for the accounts and the mailbox.
    pub(super) async fn history(&self) -> Result<History, Refusal> {
        let (domain, ids) = (&self.finding.domain, self.accounts.object_ids());
        let mailbox_id = self.accounts.mailbox_id();
        let history = self.in_time(History::load(self.app, domain, &ids, &mailbox_id)).await?;
        Ok(history.of_incident(self.finding, &mailbox_id))
    }

    /// Returns the answer of the store before anything is changed, unless it takes all the time there is.
    async fn in_time<T, E: Into<Refusal>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, Refusal> {
        let slow = || Err(StoreError::Unavailable("no answer in time".to_owned()).into());
        self.deadline.limit(Box::pin(work)).await.map_or_else(slow, |outcome| outcome.map_err(Into::into))
    }

    /// The accounts that the account steps act on, none of them protected, as they are now. Called while the locks are held: before
    /// that another run may still have changed whether they can sign in.
    pub(super) async fn compromised(&self, history: &History) -> Result<Vec<Account>, Refusal> {
        let accounts = self.accounts.read_again(self.app, &self.finding.tenant_id).await;
        let compromised = accounts.compromised(self.request.account, |id| history.was_enabled(id));
        self.accounts.refuse_protected(&compromised, &self.app.settings.actions.protected_users)?;
        Ok(compromised)
    }

    /// Stores the row of the run, and names it in the index of every account that it may change.
    pub(super) async fn begin(
        &self,
        run_id: RunId,
        history: &mut History,
        steps: &[Step],
    ) -> Result<RunJournal<'a>, Refusal> {
        let journal = RunJournal::begin(self.app, self.finding, self.request, run_id, Some(self.accounts), steps);
        let mut journal = self.in_time(journal).await?;
        if self.request.action != Action::Preview {
            journal.add_to_index(history).await;
        }
        Ok(journal)
    }

    pub(super) fn report(&self, run_id: RunId, status: RunStatus, on: &[Account], steps: Vec<Step>) -> Report {
        let names: Vec<&str> = on.iter().map(|account| account.name.as_str()).collect();
        Report {
            status,
            action: self.request.action.as_str(),
            run_id: run_id.to_string(),
            domain: self.finding.domain.to_string(),
            user: self.request.user.clone(),
            account: names.join(";"),
            steps,
            undo_token: String::new(),
            action_token: String::new(),
            warnings: Vec::new(),
        }
    }
}

/// Secures the account: goes on from where the last run of this finding stopped, and says `AlreadyDone` only after a fresh read.
///
/// # Errors
/// When nothing was changed.
pub async fn remediate(press: RemediationRequest<'_>) -> Result<Report, Refusal> {
    let run_id = RunId::random();
    let mut context = press.locked(run_id).await?;
    let outcome = under_lock(press, &mut context, run_id).await;
    context.release_lock().await;
    outcome
}

async fn under_lock<'a>(
    press: RemediationRequest<'a>,
    context: &mut RemediationContext<'a>,
    run_id: RunId,
) -> Result<Report, Refusal> {
    let mut history = press.history().await?;
    context.compromised = press.compromised(&history).await?;
    let (mut steps, is_done) = steps_so_far(&steps::all(), &history, press.finding, &context.compromised);
    let snapshot = history.open_snapshot();
    let record = press.begin(run_id, &mut history, &steps).await?.after(snapshot);
    context.record = Some(Mutex::new(record));
    let status = match is_done {
        true => secure_again(context, &steps::all(), &mut steps).await,
        false => {
            take_all(context, &mut steps).await;
            RunStatus::of(&steps, RunStatus::Completed)
        }
    };
    let mut warnings = context.finish(status, &steps).await;
    if status != RunStatus::Incomplete {
        warnings.extend(notified_fingerprints::reset_notified_fingerprints(context).await);
    }
    let mut report = press.report(run_id, status, &context.compromised, steps);
    report.warnings = warnings;
    // The answer of the run that did the work alone: else every button would be an Undo for 30 days.
    if status != RunStatus::AlreadyDone {
        report.undo_token = undo_token(press);
    }
    Ok(report)
}

/// The wanted steps as the last run of this finding left them, and whether nothing is left to be done.
///
/// If something is left, only steps that must not be done twice are handed on. The other steps first look whether there is
/// something to do, and so notice a change that was reverted.
pub(super) fn steps_so_far(
    wanted: &[Step],
    history: &History,
    finding: &ProcessedRow,
    compromised: &[Account],
) -> (Vec<Step>, bool) {
    let mut steps = wanted.to_vec();
    let Some((run, prior)) = history.prior_steps(&finding.record_id) else {
        return (steps, false);
    };
    if is_let_in_again(&prior, compromised) {
        return (steps, false);
    }
    let settled = |step: &&Step| step.outcome.is_settled() && covers(step, compromised);
    let is_done = prior.len() == steps.len() && prior.iter().all(|step| settled(&step));
    for step in steps.iter_mut().filter(|step| is_done || is_done_once(step.step)) {
        if let Some(earlier) = prior.iter().find(|earlier| earlier.step == step.step).filter(settled) {
            *step = earlier.handed_on(run.run_id);
        }
    }
    (steps, is_done)
}

/// Returns whether sign-in is allowed for an account that an earlier run has blocked. An attacker who has come in since then may know
/// the password and has sessions.
fn is_let_in_again(prior: &[Step], compromised: &[Account]) -> bool {
    let is_enabled = |account: &Account| account.user.as_ref().and_then(|user| user.account_enabled) == Some(true);
    let blocked = prior.iter().filter(|step| step.step == StepName::BlockSignIn && step.outcome.is_settled());
    let mut again = blocked.flat_map(|step| compromised.iter().filter(|account| step.covers(account)));
    again.any(is_enabled)
}

/// The steps that do not look whether they are needed: a second time would take from the owner what was given out since.
fn is_done_once(step: StepName) -> bool {
    matches!(
        step,
        StepName::RevokeSessions | StepName::ResetPassword | StepName::ReviewSignInMethods | StepName::RevokeConsents
    )
}

/// Returns whether an account step was taken for all of these accounts: an earlier run may have been for fewer.
fn covers(step: &Step, compromised: &[Account]) -> bool {
    let is_about_accounts = matches!(
        step.step,
        StepName::BlockSignIn
            | StepName::RevokeSessions
            | StepName::ResetPassword
            | StepName::ReviewSignInMethods
            | StepName::RevokeConsents
            | StepName::RevokeSessionsAgain
    );
    !is_about_accounts || compromised.iter().all(|account| step.covers(account))
}

/// Verifies a finished run. If a change is no longer in effect, an attacker was inside in the meantime, and all of it is done
/// again; if the state cannot be read, nothing is known and nothing is done.
pub(super) async fn secure_again(
    context: &RemediationContext<'_>,
    wanted: &[Step],
    steps: &mut Vec<Step>,
) -> RunStatus {
    let read = context.run_while_locked(Box::pin(verify::run(context, steps))).await;
    let Some(Reading { report, is_broken }) = read else {
        note(steps, steps::LAST, StepReport::planned("Time ran out; the next press reads again."));
        return RunStatus::Incomplete;
    };
    if is_broken {
        *steps = wanted.to_vec();
        take_all(context, steps).await;
        return RunStatus::of(steps, RunStatus::Completed);
    }
    note(steps, steps::LAST, report);
    RunStatus::of(steps, RunStatus::AlreadyDone)
}

/// Takes every step that is not finished, until time runs out. Each is stored before and after: the end of one step and the
/// beginning of the next are one write.
pub(super) async fn take_all(context: &RemediationContext<'_>, steps: &mut [Step]) {
    let names: Vec<StepName> = steps.iter().filter(|step| !step.outcome.is_settled()).map(|step| step.step).collect();
    for name in names {
        if !context.may_go_on().await {
            break;
        }
        note(steps, name, StepReport::planned("Started."));
        context.save(steps).await;
        let report = match name {
            steps::FIRST => context.run_while_locked(Box::pin(snapshot::run(context))).await,
            steps::LAST => {
                context.run_while_locked(Box::pin(verify::run(context, steps))).await.map(|read| read.report)
            }
            other => context.run_while_locked(Box::pin(steps::take(other, context))).await,
        };
        let cut_short = || StepReport::planned("Time ran out. Run the remediation again to repeat this step.");
        note(steps, name, report.unwrap_or_else(cut_short));
        if name == StepName::BlockSignIn {
            context.publish(steps).await;
        }
    }
    context.save(steps).await;
}

fn note(steps: &mut [Step], name: StepName, report: StepReport) {
    if let Some(step) = steps.iter_mut().find(|step| step.step == name) {
        step.note(report);
    }
}

fn undo_token(press: RemediationRequest<'_>) -> String {
    let tokens = ActionTokens::new(&press.app.settings.actions);
    let token = tokens.mint(press.finding, Scope::Undo, press.app.clock.now(), UNDO_LIFE);
    token.map(|token| token.expose_secret().to_owned()).unwrap_or_default()
}

/// Says what Remediate would do. Reads everything, changes nothing.
///
/// # Errors
/// When the run cannot be recorded.
pub async fn preview(press: RemediationRequest<'_>) -> Result<Report, Refusal> {
    let mut history = press.history().await?;
    let mut context = RemediationContext::new(press.app, press.finding, press.accounts, press.deadline);
    context.compromised = press.compromised(&history).await?;
    context.preview = true;
    let mut steps = steps::all();
    let run_id = RunId::random();
    let mut record = press.begin(run_id, &mut history, &steps).await?;
    note(&mut steps, steps::FIRST, StepReport::planned("The present settings would be saved for Undo."));
    for name in steps::BETWEEN {
        let report = context.run_while_locked(Box::pin(steps::take(name, &context))).await;
        note(&mut steps, name, report.unwrap_or_else(|| StepReport::planned("Time ran out before this was read.")));
    }
    note(&mut steps, steps::LAST, StepReport::planned("Every change would be verified."));
    record.finish(RunStatus::Preview, &steps).await;
    let mut report = press.report(run_id, RunStatus::Preview, &context.compromised, steps);
    report.warnings = record.warnings;
    Ok(report)
}
