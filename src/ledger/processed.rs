//! ProcessedAuditLogs: one row for every judged record, threat or not.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::detection::{FindingKind, Reason, Severity};
use crate::names::{Domain, RecordId, RunId, TenantId};
use crate::store::{Digest, ETag, Entity, StoreError, Stored};

/// Column `State`: how far a finding has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingState {
    /// Stored, nobody is to be told.
    Recorded,
    /// A threat that not every channel has accepted yet.
    Sending,
    /// Every channel has accepted it.
    Sent,
    /// The same as an earlier threat; not told again.
    Repeat,
    /// To be judged again when live state can be read.
    Rejudge,
    /// A person said that it is no threat.
    Dismissed,
}

/// Column `Notified`: per channel (`flow`, `teams`) when it accepted, `None` while it is owed.
pub type Notified = BTreeMap<String, Option<DateTime<Utc>>>;

/// A row of ProcessedAuditLogs. Texts are as stored: cut at the column limit on the way in.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessedRow {
    /// PartitionKey and `ManagementDomain`.
    pub domain: Domain,
    /// RowKey and `LogID`.
    pub record_id: RecordId,
    /// `TenantId`
    pub tenant_id: TenantId,
    /// `Organization`: the tenant's display name.
    pub organization: String,
    /// `Type`
    pub kind: FindingKind,
    /// `Threat`
    pub threat: bool,
    /// `ForwardingExternally`
    pub forwarding_externally: bool,
    /// `AppliesAllMail`
    pub applies_to_all_mail: bool,
    /// `Delete`
    pub deletes: bool,
    /// `Description`
    pub description: String,
    /// `RuleId`
    pub rule_id: String,
    /// `RuleName`
    pub rule_name: String,
    /// `SourceMailbox`: the mailbox that was changed.
    pub source_mailbox: String,
    /// `Actor`: who changed it.
    pub actor: String,
    /// `Operation`
    pub operation: String,
    /// `EventTime`, as Edm.DateTime.
    pub event_time: DateTime<Utc>,
    /// `InternalTimeStamp`: when it was judged; stored as a Windows FILETIME in decimal text.
    pub processed_at: DateTime<Utc>,
    /// `IP`: the address alone, empty where there is none.
    pub ip: String,
    /// `Location`: `city, region, country`, or the original's failure texts.
    pub location: String,
    /// `SetMailboxForwardingStatus`
    pub forwarding_status: String,
    /// `ForwardingAddress`
    pub forwarding_address: String,
    /// `Severity`
    pub severity: Severity,
    /// `Score`
    pub score: u8,
    /// `Reasons`: JSON array of name and sentence.
    pub reasons: Vec<Reason>,
    /// `Fingerprint`
    pub fingerprint: Digest,
    /// `RepeatOf`: the record whose threat this repeats.
    pub repeat_of: Option<RecordId>,
    /// `Record`: the audit record as JSON, cut.
    pub record: String,
    /// `State`
    pub state: FindingState,
    /// `ClaimId`: who inserted it or took it over, and alone may send.
    pub claim_id: RunId,
    /// `Attempts`: how often sending or judging again was tried.
    pub attempts: u32,
    /// `NextAttempt`: not before this time may somebody else take it over.
    pub next_attempt: Option<DateTime<Utc>>,
    /// `Notified`
    pub notified: Notified,
}

impl ProcessedRow {
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
