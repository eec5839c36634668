//! Takes records out of what exporters wrap around them: objects, texts of objects, lists and tables.
//!
//! The program that wrapped a record is unknown. An object with an operation and a time is a record, up to a few levels deep. An
//! object with neither, but with the columns of a record, is put together again (`flat`).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::flat;
use crate::lenient;

/// The objects and texts around a record that are opened.
const DEPTH: usize = 4;

/// The shortest text that can be a record.
const SHORTEST_RECORD: usize = r#"{"Operation":"","CreationTime":""}"#.len();

/// Returns the records in an object, each as JSON. Of two copies of a record the one with more parameters is returned.
pub(super) fn records(json: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Found::default();
    found.look_into_json(&lenient::utf8(json), DEPTH);
    found.records.into_iter().map(|record| record.json).collect()
}

/// The members of an object, in their order.
type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

#[derive(Default)]
struct Found {
    records: Vec<Record>,
}

struct Record {
    id: Option<String>,
    parameters: usize,
    json: Vec<u8>,
}

impl Found {
    /// Looks into JSON that may have to be repaired.
    fn look_into_json(&mut self, json: &str, depth: usize) {
        match serde_json::from_str::<&RawValue>(json) {
            Ok(value) => self.look_into(value.get(), depth),
            Err(_) => {
                let repaired = lenient::repaired(json.as_bytes());
                if let Ok(value) = serde_json::from_slice::<&RawValue>(&repaired) {
                    self.look_into(value.get(), depth);
                }
            }
        }
    }

    /// Looks into an object, the text of one, or a list of either.
    fn look_into(&mut self, json: &str, depth: usize) {
        match json.as_bytes().first() {
            Some(b'{') => self.look_into_object(json, depth),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
                for item in items {
                    self.look_into(item.get(), depth);
                }
            }
            Some(b'"') if json.len() > SHORTEST_RECORD => self.look_into_text(json, depth),
            _ => {}
        }
    }

    fn look_into_text(&mut self, json: &str, depth: usize) {
        let Ok(text) = serde_json::from_str::<String>(json) else { return };
        let text = text.trim().trim_start_matches('\u{feff}');
        if text.starts_with(['{', '[', '"']) {
            self.look_into_json(text, depth);
        }
    }

    fn look_into_object(&mut self, json: &str, depth: usize) {
        let Ok(members) = serde_json::from_str::<Ordered<'_>>(json) else { return };
        let members = members.0;
        if is_record(&members) {
            return self.add(json.as_bytes().to_vec(), &members);
        }
        let before = self.records.len();
        if let Some(rows) = rows_of_table(&members) {
            for row in rows {
                self.look_into(&row.to_string(), depth);
            }
        } else if depth > 0 {
            for (_, value) in &members {
                self.look_into(value.get(), depth - 1);
            }
        }
        if self.records.len() == before {
            self.put_together(&members);
        }
    }

    /// A record of which each member is a column.
    fn put_together(&mut self, members: &Members<'_>) {
        let columns = members.iter().map(|(name, value)| {
            let value = serde_json::from_str(value.get()).unwrap_or_else(|_| Value::String(value.get().to_owned()));
            (name.to_string(), value)
        });
        if let Some(record) = flat::record(columns) {
            let json = Value::Object(record).to_string();
            if let Ok(members) = serde_json::from_str::<Ordered<'_>>(&json) {
                self.add(json.clone().into_bytes(), &members.0);
            }
        }
    }

    fn add(&mut self, json: Vec<u8>, members: &Members<'_>) {
        let text = |name: &str| text_of(member(members, name)?).filter(|text| !text.is_empty());
        let parameters = member(members, "Parameters").map_or(0, |value| value.get().len());
        let record = Record { id: text("Id"), parameters, json };
        let copy = self.records.iter_mut().find(|known| known.id.is_some() && known.id == record.id);
        match copy {
            Some(copy) if copy.parameters < record.parameters => *copy = record,
            Some(_) => {}
            None => self.records.push(record),
        }
    }
}

/// Returns whether an object has an operation and a time.
fn is_record(members: &Members<'_>) -> bool {
    let has_text = |name| member(members, name).and_then(text_of).is_some_and(|text| !text.is_empty());
    has_text("Operation") && has_text("CreationTime")
}

/// The member of exactly this name, or one that differs in case only.
fn member<'a>(members: &Members<'a>, name: &str) -> Option<&'a RawValue> {
    let exact = members.iter().find(|(key, _)| key == name);
    exact.or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))).map(|(_, value)| *value)
}

fn text_of(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// The rows of a table of Log Analytics as objects: <https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format>.
fn rows_of_table(members: &Members<'_>) -> Option<Vec<Value>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Column {
        Named {
            #[serde(alias = "ColumnName")]
            name: String,
        },
        Name(String),
    }
    let columns: Vec<Column> = serde_json::from_str(member(members, "columns")?.get()).ok()?;
    let rows: Vec<Vec<Value>> = serde_json::from_str(member(members, "rows")?.get()).ok()?;
    let names: Vec<String> = columns.into_iter().map(|(Column::Named { name } | Column::Name(name))| name).collect();
    let object = |row: Vec<Value>| Value::Object(names.iter().cloned().zip(row).collect::<Map<String, Value>>());
    Some(rows.into_iter().map(object).collect())
}

/// Members as they stand, without a copy of their values.
struct Ordered<'a>(Members<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Ordered<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((member.0.0, member.1));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Self)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RECORD: &str = r#"{"Operation":"New-InboxRule","CreationTime":"2026-11-20T08:00:00","Id":"1","Parameters":[{"Name":"ForwardTo","Value":"a@b.example"}]}"#;

    fn found(json: &Value) -> Vec<Value> {
        records(json.to_string().as_bytes()).iter().map(|record| serde_json::from_slice(record).unwrap()).collect()
    }

    #[test]
    fn records_are_found_in_objects_texts_lists_and_tables() {
        let record: Value = serde_json::from_str(RECORD).unwrap();
        for envelope in [
            json!({"auditData": record}),
            json!({"AuditData": RECORD}),
            json!({"a": {"b": {"c": {"d": record}}}}),
            json!({"value": [{"AuditData": {"AdditionalProperties": record}}]}),
            json!({"_source": {"event": {"original": RECORD}}}),
            json!({"message": format!("  {RECORD}  ")}),
            json!({"tables": [{"columns": [{"name": "x"}, {"name": "RawEventData"}], "rows": [[1, record]]}]}),
            json!({"result": {"_raw": RECORD}}),
            json!({"text": serde_json::to_string(RECORD).unwrap()}),
        ] {
            assert_eq!(found(&envelope), std::slice::from_ref(&record), "{envelope}");
        }
    }

    #[test]
    fn deeper_objects_and_other_texts_are_left() {
        let record: Value = serde_json::from_str(RECORD).unwrap();
        for other in [
            json!({"a": {"b": {"c": {"d": {"e": record}}}}}),
            json!({"Operation": "New-InboxRule"}),
            json!({"text": "{not JSON at all, but long enough to be a record}"}),
            json!({}),
        ] {
            assert_eq!(found(&other), [] as [Value; 0], "{other}");
        }
    }

    #[test]
    fn fuller_copy_counts() {
        let mut poor: Value = serde_json::from_str(RECORD).unwrap();
        poor["Parameters"] = json!([]);
        let full: Value = serde_json::from_str(RECORD).unwrap();
        for pair in [json!({"a": poor, "b": RECORD}), json!({"a": RECORD, "b": poor})] {
            assert_eq!(found(&pair), std::slice::from_ref(&full), "{pair}");
        }
    }
}
