//! Every way for a client to reach the mailbox is switched off.

use serde_json::{Map, Value, json};

use m365::ServiceError;
use m365::exchange::Row;

use super::snapshot::Snapshot;
use crate::remediation::context::{EXCHANGE_GRANT, RemediationContext, unclear};
use crate::remediation::step::StepReport;

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

/// Sets the switches.
pub async fn set(context: &RemediationContext<'_>, switches: Row) -> Result<(), ServiceError> {
    context.on_mailbox("Set-CASMailbox", "Identity", Value::Object(switches)).await.map(drop)
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
        Ok(None) => return StepReport::skipped("There is no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    let open = open(&switches);
    if open.is_empty() {
        return StepReport::already("All client access was closed.");
    }
    let names = open.join(", ");
    if context.preview {
        return StepReport::planned(format!("Client access would be closed: {names}."));
    }
    let closed = closed(&switches);
    context.keep(Snapshot { client_access: Some(switches), ..Snapshot::at(context.app.clock.now()) }).await;
    match set(context, closed).await {
        Ok(()) => StepReport::done(format!("Client access is closed: {names}.")),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}

/// All switches closed: those that the tenant knows.
fn closed(known: &Row) -> Row {
    let known = SWITCHES.iter().filter(|(name, _)| known.contains_key(*name) || *name == "OWAEnabled");
    known.map(|(name, closed)| ((*name).to_owned(), Value::Bool(*closed))).collect::<Map<_, _>>()
}
