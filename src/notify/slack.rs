//! Builds a Slack message: blocks within the limits, plain text that Slack neither links nor formats, and links that act on nothing.

use serde_json::{Value, json};
use table_store::cut_text;

use crate::detection::FindingKind;

use super::{Notification, can_be_secured, portal, summary};
use m365::Cloud;

/// The longest header, in UTF-16 units after escaping.
const HEADER_LIMIT: usize = 150;

/// The longest text of a section and of a field. Slack takes more, but refuses messages of more than about 13,200 characters.
const SECTION_LIMIT: usize = 2_000;
const FIELD_LIMIT: usize = 300;

/// The most reasons, each a section of its own.
const REASONS_LIMIT: usize = 8;
const REASON_LIMIT: usize = 400;

/// The longest address of a button, in bytes. Escapes make a long name longer.
const URL_LIMIT: usize = 1_000;

/// The longest fallback text.
const TEXT_LIMIT: usize = 1_000;

/// The message of a finding.
pub fn message(notification: &Notification<'_>, cloud: Cloud) -> Value {
    let [class, whom, tenant, _] = summary::headline(notification);
    let what = match notification.row.kind {
        FindingKind::Investigation => notification.safe(&notification.row.description),
        _ => summary::of_notification(notification),
    };
    let mut blocks = vec![
        json!({ "type": "header", "text": plain(&class, HEADER_LIMIT) }),
        json!({ "type": "section", "text": plain(&format!("{}{}", notification.safe(&whom), notification.safe(&tenant)), FIELD_LIMIT) }),
        json!({ "type": "section", "text": plain(&what, SECTION_LIMIT), "fields": fields(notification) }),
    ];
    let reasons = notification.row.reasons.iter().take(REASONS_LIMIT);
    blocks.extend(reasons.map(|reason| {
        let sentence = notification.safe(&reason.sentence);
        json!({ "type": "section", "text": plain(&format!("• {sentence}"), REASON_LIMIT) })
    }));
    let links = links(notification, cloud);
    if can_be_secured(notification.row) && !links.is_empty() {
        blocks.push(json!({ "type": "actions", "elements": links }));
    }
    json!({ "text": escaped(&format!("{class}: {what}"), TEXT_LIMIT), "blocks": blocks })
}

fn fields(notification: &Notification<'_>) -> Vec<Value> {
    let row = notification.row;
    let mut time = row.event_time.format("%Y-%m-%d %H:%M UTC").to_string();
    let age = notification.age();
    if !age.is_empty() {
        time = format!("{time} ({age})");
    }
    let place = [row.ip.as_str(), row.location.as_str()].into_iter().filter(|text| !text.is_empty());
    [
        ("Time", time),
        ("Actor", notification.safe(&row.actor)),
        ("From", notification.safe(&place.collect::<Vec<_>>().join(" · "))),
        ("Incident", row.incident_id.chars().take(8).collect()),
    ]
    .into_iter()
    .filter(|(_, text)| !text.trim().is_empty())
    .map(|(name, text)| plain(&format!("{name}: {}", text.trim()), FIELD_LIMIT))
    .collect()
}

fn links(notification: &Notification<'_>, cloud: Cloud) -> Vec<Value> {
    let button = |text: &str, url: String| json!({ "type": "button", "text": { "type": "plain_text", "text": text }, "url": url });
    let links = [
        ("User in Entra", portal::entra_user(cloud, notification.row)),
        ("Mailbox in Exchange", portal::exchange_mailbox(cloud, notification.row)),
    ];
    links.into_iter().filter(|(_, url)| url.len() <= URL_LIMIT).map(|(text, url)| button(text, url)).collect()
}

fn plain(text: &str, limit: usize) -> Value {
    json!({ "type": "plain_text", "text": escaped(text, limit), "emoji": false })
}

/// Returns a text escaped for Slack and cut so that it is not longer than `limit` afterwards; no escape is cut in two.
fn escaped(text: &str, limit: usize) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut room = limit;
    loop {
        let escaped = escape(&cut_text(text, room));
        let excess = escaped.encode_utf16().count().saturating_sub(limit);
        if excess == 0 || room == 0 {
            return escaped;
        }
        room = room.saturating_sub(excess.div_ceil(5).max(1));
    }
}
