//! The index of open snapshots: row `snapshot_<h>` in AuditLogActionsLog, one for each account or mailbox. With it a press finds
//! the runs that concern it without reading a tenant's history.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::RowVersion;
use super::columns::{Columns, json_text};
use super::keys;
use base::ids::{Domain, RecordId, RunId};
use table_store::{Digest, Entity, Key, PartitionKey, StoreError, Stored};

/// The most runs that one row names. Beyond it the ones between the oldest and the newest are dropped: the oldest snapshot is what
/// an Undo restores, the newest run is what a press continues.
const RUNS_LIMIT: usize = 32;

/// A run that has changed an account or mailbox and is not undone, or the last Undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IndexedRun {
    /// The finding.
    #[serde(rename = "LogID")]
    pub record_id: RecordId,
    /// The run.
    pub run_id: RunId,
    /// The incident of the finding; empty if it has none.
    pub incident_id: String,
    /// `Remediate` or `Undo`.
    pub action: String,
    /// When it began.
    pub started: DateTime<Utc>,
}

/// The open runs of one account or mailbox, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenSnapshotsRow {
    /// PartitionKey
    pub domain: Domain,
    /// RowKey: the SHA-256 of the object id.
    pub object: Digest,
    /// `Runs`: JSON array, whole.
    pub runs: Vec<IndexedRun>,
}

impl OpenSnapshotsRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["Runs"];

    /// The row of an account or mailbox without open runs.
    pub fn empty(domain: &Domain, object: Digest) -> Self {
        Self { domain: domain.clone(), object, runs: Vec::new() }
    }

    /// The key of the row of an account or mailbox.
    pub fn key(domain: &Domain, object: &Digest) -> Key {
        Key::new(PartitionKey::domain(domain), keys::snapshot(object))
    }

    /// Adds a run, unless the row names it already.
    pub fn add(&mut self, run: IndexedRun) {
        if self.runs.iter().any(|known| known.run_id == run.run_id) {
            return;
        }
        self.runs.push(run);
        self.runs.sort_by_key(|run| run.started);
        while self.runs.len() > RUNS_LIMIT {
            self.runs.remove(RUNS_LIMIT / 2);
        }
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key(&self.domain, &self.object));
        entity.set_whole_text("Runs", &json_text(&self.runs));
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
            object: columns.row_name("snapshot_")?,
            runs: columns.json("Runs")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}
