//! Carries out `Set-Mailbox` for forwarding, for sending on behalf and for auditing.

use serde_json::Value;

use super::params::{self, Params};
use super::recipients::{bare, identity, mailbox, mailbox_mut, same};
use super::reply::{Failure, Outcome};
use crate::world::Tenant;

/// Parameters of `Set-Mailbox`.
pub(super) const SET: &[&str] = &[
    "Identity",
    "ForwardingSmtpAddress",
    "ForwardingAddress",
    "DeliverToMailboxAndForward",
    "GrantSendOnBehalfTo",
    "AuditEnabled",
    "Confirm",
    "Force",
];

/// Carries out `Set-Mailbox`. Every parameter is checked before any is applied.
pub(super) fn set(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let name = params.required("Identity")?;
    mailbox(tenant, &name)?;
    let smtp = match params.get("ForwardingSmtpAddress") {
        None => None,
        Some(value) => Some(params::text(value).map(|text| smtp_address(&text)).transpose()?),
    };
    let recipient = match params.get("ForwardingAddress") {
        None => None,
        Some(value) => Some(params::text(value).map(|text| identity(tenant, &text)).transpose()?),
    };
    let both = params.flag("DeliverToMailboxAndForward")?;
    let audited = params.flag("AuditEnabled")?;
    let behalf = match params.get("GrantSendOnBehalfTo") {
        None => None,
        Some(value) => Some(send_on_behalf(tenant, &mailbox(tenant, &name)?.send_on_behalf, value)?),
    };
    let mailbox = mailbox_mut(tenant, &name)?;
    if let Some(smtp) = smtp {
        mailbox.forwarding_smtp_address = smtp;
    }
    if let Some(recipient) = recipient {
        mailbox.forwarding_address = recipient;
    }
    if let Some(both) = both {
        mailbox.deliver_and_forward = both;
    }
    if let Some(audited) = audited {
        mailbox.audit.enabled = Some(audited);
        mailbox.audit.needs_toggle &= audited;
    }
    if let Some(behalf) = behalf {
        mailbox.send_on_behalf = behalf;
    }
    Ok(Outcome::done())
}

fn smtp_address(text: &str) -> Result<String, Failure> {
    let address = bare(text);
    match address.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => Ok(format!("smtp:{address}")),
        _ => Err(Failure::bad_request(&format!("\"{text}\" isn't a valid SMTP address."))),
    }
}

/// Returns the list that results from `{"add":[…],"remove":[…]}`, or from a list in its place.
fn send_on_behalf(tenant: &Tenant, now: &[String], value: &Value) -> Result<Vec<String>, Failure> {
    let Value::Object(table) = value else {
        return added(tenant, Vec::new(), params::list(value));
    };
    if table.get("@odata.type").and_then(Value::as_str) != Some("#Exchange.GenericHashTable") {
        return Err(Failure::bad_request("A hashtable needs \"@odata.type\":\"#Exchange.GenericHashTable\"."));
    }
    let mut next = now.to_vec();
    for (key, value) in table.iter().filter(|(key, _)| !key.contains('@')) {
        let names = params::list(value);
        match key.to_ascii_lowercase().as_str() {
            "remove" => next.retain(|own| !names.iter().any(|name| same(tenant, own, name))),
            "add" => next = added(tenant, next, names)?,
            _ => return Err(Failure::bad_request(&format!("A hashtable has Add and Remove, not {key}."))),
        }
    }
    Ok(next)
}

fn added(tenant: &Tenant, mut next: Vec<String>, names: Vec<String>) -> Result<Vec<String>, Failure> {
    for name in names {
        identity(tenant, &name)?;
        if !next.iter().any(|own| same(tenant, own, &name)) {
            next.push(name);
        }
    }
    Ok(next)
}
