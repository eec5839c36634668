//! Every way for a client to reach the mailbox is switched off.

use serde_json::{Map, Value, json};

use crate::microsoft::ServiceError;
use crate::microsoft::exchange::{Row, is_not_found};

use super::case::{Case, EXCHANGE_GRANT};
use super::snapshot::Snapshot;
use super::step::StepReport;

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
pub async fn read(case: &Case<'_>) -> Result<Option<Row>, ServiceError> {
    let row = match case.on_mailbox("Get-CASMailbox", "Identity", json!({})).await {
        Ok(rows) => rows.into_iter().next(),
        Err(error) if is_not_found(&error) => None,
        Err(error) => return Err(error),
    };
    let known = |(name, _): &&(&str, bool), row: &Row| row.contains_key(*name);
    Ok(row.map(|row| {
        let kept = SWITCHES.iter().filter(|switch| known(switch, &row));
        kept.map(|(name, _)| ((*name).to_owned(), row.get(*name).cloned().unwrap_or_default())).collect()
    }))
}

/// Sets the switches.
pub async fn set(case: &Case<'_>, switches: Row) -> Result<(), ServiceError> {
    case.on_mailbox("Set-CASMailbox", "Identity", Value::Object(switches)).await.map(drop)
}

/// The switches that are open. One without a value follows the organization and counts as open.
pub fn open(switches: &Row) -> Vec<&'static str> {
    let is_open =
        |(name, closed): &&(&'static str, bool)| switches.get(*name).is_some_and(|value| *value != json!(closed));
    SWITCHES.iter().filter(is_open).map(|(name, _)| *name).collect()
}

pub async fn run(case: &Case<'_>) -> StepReport {
    let switches = match read(case).await {
        Ok(Some(switches)) => switches,
        Ok(None) => return StepReport::skipped("There is no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    let open = open(&switches);
    if open.is_empty() && !switches.is_empty() {
        return StepReport::already("All client access was closed.");
    }
    let names = open.join(", ");
    if case.preview {
        return StepReport::planned(format!("Client access would be closed: {names}."));
    }
    let closed = closed(&switches);
    case.keep(Snapshot { client_access: Some(switches), ..Snapshot::at(case.app.clock.now()) }).await;
    match set(case, closed).await {
        Ok(()) => StepReport::done(format!("Client access is closed: {names}.")),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}

/// All switches closed: those that the tenant knows.
fn closed(known: &Row) -> Row {
    let known = SWITCHES.iter().filter(|(name, _)| known.contains_key(*name) || *name == "OWAEnabled");
    known.map(|(name, closed)| ((*name).to_owned(), Value::Bool(*closed))).collect::<Map<_, _>>()
}
