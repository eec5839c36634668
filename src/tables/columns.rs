//! Reading columns into the types of rows. A column that nothing decides on may be missing; one that decides must be sound.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use table_store::{Entity, StoreError};

/// 1601-01-01 to 1970-01-01 in units of 100 nanoseconds.
const FILETIME_OF_UNIX_EPOCH: i64 = 116_444_736_000_000_000;
const FILETIME_PER_SECOND: i64 = 10_000_000;

/// The columns of a stored row, as a row of this program reads them.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a>(pub &'a Entity);

impl Columns<'_> {
    /// A text, empty where it is missing.
    pub fn text(self, name: &str) -> String {
        self.0.text(name).unwrap_or_default().to_owned()
    }

    /// A text in numbered columns, empty where it is missing.
    pub fn whole_text(self, name: &str) -> String {
        self.0.whole_text(name).unwrap_or_default()
    }

    /// Returns a Boolean of the original: the string `True`. The service may also contain a real Boolean that a person has
    /// entered.
    pub fn flag(self, name: &str) -> bool {
        self.0.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true")) || self.0.bool(name) == Some(true)
    }

    /// A text of a certain form, `None` where it is missing or empty.
    pub fn parsed<T: FromStr<Err: Display>>(self, name: &str) -> Result<Option<T>, StoreError> {
        match self.0.text(name).filter(|text| !text.is_empty()) {
            Some(text) => text.parse().map(Some).map_err(|error| self.corrupt(name, error)),
            None => Ok(None),
        }
    }

    /// A text of a certain form that must be there.
    pub fn required<T: FromStr<Err: Display>>(self, name: &str) -> Result<T, StoreError> {
        self.parsed(name)?.ok_or_else(|| self.corrupt(name, "it is missing"))
    }

    /// One of a few words, `None` where it is missing or empty.
    pub fn word<T: Copy>(self, name: &str, all: &[T], as_str: fn(T) -> &'static str) -> Result<Option<T>, StoreError> {
        match self.0.text(name).filter(|text| !text.is_empty()) {
            Some(text) => match all.iter().find(|word| as_str(**word) == text) {
                Some(word) => Ok(Some(*word)),
                None => {
                    Err(self.corrupt(name, format!("unknown word {:?}", text.chars().take(80).collect::<String>())))
                }
            },
            None => Ok(None),
        }
    }

    /// One of a few words, `unknown` for any other, `None` where it is missing or empty.
    pub fn word_or<T: Copy>(self, name: &str, all: &[T], as_str: fn(T) -> &'static str, unknown: T) -> Option<T> {
        let text = self.0.text(name).filter(|text| !text.is_empty())?;
        Some(all.iter().find(|word| as_str(**word) == text).copied().unwrap_or(unknown))
    }

    /// A time that must be there.
    pub fn time(self, name: &str) -> Result<DateTime<Utc>, StoreError> {
        self.0.time(name).ok_or_else(|| self.corrupt(name, "it is missing"))
    }

    /// A number that is never negative, 0 where it is missing.
    pub fn count<T: TryFrom<i64> + Default>(self, name: &str) -> Result<T, StoreError> {
        match self.0.int(name) {
            Some(number) => T::try_from(number).map_err(|_| self.corrupt(name, format!("{number} is out of range"))),
            None => Ok(T::default()),
        }
    }

    /// JSON in numbered columns, the default where it is missing or empty.
    pub fn json<T: DeserializeOwned + Default>(self, name: &str) -> Result<T, StoreError> {
        match self.whole_text(name) {
            text if text.is_empty() => Ok(T::default()),
            text => serde_json::from_str(&text).map_err(|error| self.corrupt(name, error)),
        }
    }

    /// Parses the last part of the row key, after `prefix`.
    pub fn row_name<T: FromStr<Err: Display>>(self, prefix: &str) -> Result<T, StoreError> {
        let row = self.0.key.row.as_str();
        let name = row.strip_prefix(prefix).ok_or_else(|| self.corrupt("RowKey", format!("it lacks {prefix:?}")))?;
        name.parse().map_err(|error| self.corrupt("RowKey", error))
    }

    /// Parses the last part of the partition key, after `prefix`.
    pub fn partition_name<T: FromStr<Err: Display>>(self, prefix: &str) -> Result<T, StoreError> {
        let partition = self.0.key.partition.as_str();
        let name = partition
            .strip_prefix(prefix)
            .ok_or_else(|| self.corrupt("PartitionKey", format!("it lacks {prefix:?}")))?;
        name.parse().map_err(|error| self.corrupt("PartitionKey", error))
    }

    /// The error for a column that cannot be used.
    pub fn corrupt(self, name: &str, why: impl Display) -> StoreError {
        StoreError::Corrupt(format!("column {name} of row {}: {why}", self.0.key))
    }
}

/// Returns a Boolean in the form of the original.
pub(super) fn flag_text(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// The JSON form of a column.
#[expect(clippy::expect_used, reason = "lists and maps of texts and times always have a JSON form")]
pub(super) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("columns have a JSON form")
}

/// A Windows FILETIME, UTC, as decimal text: the form of `InternalTimeStamp`.
pub(super) fn filetime_text(time: DateTime<Utc>) -> String {
    let ticks = i64::from(time.timestamp_subsec_nanos() / 100);
    // chrono's years reach to 262,000, which is beyond what 64 bits of 100 nanoseconds hold.
    let whole = time.timestamp().saturating_mul(FILETIME_PER_SECOND).saturating_add(FILETIME_OF_UNIX_EPOCH);
    whole.saturating_add(ticks).to_string()
}

/// The time of a FILETIME in decimal text.
pub(super) fn filetime(text: &str) -> Option<DateTime<Utc>> {
    let ticks = text.trim().parse::<i64>().ok()?.checked_sub(FILETIME_OF_UNIX_EPOCH)?;
    let nanoseconds = u32::try_from(ticks.rem_euclid(FILETIME_PER_SECOND) * 100).ok()?;
    DateTime::from_timestamp(ticks.div_euclid(FILETIME_PER_SECOND), nanoseconds)
}
