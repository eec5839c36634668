//! The top-level members of a record. Exporters change the case of their names, so they are matched without it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The members of a record as they are read. If a name occurs twice, the first counts, as in the selector, which has decided
/// before the second arrives. Of `Operation` the first that is text counts; one in another case counts only if no exact one
/// exists. The others are dropped, so that the record reads the same when it is written and read again.
#[derive(Debug)]
pub(super) struct TopLevel(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for TopLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TopLevelVisitor)
    }
}

struct TopLevelVisitor;

impl<'de> Visitor<'de> for TopLevelVisitor {
    type Value = TopLevel;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<TopLevel, A::Error> {
        let (mut members, mut exact, mut other_case) = (Map::new(), None, None);
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if !name.eq_ignore_ascii_case("Operation") {
                members.entry(name).or_insert(value);
            } else if value.is_string() {
                let place = if name == "Operation" { &mut exact } else { &mut other_case };
                place.get_or_insert((name, value));
            }
        }
        members.extend(exact.or(other_case));
        Ok(TopLevel(members))
    }
}

/// The members of one JSON object.
#[derive(Debug)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// The member of exactly this name, else one that differs in case only.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .get(name)
            .or_else(|| self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }

    /// Takes the member out; JSON `null` counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let exact = self.0.remove(name);
        let value = exact.or_else(|| {
            let key = self.0.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
            self.0.remove(&key)
        });
        value.filter(|value| !value.is_null())
    }

    /// The member when it is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The member when it is text with something in it.
    pub(super) fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The member as text; what is no text as compact JSON.
    pub(super) fn any_as_text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(as_text)
    }

    /// The member as a number, which may be written as text.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let value = self.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    /// The member as a number, which may be written as text or as the name that stands for it.
    pub(super) fn coded(&self, name: &str, codes: &[(&str, i64)]) -> Option<i64> {
        self.number(name).or_else(|| {
            let text: String = self.text(name)?.chars().filter(char::is_ascii_alphanumeric).collect();
            codes.iter().find(|(known, _)| known.eq_ignore_ascii_case(&text)).map(|(_, code)| *code)
        })
    }

    /// The object as compact JSON with sorted keys at every level.
    pub(super) fn sorted_json(&self) -> String {
        let mut copy = Value::Object(self.0.clone());
        copy.sort_all_objects();
        copy.to_string()
    }
}

/// Text as it is, `null` as nothing, everything else as compact JSON.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
