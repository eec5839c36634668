//! The JSON that the host sends to timer and queue functions, and the JSON it reads from them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The timer binding of GetDomain, as its `function.json` names it.
pub const TIMER_BINDING: &str = "timer";
/// The queue output of GetDomain, as its `function.json` names it.
pub const TENANTS_BINDING: &str = "tenants";
/// The queue trigger of ProcessAuditLog, as its `function.json` names it.
pub const TENANT_BINDING: &str = "tenant";

/// How many strings a value may be wrapped in. The host wraps once, and once more what was a JSON string before.
const DEEPEST_WRAPPING: usize = 8;

/// An envelope, or a value in it, that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The body is not the envelope of the host.
    #[error("the body is not a custom-handler envelope ({{\"Data\":{{…}},\"Metadata\":{{…}}}}): {0}")]
    NotAnEnvelope(#[source] serde_json::Error),
    /// The binding that the function reads is not there.
    #[error("the envelope has no binding {wanted:?} (it has: {found}); check the names in function.json")]
    NoBinding {
        /// What the function reads.
        wanted: &'static str,
        /// The names that are there, shortened.
        found: String,
    },
    /// The value has another shape than the function reads.
    #[error("binding {binding:?}: {source}")]
    Shape {
        /// Which binding.
        binding: &'static str,
        /// What does not fit.
        source: serde_json::Error,
    },
}

/// `{"Data":{<binding>: …},"Metadata":{…}}` as the host posts it. Metadata repeats what Data says and is not kept.
#[derive(Debug, serde::Deserialize)]
pub struct Invocation<'a> {
    #[serde(rename = "Data", borrow)]
    data: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

impl<'a> Invocation<'a> {
    /// Reads the envelope.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        serde_json::from_slice(body).map_err(EnvelopeError::NotAnEnvelope)
    }

    /// The value of a binding, whatever it is wrapped in.
    ///
    /// # Errors
    /// When there is no such binding, or it holds something else.
    pub fn value<T: DeserializeOwned>(&self, binding: &'static str) -> Result<T, EnvelopeError> {
        unwrapped(self.raw(binding)?).map_err(|source| EnvelopeError::Shape { binding, source })
    }

    /// Checks that a binding is there, for a function that does not read its value.
    ///
    /// # Errors
    /// When there is no such binding.
    pub fn expect(&self, binding: &'static str) -> Result<(), EnvelopeError> {
        self.raw(binding).map(|_| ())
    }

    fn raw(&self, binding: &'static str) -> Result<&'a RawValue, EnvelopeError> {
        self.data.get(binding).copied().ok_or_else(|| EnvelopeError::NoBinding {
            wanted: binding,
            found: format!("{:?}", self.data.keys().take(8).map(|name| shortened(name)).collect::<Vec<_>>()),
        })
    }
}

/// Every value that is no object arrives as its own JSON text inside a string, sometimes more than once: unwrap until the
/// expected shape appears. The error is about the innermost text.
fn unwrapped<T: DeserializeOwned>(raw: &RawValue) -> Result<T, serde_json::Error> {
    let mut text = Cow::Borrowed(raw.get());
    for _ in 0..DEEPEST_WRAPPING {
        match serde_json::from_str::<String>(&text) {
            Ok(inner) => text = Cow::Owned(inner),
            Err(_) => break,
        }
    }
    serde_json::from_str(&text)
}

/// The answer to a timer or queue function.
///
/// The host hangs on an empty body, decodes a string output that happens to be base64, and splits one that is a JSON
/// array. So the body is always whole, and a queue output always an array of strings.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    #[serde(rename = "Outputs")]
    outputs: BTreeMap<&'static str, Vec<String>>,
    #[serde(rename = "Logs")]
    logs: Vec<String>,
    #[serde(rename = "ReturnValue")]
    return_value: (),
}

impl Answer {
    /// Adds the messages of a queue output, each as compact JSON.
    ///
    /// # Errors
    /// When a message cannot be written as JSON.
    pub fn queue<T: Serialize>(mut self, binding: &'static str, messages: &[T]) -> Result<Self, serde_json::Error> {
        let texts = messages.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        self.outputs.insert(binding, texts);
        Ok(self)
    }

    /// Adds an entry that the host logs as information.
    #[must_use]
    pub fn log(mut self, line: impl Into<String>) -> Self {
        self.logs.push(line.into());
        self
    }
}

/// Enough of a name to recognise it, never a megabyte of it.
fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn wrapped(value: &Value, times: usize) -> Value {
        (0..times).fold(value.clone(), |inner, _| Value::String(inner.to_string()))
    }

    fn read(data: Value) -> Result<BTreeMap<String, String>, EnvelopeError> {
        let body = serde_json::to_vec(&json!({"Data": {"tenant": data}, "Metadata": {"DequeueCount": "1"}})).unwrap();
        Invocation::parse(&body)?.value("tenant")
    }

    #[test]
    fn a_value_is_found_however_often_it_is_wrapped() {
        for times in 0..=DEEPEST_WRAPPING {
            let message = read(wrapped(&json!({"tenantId": "x \"quoted\" \\ ü"}), times)).unwrap();
            assert_eq!(message["tenantId"], "x \"quoted\" \\ ü", "wrapped {times} times");
        }
    }

    #[test]
    fn a_value_wrapped_without_end_is_refused() {
        let error = read(wrapped(&json!({"tenantId": "x"}), DEEPEST_WRAPPING + 1)).unwrap_err();
        assert!(matches!(error, EnvelopeError::Shape { binding: "tenant", .. }), "{error}");
    }

    #[test]
    fn a_message_that_is_not_json_names_its_binding() {
        let error = read(json!("\"hello, I am not JSON\"")).unwrap_err();
        assert!(error.to_string().starts_with("binding \"tenant\": "), "{error}");
    }

    #[test]
    fn a_missing_binding_is_named_with_those_that_are_there() {
        let error = Invocation::parse(br#"{"Data":{"mySbMsg":"x"}}"#).unwrap().expect("tenant").unwrap_err();
        assert!(error.to_string().contains(r#"no binding "tenant" (it has: ["mySbMsg"])"#), "{error}");
    }

    #[test]
    fn queue_outputs_are_arrays_of_strings_even_when_there_are_none() {
        let none = Answer::default().queue::<Value>("tenants", &[]).unwrap();
        assert_eq!(
            serde_json::to_value(none).unwrap(),
            json!({"Outputs": {"tenants": []}, "Logs": [], "ReturnValue": null})
        );
        let one = Answer::default().queue("tenants", &[json!({"a": [1, 2]})]).unwrap().log("done");
        assert_eq!(
            serde_json::to_value(one).unwrap(),
            json!({"Outputs": {"tenants": ["{\"a\":[1,2]}"]}, "Logs": ["done"], "ReturnValue": null})
        );
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(invocation) = Invocation::parse(&body) {
                let _ = invocation.value::<Value>("tenant");
            }
        }

        #[test]
        fn any_text_survives_the_wrapping(text in ".*", times in 0_usize..=DEEPEST_WRAPPING) {
            let message = read(wrapped(&json!({"tenantId": text.clone()}), times)).unwrap();
            prop_assert_eq!(&message["tenantId"], &text);
        }
    }
}
