//! Builds records of cmdlets on mailboxes and on the organization.

use serde_json::Value;

use crate::world::Mailbox;

use super::{EXCHANGE_ADMIN, Envelope, members, pairs};

/// Returns `Set-Mailbox` by a person.
pub fn set_mailbox(envelope: &Envelope, mailbox: &Mailbox, parameters: &[(&str, &str)]) -> Value {
    let identity = [("Identity", mailbox.identity.as_str())];
    Value::Object(envelope.cmdlet("Set-Mailbox", &mailbox.identity, &[&identity, parameters].concat()))
}

/// Returns the start of forwarding to an address, which is written with `smtp:` before it.
pub fn forwarding_to(envelope: &Envelope, mailbox: &Mailbox, address: &str, keep_a_copy: bool) -> Value {
    let target = format!("smtp:{address}");
    let keep = if keep_a_copy { "True" } else { "False" };
    set_mailbox(envelope, mailbox, &[("ForwardingSmtpAddress", &target), ("DeliverToMailboxAndForward", keep)])
}

/// Returns the end of forwarding: the same parameters, with an empty value.
pub fn forwarding_turned_off(envelope: &Envelope, mailbox: &Mailbox) -> Value {
    let parameters = [("ForwardingSmtpAddress", ""), ("DeliverToMailboxAndForward", "False")];
    set_mailbox(envelope, mailbox, &parameters)
}

/// Returns `Set-Mailbox` by Exchange itself, the most frequent record of all. It has no client address.
pub fn system_set_mailbox(envelope: &Envelope, mailbox: &Mailbox) -> Value {
    let service = "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)";
    let parameters = [
        ("Identity", mailbox.identity.as_str()),
        ("ProhibitSendQuota", "99 GB (106,300,440,576 bytes)"),
        ("ProhibitSendReceiveQuota", "100 GB (107,374,182,400 bytes)"),
        ("RetainDeletedItemsFor", "14.00:00:00"),
    ];
    let mut record = envelope.clone().by(service).record("Exchange", EXCHANGE_ADMIN, 3, "Set-Mailbox", "True");
    record.extend(members(serde_json::json!({
        "UserKey": service,
        "ObjectId": mailbox.identity,
        "AppId": "",
        "ClientAppId": "",
        "ExternalAccess": true,
        "OrganizationName": envelope.organization_name,
        "OriginatingServer": "VI1PR04MB0117 (15.20.4219.022)",
        "Parameters": pairs(&parameters),
    })));
    Value::Object(record)
}

/// Returns the start of an automatic reply.
pub fn auto_reply(envelope: &Envelope, mailbox: &Mailbox, message: &str) -> Value {
    let parameters = [
        ("Identity", mailbox.identity.as_str()),
        ("AutoReplyState", "Scheduled"),
        ("ExternalAudience", "Known"),
        ("InternalMessage", message),
    ];
    Value::Object(envelope.cmdlet("Set-MailboxAutoReplyConfiguration", &mailbox.identity, &parameters))
}

/// Returns `Add-MailboxPermission`.
pub fn add_mailbox_permission(envelope: &Envelope, mailbox: &Mailbox, grantee: &str, rights: &str) -> Value {
    let parameters = [
        ("Identity", mailbox.identity.as_str()),
        ("User", grantee),
        ("AccessRights", rights),
        ("InheritanceType", "All"),
        ("AutoMapping", "True"),
    ];
    Value::Object(envelope.cmdlet("Add-MailboxPermission", &mailbox.identity, &parameters))
}

/// Returns `New-TransportRule`, whose `ObjectId` is empty.
pub fn new_transport_rule(envelope: &Envelope, name: &str, parameters: &[(&str, &str)]) -> Value {
    let first = [("Name", name), ("Mode", "Enforce")];
    Value::Object(envelope.cmdlet("New-TransportRule", "", &[&first, parameters].concat()))
}

/// Returns the record of any other cmdlet that a person ran.
pub fn cmdlet(envelope: &Envelope, operation: &str, object_id: &str, parameters: &[(&str, &str)]) -> Value {
    Value::Object(envelope.cmdlet(operation, object_id, parameters))
}
