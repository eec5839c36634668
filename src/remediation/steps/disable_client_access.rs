//! Disables every protocol and program by which a client reaches the mailbox.

use m365::ServiceError;
use m365::exchange::{ClientAccess, ClientAccessSwitch, is_not_found, is_refused, is_unknown_parameter};

use crate::remediation::context::RemediationContext;
use crate::remediation::grants::{EXCHANGE_GRANT, explain};
use crate::remediation::snapshot::Snapshot;
use crate::remediation::step::StepReport;

/// Returns the switches that the tenant knows, as they are now; `None` if there is no such mailbox.
pub async fn read(context: &RemediationContext<'_>) -> Result<Option<ClientAccess>, ServiceError> {
    let mailbox = context.mailbox();
    let call = context.app.exchange.client_access(context.tenant(), &mailbox);
    context.ask_exchange("client access", call).await
}

/// The switches that were rejected, each with its error.
pub type Rejected = Vec<(ClientAccessSwitch, ServiceError)>;

/// Sets the switches: all in one call, and if that is rejected each by itself. One rejection must not leave all the others open.
///
/// # Errors
/// Returns an error if Exchange denies access, does not respond, or knows no such mailbox: then no switch is set.
pub async fn set(context: &RemediationContext<'_>, access: &ClientAccess) -> Result<Rejected, ServiceError> {
    let mut switches = access.iter();
    let only = switches.next().filter(|_| switches.next().is_none());
    match (set_together(context, access).await, only) {
        (Ok(()), _) => return Ok(Vec::new()),
        (Err(error), _) if error.is_transient() || is_refused(&error) || is_not_found(&error) => return Err(error),
        (Err(error), Some((switch, _))) => return Ok(vec![(switch, error)]),
        (Err(_), None) => {}
    }
    let mut rejected = Vec::new();
    for (switch, value) in access.iter() {
        if let Err(error) = set_together(context, &ClientAccess::from_iter([(switch, value)])).await {
            rejected.push((switch, error));
        }
    }
    Ok(rejected)
}

async fn set_together(context: &RemediationContext<'_>, access: &ClientAccess) -> Result<(), ServiceError> {
    let mailbox = context.mailbox();
    let call = context.app.exchange.set_client_access(context.tenant(), &mailbox, access);
    context.ask_exchange("change of client access", call).await
}

/// Returns the names of switches for a sentence.
pub fn names(switches: &[ClientAccessSwitch]) -> String {
    switches.iter().map(|switch| switch.as_str()).collect::<Vec<_>>().join(", ")
}

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let switches = match read(context).await {
        Ok(Some(switches)) => switches,
        Ok(None) => return StepReport::skipped("The account has no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    let open = switches.open();
    if open.is_empty() {
        return StepReport::already("All client access was already disabled.");
    }
    let names = names(&open);
    if context.preview {
        return StepReport::planned(format!("Client access would be disabled: {names}."));
    }
    let closed = switches.closed();
    context.keep(Snapshot { client_access: Some(switches), ..Snapshot::at(context.app.clock.now()) }).await;
    match set(context, &closed).await {
        Ok(rejected) => report(&open, &rejected),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}

/// Every rejection is a failure: the switches are those that Exchange shows, so one that it does not know here still lets clients in.
fn report(open: &[ClientAccessSwitch], rejected: &Rejected) -> StepReport {
    let is_rejected = |switch: &ClientAccessSwitch| rejected.iter().any(|(rejected, _)| rejected == switch);
    let closed: Vec<ClientAccessSwitch> = open.iter().copied().filter(|switch| !is_rejected(switch)).collect();
    let mut reports = Vec::new();
    if !closed.is_empty() {
        reports.push(StepReport::done(format!("Disabled client access: {}.", names(&closed))));
    }
    let mut causes: Vec<(String, Vec<ClientAccessSwitch>)> = Vec::new();
    for (switch, error) in rejected.iter().filter(|(switch, _)| open.contains(switch)) {
        let cause = match is_unknown_parameter(error) {
            true => {
                "Exchange shows it enabled, but does not have it among the settings that can be changed in this tenant"
                    .to_owned()
            }
            false => explain(error, EXCHANGE_GRANT),
        };
        match causes.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, switches)) => switches.push(*switch),
            None => causes.push((cause, vec![*switch])),
        }
    }
    for (cause, switches) in causes {
        let cause = cause.trim_end_matches('.');
        reports.push(StepReport::failed(format!("Could not disable {}: {cause}.", names(&switches))));
    }
    StepReport::all(reports)
}
