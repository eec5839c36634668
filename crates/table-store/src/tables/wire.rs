//! Rows as JSON of the table service. Source: "Payload format for Table service operations" on learn.microsoft.com.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::IgnoredAny;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::{Column, ETag, Entity, Key, PartitionKey, RowKey, StoreError, Stored};

/// A row as it is sent. Types that JSON does not have stand beside their column.
pub(super) struct Sent<'a>(pub &'a Entity);

impl Serialize for Sent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("PartitionKey", self.0.key.partition.as_str())?;
        map.serialize_entry("RowKey", self.0.key.row.as_str())?;
        for (name, value) in self.0.columns() {
            if let Some(kind) = annotation(value) {
                map.serialize_entry(&format!("{name}@odata.type"), kind)?;
            }
            match value {
                Column::Text(text) => map.serialize_entry(name, text)?,
                Column::Bool(value) => map.serialize_entry(name, value)?,
                Column::Int(number) => map.serialize_entry(name, &number.to_string())?,
                Column::Binary(bytes) => map.serialize_entry(name, &BASE64.encode(bytes))?,
                Column::Time(time) => map.serialize_entry(name, &time_text(*time))?,
            }
        }
        map.end()
    }
}

fn annotation(value: &Column) -> Option<&'static str> {
    match value {
        Column::Text(_) => None,
        Column::Bool(_) => Some("Edm.Boolean"),
        Column::Int(_) => Some("Edm.Int64"),
        Column::Binary(_) => Some("Edm.Binary"),
        Column::Time(_) => Some("Edm.DateTime"),
    }
}

/// To 100 nanoseconds, which is what the service keeps.
fn time_text(time: DateTime<Utc>) -> String {
    let nanoseconds = time.to_rfc3339_opts(SecondsFormat::Nanos, true);
    match nanoseconds.strip_suffix("00Z") {
        Some(shorter) => format!("{shorter}Z"),
        None => nanoseconds,
    }
}

/// A row as the service gives it, before it is known to be sound.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct StoredCells(BTreeMap<String, Cell>);

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Cell {
    Text(String),
    Bool(bool),
    Int(i64),
    /// A type that we never write.
    Other(IgnoredAny),
}

impl StoredCells {
    /// Returns the row. Its version is in the response header for a single row, in the row itself for a page.
    pub fn stored(self, etag: Option<String>) -> Result<Stored, StoreError> {
        let etag = match etag {
            Some(etag) => etag,
            None => self.needed("odata.etag")?.to_owned(),
        };
        let changed = time(self.needed("Timestamp")?).ok_or_else(|| corrupt("Timestamp is not a time"))?;
        let mut entity = Entity::new(self.key()?);
        for (name, cell) in &self.0 {
            if !is_ours(name) {
                continue;
            }
            if let Some(value) = self.column(name, cell)? {
                entity.set(name.clone(), value);
            }
        }
        Ok(Stored { entity, etag: ETag(etag), changed })
    }

    /// Returns whether another program stored the row: Tenantwatch never creates such a key.
    pub fn is_foreign(&self) -> bool {
        self.key().is_err()
    }

    fn key(&self) -> Result<Key, StoreError> {
        let partition =
            PartitionKey::parse(self.needed("PartitionKey")?).map_err(|error| corrupt(&error.to_string()))?;
        let row = RowKey::parse(self.needed("RowKey")?).map_err(|error| corrupt(&error.to_string()))?;
        Ok(Key::new(partition, row))
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Cell::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn needed(&self, name: &str) -> Result<&str, StoreError> {
        self.text(name).ok_or_else(|| corrupt(&format!("{name} is missing")))
    }

    /// Returns the column; `None` for a value of a type that Tenantwatch never writes.
    fn column(&self, name: &str, cell: &Cell) -> Result<Option<Column>, StoreError> {
        let text = match cell {
            Cell::Text(text) => text,
            Cell::Bool(value) => return Ok(Some(Column::Bool(*value))),
            Cell::Int(number) => return Ok(Some(Column::Int(*number))),
            Cell::Other(_) => return Ok(None),
        };
        let value = match self.text(&format!("{name}@odata.type")) {
            Some("Edm.Int64") => text.parse().map(Column::Int).ok(),
            Some("Edm.Binary") => BASE64.decode(text).map(Column::Binary).ok(),
            Some("Edm.DateTime") => time(text).map(Column::Time),
            _ => Some(Column::Text(text.clone())),
        };
        value.map(Some).ok_or_else(|| corrupt(&format!("column {name} is not of the type that it says")))
    }
}

fn is_ours(name: &str) -> bool {
    !matches!(name, "PartitionKey" | "RowKey" | "Timestamp") && !name.starts_with("odata.") && !name.contains("@odata.")
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    text.parse().ok()
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}
