//! A record of any workload: its members by name, parsed only when they are asked for.

use std::borrow::Cow;
use std::fmt;

use base::ids::RecordId;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::lenient;
use super::properties::{self, ModifiedProperty, Properties};
use super::record::{AuditRecord, RecordError};
use super::time::utc;

/// The envelopes that are opened around a record.
const DEPTH: u8 = 2;

/// The top-level members of one record. Exporters change the case of their names, so names are compared without it; of equal names the
/// first counts.
#[derive(Debug)]
pub struct AnyRecord<'a> {
    bytes: &'a [u8],
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl AnyRecord<'_> {
    /// Reads a record, in its envelope or without one, and hands it to `look`.
    ///
    /// # Errors
    /// Returns [`RecordError`] if the bytes are no JSON object.
    pub fn read<T>(bytes: &[u8], look: impl FnOnce(&AnyRecord<'_>) -> T) -> Result<T, RecordError> {
        match parse(bytes) {
            Ok(record) => open(record, DEPTH, look),
            Err(error) => {
                let repaired = lenient::repaired(lenient::utf8(bytes).as_bytes());
                let record = parse(&repaired).map_err(|_| RecordError::NotAnObject(error.to_string()))?;
                open(record, DEPTH, look)
            }
        }
    }

    /// Returns the JSON of a member; `null` counts as absent.
    fn raw(&self, name: &str) -> Option<&str> {
        let found = self.members.iter().find(|(key, _)| key.len() == name.len() && key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.get()).filter(|json| *json != "null")
    }

    /// Returns a member that is not empty as text; numbers and Booleans as they are written.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let json = self.raw(name)?;
        let text = match json.as_bytes() {
            [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Cow::Borrowed(json.get(1..json.len() - 1)?),
            [b'"', ..] => Cow::Owned(lenient::from_slice(json.as_bytes()).ok()?),
            _ => Cow::Borrowed(json),
        };
        Some(text).filter(|text| !text.trim().is_empty())
    }

    /// Returns a member as a number, which may be written as text.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// Returns a member as JSON; the text of an object or a list is parsed.
    pub fn value(&self, name: &str) -> Option<Value> {
        let value: Value = lenient::from_slice(self.raw(name)?.as_bytes()).ok()?;
        match value.as_str().map(str::trim).filter(|text| text.starts_with(['{', '['])) {
            Some(text) => lenient::from_slice(text.as_bytes()).ok().or(Some(value)),
            None => Some(value),
        }
    }

    /// Returns a list of names and values.
    pub fn properties(&self, name: &str) -> Properties {
        properties::from_value(self.raw(name).and_then(|json| lenient::from_slice(json.as_bytes()).ok()))
    }

    /// Returns `ModifiedProperties`.
    pub fn modified_properties(&self) -> Vec<ModifiedProperty> {
        properties::modified_from_value(self.value("ModifiedProperties"))
    }

    /// Returns `CreationTime` in UTC.
    pub fn time(&self) -> Option<DateTime<Utc>> {
        self.text("CreationTime").and_then(|text| utc(&text))
    }

    /// Returns `Id`, or the one that [`AuditRecord`] derives if it is no GUID.
    pub fn id(&self) -> Option<RecordId> {
        let given = self.text("Id").and_then(|text| text.parse().ok());
        given.or_else(|| AuditRecord::parse(self.bytes).ok().map(|record| record.id))
    }

    /// Returns the bytes of the record without its envelope.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }
}

/// Opens the envelopes of the Graph audit search, which holds the record as an object, and of `Search-UnifiedAuditLog`, which holds its
/// text.
fn open<T>(record: AnyRecord<'_>, depth: u8, look: impl FnOnce(&AnyRecord<'_>) -> T) -> Result<T, RecordError> {
    let Some(inner) = record.raw("auditData").filter(|_| depth > 0) else { return Ok(look(&record)) };
    let text = inner.starts_with('"').then(|| lenient::from_slice::<String>(inner.as_bytes()).ok()).flatten();
    let bytes = text.as_deref().unwrap_or(inner).as_bytes();
    match parse(bytes) {
        Ok(inner) => open(inner, depth - 1, look),
        Err(_) => match parse(&lenient::repaired(bytes)) {
            Ok(inner) => open(inner, depth - 1, look),
            Err(_) => Ok(look(&record)),
        },
    }
}

fn parse(bytes: &[u8]) -> serde_json::Result<AnyRecord<'_>> {
    serde_json::from_slice::<InOrder<'_>>(bytes).map(|members| AnyRecord { bytes, members: members.0 })
}

struct InOrder<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for InOrder<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = InOrder<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(48);
                while let Some((name, value)) = access.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(InOrder(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::AnyRecord;

    #[test]
    fn members_are_found_in_every_envelope_and_case() {
        let record =
            r#"{"Operation":"Send","creationtime":"2026-11-20T08:00:00","Id":"1","UserId":"Jos\u00e9@contoso.com"}"#;
        let as_object = format!(r#"{{"operation":"Send","auditData":{record}}}"#);
        let as_text =
            format!(r#"{{"Operations":"Send","AuditData":{}}}"#, serde_json::Value::String(record.to_owned()));
        for json in [record.to_owned(), as_object, as_text] {
            let read = AnyRecord::read(json.as_bytes(), |record| {
                (record.text("userid").map(|text| text.into_owned()), record.time().is_some(), record.number("Id"))
            });
            assert_eq!(read, Ok((Some("José@contoso.com".to_owned()), true, Some(1))), "{json}");
        }
    }

    #[test]
    fn damaged_records_are_read() {
        let read = AnyRecord::read(br#"{"Operation":"Send","Subject":"\ud83d"}"#, |record| {
            record.text("Subject").map(|text| text.into_owned())
        });
        assert_eq!(read, Ok(Some("\u{fffd}".to_owned())));
        let list = br#"{"Operation":"New-InboxRule","Parameters":[{"Name":"Name","Value":"\ud83d"},{"Name":"Mailbox","Value":"v"}]}"#;
        let read = AnyRecord::read(list, |record| record.properties("Parameters").get("Mailbox").map(str::to_owned));
        assert_eq!(read, Ok(Some("v".to_owned())), "an attacker chooses the name of a rule");
        assert!(AnyRecord::read(b"[]", |_| ()).is_err());
    }

    #[test]
    fn absent_and_empty_members_are_none() {
        let json = br#"{"A":null,"B":"","C":false,"D":"{\"x\":1}"}"#;
        AnyRecord::read(json, |record| {
            assert_eq!((record.text("A"), record.text("B")), (None, None));
            assert_eq!(record.text("C").as_deref(), Some("false"));
            assert_eq!(record.value("D"), Some(serde_json::json!({"x": 1})));
        })
        .unwrap();
    }
}
