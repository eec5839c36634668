//! Mailboxes, their client access, automatic replies, and recipients of any kind.

use serde_json::{Value, json};

use super::{Failure, Outcome, Parameters};
use crate::world::{Contact, Mailbox, Tenant};

pub(super) fn get(tenant: &Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&["Identity", "ResultSize", "Properties", "PropertySets"])?;
    match parameters.text("Identity") {
        "" => Ok(tenant.mailboxes.iter().map(row).collect()),
        name => {
            tenant.mailbox(name).map(|mailbox| vec![row(mailbox)]).ok_or_else(|| Failure::NotFound(name.to_owned()))
        }
    }
}

pub(super) fn set(tenant: &mut Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&[
        "Identity",
        "ForwardingSmtpAddress",
        "ForwardingAddress",
        "DeliverToMailboxAndForward",
        "GrantSendOnBehalfTo",
        "Confirm",
        "Force",
    ])?;
    let mailbox = found(tenant, parameters)?;
    let address = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    if let Some(value) = parameters.value("ForwardingSmtpAddress") {
        let text = address(value);
        mailbox.forwarding_smtp_address =
            text.map(|text| if text.contains(':') { text } else { format!("smtp:{text}") });
    }
    if let Some(value) = parameters.value("ForwardingAddress") {
        mailbox.forwarding_address = address(value);
    }
    if let Some(flag) = parameters.flag("DeliverToMailboxAndForward") {
        mailbox.deliver_and_forward = flag;
    }
    if let Some(value) = parameters.value("GrantSendOnBehalfTo") {
        send_on_behalf(mailbox, value);
    }
    Ok(Vec::new())
}

/// A whole new list, or a hash table with `add` and `remove`.
fn send_on_behalf(mailbox: &mut Mailbox, value: &Value) {
    let names = |value: &Value| -> Vec<String> {
        match value {
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::String(name) => vec![name.clone()],
            _ => Vec::new(),
        }
    };
    match value {
        Value::Object(table) => {
            let member = |name: &str| {
                table
                    .iter()
                    .find(|(own, _)| own.eq_ignore_ascii_case(name))
                    .map(|(_, value)| names(value))
                    .unwrap_or_default()
            };
            let removed = member("remove");
            mailbox.send_on_behalf.retain(|name| !removed.iter().any(|gone| gone.eq_ignore_ascii_case(name)));
            mailbox.send_on_behalf.extend(member("add"));
        }
        other => mailbox.send_on_behalf = names(other),
    }
}

pub(super) fn get_access(tenant: &mut Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&["Identity", "ResultSize"])?;
    let mailbox = found(tenant, parameters)?;
    let mut row = json!({"Identity": mailbox.guid, "PrimarySmtpAddress": mailbox.upn, "Guid": mailbox.guid});
    for (name, value) in &mailbox.client_access {
        row[name] = json!(value);
        row[format!("{name}@data.type")] = json!("System.Boolean");
    }
    Ok(vec![row])
}

pub(super) fn set_access(tenant: &mut Tenant, parameters: &Parameters<'_>) -> Outcome {
    let mailbox = found(tenant, parameters)?;
    let mut known: Vec<&str> = mailbox.client_access.keys().map(String::as_str).collect();
    known.extend(["Identity", "Confirm"]);
    parameters.only(&known)?;
    for (name, value) in &mut mailbox.client_access {
        // An empty or null switch of SMTP AUTH means: as the organization says.
        if let Some(given) = parameters.value(name) {
            *value = given.as_bool().unwrap_or(false);
        }
    }
    Ok(Vec::new())
}

pub(super) fn get_auto_reply(tenant: &mut Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&["Identity"])?;
    let mailbox = found(tenant, parameters)?;
    Ok(vec![json!({
        "Identity": mailbox.guid,
        "AutoReplyState": mailbox.auto_reply_state,
        "ExternalAudience": mailbox.auto_reply_audience,
        "InternalMessage": "",
        "ExternalMessage": "",
    })])
}

pub(super) fn set_auto_reply(tenant: &mut Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&[
        "Identity",
        "AutoReplyState",
        "ExternalAudience",
        "InternalMessage",
        "ExternalMessage",
        "StartTime",
        "EndTime",
        "Confirm",
    ])?;
    let mailbox = found(tenant, parameters)?;
    let (state, audience) = (parameters.text("AutoReplyState"), parameters.text("ExternalAudience"));
    if !state.is_empty() {
        mailbox.auto_reply_state = state.to_owned();
    }
    if !audience.is_empty() {
        mailbox.auto_reply_audience = audience.to_owned();
    }
    Ok(Vec::new())
}

pub(super) fn recipient(tenant: &Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&["Identity", "ResultSize", "Filter", "Properties"])?;
    let name = parameters.text("Identity");
    let mut rows: Vec<Value> =
        tenant.mailboxes.iter().filter(|mailbox| mailbox.is(name)).map(mailbox_recipient).collect();
    rows.extend(tenant.contacts.iter().filter(|contact| is(contact, name)).map(contact_recipient));
    if rows.is_empty() { Err(Failure::NotFound(name.to_owned())) } else { Ok(rows) }
}

fn is(contact: &Contact, name: &str) -> bool {
    let name = name.trim().trim_start_matches("smtp:").trim_start_matches("SMTP:");
    [&contact.alias, &contact.legacy_dn, &contact.identity, &contact.external_address]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
}

fn found<'a>(tenant: &'a mut Tenant, parameters: &Parameters<'_>) -> Result<&'a mut Mailbox, Failure> {
    let name = parameters.text("Identity");
    tenant.mailbox_mut(name).ok_or_else(|| Failure::NotFound(name.to_owned()))
}

fn addresses(mailbox: &Mailbox) -> Vec<String> {
    let others = mailbox.other_addresses.iter().map(|address| format!("smtp:{address}"));
    others.chain([format!("SMTP:{}", mailbox.upn)]).collect()
}

fn row(mailbox: &Mailbox) -> Value {
    json!({
        "UserPrincipalName": mailbox.upn,
        "PrimarySmtpAddress": mailbox.upn,
        "Alias": mailbox.alias,
        "Name": mailbox.object_id,
        "RecipientTypeDetails": "UserMailbox",
        "ExchangeGuid": mailbox.guid,
        "Guid": mailbox.guid,
        "ExternalDirectoryObjectId": mailbox.object_id,
        "LegacyExchangeDN": mailbox.legacy_dn,
        "DistinguishedName": format!("CN={},OU=Exchange Hosted Organizations", mailbox.object_id),
        "ForwardingAddress": mailbox.forwarding_address,
        "ForwardingSmtpAddress": mailbox.forwarding_smtp_address,
        "DeliverToMailboxAndForward": mailbox.deliver_and_forward,
        "DeliverToMailboxAndForward@data.type": "System.Boolean",
        "GrantSendOnBehalfTo": mailbox.send_on_behalf,
        "GrantSendOnBehalfTo@odata.type": "#Collection(String)",
        "IsDirSynced": false,
        "EmailAddresses": addresses(mailbox),
        "EmailAddresses@odata.type": "#Collection(String)",
        "Identity": mailbox.object_id,
    })
}

fn mailbox_recipient(mailbox: &Mailbox) -> Value {
    json!({
        "Name": mailbox.object_id,
        "Alias": mailbox.alias,
        "DisplayName": mailbox.alias,
        "PrimarySmtpAddress": mailbox.upn,
        "WindowsLiveID": mailbox.upn,
        "LegacyExchangeDN": mailbox.legacy_dn,
        "Identity": mailbox.object_id,
        "DistinguishedName": format!("CN={},OU=Exchange Hosted Organizations", mailbox.object_id),
        "ExternalDirectoryObjectId": mailbox.object_id,
        "Guid": mailbox.guid,
        "EmailAddresses": addresses(mailbox),
        "ExternalEmailAddress": null,
        "RecipientType": "UserMailbox",
        "RecipientTypeDetails": "UserMailbox",
    })
}

fn contact_recipient(contact: &Contact) -> Value {
    json!({
        "Name": contact.alias,
        "Alias": contact.alias,
        "DisplayName": contact.alias,
        "PrimarySmtpAddress": contact.external_address,
        "LegacyExchangeDN": contact.legacy_dn,
        "Identity": contact.identity,
        "DistinguishedName": contact.identity,
        "EmailAddresses": [format!("SMTP:{}", contact.external_address)],
        "ExternalEmailAddress": format!("SMTP:{}", contact.external_address),
        "RecipientType": "MailContact",
        "RecipientTypeDetails": "MailContact",
    })
}
