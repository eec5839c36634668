//! Encodes the values that travel between host and handler, and reads an answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::app_folder::{Function, Trigger};
use super::queue::Taken;

/// The end of time in the metadata of a message that was never queued.
const NEVER: &str = "9999-12-31T23:59:59+00:00";

/// Returns the envelope of a timer that its schedule fires.
pub(super) fn timer_data(function: &Function) -> Value {
    timer_envelope(function, Value::Null, None)
}

/// Returns the envelope of a timer that is started manually, with the input of the request if it had one.
pub(super) fn manual_timer_data(function: &Function, input: Option<&str>) -> Value {
    let now = Utc::now();
    let status = json!({
        "Last": "0001-01-01T00:00:00",
        "Next": offset_time(now + TimeDelta::minutes(15)),
        "LastUpdated": format!("{}0+00:00", now.format("%Y-%m-%dT%H:%M:%S%.6f")),
    });
    timer_envelope(function, status, input)
}

fn timer_envelope(function: &Function, status: Value, input: Option<&str>) -> Value {
    let Trigger::Timer { binding } = &function.trigger else { return Value::Null };
    let timer = json!({"Schedule": {"AdjustForDST": true}, "ScheduleStatus": status, "IsPastDue": false});
    let mut metadata = Map::new();
    if let Some(input) = input {
        metadata.insert(binding.clone(), encoded(input.into()));
    }
    metadata.insert("sys".to_owned(), system(function));
    json!({"Data": {binding: encoded(timer)}, "Metadata": metadata})
}

/// Returns the envelope of a queue message that was taken.
pub(super) fn queue_data(function: &Function, binding: &str, message: &Taken, text: &str) -> Value {
    let own = [
        ("DequeueCount", encoded(json!(message.dequeue_count))),
        ("ExpirationTime", json!(queue_time(&message.expires))),
        ("Id", encoded(json!(message.id))),
        ("InsertionTime", json!(queue_time(&message.inserted))),
        ("NextVisibleTime", json!(queue_time(&message.next_visible))),
        ("PopReceipt", encoded(json!(message.pop_receipt))),
    ];
    queue_envelope(function, binding, text, own)
}

/// Returns the envelope of a queue function that is started manually. The message was never in a queue.
pub(super) fn manual_queue_data(function: &Function, binding: &str, text: &str) -> Value {
    let own = [
        ("DequeueCount", encoded(json!(0))),
        ("ExpirationTime", json!(NEVER)),
        ("InsertionTime", json!(offset_time(Utc::now()))),
        ("NextVisibleTime", json!(NEVER)),
        (binding, encoded(json!(text))),
    ];
    queue_envelope(function, binding, text, own)
}

fn queue_envelope<const N: usize>(function: &Function, binding: &str, text: &str, own: [(&str, Value); N]) -> Value {
    let mut metadata = Map::new();
    // The members of a message that is an object come first, so that the host's own names win.
    if let Ok(Value::Object(members)) = serde_json::from_str(text) {
        metadata.extend(
            members.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name, encoded(value))),
        );
    }
    metadata.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
    metadata.insert("sys".to_owned(), system(function));
    json!({"Data": {binding: encoded(json!(text))}, "Metadata": metadata})
}

fn system(function: &Function) -> Value {
    // The host writes seven decimals.
    let now = format!("{}0Z", Utc::now().format("%Y-%m-%dT%H:%M:%S%.6f"));
    json!({"MethodName": function.name, "UtcNow": now, "RandGuid": Uuid::new_v4()})
}

/// Returns a time of queue storage, such as `Mon, 23 Nov 2026 10:00:00 GMT`, as the host writes it.
fn queue_time(text: &str) -> String {
    DateTime::parse_from_rfc2822(text).map_or_else(|_| text.to_owned(), |time| offset_time(time.to_utc()))
}

/// Returns a time with an offset. The host writes times of messages as they are, not as JSON text in a string.
fn offset_time(time: DateTime<Utc>) -> String {
    // Queue storage has a message without expiry expire beyond the years that the host can write.
    if time.year() > 9999 { NEVER.to_owned() } else { time.format("%Y-%m-%dT%H:%M:%S+00:00").to_string() }
}

/// Encodes a value: an object travels as it is, anything else as its JSON text inside a string.
fn encoded(value: Value) -> Value {
    if value.is_object() { value } else { Value::String(value.to_string()) }
}

/// The part of an answer that the host reads.
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
    /// Returns what is wrong with the answer. An empty body or `null` leaves the real invocation hanging until it times out.
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

    /// Returns the messages that the host queues for an output binding.
    ///
    /// The traps of the host are included: it decodes a string that is base64, splits a string that is a JSON array, and
    /// writes objects with indentation.
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
    fn array_of_strings_is_queued_unchanged() {
        assert_eq!(queued(json!(["{\"a\":1}", "dGVzdA=="])), ["{\"a\":1}", "dGVzdA=="]);
        assert!(queued(json!([])).is_empty());
    }

    #[test]
    fn traps_of_the_host_are_emulated() {
        assert_eq!(queued(json!("dGVzdA==")), ["test"], "base64 becomes bytes");
        assert_eq!(queued(json!("[\"a\",\"b\"]")), ["a", "b"], "an array in a string is split");
        assert_eq!(queued(json!([{"a": 1}])), ["{\n  \"a\": 1\n}"], "objects are indented");
    }

    #[test]
    fn answer_that_would_hang_the_host_is_an_error() {
        for body in ["", " \n", "null"] {
            assert!(Answer::read("application/json", body.as_bytes()).unwrap_err().contains("hang"), "{body:?}");
        }
        assert!(Answer::read("text/plain", b"{}").is_err());
    }

    #[test]
    fn values_other_than_objects_travel_as_json_text() {
        assert_eq!(encoded(json!("{\"tenantId\":\"x\"}")), json!("\"{\\\"tenantId\\\":\\\"x\\\"}\""));
        assert_eq!(encoded(json!(1)), json!("1"));
        assert_eq!(encoded(json!({"a": 1})), json!({"a": 1}));
    }
}
