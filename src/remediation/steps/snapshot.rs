//! Saves the previous settings, so that Undo can restore them.
//!
//! The step `Snapshot` saves the parts that it can read in its time, because stopping the attacker must not wait for the rest. The step
//! that changes a missing part reads and saves it first. So a part that is not saved was never changed.

use std::time::Duration;

use futures::join;

use m365::ServiceError;

use super::{clear_forwarding, disable_auto_reply, disable_client_access, rules};
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::{EXCHANGE_GRANT, explain};
use crate::remediation::snapshot::{Snapshot, Source};
use crate::remediation::step::StepReport;

/// The time limit for reading the state of a mailbox before the attacker is stopped.
const MAILBOX_READ_TIMEOUT: Duration = Duration::from_secs(20);

/// Returns whether it contains everything that this press may change.
fn is_enough_for(snapshot: &Snapshot, context: &RemediationContext<'_>) -> bool {
    let users = context.compromised.iter().filter_map(|account| account.user.as_ref());
    let has_users = users.map(|user| &user.id).all(|id| snapshot.has_user(id));
    let has_mailbox = snapshot.forwarding.is_some()
        && snapshot.client_access.is_some()
        && snapshot.rules.contains_key(&Source::Inbox)
        && snapshot.rules.contains_key(&Source::Sweep)
        && snapshot.auto_reply.is_some();
    has_users && (has_mailbox || !context.accounts.has_mailbox)
}

/// Saves the previous settings: once for a mailbox and incident, and again only the missing parts. The report names the parts that
/// cannot be read; the others are saved.
pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    if let Some(kept) = context.kept().await.filter(|kept| is_enough_for(kept, context)) {
        return StepReport::already(format!("The settings of {} are saved; Undo restores them.", kept.taken));
    }
    let (snapshot, missing) = Box::pin(read(context)).await;
    context.keep(snapshot).await;
    match missing.is_empty() {
        true => StepReport::done("The previous settings are saved; Undo restores them."),
        false => StepReport::failed(not_saved(&missing)),
    }
}

/// Returns what could not be saved, each part with its cause, and what has to be granted once for all.
fn not_saved(missing: &[String]) -> String {
    let with_grant = format!(". {EXCHANGE_GRANT}");
    let is_denied = missing.iter().any(|part| part.contains(&with_grant));
    let parts: Vec<String> = missing.iter().map(|part| part.replace(&with_grant, "")).collect();
    let grant = if is_denied { format!(" {EXCHANGE_GRANT}") } else { String::new() };
    format!("Not everything could be saved for Undo: {}.{grant}", parts.join("; "))
}

async fn read(context: &RemediationContext<'_>) -> (Snapshot, Vec<String>) {
    let mut snapshot = Snapshot::at(context.app.clock.now());
    let mut missing = Vec::new();
    snapshot.users = context.compromised.iter().filter_map(|account| account.user.clone()).collect();
    if snapshot.users.len() < context.compromised.len() {
        missing.push("an account: Graph did not show it".to_owned());
    }
    if !context.accounts.has_mailbox {
        return (snapshot, missing);
    }
    let (forwarding, client_access, rules, auto_reply) = join!(
        context.within(MAILBOX_READ_TIMEOUT, clear_forwarding::read(context)),
        context.within(MAILBOX_READ_TIMEOUT, disable_client_access::read(context)),
        context.within(MAILBOX_READ_TIMEOUT, rules::read(context)),
        context.within(MAILBOX_READ_TIMEOUT, disable_auto_reply::read(context)),
    );
    snapshot.forwarding = part(forwarding, "forwarding", &mut missing).flatten();
    snapshot.client_access = part(client_access, "client access", &mut missing).flatten();
    snapshot.auto_reply = part(auto_reply, "automatic reply", &mut missing).flatten();
    if let Some(rules) = part(rules, "rules", &mut missing) {
        missing.extend(rules.unread());
        snapshot.rules = rules.kept();
    }
    (snapshot, missing)
}

fn part<T>(read: Option<Result<T, ServiceError>>, name: &str, missing: &mut Vec<String>) -> Option<T> {
    let why = match read {
        Some(Ok(part)) => return Some(part),
        Some(Err(error)) => explain(&error, EXCHANGE_GRANT),
        None => format!("no answer within {} s", MAILBOX_READ_TIMEOUT.as_secs()),
    };
    missing.push(format!("{name}: {why}"));
    None
}
