//! The parameters of a cmdlet.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::reply::Failure;

/// Parameters as given, by lower-case name.
#[derive(Debug)]
pub(super) struct Params(BTreeMap<String, Value>);

impl Params {
    /// Checks that the cmdlet knows each. Annotations are passed over.
    pub fn new(given: &Map<String, Value>, known: &[&str]) -> Result<Self, Failure> {
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
        Ok(Self(own))
    }

    /// The value, if the parameter was given, `null` included.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(&name.to_ascii_lowercase())
    }

    /// A text that is not empty.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// As [`Params::text`], and it must be there.
    pub fn required(&self, name: &str) -> Result<String, Failure> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// A switch or boolean.
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

    /// A list that is not empty, or what is written as `a, b`.
    pub fn required_list(&self, name: &str) -> Result<Vec<String>, Failure> {
        match self.get(name).map(list).filter(|list| !list.is_empty()) {
            Some(list) => Ok(list),
            None => Err(missing(name)),
        }
    }

    /// How many rows are wanted at most; `None` without a limit.
    pub fn result_size(&self) -> Result<Option<usize>, Failure> {
        match self.text("ResultSize") {
            None => Ok(Some(1_000)),
            Some(size) if size.eq_ignore_ascii_case("Unlimited") => Ok(None),
            Some(size) => size.parse().map(Some).map_err(|_| {
                Failure::bad_request(&format!("Cannot bind parameter 'ResultSize': \"{size}\" is not a number."))
            }),
        }
    }

    /// Refuses what would ask whether one is sure.
    pub fn confirmed(&self) -> Result<(), Failure> {
        match self.flag("Confirm")? {
            Some(false) => Ok(()),
            _ => Err(Failure::prompt("Are you sure you want to perform this action?")),
        }
    }
}

/// A text or a number, as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The members of a list, or of a text with commas.
pub(super) fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(text).collect(),
        other => text(other).map(|text| split(&text)).unwrap_or_default(),
    }
}

/// `a, b` in parts.
pub(super) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn missing(name: &str) -> Failure {
    Failure::bad_request(&format!("Cannot process command because of missing mandatory parameters: {name}."))
}
