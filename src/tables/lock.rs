//! The lock of a remediation: row `lock_<h>` in AuditLogActionsLog, one for each mailbox.

use chrono::{DateTime, Utc};

use super::RowVersion;
use super::columns::Columns;
use crate::tables::keys;
use base::ids::{Domain, RunId};
use table_store::{Column, Digest, Entity, Key, PartitionKey, StoreError, Stored};

/// The lock of a mailbox: the run that secures it, and the time until which no other run may.
#[derive(Debug, Clone, PartialEq)]
pub struct LockRow {
    /// PartitionKey
    pub domain: Domain,
    /// RowKey: the digest of the mailbox's object id.
    pub mailbox: Digest,
    /// `RunId`: the run that holds it.
    pub run_id: RunId,
    /// `LeasedUntil`: from then on it may be taken over.
    pub leased_until: DateTime<Utc>,
}

impl LockRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["RunId", "LeasedUntil"];

    /// Returns the key of the lock of a mailbox.
    pub fn key(domain: &Domain, mailbox: &Digest) -> Key {
        Key::new(PartitionKey::domain(domain), keys::lock(mailbox))
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key(&self.domain, &self.mailbox));
        entity.set_text("RunId", &self.run_id.to_string());
        entity.set("LeasedUntil", Column::Time(self.leased_until));
        entity
    }

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let row = Self {
            domain: columns.partition_name("")?,
            mailbox: columns.row_name("lock_")?,
            run_id: columns.required("RunId")?,
            leased_until: columns.time("LeasedUntil")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}
