//! A row: a key and typed columns, within the limits of a table service.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, SubsecRound as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Key, StoreError};

/// The longest text in one column, in UTF-16 units. The service allows 32 Ki; the rest is left for the mark.
pub const TEXT_LIMIT: usize = 30_000;

/// The most bytes in one binary column.
pub const BINARY_LIMIT: usize = 64 * 1024;

/// The most bytes that all columns of a row may take, names included. The service allows 1 MiB.
/// Source: "Understanding the Table service data model" on learn.microsoft.com.
pub const ENTITY_LIMIT: usize = 900 * 1024;

/// The length that the table service allows in one text, in UTF-16 units.
const SERVICE_TEXT_LIMIT: usize = 32 * 1024;

/// The mark at the end of a truncated text.
const CUT_MARK: &str = " … [cut]";

/// The value of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Column {
    /// `Edm.String`
    Text(String),
    /// `Edm.Boolean`
    Bool(bool),
    /// `Edm.Int64`
    Int(i64),
    /// `Edm.Binary`, at most [`BINARY_LIMIT`] bytes.
    Binary(#[serde(serialize_with = "to_base64", deserialize_with = "from_base64")] Vec<u8>),
    /// `Edm.DateTime`, to 100 nanoseconds.
    Time(DateTime<Utc>),
}

/// A row as it is written. Columns that are absent are removed by a replace.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// The partition and row key under which it is stored.
    pub key: Key,
    columns: BTreeMap<String, Column>,
}

impl Entity {
    /// A row without columns.
    pub fn new(key: Key) -> Self {
        Self { key, columns: BTreeMap::new() }
    }

    /// All columns, by name.
    pub fn columns(&self) -> &BTreeMap<String, Column> {
        &self.columns
    }

    /// Sets a column as it is; a time to the 100 nanoseconds that the service keeps. For texts use [`Entity::set_text`]
    /// or [`Entity::set_whole_text`].
    pub fn set(&mut self, name: impl Into<String>, value: Column) {
        let value = match value {
            Column::Time(time) => Column::Time(time.trunc_subsecs(7)),
            other => other,
        };
        self.columns.insert(name.into(), value);
    }

    /// Drops every column that is not named. Keeps all if no name is given.
    pub(super) fn keep_columns(&mut self, names: &[String]) {
        if !names.is_empty() {
            self.columns.retain(|name, _| names.contains(name));
        }
    }

    /// Cuts the named texts, the first of them first, to `units` UTF-16 units until the row is within [`ENTITY_LIMIT`].
    pub fn cut_to_fit(&mut self, names: &[&str], units: usize) {
        for name in names {
            if self.size() <= ENTITY_LIMIT {
                return;
            }
            if let Some(Column::Text(text)) = self.columns.get_mut(*name) {
                *text = cut_text(text, units);
            }
        }
    }

    /// The bytes that the columns take in the table service, where texts are UTF-16.
    pub fn size(&self) -> usize {
        self.columns.iter().map(|(name, value)| 8 + 2 * units_of(name) + value.size()).sum()
    }

    /// Refuses what the table service would refuse, in every store alike.
    pub(super) fn check_limits(&self) -> Result<(), StoreError> {
        for (name, value) in &self.columns {
            let fits = match value {
                Column::Text(text) => units_of(text) <= SERVICE_TEXT_LIMIT,
                Column::Binary(bytes) => bytes.len() <= BINARY_LIMIT,
                Column::Bool(_) | Column::Int(_) | Column::Time(_) => true,
            };
            if !fits {
                return Err(StoreError::Refused(format!("column {name} of row {} is too long", self.key)));
            }
        }
        let size = self.size();
        if size > ENTITY_LIMIT {
            return Err(StoreError::Refused(format!("row {} has {size} bytes, at most {ENTITY_LIMIT} fit", self.key)));
        }
        Ok(())
    }

    /// Sets a text, cut at [`TEXT_LIMIT`] with a mark.
    pub fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, Column::Text(cut_text(text, TEXT_LIMIT)));
    }

    /// Sets a text that must not be truncated: beyond [`TEXT_LIMIT`] it continues in `<name>_2`, `<name>_3` and so on.
    pub fn set_whole_text(&mut self, name: &str, text: &str) {
        let mut rest = text;
        for part in 1.. {
            let (head, tail) = rest.split_at(prefix_within(rest, TEXT_LIMIT));
            self.set(part_name(name, part), Column::Text(head.to_owned()));
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
    }

    /// A text column, `None` when it is absent or of another type.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.columns.get(name) {
            Some(Column::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A text that was set with [`Entity::set_whole_text`].
    pub fn whole_text(&self, name: &str) -> Option<String> {
        let mut text = self.text(name)?.to_owned();
        for part in 2.. {
            match self.text(&part_name(name, part)) {
                Some(more) => text.push_str(more),
                None => break,
            }
        }
        Some(text)
    }

    /// A number.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.columns.get(name) {
            Some(Column::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// Returns the Boolean of a column; `None` if the column is absent or of another type.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.columns.get(name) {
            Some(Column::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// A time.
    pub fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        match self.columns.get(name) {
            Some(Column::Time(time)) => Some(*time),
            _ => None,
        }
    }

    /// Bytes.
    pub fn binary(&self, name: &str) -> Option<&[u8]> {
        match self.columns.get(name) {
            Some(Column::Binary(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

impl Column {
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => 4 + 2 * units_of(text),
            Self::Binary(bytes) => 4 + bytes.len(),
            Self::Int(_) | Self::Time(_) => 8,
            Self::Bool(_) => 1,
        }
    }
}

fn units_of(text: &str) -> usize {
    text.encode_utf16().count()
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    BASE64.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// The most numbered columns that one text takes: a row holds no more.
const TEXT_PARTS: usize = ENTITY_LIMIT / (2 * TEXT_LIMIT) + 1;

/// Returns the names of all columns that a text of [`Entity::set_whole_text`] can take, for [`Query::with_columns`](super::Query::with_columns).
pub fn whole_text_columns(name: &str) -> Vec<String> {
    (1..=TEXT_PARTS).map(|part| part_name(name, part)).collect()
}

fn part_name(name: &str, part: usize) -> String {
    if part == 1 { name.to_owned() } else { format!("{name}_{part}") }
}

/// The text, or as much of it as fits `limit` UTF-16 units together with a mark that it was cut.
pub fn cut_text(text: &str, limit: usize) -> String {
    if units_of(text) <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(units_of(CUT_MARK));
    format!("{}{CUT_MARK}", &text[..prefix_within(text, room)])
}

/// The length in bytes of the longest prefix of whole characters that fits `limit` UTF-16 units.
fn prefix_within(text: &str, limit: usize) -> usize {
    let mut units = 0;
    for (at, character) in text.char_indices() {
        units += character.len_utf16();
        if units > limit {
            return at;
        }
    }
    text.len()
}
