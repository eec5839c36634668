//! The small rows of AuditLogCoverage: deferred blobs, notified fingerprints and unfinished findings of a tenant, and the service
//! itself.

use chrono::{DateTime, Utc};

use crate::detection::Severity;
use crate::tables::keys;
use base::ids::{Domain, RecordId, TenantId};
use m365::management_activity::{Content, ContentType};
use table_store::{Column, Digest, Entity, Key, PartitionKey, StoreError, Stored};

use super::RowVersion;
use super::columns::{Columns, json_text};
use super::coverage::{TenantState, tenant_state};
use super::finding_state::SEVERITIES;

/// A blob that could not be read yet: row `owed_<h>` in the tenant's partition.
#[derive(Debug, Clone, PartialEq)]
pub struct DeferredBlob {
    /// The tenant.
    pub tenant_id: TenantId,
    /// `ContentType`
    pub content_type: ContentType,
    /// `ContentUri`, `ContentId`, `ContentCreated`, `ContentExpiration`
    pub content: Content,
    /// `Attempts`
    pub attempts: u32,
    /// `NextAttempt`
    pub next_attempt: DateTime<Utc>,
}

/// A fingerprint that was notified: row `seen_<h>` in the tenant's partition.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifiedFingerprintRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// RowKey
    pub fingerprint: Digest,
    /// `RecordId`: the threat that was notified first.
    pub record_id: RecordId,
    /// `Severity` that was notified.
    pub severity: Severity,
    /// `Since`
    pub since: DateTime<Utc>,
    /// `EventTime` of that threat. Rows of the first version lack it.
    pub event_time: Option<DateTime<Utc>>,
    /// `Scopes`: the permissions of a consent that were notified or dismissed.
    pub scopes: Vec<String>,
    /// `Muted`: dismissed as a false positive.
    pub muted: bool,
}

/// A finding that is not finished: row `pending_<record id>` in the tenant's partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// RowKey
    pub record_id: RecordId,
    /// `Domain`: the partition of the finding in ProcessedAuditLogs.
    pub domain: Domain,
    /// `Since`
    pub since: DateTime<Utc>,
    /// `Record`: the whole record, if it is to be evaluated again.
    pub record: Option<String>,
}

/// The service as a whole: the one row of partition `service`.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRow {
    /// `State`: `Healthy` or `OurFault`.
    pub state: TenantState,
    /// `Since`: when the state began.
    pub since: DateTime<Utc>,
    /// `LastRun`: when tenants were last listed.
    pub last_run: Option<DateTime<Utc>>,
    /// `LastOutcome`: one line.
    pub last_outcome: String,
    /// `LastDigest`: when the digest of tenants that were never healthy was last sent.
    pub last_digest: Option<DateTime<Utc>>,
    /// `LastReadiness`: when the digest of missing items was last sent.
    pub last_readiness: Option<DateTime<Utc>>,
    /// `Notified`: the state and its `since` about which a notice was sent.
    pub notified: String,
}

impl DeferredBlob {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] =
        &["ContentType", "ContentUri", "ContentId", "ContentCreated", "ContentExpiration", "Attempts", "NextAttempt"];

    /// The prefix of the row keys.
    pub const ROW_PREFIX: &'static str = "owed_";

    /// Returns the key of the row.
    pub fn key(&self) -> Key {
        let row = keys::owed(&Digest::of(&[&self.content.content_id]));
        Key::new(PartitionKey::tenant(&self.tenant_id), row)
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(self.key());
        entity.set_text("ContentType", self.content_type.as_str());
        // An address that was cut would be another address.
        entity.set_whole_text("ContentUri", &self.content.content_uri);
        entity.set_whole_text("ContentId", &self.content.content_id);
        entity.set("ContentCreated", Column::Time(self.content.content_created));
        entity.set("ContentExpiration", Column::Time(self.content.content_expiration));
        entity.set("Attempts", Column::Int(self.attempts.into()));
        entity.set("NextAttempt", Column::Time(self.next_attempt));
        entity
    }

    /// From the store. The address must be checked for origin and tenant before it is followed.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let missing = |name| columns.corrupt(name, "it is missing");
        let row = Self {
            tenant_id: columns.partition_name("")?,
            content_type: columns
                .word("ContentType", CONTENT_TYPES, ContentType::as_str)?
                .ok_or_else(|| missing("ContentType"))?,
            content: Content {
                content_uri: stored.entity.whole_text("ContentUri").ok_or_else(|| missing("ContentUri"))?,
                content_id: stored.entity.whole_text("ContentId").ok_or_else(|| missing("ContentId"))?,
                content_created: columns.time("ContentCreated")?,
                content_expiration: columns.time("ContentExpiration")?,
            },
            attempts: columns.count("Attempts")?,
            next_attempt: columns.time("NextAttempt")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

const CONTENT_TYPES: &[ContentType] = &[ContentType::Exchange, ContentType::AzureActiveDirectory];

impl NotifiedFingerprintRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["RecordId", "Severity", "Since", "EventTime", "Scopes", "Muted"];

    /// The prefix of the row keys.
    pub const ROW_PREFIX: &'static str = "seen_";

    /// Returns the key of a fingerprint's row.
    pub fn key(tenant: &TenantId, fingerprint: &Digest) -> Key {
        Key::new(PartitionKey::tenant(tenant), keys::seen(fingerprint))
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key(&self.tenant_id, &self.fingerprint));
        entity.set_text("RecordId", &self.record_id.to_string());
        entity.set_text("Severity", self.severity.as_str());
        entity.set("Since", Column::Time(self.since));
        if let Some(time) = self.event_time {
            entity.set("EventTime", Column::Time(time));
        }
        if !self.scopes.is_empty() {
            entity.set_whole_text("Scopes", &json_text(&self.scopes));
        }
        entity.set("Muted", Column::Bool(self.muted));
        entity
    }

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let severity = columns.word("Severity", SEVERITIES, Severity::as_str)?;
        let row = Self {
            tenant_id: columns.partition_name("")?,
            fingerprint: columns.row_name(Self::ROW_PREFIX)?,
            record_id: columns.required("RecordId")?,
            severity: severity.ok_or_else(|| columns.corrupt("Severity", "it is missing"))?,
            since: columns.time("Since")?,
            event_time: stored.entity.time("EventTime"),
            scopes: columns.json("Scopes")?,
            muted: stored.entity.bool("Muted").unwrap_or(false),
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

impl PendingRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["Domain", "Since", "Holds", "Record"];

    /// The prefix of the row keys.
    pub const ROW_PREFIX: &'static str = "pending_";

    /// The value of `Holds` if the row has no text.
    pub const NOTHING: &'static str = "Nothing";

    /// The value of `Holds` if the row has a record. Any other value is the text of the row itself.
    pub const RECORD: &'static str = "Record";

    /// Returns the value of `Holds` for this value of `Record`.
    pub fn holds(record: Option<&str>) -> &str {
        match record {
            None => Self::NOTHING,
            Some(record) if record.trim_start().starts_with('{') => Self::RECORD,
            Some(text) => text,
        }
    }

    /// Returns the key of an unfinished finding's row.
    pub fn key(tenant: &TenantId, record: &RecordId) -> Key {
        Key::new(PartitionKey::tenant(tenant), keys::pending(record))
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key(&self.tenant_id, &self.record_id));
        entity.set_text("Domain", self.domain.as_str());
        entity.set("Since", Column::Time(self.since));
        entity.set_text("Holds", Self::holds(self.record.as_deref()));
        if let Some(record) = &self.record {
            entity.set_whole_text("Record", record);
        }
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
            record_id: columns.row_name(Self::ROW_PREFIX)?,
            domain: columns.required("Domain")?,
            since: columns.time("Since")?,
            record: stored.entity.whole_text("Record"),
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

impl ServiceRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] =
        &["State", "Since", "LastRun", "LastOutcome", "LastDigest", "LastReadiness", "Notified"];

    /// The row of a service that has not run yet.
    pub fn first(now: DateTime<Utc>) -> Self {
        Self {
            state: TenantState::Healthy,
            since: now,
            last_run: None,
            last_outcome: String::new(),
            last_digest: None,
            last_readiness: None,
            notified: String::new(),
        }
    }

    /// Returns the key of the row.
    pub fn key() -> Key {
        Key::new(keys::service_partition(), keys::service())
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key());
        entity.set_text("State", self.state.as_str());
        entity.set("Since", Column::Time(self.since));
        entity.set_text("LastOutcome", &self.last_outcome);
        entity.set_text("Notified", &self.notified);
        let times =
            [("LastRun", self.last_run), ("LastDigest", self.last_digest), ("LastReadiness", self.last_readiness)];
        for (name, time) in times {
            if let Some(time) = time {
                entity.set(name, Column::Time(time));
            }
        }
        entity
    }

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column that decides something is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let row = Self {
            state: tenant_state(columns)?,
            since: columns.time("Since")?,
            last_run: stored.entity.time("LastRun"),
            last_outcome: columns.text("LastOutcome"),
            last_digest: stored.entity.time("LastDigest"),
            last_readiness: stored.entity.time("LastReadiness"),
            notified: columns.text("Notified"),
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}
