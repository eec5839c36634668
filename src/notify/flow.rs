//! Creates the request to a Power Automate flow. Its trigger accepts strings only: a number, a Boolean or a null makes it reject the whole
//! call, so the values are strings by type.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use secrecy::{ExposeSecret, SecretString};

use super::card::{self, Buttons};
use super::{Notification, summary};
use crate::tables::Containment;

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

/// The tokens of a notification. Without one, its member is empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct PayloadTokens<'a> {
    /// `ActionToken`
    pub action: Option<&'a SecretString>,
    /// `UndoToken`: lets a contained account back in.
    pub undo: Option<&'a SecretString>,
}

/// The notification of a finding.
pub fn payload(notification: &Notification<'_>, tokens: PayloadTokens<'_>, consent: Option<&str>) -> Payload {
    let row = notification.row;
    let stored = row.to_entity();
    let mut payload: Payload =
        AS_STORED.iter().map(|name| (*name, stored.text(name).unwrap_or_default().to_owned())).collect();
    // Rows of the first version leave it empty if the finding is about no mailbox; the flow presses with it.
    if row.threat {
        payload.insert("SourceMailbox", row.kind.source_mailbox(&row.source_mailbox, &row.actor).to_owned());
    }
    let sentences: Vec<&str> = row.reasons.iter().map(|reason| reason.sentence.as_str()).collect();
    payload.insert("Score", row.score.to_string());
    payload.insert("Reasons", sentences.join("\n"));
    payload.insert("Summary", summary::of_notification(notification));
    payload.insert("EventTime", row.event_time.to_rfc3339_opts(SecondsFormat::Secs, true));
    let shown = |token: Option<&SecretString>| token.map(|token| token.expose_secret().to_owned()).unwrap_or_default();
    payload.insert("ActionToken", shown(tokens.action));
    payload.insert("Containment", row.containment.as_ref().map(Containment::told).unwrap_or_default());
    payload.insert("UndoToken", shown(tokens.undo));
    let buttons = if tokens.undo.is_some() { Buttons::SubmitOrUndo } else { Buttons::Submit };
    payload.insert("Card", card::card(notification, &buttons, consent).to_string());
    payload
}
