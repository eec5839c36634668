//! What a Power Automate flow is sent. Its trigger takes texts only: a number, a boolean or a null makes it refuse the whole
//! call, so the values are texts by type.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use secrecy::{ExposeSecret, SecretString};

use super::card::{self, Buttons};
use super::{Notification, summary};

/// Member names and their texts.
pub type Payload = BTreeMap<&'static str, String>;

/// Columns that are sent exactly as they are stored: those of the flows of 2019, whose names and forms other people's flows
/// rely on.
const AS_STORED: &[&str] = &[
    "ForwardingExternally",
    "Organization",
    "Threat",
    "Type",
    "LogID",
    "Delete",
    "RuleId",
    "AppliesAllMail",
    "Description",
    "SetMailboxForwardingStatus",
    "ForwardingAddress",
    "SourceMailbox",
    "Location",
    "IP",
    "ManagementDomain",
    "InternalTimeStamp",
    "Severity",
    "Operation",
    "Actor",
    "RuleName",
    "TenantId",
    "IncidentId",
];

/// The notification of a finding. Without a token the member `ActionToken` is empty.
pub fn payload(notification: &Notification<'_>, token: Option<&SecretString>, consent: Option<&str>) -> Payload {
    let row = notification.row;
    let stored = row.to_entity();
    let mut payload: Payload =
        AS_STORED.iter().map(|name| (*name, stored.text(name).unwrap_or_default().to_owned())).collect();
    // Rows of the first version leave it empty if the finding is about no mailbox; the flow presses with it.
    if row.threat && row.source_mailbox.is_empty() && !row.kind.is_about_mailbox() {
        payload.insert("SourceMailbox", row.actor.clone());
    }
    let sentences: Vec<&str> = row.reasons.iter().map(|reason| reason.sentence.as_str()).collect();
    payload.insert("Score", row.score.to_string());
    payload.insert("Reasons", sentences.join("\n"));
    payload.insert("Summary", summary::of_notification(notification));
    payload.insert("EventTime", row.event_time.to_rfc3339_opts(SecondsFormat::Secs, true));
    payload.insert("ActionToken", token.map(|token| token.expose_secret().to_owned()).unwrap_or_default());
    // Tenantwatch does not contain accounts by itself.
    payload.insert("Containment", String::new());
    payload.insert("UndoToken", String::new());
    payload.insert("Card", card::card(notification, &Buttons::Submit, consent).to_string());
    payload
}
