//! Members of JSON inside records. Exporters change the case of names, so they are matched without it.

use serde_json::{Map, Value};

/// The member of exactly this name, else one that differs in case only.
pub(super) fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| members.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The text of a member of an object. `None` when there is none, or nothing in it.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let text = member(object.as_object()?, name)?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

/// Returns a string, number or Boolean as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The `ID` members of a list such as `Target`: `[{"ID":…,"Type":…}]`.
pub(super) fn ids(list: Option<&Value>) -> impl Iterator<Item = &str> {
    let entries = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(|entry| text(entry, "ID"))
}
