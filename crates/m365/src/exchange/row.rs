//! Reads members of a row of a cmdlet's response. Unknown members are tolerated everywhere.

use serde_json::{Map, Value};

/// One row of a cmdlet's answer, without annotations (members whose name contains `@` are dropped).
pub(super) type Row = Map<String, Value>;

/// Returns whether a member is true, in any of the forms in which Exchange writes Booleans.
pub(super) fn is_true(row: &Row, member: &str) -> bool {
    boolean(row, member) == Some(true)
}

/// Returns a Boolean; `None` if the member is absent, null or something else.
pub(super) fn boolean(row: &Row, member: &str) -> Option<bool> {
    match row.get(member)? {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Returns a string that is not empty.
pub(super) fn text<'r>(row: &'r Row, member: &str) -> Option<&'r str> {
    row.get(member).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Returns a string or a number as a string. Rule ids are numbers above 2^63.
pub(super) fn text_or_number(row: &Row, member: &str) -> String {
    match row.get(member) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Returns the strings of a list; one string counts as a list of one.
pub(super) fn texts<'r>(row: &'r Row, member: &str) -> Vec<&'r str> {
    let values = match row.get(member) {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).collect()
}

/// Returns the list as owned strings.
pub(super) fn owned_texts(row: &Row, member: &str) -> Vec<String> {
    texts(row, member).into_iter().map(str::to_owned).collect()
}
