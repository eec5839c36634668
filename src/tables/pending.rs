//! Findings that are not finished: a row `pending_<record id>` each, inserted before the finding and removed after its end,
//! so that work that a kill interrupts is found again. Queried only while the tenant's `Pending` is true.

use super::columns::Columns;
use super::{COVERAGE, PendingRow, ProcessedRow, load, readable};
use base::ids::{Domain, RecordId, TenantId};
use table_store::{Key, PartitionKey, Query, RowKey, Store, StoreError, Stored, list_all};

/// The longest record that is stored to be evaluated again, in UTF-16 units. A row holds less than a mebibyte.
pub const RECORD_LIMIT: usize = 400_000;

/// The columns of a listing. An attacker decides how many records there are and how long they are, so they are read one at a time.
const LISTED: [&str; 3] = ["Domain", "Since", "Holds"];

/// An unfinished finding in a listing: its row without the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The tenant that it was written for.
    pub tenant_id: TenantId,
    /// The finding.
    pub record_id: RecordId,
    /// The partition of the finding.
    pub domain: Domain,
    /// The time when it was stored.
    pub since: chrono::DateTime<chrono::Utc>,
    holds: String,
}

impl Note {
    /// Returns the key of the finding itself.
    pub fn finding(&self) -> Key {
        Key::new(PartitionKey::domain(&self.domain), RowKey::record(&self.record_id))
    }

    /// Returns whether a record waits for another evaluation.
    pub fn has_record(&self) -> bool {
        self.holds == PendingRow::RECORD
    }

    /// Returns the text of the row if that is no record.
    pub fn text(&self) -> Option<&str> {
        Some(self.holds.as_str()).filter(|holds| ![PendingRow::NOTHING, PendingRow::RECORD].contains(holds))
    }

    fn of(row: &PendingRow) -> Self {
        Self {
            tenant_id: row.tenant_id,
            record_id: row.record_id,
            domain: row.domain.clone(),
            since: row.since,
            holds: PendingRow::holds(row.record.as_deref()).to_owned(),
        }
    }

    /// Reads a listed row; `None` if an earlier version wrote it, which did not say what it holds.
    fn listed(stored: &Stored) -> Result<Option<Self>, StoreError> {
        let columns = Columns(&stored.entity);
        let Some(holds) = stored.entity.text("Holds") else { return Ok(None) };
        Ok(Some(Self {
            tenant_id: columns.partition_name("")?,
            record_id: columns.row_name(PendingRow::ROW_PREFIX)?,
            domain: columns.required("Domain")?,
            since: columns.time("Since")?,
            holds: holds.to_owned(),
        }))
    }
}

/// Notes with `tenant` that `row` is about to be unfinished. Noted already is fine.
pub async fn insert(
    store: &dyn Store,
    tenant: &TenantId,
    row: &ProcessedRow,
    record: Option<&str>,
) -> Result<(), StoreError> {
    let note = PendingRow {
        tenant_id: *tenant,
        record_id: row.record_id,
        domain: row.domain.clone(),
        since: row.processed_at,
        record: record.map(str::to_owned),
    };
    match store.insert(COVERAGE, &note.to_entity()).await {
        Ok(_) | Err(StoreError::Exists(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The finding is finished.
pub async fn remove(store: &dyn Store, tenant: &TenantId, record: &RecordId) -> Result<(), StoreError> {
    store.delete(COVERAGE, &PendingRow::key(tenant, record), None).await
}

/// Everything unfinished, by record id, without the records. A note that cannot be read is logged and left where it is.
pub async fn list(store: &dyn Store, tenant: &TenantId) -> Result<Vec<Note>, StoreError> {
    let query = Query::partition(PartitionKey::tenant(tenant)).with_prefix(PendingRow::ROW_PREFIX).with_columns(LISTED);
    let mut notes = Vec::new();
    for stored in list_all(store, COVERAGE, query).await? {
        match readable(&stored, Note::listed(&stored)) {
            Some(Some(note)) => notes.push(note),
            Some(None) => notes.extend(whole(store, &stored.entity.key).await?.map(|row| Note::of(&row))),
            None => {}
        }
    }
    Ok(notes)
}

/// Returns the record that is to be evaluated again.
pub async fn record(store: &dyn Store, note: &Note) -> Result<Option<String>, StoreError> {
    let row = whole(store, &PendingRow::key(&note.tenant_id, &note.record_id)).await?;
    Ok(row.and_then(|row| row.record))
}

async fn whole(store: &dyn Store, key: &Key) -> Result<Option<PendingRow>, StoreError> {
    match load::<PendingRow>(store, key).await {
        Err(error @ StoreError::Corrupt(_)) => {
            tracing::error!(row = %key, "a row is left out: {error}");
            Ok(None)
        }
        row => Ok(row?.map(|(row, _)| row)),
    }
}
