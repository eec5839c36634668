//! Receives notifications: a Power Automate flow with the request schema of 2019, and a Teams webhook.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::reply::Reply;

/// The members that the trigger's schema declares, all of them strings.
const DECLARED: [&str; 15] = [
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
];

/// Checks a body as the trigger does, and returns it if it is accepted.
pub(crate) fn answer(query: &str, body: &[u8]) -> (Reply, Option<Value>) {
    if !query.contains("sig=") {
        let text = "The request must be authenticated only by Shared Access scheme.";
        return (Reply::error(401, "DirectApiAuthorizationRequired", text), None);
    }
    let Ok(body @ Value::Object(_)) = serde_json::from_slice::<Value>(body) else {
        return (mismatch("Invalid type. Expected Object."), None);
    };
    let wrong = DECLARED.iter().find(|name| body.get(**name).is_some_and(|value| !value.is_string()));
    if let Some(name) = wrong {
        return (mismatch(&format!("Invalid type. Expected String. Path '{name}'.")), None);
    }
    let reply = Reply::empty(202)
        .with_header("x-ms-workflow-run-id", Uuid::new_v4().simple().to_string())
        .with_header("x-ms-request-id", Uuid::new_v4().to_string());
    (reply, Some(body))
}

/// Answers as a Teams webhook, which accepts any body with cards.
pub(crate) fn teams(body: &[u8]) -> (Reply, Option<Value>) {
    match serde_json::from_slice::<Value>(body) {
        Ok(body) if body["attachments"].is_array() => (Reply::empty(202), Some(body)),
        _ => (Reply::json(400, &json!({"error": {"code": "BadRequest", "message": "no attachments"}})), None),
    }
}

fn mismatch(details: &str) -> Reply {
    let text = format!(
        "The input body for trigger 'manual' of type 'Request' did not match its schema definition. Error details: '{details}'"
    );
    Reply::error(400, "TriggerInputSchemaMismatch", &text)
}
