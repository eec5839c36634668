//! AuditLogActionsLog: the newest run of a finding under its log id, every run under `<log id>_<run id>`.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use base::ids::{Domain, RecordId, RunId};
use table_store::{Column, Entity, Key, PartitionKey, RowKey, StoreError, Stored};

use super::RowVersion;
use super::columns::{Columns, flag_text};

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
    /// `AccountIds`: the object ids of every account and mailbox that the run may change, lower case, `;`-joined. Empty in rows of
    /// the first version.
    pub account_ids: String,
    /// `IncidentId`
    pub incident_id: String,
    /// `Seal`: the keyed mark of the run and its steps. Empty in rows of earlier versions.
    pub seal: String,
}

impl ActionRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &[
        "RanRemediateAccountRunbook",
        "User",
        "Status",
        "Action",
        "Started",
        "Finished",
        "Steps",
        "RunId",
        "Snapshot",
        "Reason",
        "Mailbox",
        "AccountIds",
        "IncidentId",
        "Seal",
    ];

    /// Returns the key of the row of this run, or with `newest` of the copy under the log id.
    pub fn key(&self, newest: bool) -> Key {
        let row = if newest { RowKey::record(&self.record_id) } else { RowKey::run(&self.record_id, &self.run_id) };
        Key::new(PartitionKey::domain(&self.domain), row)
    }

    /// Returns the row of this run, or with `newest` the copy under the log id. `RanRemediateAccountRunbook` is `"True"` in both.
    pub fn to_entity(&self, newest: bool) -> Entity {
        let mut entity = Entity::new(self.key(newest));
        entity.set_text("RanRemediateAccountRunbook", flag_text(true));
        entity.set_text("User", &self.user);
        entity.set_text("Status", &self.status);
        entity.set_text("Action", &self.action);
        entity.set("Started", Column::Time(self.started));
        if let Some(time) = self.finished {
            entity.set("Finished", Column::Time(time));
        }
        entity.set_whole_text("Steps", &self.steps);
        entity.set_text("RunId", &self.run_id.to_string());
        entity.set_whole_text("Snapshot", &self.snapshot);
        entity.set_text("Reason", &self.reason);
        entity.set_text("Mailbox", &self.mailbox);
        entity.set_text("AccountIds", &self.account_ids);
        entity.set_text("IncidentId", &self.incident_id);
        if !self.seal.is_empty() {
            entity.set_text("Seal", &self.seal);
        }
        entity
    }

    /// From the store. A row of the original says only that its runbook ran, and for whom: a finished `Remediate` of no
    /// known run.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column that decides something is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let run_id = columns.parsed("RunId")?;
        let row = Self {
            domain: columns.partition_name("")?,
            record_id: record_of(columns)?,
            run_id: run_id.unwrap_or(RunId::new(Uuid::nil())),
            user: columns.text("User"),
            action: columns.parsed("Action")?.unwrap_or_else(|| "Remediate".to_owned()),
            status: columns.text("Status"),
            started: if run_id.is_some() { columns.time("Started")? } else { stored.changed },
            finished: stored.entity.time("Finished").or(run_id.is_none().then_some(stored.changed)),
            steps: columns.whole_text("Steps"),
            snapshot: columns.whole_text("Snapshot"),
            reason: columns.text("Reason"),
            mailbox: columns.text("Mailbox"),
            account_ids: columns.text("AccountIds"),
            incident_id: columns.text("IncidentId"),
            seal: columns.text("Seal"),
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

/// The finding that a row key names, with or without a run after it.
fn record_of(columns: Columns<'_>) -> Result<RecordId, StoreError> {
    let row = columns.0.key.row.as_str();
    let record = row.split_once('_').map_or(row, |(record, _)| record);
    record.parse().map_err(|error| columns.corrupt("RowKey", error))
}
