//! How values travel between host and handler: what goes in, and what is made of an answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::app_folder::{Function, Trigger};
use super::queue::Taken;

/// `{"Data":…,"Metadata":…}` for a timer that fires now.
pub(super) fn timer_data(function: &Function) -> Value {
    let Trigger::Timer { binding } = &function.trigger else { return Value::Null };
    let now = Utc::now();
    let last = now - TimeDelta::minutes(15);
    let timer = json!({
        "Schedule": {"AdjustForDST": true},
        "ScheduleStatus": {"Last": last, "LastUpdated": last, "Next": now},
        "IsPastDue": false,
    });
    json!({"Data": {binding: encoded(timer)}, "Metadata": {"sys": system(function)}})
}

/// The same for a queue message.
pub(super) fn queue_data(function: &Function, binding: &str, message: &Taken, text: &str) -> Value {
    let mut metadata = Map::new();
    // The members of a message that is an object come first, so that the host's own names win.
    if let Ok(Value::Object(members)) = serde_json::from_str(text) {
        metadata.extend(
            members.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name, encoded(value))),
        );
    }
    let own = [
        ("DequeueCount", json!(message.dequeue_count)),
        ("ExpirationTime", json!(message.expires)),
        ("Id", json!(message.id)),
        ("InsertionTime", json!(message.inserted)),
        ("NextVisibleTime", json!(message.next_visible)),
        ("PopReceipt", json!(message.pop_receipt)),
        ("sys", system(function)),
    ];
    metadata.extend(own.into_iter().map(|(name, value)| (name.to_owned(), encoded(value))));
    if message.dequeue_count > 1 {
        metadata
            .insert("RetryContext".to_owned(), json!({"RetryCount": message.dequeue_count - 1, "MaxRetryCount": 5}));
    }
    json!({"Data": {binding: encoded(json!(text))}, "Metadata": metadata})
}

fn system(function: &Function) -> Value {
    json!({"MethodName": function.name, "UtcNow": Utc::now(), "RandGuid": Uuid::new_v4()})
}

/// Only objects travel as they are; everything else as its JSON text inside a string.
fn encoded(value: Value) -> Value {
    if value.is_object() { value } else { Value::String(value.to_string()) }
}

/// What the host reads of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(rename = "Outputs", default)]
    outputs: Option<Map<String, Value>>,
    #[serde(rename = "Logs", default)]
    logs: Option<Vec<String>>,
}

impl Answer {
    /// Reads a 2xx answer.
    ///
    /// # Errors
    /// What is wrong with it, in words. An empty body or `null` leaves the real invocation hanging until it times out.
    pub(super) fn read(content_type: &str, body: &[u8]) -> Result<Self, String> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err("an empty body under a success: the host would hang until functionTimeout".to_owned());
        }
        if !content_type.to_ascii_lowercase().starts_with("application/json") {
            return Err(format!("content type {content_type:?}: the host reads application/json only"));
        }
        match serde_json::from_slice(body) {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err("null under a success: the host would hang until functionTimeout".to_owned()),
            Err(error) => Err(format!("the answer is not what the host reads: {error}")),
        }
    }

    pub(super) fn logs(&mut self) -> Vec<String> {
        self.logs.take().unwrap_or_default()
    }

    /// The messages that the host queues for an output binding, with its traps: a string that is base64 becomes bytes, a
    /// string that is JSON is taken apart, objects are written with indentation.
    pub(super) fn queue_messages(&self, binding: &str) -> Vec<Vec<u8>> {
        let Some(value) = self.outputs.as_ref().and_then(|outputs| outputs.get(binding)) else {
            return Vec::new();
        };
        match value {
            Value::Null => Vec::new(),
            Value::Array(elements) => elements.iter().map(element).collect(),
            Value::String(text) => match (BASE64.decode(text), serde_json::from_str(text)) {
                (Ok(bytes), _) => vec![bytes],
                (_, Ok(Value::Array(elements))) => elements.iter().map(element).collect(),
                (_, Ok(object @ Value::Object(_))) => vec![element(&object)],
                _ => vec![text.clone().into_bytes()],
            },
            other => vec![element(other)],
        }
    }
}

fn element(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => serde_json::to_vec_pretty(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(outputs: Value) -> Vec<String> {
        let body = json!({"Outputs": {"tenants": outputs}}).to_string();
        let answer = Answer::read("application/json", body.as_bytes()).unwrap();
        answer.queue_messages("tenants").into_iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    #[test]
    fn an_array_of_strings_is_queued_as_it_is() {
        assert_eq!(queued(json!(["{\"a\":1}", "dGVzdA=="])), ["{\"a\":1}", "dGVzdA=="]);
        assert!(queued(json!([])).is_empty());
    }

    #[test]
    fn the_traps_of_the_host_are_kept() {
        assert_eq!(queued(json!("dGVzdA==")), ["test"], "base64 becomes bytes");
        assert_eq!(queued(json!("[\"a\",\"b\"]")), ["a", "b"], "an array in a string is split");
        assert_eq!(queued(json!([{"a": 1}])), ["{\n  \"a\": 1\n}"], "objects are indented");
    }

    #[test]
    fn an_answer_that_would_hang_the_host_is_an_error() {
        for body in ["", " \n", "null"] {
            assert!(Answer::read("application/json", body.as_bytes()).unwrap_err().contains("hang"), "{body:?}");
        }
        assert!(Answer::read("text/plain", b"{}").is_err());
    }

    #[test]
    fn everything_but_objects_travels_as_json_text_in_a_string() {
        assert_eq!(encoded(json!("{\"tenantId\":\"x\"}")), json!("\"{\\\"tenantId\\\":\\\"x\\\"}\""));
        assert_eq!(encoded(json!(1)), json!("1"));
        assert_eq!(encoded(json!({"a": 1})), json!({"a": 1}));
    }
}
