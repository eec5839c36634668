//! The state of the webhook: row `channel`/`webhook` in AuditLogCoverage.

use chrono::{DateTime, Utc};

use super::columns::Columns;
use super::{RowVersion, keys};
use table_store::{Column, Entity, Key, StoreError, Stored};

/// The webhook whose receiver answered 410.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// `Off`: the digest of the address that nothing is sent to. Empty if there is none.
    pub off: String,
    /// `Since`: the time of that answer, or from which on there is none.
    pub since: DateTime<Utc>,
}

impl WebhookRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["Off", "Since"];

    /// Returns the key of the row.
    pub fn key() -> Key {
        Key::new(keys::channels(), keys::webhook())
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key());
        entity.set_text("Off", &self.off);
        entity.set("Since", Column::Time(self.since));
        entity
    }

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let row = Self { off: columns.text("Off"), since: columns.time("Since")? };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}
