//! AuditLogActionsLog: the newest run of a finding under its log id, every run under `<log id>_<run id>`.

use chrono::{DateTime, Utc};

use crate::names::{Domain, RecordId, RunId};
use crate::store::{ETag, Entity, StoreError, Stored};

/// A row of AuditLogActionsLog.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRow {
    /// PartitionKey
    pub domain: Domain,
    /// The finding.
    pub record_id: RecordId,
    /// `RunId`
    pub run_id: RunId,
    /// `User`: whom the caller named.
    pub user: String,
    /// `Action`: `Remediate`, `Preview`, `Undo`, `Dismiss`.
    pub action: String,
    /// `Status`: empty while it runs.
    pub status: String,
    /// `Started`
    pub started: DateTime<Utc>,
    /// `Finished`
    pub finished: Option<DateTime<Utc>>,
    /// `Steps`: JSON array, whole.
    pub steps: String,
    /// `Snapshot`: JSON of what was there before, whole. Empty where none was taken.
    pub snapshot: String,
    /// `Reason`: the caller's free text.
    pub reason: String,
    /// `Mailbox`: the object id of the mailbox, which a lock and a snapshot are kept for.
    pub mailbox: String,
}

impl ActionRow {
    /// The row of this run, or with `newest` the copy under the log id. `RanRemediateAccountRunbook` is `"True"` in both.
    pub fn to_entity(&self, newest: bool) -> Entity {
        let _ = newest;
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
