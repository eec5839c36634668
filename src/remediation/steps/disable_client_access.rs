//! Disables every protocol and program by which a client reaches the mailbox.

use serde_json::{Map, Value, json};

use m365::ServiceError;
use m365::exchange::{Row, is_not_found, is_refused, is_unknown_parameter};

use super::snapshot::Snapshot;
use crate::remediation::context::{EXCHANGE_GRANT, RemediationContext, unclear};
use crate::remediation::step::{StepReport, explain};

/// The switches of a mailbox and how each is when it is closed
/// (<https://learn.microsoft.com/powershell/module/exchange/set-casmailbox>).
const SWITCHES: &[(&str, bool)] = &[
    ("OWAEnabled", false),
    ("OWAforDevicesEnabled", false),
    ("ActiveSyncEnabled", false),
    ("EwsEnabled", false),
    ("ImapEnabled", false),
    ("PopEnabled", false),
    ("MAPIEnabled", false),
    ("OutlookMobileEnabled", false),
    ("OneWinNativeOutlookEnabled", false),
    ("UniversalOutlookEnabled", false),
    ("MacOutlookEnabled", false),
    ("SmtpClientAuthenticationDisabled", true),
];

/// The switches as they are now, those that the tenant knows; `None` when there is no such mailbox.
pub async fn read(context: &RemediationContext<'_>) -> Result<Option<Row>, ServiceError> {
    let Some(row) = context.mailbox_row("Get-CASMailbox").await? else { return Ok(None) };
    let known = SWITCHES.iter().filter_map(|(name, _)| Some(((*name).to_owned(), row.get(*name)?.clone())));
    let known: Row = known.collect();
    match known.is_empty() {
        true => Err(unclear("Get-CASMailbox shows no switch".to_owned())),
        false => Ok(Some(known)),
    }
}

/// What became of setting switches: those that were rejected, each with its error.
pub type Rejected = Vec<(String, ServiceError)>;

/// Sets the switches: all in one call, and if that is rejected each by itself. Some tenants reject single switches
/// (MicrosoftDocs/office-docs-powershell#11445), and one rejection must not leave all the others open.
///
/// # Errors
/// If Exchange denies access, does not respond, or knows no such mailbox: then no switch is set.
pub async fn set(context: &RemediationContext<'_>, switches: Row) -> Result<Rejected, ServiceError> {
    match set_together(context, switches.clone()).await {
        Ok(()) => return Ok(Vec::new()),
        Err(error) if error.is_transient() || is_refused(&error) || is_not_found(&error) => return Err(error),
        Err(error) if switches.len() == 1 => return Ok(vec![(switches.keys().cloned().collect(), error)]),
        Err(_) => {}
    }
    let mut rejected = Vec::new();
    for (name, value) in switches {
        if let Err(error) = set_together(context, Row::from_iter([(name.clone(), value)])).await {
            rejected.push((name, error));
        }
    }
    Ok(rejected)
}

async fn set_together(context: &RemediationContext<'_>, switches: Row) -> Result<(), ServiceError> {
    context.on_mailbox("Set-CASMailbox", "Identity", Value::Object(switches)).await.map(drop)
}

/// Returns the known switches of a stored snapshot. Whatever else somebody wrote there is set on no mailbox.
pub fn known(switches: &Row) -> Row {
    let is_known = |name: &str| SWITCHES.iter().any(|(known, _)| *known == name);
    let is_switch = |value: &Value| value.is_boolean() || value.is_null();
    let known = switches.iter().filter(|(name, value)| is_known(name) && is_switch(value));
    known.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The switches that are open. One without a value follows the organization and counts as open.
pub fn open(switches: &Row) -> Vec<&'static str> {
    let is_open =
        |(name, closed): &&(&'static str, bool)| switches.get(*name).is_some_and(|value| *value != json!(closed));
    SWITCHES.iter().filter(is_open).map(|(name, _)| *name).collect()
}

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let switches = match read(context).await {
        Ok(Some(switches)) => switches,
        Ok(None) => return StepReport::skipped("The account has no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    let open = open(&switches);
    if open.is_empty() {
        return StepReport::already("All client access was already disabled.");
    }
    let names = open.join(", ");
    if context.preview {
        return StepReport::planned(format!("Client access would be disabled: {names}."));
    }
    let closed = closed(&switches);
    context.keep(Snapshot { client_access: Some(switches), ..Snapshot::at(context.app.clock.now()) }).await;
    match set(context, closed).await {
        Ok(rejected) => report(&open, &rejected),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}

/// A switch that the tenant no longer has is no failure; any other rejection is.
fn report(open: &[&str], rejected: &Rejected) -> StepReport {
    let is_rejected = |name: &&str| rejected.iter().any(|(rejected, _)| rejected == *name);
    let closed: Vec<&str> = open.iter().copied().filter(|name| !is_rejected(name)).collect();
    let mut reports = Vec::new();
    if !closed.is_empty() {
        reports.push(StepReport::done(format!("Disabled client access: {}.", closed.join(", "))));
    }
    let (gone, failed): (Vec<_>, Vec<_>) = rejected.iter().partition(|(_, error)| is_unknown_parameter(error));
    if !gone.is_empty() {
        let names: Vec<&str> = gone.iter().map(|(name, _)| name.as_str()).collect();
        let detail = format!("This tenant has no switch {}.", names.join(", "));
        let left = gone.iter().map(|(name, _)| name.clone());
        reports.push(StepReport::skipped(detail).leaving_switches(left));
    }
    for (name, error) in failed {
        reports.push(StepReport::failed(format!("Could not disable {name}: {}", explain(error, EXCHANGE_GRANT))));
    }
    StepReport::all(reports)
}

/// All switches closed: those that the tenant knows.
fn closed(known: &Row) -> Row {
    let known = SWITCHES.iter().filter(|(name, _)| known.contains_key(*name) || *name == "OWAEnabled");
    known.map(|(name, closed)| ((*name).to_owned(), Value::Bool(*closed))).collect::<Map<_, _>>()
}
