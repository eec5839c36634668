//! Marks that findings leave for later ones: which consent a record belongs to, which objects were removed, which domains were added.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::tables::keys;
use base::ids::{Domain, RecordId, TenantId};
use table_store::{Column, Digest, Entity, Key, PartitionKey, Query, Store, StoreError, Stored};

use super::columns::Columns;
use super::{RowVersion, list_readable};

/// The finding that the records of one consent join: row `consent_<h>` in the tenant's partition.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsentRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// RowKey: the digest of the account and one key of the application.
    pub consent: Digest,
    /// `RecordId`: the finding of the first record.
    pub record_id: RecordId,
    /// `EventTime`: the time of that record.
    pub event_time: DateTime<Utc>,
}

/// An object that was removed or disabled: row `removed_<h>` in the tenant's partition.
#[derive(Debug, Clone, PartialEq)]
pub struct RemovedRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// RowKey: the digest of the object.
    pub object: Digest,
    /// `EventTime`: the time of the last removal.
    pub event_time: DateTime<Utc>,
}

/// A domain that was added to the tenant: row `added_<h>` in the tenant's partition. It counts as external for 30 days.
#[derive(Debug, Clone, PartialEq)]
pub struct AddedDomainRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// `Domain`; the row key is its digest.
    pub domain: Domain,
    /// `EventTime`: the time of the addition.
    pub event_time: DateTime<Utc>,
}

impl ConsentRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["RecordId", "EventTime"];

    /// The beginning of the row keys of all of them.
    pub const ROW_PREFIX: &'static str = "consent_";

    /// Returns the place of the mark for one account and one key of an application.
    pub fn key_of(tenant: &TenantId, consent: &Digest) -> Key {
        Key::new(PartitionKey::tenant(tenant), keys::consent(consent))
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key_of(&self.tenant_id, &self.consent));
        entity.set_text("RecordId", &self.record_id.to_string());
        entity.set("EventTime", Column::Time(self.event_time));
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
            consent: columns.row_name(Self::ROW_PREFIX)?,
            record_id: columns.required("RecordId")?,
            event_time: columns.time("EventTime")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

impl RemovedRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["EventTime"];

    /// The beginning of the row keys of all of them.
    pub const ROW_PREFIX: &'static str = "removed_";

    /// Returns the place of the mark for an object.
    pub fn key_of(tenant: &TenantId, object: &Digest) -> Key {
        Key::new(PartitionKey::tenant(tenant), keys::removed(object))
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key_of(&self.tenant_id, &self.object));
        entity.set("EventTime", Column::Time(self.event_time));
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
            object: columns.row_name(Self::ROW_PREFIX)?,
            event_time: columns.time("EventTime")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

impl AddedDomainRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["Domain", "EventTime"];

    /// The beginning of the row keys of all of them.
    pub const ROW_PREFIX: &'static str = "added_";

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let row = keys::added(&Digest::of(&[self.domain.as_str()]));
        let mut entity = Entity::new(Key::new(PartitionKey::tenant(&self.tenant_id), row));
        entity.set_text("Domain", self.domain.as_str());
        entity.set("EventTime", Column::Time(self.event_time));
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
            domain: columns.required("Domain")?,
            event_time: columns.time("EventTime")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

/// Returns the domains that were added to a tenant, each with the time. Marks are removed after some time; domains count for 30 days.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be read.
pub async fn added_domains(
    store: &dyn Store,
    tenant: &TenantId,
) -> Result<BTreeMap<Domain, DateTime<Utc>>, StoreError> {
    let query = Query::partition(PartitionKey::tenant(tenant)).with_prefix(AddedDomainRow::ROW_PREFIX);
    let rows = list_readable::<AddedDomainRow>(store, query).await?;
    Ok(rows.into_iter().map(|(row, _)| (row.domain, row.event_time)).collect())
}
