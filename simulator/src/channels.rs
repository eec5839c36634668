//! Receives signed webhooks and Slack messages.

use axum::http::HeaderMap;
use serde_json::Value;

use crate::reply::Reply;

/// The limits of Slack: blocks of a message, characters of a section, of a header and of the whole.
const SLACK_LIMITS: (usize, usize, usize, usize) = (50, 3_000, 150, 13_000);

/// A webhook with the headers of Standard Webhooks. The receiver does not know the secret; tests verify the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedWebhook {
    /// `webhook-id`
    pub id: String,
    /// `webhook-timestamp`
    pub timestamp: String,
    /// `webhook-signature`
    pub signature: String,
    /// The body as it was signed.
    pub body: Vec<u8>,
}

impl ReceivedWebhook {
    /// Returns the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Accepts a webhook that has all three headers and a JSON object.
pub(crate) fn webhook(headers: &HeaderMap, body: &[u8]) -> (Reply, Option<ReceivedWebhook>) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let is_object = serde_json::from_slice::<Value>(body).is_ok_and(|body| body.is_object());
    match (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature")) {
        (Some(id), Some(timestamp), Some(signature)) if is_object => {
            let received = ReceivedWebhook { id, timestamp, signature, body: body.to_vec() };
            (Reply::empty(204), Some(received))
        }
        _ => (Reply::empty(400), None),
    }
}

/// Answers as Slack's incoming webhook, which takes blocks within its limits.
pub(crate) fn slack(body: &[u8]) -> (Reply, Option<Value>) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match slack_refusal(&body) {
        Some(why) => (Reply { body: why.as_bytes().to_vec(), ..Reply::empty(400) }, None),
        None => (Reply { body: b"ok".to_vec(), ..Reply::empty(200) }, Some(body)),
    }
}

fn slack_refusal(body: &Value) -> Option<&'static str> {
    let (blocks_limit, section_limit, header_limit, whole_limit) = SLACK_LIMITS;
    let Some(blocks) = body["blocks"].as_array() else { return Some("invalid_payload") };
    if body["text"].as_str().is_none_or(str::is_empty) {
        return Some("no_text");
    }
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    let is_too_long = |block: &Value| {
        let limit = if block["type"] == "header" { header_limit } else { section_limit };
        length(&block["text"]["text"]) > limit
            || block["fields"]
                .as_array()
                .is_some_and(|fields| fields.len() > 10 || fields.iter().any(|field| length(&field["text"]) > 2_000))
    };
    if blocks.len() > blocks_limit || blocks.iter().any(is_too_long) {
        return Some("invalid_blocks");
    }
    (body.to_string().chars().count() > whole_limit).then_some("msg_blocks_too_long")
}
