//! Reads the parameters of a cmdlet.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::reply::Failure;
use crate::world::Unkindness;

/// The parameters as given, by lower-case name, and the circumstances of the call.
#[derive(Debug)]
pub(super) struct Params {
    given: BTreeMap<String, Value>,
    now: DateTime<Utc>,
    unkindness: Unkindness,
}

impl Params {
    /// Checks that the cmdlet knows every parameter. Annotations are skipped.
    pub fn new(
        given: &Map<String, Value>,
        known: &[&str],
        now: DateTime<Utc>,
        unkindness: Unkindness,
    ) -> Result<Self, Failure> {
        let mut own = BTreeMap::new();
        for (name, value) in given.iter().filter(|(name, _)| !name.contains('@')) {
            if !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return Err(Failure::ambiguous(&format!(
                    "Parameter set cannot be resolved using the specified named parameters. Invalid cmdlet parameters \
                     specified. {name}"
                )));
            }
            own.insert(name.to_ascii_lowercase(), value.clone());
        }
        Ok(Self { given: own, now, unkindness })
    }

    /// Returns the time of the call.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Returns the ways in which the service is less helpful than documented.
    pub fn unkindness(&self) -> &Unkindness {
        &self.unkindness
    }

    /// Returns the value if the parameter was given, `null` included.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.given.get(&name.to_ascii_lowercase())
    }

    /// Returns a string that is not empty.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// Returns the same as [`Params::text`], or fails.
    pub fn required(&self, name: &str) -> Result<String, Failure> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// Returns a switch or Boolean.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(flag)) if flag.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(flag)) if flag.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => {
                Err(Failure::bad_request(&format!("Cannot convert the value of parameter '{name}' to System.Boolean.")))
            }
        }
    }

    /// Returns a list that is not empty, which may be written as `a, b`.
    pub fn required_list(&self, name: &str) -> Result<Vec<String>, Failure> {
        match self.get(name).map(list).filter(|list| !list.is_empty()) {
            Some(list) => Ok(list),
            None => Err(missing(name)),
        }
    }

    /// Returns the limit of rows; `None` if there is none.
    pub fn result_size(&self) -> Result<Option<usize>, Failure> {
        match self.text("ResultSize") {
            None => Ok(Some(1_000)),
            Some(size) if size.eq_ignore_ascii_case("Unlimited") => Ok(None),
            Some(size) => size.parse().map(Some).map_err(|_| {
                Failure::bad_request(&format!("Cannot bind parameter 'ResultSize': \"{size}\" is not a number."))
            }),
        }
    }

    /// Rejects a call that would ask for confirmation.
    pub fn confirmed(&self) -> Result<(), Failure> {
        match self.flag("Confirm")? {
            Some(false) => Ok(()),
            _ => Err(Failure::prompt("Are you sure you want to perform this action?")),
        }
    }
}

/// Returns a string or a number as a string.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns the members of a list, or of a string with commas.
pub(super) fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(text).collect(),
        other => text(other).map(|text| split(&text)).unwrap_or_default(),
    }
}

/// Splits `a, b` into its parts.
pub(super) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn missing(name: &str) -> Failure {
    Failure::bad_request(&format!("Cannot process command because of missing mandatory parameters: {name}."))
}
