//! Builds the body of a signed webhook: `{"type","timestamp","data"}`, where `data` is flat and all values are texts.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde_json::{Value, json};
use table_store::cut_text;
use uuid::Uuid;

use super::flow::PayloadTokens;
use super::investigated::{Why, investigated_of};
use super::{Notification, flow, presses};
use crate::detection::FindingKind;
use crate::tables::{Containment, ProcessedRow};

/// The longest body, in bytes.
pub const BODY_LIMIT: usize = 20_000;

/// The longest text of one member if the body would be too long, in UTF-16 units. It is halved until the body fits.
const FIRST_TEXT_LIMIT: usize = 4_000;

/// Members of the flow's payload that a webhook never gets: they let act, or are made for a flow.
const LEFT_OUT: [&str; 3] = ["ActionToken", "UndoToken", "Card"];

/// Returns the value of `type`.
pub fn event_type(row: &ProcessedRow) -> &'static str {
    match row.kind {
        FindingKind::Test => "tenantwatch.test",
        FindingKind::Coverage if presses::is_press(row) => "tenantwatch.remediated",
        FindingKind::Coverage => "tenantwatch.notice",
        FindingKind::Investigation => "tenantwatch.investigated",
        _ if row.containment.as_ref().is_some_and(Containment::has_acted) => "tenantwatch.contained",
        _ => "tenantwatch.threat",
    }
}

/// Returns the header `webhook-id`, the same at every attempt: UUIDv5 in the name space of the log id, of the type, and for a
/// remediation of its run as well.
pub fn event_id(row: &ProcessedRow) -> String {
    let name = event_type(row);
    if let Some(about) = investigated_of(row) {
        let account = if about.why == Why::SameAttacker { format!("/{}", row.source_mailbox) } else { String::new() };
        return Uuid::new_v5(&about.log_id, format!("{name}/{}{account}", about.report).as_bytes()).to_string();
    }
    let id = match presses::press_of(row) {
        Some(press) => Uuid::new_v5(&press.log_id, format!("{name}/{}", press.run_id).as_bytes()),
        None => Uuid::new_v5(row.record_id.as_uuid(), name.as_bytes()),
    };
    id.to_string()
}

/// Returns the body. Long texts are cut with a mark until it is short enough.
pub fn body(notification: &Notification<'_>) -> Vec<u8> {
    let members = members(notification);
    let mut limit = FIRST_TEXT_LIMIT;
    let mut body = envelope(notification.row, &members).to_string().into_bytes();
    while body.len() > BODY_LIMIT && limit > 1 {
        let cut: BTreeMap<&str, String> = members.iter().map(|(name, text)| (*name, cut_text(text, limit))).collect();
        body = envelope(notification.row, &cut).to_string().into_bytes();
        limit /= 2;
    }
    body
}

fn members(notification: &Notification<'_>) -> BTreeMap<&'static str, String> {
    let mut members = flow::payload(notification, PayloadTokens::default(), None);
    members.retain(|name, _| !LEFT_OUT.contains(name));
    if let Some(press) = presses::press_of(notification.row) {
        members.insert("LogID", press.log_id.to_string());
        members.extend(press.members());
    }
    if let Some(about) = investigated_of(notification.row) {
        members.insert("LogID", about.log_id.to_string());
        members.insert("Account", notification.row.source_mailbox.clone());
        members.insert("Report", about.report.to_string());
    }
    members
}

fn envelope(row: &ProcessedRow, members: &BTreeMap<&'static str, String>) -> Value {
    let timestamp = row.event_time.to_rfc3339_opts(SecondsFormat::Secs, true);
    json!({ "type": event_type(row), "timestamp": timestamp, "data": members })
}
