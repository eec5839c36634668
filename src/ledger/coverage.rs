//! AuditLogCoverage: how far each tenant's log has been read without a gap, and what is still owed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::microsoft::management_activity::{Content, ContentType};
use crate::names::{Domain, RecordId, TenantId};
use crate::store::{Digest, ETag, Entity, StoreError, Stored};

/// Column `State`: whether the tenant can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TenantState {
    /// Never read.
    New,
    /// Read up to now.
    Healthy,
    /// `CoveredUntil` is older than 2 h.
    Late,
    /// Auditing is switched off in the tenant.
    AuditingOff,
    /// The customer has not consented to the app.
    ConsentMissing,
    /// App disabled, conditional access, tenant gone, no licence.
    AccessLost,
    /// Known, but no longer among the partner's customers.
    NotListed,
    /// Our own secret, configuration or listing is at fault.
    OurFault,
}

/// A span of time, `from <= t < to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Inclusive.
    pub from: DateTime<Utc>,
    /// Exclusive.
    pub to: DateTime<Utc>,
}

/// A tenant's row in partition `tenant`.
#[derive(Debug, Clone, PartialEq)]
pub struct CoverageRow {
    /// RowKey
    pub tenant_id: TenantId,
    /// `Domain`: first seen, then fixed; the ManagementDomain for ever.
    pub domain: Domain,
    /// `DisplayName`: may change.
    pub display_name: String,
    /// `State`
    pub state: TenantState,
    /// `Since`: when the state began.
    pub since: DateTime<Utc>,
    /// `CoveredUntil`: everything before has been listed. `None` until the first run.
    pub covered_until: Option<DateTime<Utc>>,
    /// `Ahead`: spans read beyond it, at most 50.
    pub ahead: Vec<Span>,
    /// `LastRun`: when the last complete run ended.
    pub last_run: Option<DateTime<Utc>>,
    /// `LastOutcome`: one line.
    pub last_outcome: String,
    /// `Gaps`: what was lost for good, newest last, at most 50.
    pub gaps: Vec<Span>,
    /// `Pending`: whether findings may be unfinished.
    pub pending: bool,
    /// Fetched content ids as 8-byte hashes, by the hour of `contentCreated` (hours since 1970): columns `Fetched_<hour>`.
    pub fetched: BTreeMap<i64, BTreeSet<u64>>,
    /// `OwedCount`: how many blobs are owed, so that a quiet tenant needs no query for them.
    pub owed: u32,
    /// `LastContent`: when content was last listed.
    pub last_content: Option<DateTime<Utc>>,
    /// `AuditCheck`: when `Get-AdminAuditLogConfig` was last asked.
    pub audit_checked: Option<DateTime<Utc>>,
    /// `Notified`: the state and its `since` that somebody was told of.
    pub notified: String,
}

impl CoverageRow {
    /// The row as it is stored.
    pub fn to_entity(&self) -> Entity {
        todo!()
    }

    /// From the store.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a column that decides something is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, ETag), StoreError> {
        let _ = stored;
        todo!()
    }
}

/// A blob that could not be read yet: row `owed_<h>` in the tenant's partition.
#[derive(Debug, Clone, PartialEq)]
pub struct OwedBlob {
    /// Whose.
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
pub struct SeenRow {
    /// Whose.
    pub tenant_id: TenantId,
    /// RowKey
    pub fingerprint: Digest,
    /// `RecordId`: the threat that was notified first.
    pub record_id: RecordId,
    /// `Severity` that was notified.
    pub severity: crate::detection::Severity,
    /// `Since`
    pub since: DateTime<Utc>,
    /// `Muted`: dismissed as a false positive.
    pub muted: bool,
}
