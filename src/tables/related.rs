//! Stores what relates a finding to others: the mailboxes that forward to a target, and the threats and changes of a user.

use chrono::{DateTime, Utc};

use crate::detection::FindingKind;
use crate::tables::keys;
use base::ids::{RecordId, TenantId};
use table_store::{Column, Digest, Entity, Key, PartitionKey, RowKey, StoreError, Stored};

use super::RowVersion;
use super::columns::Columns;

/// A mailbox that forwards to a target: a row in partition `target_<h>`, one for each mailbox. It counts for 7 days.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRow {
    /// PartitionKey: the digest of the target.
    pub target: Digest,
    /// `TenantId`: the tenant of the mailbox.
    pub tenant_id: TenantId,
    /// `Mailbox`: the name of the mailbox. The row key is the digest of tenant and mailbox.
    pub mailbox: String,
    /// `RecordId`: the finding that shows it.
    pub record_id: RecordId,
    /// `First`: the event time of the earliest finding within 7 days. Rows of the first version lack it.
    pub first: DateTime<Utc>,
    /// `Seen`: the event time of that finding, the latest of the mailbox.
    pub seen: DateTime<Utc>,
}

/// An entry in the tenant's index of target rows: row `aim_<h>` in the tenant's partition. It leads to the target row that must
/// be removed when its time is over.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetIndexRow {
    /// The tenant of the mailbox.
    pub tenant_id: TenantId,
    /// `Target`: the digest of the target.
    pub target: Digest,
    /// `Mailbox`: the digest that names the mailbox in the target's partition.
    pub mailbox: Digest,
}

/// A threat or a change of an account, which is related to the changes and threats of the same account: row `near_<h>_<record id>` in the
/// tenant's partition.
#[derive(Debug, Clone, PartialEq)]
pub struct UserEventRow {
    /// The tenant of the user.
    pub tenant_id: TenantId,
    /// RowKey: the digest of the user's name in lower case.
    pub user: Digest,
    /// RowKey: the finding.
    pub record_id: RecordId,
    /// `Threat`: a threat, or else a change.
    pub threat: bool,
    /// `Type` of the finding. Rows of the first version lack it: their changes are of sign-in methods.
    pub kind: FindingKind,
    /// `EventTime`: when it happened.
    pub event_time: DateTime<Utc>,
}

impl TargetRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["TenantId", "Mailbox", "RecordId", "First", "Seen"];

    /// Returns the key of the row.
    pub fn key(&self) -> Key {
        Key::new(keys::target(&self.target), RowKey::digest(&self.mailbox_digest()))
    }

    fn mailbox_digest(&self) -> Digest {
        Digest::of(&[&self.tenant_id.to_string(), &self.mailbox])
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(self.key());
        entity.set_text("TenantId", &self.tenant_id.to_string());
        entity.set_text("Mailbox", &self.mailbox);
        entity.set_text("RecordId", &self.record_id.to_string());
        entity.set("First", Column::Time(self.first));
        entity.set("Seen", Column::Time(self.seen));
        entity
    }

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let seen = columns.time("Seen")?;
        let row = Self {
            target: columns.partition_name("target_")?,
            tenant_id: columns.required("TenantId")?,
            mailbox: columns.text("Mailbox"),
            record_id: columns.required("RecordId")?,
            first: stored.entity.time("First").unwrap_or(seen),
            seen,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

impl TargetIndexRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["Target", "Mailbox"];

    /// The prefix of the row keys.
    pub const ROW_PREFIX: &'static str = "aim_";

    /// Returns the entry that leads to a row of a target.
    pub fn to(row: &TargetRow) -> Self {
        Self { tenant_id: row.tenant_id, target: row.target.clone(), mailbox: row.mailbox_digest() }
    }

    /// Returns the key of the target row that the entry leads to.
    pub fn target_key(&self) -> Key {
        Key::new(keys::target(&self.target), RowKey::digest(&self.mailbox))
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let row = keys::aim(&Digest::of(&[self.target.as_str(), self.mailbox.as_str()]));
        let mut entity = Entity::new(Key::new(PartitionKey::tenant(&self.tenant_id), row));
        entity.set_text("Target", self.target.as_str());
        entity.set_text("Mailbox", self.mailbox.as_str());
        entity
    }

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let row = Self {
            tenant_id: columns.partition_name("")?,
            target: columns.required("Target")?,
            mailbox: columns.required("Mailbox")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

impl UserEventRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["Threat", "Type", "EventTime"];

    /// The prefix of the row keys.
    pub const ROW_PREFIX: &'static str = "near_";

    /// Returns the prefix of the row keys of one user.
    pub fn prefix_of(user: &Digest) -> String {
        format!("{}{user}_", Self::ROW_PREFIX)
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let row = keys::near(&self.user, &self.record_id);
        let mut entity = Entity::new(Key::new(PartitionKey::tenant(&self.tenant_id), row));
        entity.set("Threat", Column::Bool(self.threat));
        entity.set_text("Type", self.kind.as_str());
        entity.set("EventTime", Column::Time(self.event_time));
        entity
    }

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let name: String = columns.row_name(Self::ROW_PREFIX)?;
        let (user, record) = name.split_once('_').ok_or_else(|| columns.corrupt("RowKey", "it names no record"))?;
        let threat = stored.entity.bool("Threat").ok_or_else(|| columns.corrupt("Threat", "it is missing"))?;
        let kind_of_first_version = if threat { FindingKind::InboxRule } else { FindingKind::SignInMethod };
        let row = Self {
            tenant_id: columns.partition_name("")?,
            user: user.parse().map_err(|error| columns.corrupt("RowKey", error))?,
            record_id: record.parse().map_err(|error| columns.corrupt("RowKey", error))?,
            threat,
            kind: columns.parsed("Type")?.unwrap_or(kind_of_first_version),
            event_time: columns.time("EventTime")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}
