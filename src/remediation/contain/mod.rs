//! Contains an account by itself because of one threat: the least that stops the attacker, if every condition is met.
//!
//! `evidence` reads what the `conditions` are about, `breaker` counts the accounts, `run` takes the steps. [`ContainmentStage`] does it
//! beside the evaluation of other records and sends the notification.

mod breaker;
mod conditions;
mod evidence;
mod run;
mod stage;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::app::App;
use crate::settings::ContainmentMode;
use crate::tables::{Containment, CoverageSession, ProcessedRow};
use base::clock::Deadline;
use chrono::TimeDelta;

use super::accounts::{Account, Accounts};
use super::context::RemediationContext;
use super::history::{self, History};
use super::remediate::RemediationRequest;
use super::report::Report;
use super::{Outcome, Request, RunStatus};
use run::{NotRun, Run};

pub use breaker::{Breaker, NoRoom};
pub use conditions::{AccountFacts, Condition, Origin, Ours, Theirs};
pub use stage::ContainmentStage;

/// The time limit of one containment, the same as that of a remediation request.
const RUN_LIMIT: Duration = Duration::from_secs(87);

/// The time after its beginning in which later runs end a containment. Whoever can write the tables can make an old one look unfinished.
const ENDED_WITHIN: TimeDelta = TimeDelta::hours(24);

/// The outcome of a containment.
#[derive(Debug)]
pub struct Contained {
    /// The result.
    pub result: Containment,
    /// One line for each step. Empty if nothing was done.
    pub detail: String,
    /// The opening of the breaker that kept it from being done.
    no_room: Option<NoRoom>,
}

impl Contained {
    fn refused(condition: Condition) -> Self {
        Self { result: Containment::Refused(condition.unmet().to_owned()), detail: String::new(), no_room: None }
    }

    /// The outcome if it is not known whether an earlier run has ended.
    fn open() -> Self {
        Self { result: Containment::Open, detail: String::new(), no_room: None }
    }

    /// The outcome of what a person has to end.
    fn partly() -> Self {
        Self { result: Containment::Partly, detail: String::new(), no_room: None }
    }

    /// The same refusal of a containment that an earlier run has begun: a later run tries again.
    fn still_open(self) -> Self {
        Self { no_room: self.no_room, ..Self::open() }
    }

    fn no_room(no_room: NoRoom) -> Self {
        let refused = Self::refused(no_room.condition);
        Self { no_room: Some(no_room), ..refused }
    }

    /// Returns whether steps were taken.
    fn has_acted(&self) -> bool {
        matches!(self.result, Containment::Done | Containment::Partly) && !self.detail.is_empty()
    }

    fn of(report: &Report) -> Self {
        let is_done = matches!(report.status, RunStatus::Completed | RunStatus::AlreadyDone);
        let result = if is_done { Containment::Done } else { Containment::Partly };
        Self { result, detail: detail(report), no_room: None }
    }
}

/// Returns the details of the steps, except those that had nothing to do.
fn detail(report: &Report) -> String {
    let taken = report.steps.iter().filter(|step| step.outcome != Outcome::Skipped && !step.detail.is_empty());
    taken.map(|step| format!("{:?}: {}", step.step, step.detail)).collect::<Vec<_>>().join("\n")
}

/// Contains the accounts of threats of one tenant.
#[derive(Debug, Clone, Copy)]
struct Containing<'a> {
    app: &'a App,
    session: &'a CoverageSession<'a>,
    /// The end of the run that reads the tenant's log.
    deadline: &'a Deadline,
}

impl<'a> Containing<'a> {
    fn mode(&self) -> ContainmentMode {
        self.app.settings.containment.mode(&self.app.settings.actions.key)
    }

    /// Contains the accounts of a threat if every condition is met. `has_begun` is set before something is changed.
    async fn contain(&self, finding: &ProcessedRow, has_begun: &AtomicBool) -> Contained {
        if !self.app.settings.containment.lists(&finding.domain) {
            return Contained::partly();
        }
        let origin = self.session.read(|row| evidence::of_row(row, finding, &self.app.seals)).await;
        if let Some(condition) = origin.unmet() {
            return self.not_ours(finding, condition).await;
        }
        let limit = RUN_LIMIT.min(self.deadline.left());
        let deadline = Deadline::after(Arc::clone(&self.app.clock), limit);
        let resolved = deadline.limit(Box::pin(Accounts::resolve(self.app, finding))).await;
        let accounts = match resolved {
            Some(Ok(accounts)) => accounts,
            Some(Err(_)) | None => return self.unless_begun(finding, self.unresolved(finding).await),
        };
        let request = Request::contain(finding);
        let request =
            RemediationRequest { app: self.app, finding, request: &request, accounts: &accounts, deadline: &deadline };
        let Ok(history) = request.history().await else {
            return self.unless_begun(finding, Contained::refused(Condition::NoRecentUndo));
        };
        let contained = Box::pin(self.decide(request, &history, has_begun)).await;
        if !matches!(contained.result, Containment::Refused(_)) || !self.may_have_begun(finding) {
            return contained;
        }
        // A run that has lost its claim on the threat may have begun in the meantime.
        match request.history().await {
            Ok(history) if history.containment_begun(&finding.record_id).is_none() => contained,
            Ok(_) | Err(_) => Contained::open(),
        }
    }

    /// Checks the conditions, and contains or observes. A run that goes on where an earlier one stopped is believed nothing: anybody who
    /// can write tables can write the row of a run.
    async fn decide(&self, request: RemediationRequest<'_>, history: &History, has_begun: &AtomicBool) -> Contained {
        let (finding, accounts) = (request.finding, request.accounts);
        let begun = history.containment_begun(&finding.record_id);
        let is_continued = begun.is_some();
        let is_old = begun.is_some_and(|begun| self.app.clock.now() - begun >= ENDED_WITHIN);
        if is_old || (self.mode() == ContainmentMode::Observe && is_continued) {
            // It was begun too long ago, or before the mode was changed. A person ends it.
            return Contained::partly();
        }
        let refused = |contained: Contained| if is_continued { contained.still_open() } else { contained };
        if let Some(condition) = self.unmet(request, history, is_continued).await {
            return refused(Contained::refused(condition));
        }
        let breaker = Breaker { app: self.app, mode: self.mode() };
        let checked = ids_of(&evidence::accounts_of(accounts, history));
        if self.mode() == ContainmentMode::Observe {
            return match breaker.reserve(finding, &checked).await {
                Ok(()) => Contained { result: Containment::WouldBe, detail: String::new(), no_room: None },
                Err(no_room) => Contained::no_room(no_room),
            };
        }
        match (Run { request, breaker, checked, has_begun }).contain().await {
            Ok(report) => {
                log(finding, &report);
                Contained::of(&report)
            }
            Err(NotRun::Unmet(condition)) => refused(Contained::refused(condition)),
            Err(NotRun::NoRoom(no_room)) => refused(Contained::no_room(no_room)),
        }
    }

    /// Returns the outcome if the earlier runs of a threat could not be read: one of them may have begun its containment.
    fn unless_begun(&self, finding: &ProcessedRow, contained: Contained) -> Contained {
        if self.may_have_begun(finding) { Contained::open() } else { contained }
    }

    /// Returns whether an earlier claim on a threat may have begun its containment.
    fn may_have_begun(&self, finding: &ProcessedRow) -> bool {
        let is_taken_over = finding.attempts > 1 || finding.containment == Some(Containment::Open);
        is_taken_over && self.mode() == ContainmentMode::Act
    }

    /// Nothing is done because of the row. A version without seals may have begun, though, and then a person has to end it.
    async fn not_ours(&self, finding: &ProcessedRow, condition: Condition) -> Contained {
        if !self.may_have_begun(finding) {
            return Contained::refused(condition);
        }
        match history::has_row_of_containment(self.app, finding).await {
            Ok(true) => Contained::partly(),
            Ok(false) => Contained::refused(condition),
            Err(_) => Contained::open(),
        }
    }

    /// The accounts are not known; a condition that says more is named first.
    async fn unresolved(&self, finding: &ProcessedRow) -> Contained {
        let unmet = self.session.read(|row| evidence::of_tables(row, finding, self.app.clock.now()).unmet()).await;
        Contained::refused(unmet.unwrap_or(Condition::KnownAccounts))
    }

    /// The first condition that is not met. Whether the log was read without a gap decided about the beginning.
    async fn unmet(&self, request: RemediationRequest<'_>, history: &History, is_continued: bool) -> Option<Condition> {
        let (finding, now) = (request.finding, self.app.clock.now());
        let ours = self.session.read(|row| evidence::of_tables(row, finding, now)).await;
        if let Some(condition) = ours.unmet().filter(|_| !is_continued) {
            return Some(condition);
        }
        let context = RemediationContext::new(self.app, finding, request.accounts, request.deadline);
        Box::pin(evidence::of_tenant(&context, history, now)).await.unmet()
    }

    /// Tells of an opening of the breaker, once.
    async fn tell_of_opening(&self, outbox: &crate::notify::outbox::Outbox<'_>, no_room: &NoRoom) {
        let Some((scope, since)) = no_room.open else { return };
        let breaker = Breaker { app: self.app, mode: self.mode() };
        let notice = breaker.notice(scope, since, self.session).await;
        let about_tenant = matches!(scope, crate::tables::BreakerScope::Tenant(_)).then_some(self.session);
        if let Err(error) = outbox.tell(&notice, about_tenant).await {
            tracing::warn!("the opening of the breaker may not be notified: {error}");
        }
    }
}

/// The object ids of accounts, in lower case.
fn ids_of(accounts: &[Account]) -> BTreeSet<String> {
    accounts.iter().map(|account| account.key().to_lowercase()).collect()
}

fn log(finding: &ProcessedRow, report: &Report) {
    tracing::warn!(
        log_id = %finding.record_id,
        run_id = report.run_id,
        outcome = report.status.as_str(),
        "an account was contained automatically"
    );
}
