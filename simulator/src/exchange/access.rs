//! Carries out the cmdlets of client access: the protocols and programs that may open a mailbox.

use serde_json::{Value, json};

use super::params::Params;
use super::recipients::{display_name, mailbox_mut, mailboxes};
use super::reply::{Failure, Outcome};
use crate::world::{Mailbox, Tenant};

/// The number of switches at the start of [`SET`].
const SWITCHES: usize = 12;

/// Parameters of `Set-CASMailbox`.
pub(super) const SET: &[&str] = &[
    "OWAEnabled",
    "OWAforDevicesEnabled",
    "OutlookMobileEnabled",
    "OneWinNativeOutlookEnabled",
    "UniversalOutlookEnabled",
    "MacOutlookEnabled",
    "MAPIEnabled",
    "EwsEnabled",
    "ActiveSyncEnabled",
    "ImapEnabled",
    "PopEnabled",
    "SmtpClientAuthenticationDisabled",
    "Identity",
    "Confirm",
];

/// Carries out `Get-CASMailbox`.
pub(super) fn get(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let rows = mailboxes(tenant, params)?.into_iter().map(|mailbox| row(tenant, mailbox));
    Outcome::rows(rows).limited_by(params)
}

/// Carries out `Set-CASMailbox`. If a switch is set to `null`, the setting of the organization applies.
pub(super) fn set(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let oddities = &tenant.oddities;
    let mut unknown = oddities.rejected_client_access.iter().chain(&oddities.absent_client_access);
    if let Some(name) = unknown.find(|name| params.get(name).is_some()) {
        return Err(Failure::unknown_parameter(name));
    }
    let mailbox = mailbox_mut(tenant, &params.required("Identity")?)?;
    let mut next = mailbox.client_access.clone();
    for name in &SET[..SWITCHES] {
        if params.get(name).is_some_and(Value::is_null) {
            next.remove(*name);
        } else if let Some(on) = params.flag(name)? {
            next.insert((*name).to_owned(), on);
        }
    }
    mailbox.client_access = next;
    Ok(Outcome::done())
}

fn row(tenant: &Tenant, mailbox: &Mailbox) -> Value {
    let mut row = json!({
        "Identity": mailbox.object_id,
        "Name": mailbox.object_id,
        "DisplayName": display_name(tenant, mailbox),
        "PrimarySmtpAddress": mailbox.upn,
        "Guid": mailbox.guid,
        "ExternalDirectoryObjectId": mailbox.object_id,
        "IsValid": true,
        "ObjectState": "Unchanged",
    });
    for name in &SET[..SWITCHES] {
        row[*name] = Value::Null;
    }
    for (name, on) in &mailbox.client_access {
        row[name.as_str()] = (*on).into();
    }
    if let Some(members) = row.as_object_mut() {
        members.retain(|name, _| !tenant.oddities.absent_client_access.contains(name));
    }
    row
}
