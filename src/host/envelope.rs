//! The JSON that the host sends to timer and queue functions, and the JSON that it reads from them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

/// The timer binding of GetDomain, as its `function.json` names it.
pub const TIMER_BINDING: &str = "timer";
/// The queue output of GetDomain, as its `function.json` names it.
pub const TENANTS_BINDING: &str = "tenants";
/// The queue trigger of ProcessAuditLog, as its `function.json` names it.
pub const TENANT_BINDING: &str = "tenant";

/// The number of strings that a value may be wrapped in. The host wraps a value once, and a second time if it was a JSON string.
const MAX_WRAPPING: usize = 8;

/// Why an envelope cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The body is not an envelope of the host.
    #[error("the body is not a custom-handler envelope ({{\"Data\":{{…}},\"Metadata\":{{…}}}}): {0}")]
    NotAnEnvelope(#[source] serde_json::Error),
    /// The envelope does not contain the binding of the function.
    #[error("the envelope has no binding {wanted:?} (it has: {found}); check the names in function.json")]
    NoBinding {
        /// The binding of the function.
        wanted: &'static str,
        /// The bindings of the envelope, shortened.
        found: String,
    },
}

/// An envelope `{"Data":{<binding>: …},"Metadata":{…}}` as the host posts it.
///
/// Metadata is not read: it repeats the data, and a function that was started manually has neither a message id nor a pop
/// receipt there.
#[derive(Debug, serde::Deserialize)]
pub struct Invocation<'a> {
    #[serde(rename = "Data", borrow)]
    data: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

impl<'a> Invocation<'a> {
    /// Parses an envelope.
    ///
    /// # Errors
    /// Returns [`EnvelopeError::NotAnEnvelope`] if the body is not one.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        serde_json::from_slice(body).map_err(EnvelopeError::NotAnEnvelope)
    }

    /// Returns the innermost text of a binding, without the strings that it is wrapped in.
    ///
    /// Every value that is not an object arrives as its own JSON text inside a string, sometimes more than once.
    ///
    /// # Errors
    /// Returns [`EnvelopeError::NoBinding`] if the envelope does not contain the binding.
    pub fn text(&self, binding: &'static str) -> Result<Cow<'a, str>, EnvelopeError> {
        let mut text = Cow::Borrowed(self.raw(binding)?.get());
        for _ in 0..MAX_WRAPPING {
            match serde_json::from_str::<String>(&text) {
                Ok(inner) => text = Cow::Owned(inner),
                Err(_) => break,
            }
        }
        Ok(text)
    }

    /// Checks that the envelope contains a binding, for a function that does not read its value.
    ///
    /// # Errors
    /// Returns [`EnvelopeError::NoBinding`] if it does not.
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

/// The answer to a timer or queue function.
///
/// An empty body leaves the invocation hanging. A string output that happens to be base64 is decoded, and one that is a JSON
/// array is split. So the body is always complete, and a queue output is always an array of strings. `Logs` stays empty: the
/// outcome is a line on standard output, which the host stores as well, and each of both costs a log row.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    #[serde(rename = "Outputs")]
    outputs: BTreeMap<&'static str, Vec<String>>,
    #[serde(rename = "Logs")]
    logs: [&'static str; 0],
    #[serde(rename = "ReturnValue")]
    return_value: (),
}

impl Answer {
    /// Adds the messages of a queue output, each as compact JSON.
    ///
    /// # Errors
    /// Returns an error if a message cannot be written as JSON.
    pub fn queue<T: Serialize>(mut self, binding: &'static str, messages: &[T]) -> Result<Self, serde_json::Error> {
        let texts = messages.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        self.outputs.insert(binding, texts);
        Ok(self)
    }
}

/// Returns enough of a name to recognise it.
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

    fn read(data: Value) -> String {
        let body = serde_json::to_vec(&json!({"Data": {"tenant": data}, "Metadata": {"DequeueCount": "1"}})).unwrap();
        Invocation::parse(&body).unwrap().text("tenant").unwrap().into_owned()
    }

    #[test]
    fn text_is_found_however_often_it_is_wrapped() {
        let message = json!({"tenantId": "x \"quoted\" \\ ü"});
        for times in 0..=MAX_WRAPPING {
            assert_eq!(read(wrapped(&message, times)), message.to_string(), "wrapped {times} times");
        }
    }

    #[test]
    fn value_wrapped_without_end_stays_a_string() {
        let text = read(wrapped(&json!({"tenantId": "x"}), MAX_WRAPPING + 1));
        assert!(serde_json::from_str::<String>(&text).is_ok(), "{text}");
    }

    #[test]
    fn missing_binding_is_named_with_the_present_ones() {
        let error = Invocation::parse(br#"{"Data":{"mySbMsg":"x"}}"#).unwrap().expect("tenant").unwrap_err();
        assert!(error.to_string().contains(r#"no binding "tenant" (it has: ["mySbMsg"])"#), "{error}");
    }

    #[test]
    fn queue_output_is_an_array_of_strings_even_if_empty() {
        let none = Answer::default().queue::<Value>("tenants", &[]).unwrap();
        assert_eq!(
            serde_json::to_value(none).unwrap(),
            json!({"Outputs": {"tenants": []}, "Logs": [], "ReturnValue": null})
        );
        let one = Answer::default().queue("tenants", &[json!({"a": [1, 2]})]).unwrap();
        assert_eq!(
            serde_json::to_value(one).unwrap(),
            json!({"Outputs": {"tenants": ["{\"a\":[1,2]}"]}, "Logs": [], "ReturnValue": null})
        );
    }

    proptest! {
        #[test]
        fn arbitrary_body_does_not_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(invocation) = Invocation::parse(&body) {
                let _ = invocation.text("tenant");
            }
        }

        #[test]
        fn arbitrary_text_survives_the_wrapping(text in ".*", times in 0_usize..=MAX_WRAPPING) {
            let message = json!({"tenantId": text});
            prop_assert_eq!(read(wrapped(&message, times)), message.to_string());
        }
    }
}
