//! A row: a key and typed columns, within the limits of a table service.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Key;

/// The longest text in one column, in UTF-16 units. The service allows 32 Ki; the rest is left for the mark.
pub const TEXT_LIMIT: usize = 30_000;

/// What stands at the end of a text that was cut.
const CUT_MARK: &str = " … [cut]";

/// The value of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// `Edm.String`
    Text(String),
    /// `Edm.Boolean`
    Bool(bool),
    /// `Edm.Int64`
    Int(i64),
    /// `Edm.Binary`, at most 64 KiB.
    Binary(Vec<u8>),
    /// `Edm.DateTime`
    Time(DateTime<Utc>),
}

/// A row as it is written. Columns that are absent are removed by a replace.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Where it is kept.
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

    /// Sets a column as it is. For texts use [`Entity::set_text`] or [`Entity::set_whole_text`].
    pub fn set(&mut self, name: impl Into<String>, value: Column) {
        self.columns.insert(name.into(), value);
    }

    /// Sets a text, cut at [`TEXT_LIMIT`] with a mark.
    pub fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, Column::Text(cut_text(text, TEXT_LIMIT)));
    }

    /// Sets a text that must be whole: beyond [`TEXT_LIMIT`] it goes on in `<name>_2`, `<name>_3` and so on.
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

    /// A truth value.
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

fn part_name(name: &str, part: usize) -> String {
    if part == 1 { name.to_owned() } else { format!("{name}_{part}") }
}

/// The text, or as much of it as fits `limit` UTF-16 units together with a mark that it was cut.
pub fn cut_text(text: &str, limit: usize) -> String {
    if text.encode_utf16().count() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(CUT_MARK.encode_utf16().count());
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
