//! The snapshot is put back. Never the password, nor forwarding on the mailbox to the outside; rules that send mail outside, and
//! what a threat names, only where that is forced.

mod forwarding;
mod inbox_rules;
mod threats;

use chrono::TimeDelta;
use m365::exchange::{AutoReply, ClientAccess, is_unknown_parameter};
use m365::graph::User;
use secrecy::ExposeSecret as _;
use table_store::{Key, PartitionKey, RowKey, StoreError};
use tokio::sync::Mutex;

use crate::notify::token::{ActionTokens, Scope};
use crate::tables::{self, ProcessedRow};
use base::ids::{RecordId, RunId};

use super::context::RemediationContext;
use super::grants::{EXCHANGE_GRANT, explain};
use super::history::History;
use super::remediate::RemediationRequest;
use super::snapshot::Snapshot;
use super::step::StepReport;
use super::steps::{block_sign_in, disable_auto_reply, disable_client_access};
use super::{Outcome, Refusal, Report, RunStatus, Step, StepName};

/// The steps that are undone, in this order: the owner can sign in last.
const STEPS: [StepName; 5] = [
    StepName::ClearForwarding,
    StepName::DisableInboxRules,
    StepName::DisableAutoReply,
    StepName::DisableClientAccess,
    StepName::BlockSignIn,
];

/// Puts back the oldest snapshot that has no finished Undo after it.
///
/// # Errors
/// [`Refusal::NoSnapshot`], and when nothing was changed for another reason.
pub async fn undo(press: RemediationRequest<'_>) -> Result<Report, Refusal> {
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
    let snapshot = history.open_snapshot().filter(|_| history.has_open_run(&press.finding.record_id));
    let snapshot = snapshot.ok_or(Refusal::NoSnapshot)?;
    if let Some(later) = history.later_run(&press.finding.record_id) {
        return Err(Refusal::LaterRun(later));
    }
    context.compromised = press.compromised(&history).await?;
    let mut steps: Vec<Step> = STEPS.map(Step::planned).into();
    let record = press.begin(run_id, &mut history, &steps).await?;
    context.record = Some(Mutex::new(record));
    context.keep(left_blocked(context, &snapshot)).await;
    for at in 0..steps.len() {
        if !context.may_go_on().await {
            break;
        }
        let work = Box::pin(restore(context, STEPS[at], &snapshot, &history, press.request.force));
        let report = context.run_while_locked(work).await;
        let report = report.unwrap_or_else(|| StepReport::planned("Time ran out. Run the Undo again to continue."));
        steps[at].note(report);
        context.save(&steps).await;
    }
    let status = RunStatus::of(&steps, RunStatus::Undone);
    let voided = if status == RunStatus::Undone { void_action_tokens(press, &history).await } else { Vec::new() };
    let mut warnings = context.finish(status, &steps).await;
    warnings.extend(voided);
    if status == RunStatus::Undone
        && let Err(error) = history.close_before(context.app, run_id).await
    {
        warnings.push(format!("the snapshot of the earlier runs is still listed as open: {error}"));
    }
    let mut report = press.report(run_id, status, &context.compromised, steps);
    report.warnings = warnings;
    if status == RunStatus::Undone {
        report.action_token = action_token(press);
    }
    Ok(report)
}

/// Stores that the buttons of earlier cards are void, of this finding and of the others of its incident that this Undo undoes: an
/// account that is let in again must not be blocked by an old card. Returns a warning for each that failed.
async fn void_action_tokens(press: RemediationRequest<'_>, history: &History) -> Vec<String> {
    let mut undone = history.secured();
    undone.insert(press.finding.record_id);
    let mut warnings = Vec::new();
    for record_id in undone {
        if let Err(error) = void(press, record_id).await {
            warnings.push(format!("the buttons of earlier cards of finding {record_id} still work: {error}"));
        }
    }
    warnings
}

async fn void(press: RemediationRequest<'_>, record_id: RecordId) -> Result<(), StoreError> {
    let (store, clock) = (press.app.store.as_ref(), &press.app.clock);
    let key = Key::new(PartitionKey::domain(&press.finding.domain), RowKey::record(&record_id));
    let now = clock.now();
    tables::update::<ProcessedRow, ()>(store, clock, &key, |row| {
        (row.map(|row| ProcessedRow { undone_at: Some(now), ..row }), ())
    })
    .await
}

/// The token with which a new card is posted.
fn action_token(press: RemediationRequest<'_>) -> String {
    let actions = &press.app.settings.actions;
    let life = TimeDelta::from_std(actions.token_life).unwrap_or(TimeDelta::zero());
    let now = press.app.clock.now();
    let undone = ProcessedRow { undone_at: Some(now), ..press.finding.clone() };
    let token = ActionTokens::new(actions).mint(&undone, Scope::Act, now, life);
    token.map(|token| token.expose_secret().to_owned()).unwrap_or_default()
}

/// Returns the accounts that another finding, or another choice of `Account`, had blocked: an Undo of that one must still find them.
fn left_blocked(context: &RemediationContext<'_>, snapshot: &Snapshot) -> Snapshot {
    let users = snapshot.users.iter().filter(|user| !is_meant(context, user)).cloned().collect();
    Snapshot { users, ..Snapshot::at(snapshot.taken) }
}

/// Returns whether the user is one of the accounts that this press is for.
fn is_meant(context: &RemediationContext<'_>, user: &User) -> bool {
    context.compromised.iter().any(|account| account.key().eq_ignore_ascii_case(&user.id))
}

async fn restore(
    context: &RemediationContext<'_>,
    step: StepName,
    snapshot: &Snapshot,
    history: &History,
    force: bool,
) -> StepReport {
    if !history.has_taken(step) {
        return StepReport::skipped("No run has changed it.");
    }
    match step {
        StepName::ClearForwarding => forwarding::restore(context, snapshot.forwarding.as_ref(), force).await,
        StepName::DisableInboxRules => inbox_rules::restore(context, &snapshot.rules, force).await,
        StepName::DisableAutoReply => auto_reply(context, snapshot.auto_reply.as_ref()).await,
        StepName::DisableClientAccess => client_access(context, snapshot.client_access.as_ref()).await,
        StepName::BlockSignIn => sign_in(context, &snapshot.users, history).await,
        _ => StepReport::skipped(""),
    }
}

async fn sign_in(context: &RemediationContext<'_>, users: &[User], history: &History) -> StepReport {
    let mut reports = Vec::new();
    for user in users.iter().filter(|user| user.account_enabled != Some(false)) {
        let name = &user.user_principal_name;
        reports.push(match user.account_enabled {
            _ if !is_meant(context, user) => {
                StepReport::skipped(format!("{name}: was blocked because of another finding. Undo that finding."))
            }
            Some(_) => allow_sign_in(context, user, history).await,
            None => StepReport::failed(format!(
                "{name}: Graph did not say whether sign-in was allowed before it was blocked. Allow it manually."
            )),
        });
    }
    match reports.is_empty() {
        true => StepReport::skipped("No account was allowed to sign in before."),
        false => StepReport::all(reports),
    }
}

async fn allow_sign_in(context: &RemediationContext<'_>, user: &User, history: &History) -> StepReport {
    let name = &user.user_principal_name;
    let password = match has_reset_password(context, user, history) {
        true => "the password remains reset",
        false => {
            "its password was NOT reset by Tenantwatch. Make sure that it was reset, because an attacker who knows it can sign in"
        }
    };
    match context.app.graph.set_account_enabled(context.tenant(), &user.id, true).await {
        Ok(()) => undone(format!("{name}: sign-in is allowed again; {password}.")),
        Err(error) => StepReport::failed(format!("{name}: {}", explain(&error, block_sign_in::GRANT))),
    }
}

/// Returns whether a run since the last Undo reset the password of the user.
fn has_reset_password(context: &RemediationContext<'_>, user: &User, history: &History) -> bool {
    let account = context.compromised.iter().find(|account| account.key().eq_ignore_ascii_case(&user.id));
    account.is_some_and(|account| history.has_reset_password(account))
}

async fn client_access(context: &RemediationContext<'_>, switches: Option<&ClientAccess>) -> StepReport {
    let Some(switches) = switches.filter(|switches| !switches.is_empty()) else {
        return nothing_kept();
    };
    match disable_client_access::set(context, switches).await {
        Ok(rejected) => {
            let (gone, failed): (Vec<_>, Vec<_>) =
                rejected.into_iter().partition(|(_, error)| is_unknown_parameter(error));
            match (failed.first(), gone.is_empty()) {
                (None, true) => undone("Client access restored."),
                (None, false) => undone("Client access restored, except switches that this tenant does not have."),
                (Some((switch, error)), _) => {
                    StepReport::failed(format!("Could not restore {switch}: {}", explain(error, EXCHANGE_GRANT)))
                }
            }
        }
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}

async fn auto_reply(context: &RemediationContext<'_>, reply: Option<&AutoReply>) -> StepReport {
    let Some(reply) = reply.filter(|reply| reply.answers_external_senders()) else {
        return StepReport::skipped("No automatic reply went to external senders.");
    };
    match disable_auto_reply::set(context, &reply.auto_reply_state).await {
        Ok(()) => undone("The automatic reply is enabled again."),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}

fn nothing_kept() -> StepReport {
    StepReport::skipped("The snapshot does not contain it.")
}

fn undone(detail: impl Into<String>) -> StepReport {
    StepReport::new(Outcome::Undone, detail)
}
