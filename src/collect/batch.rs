//! Passes batches of records from the collecting stage to the evaluating one, which acknowledges that every record is stored.

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use crate::tenants::Stop;
use audit_log::AuditRecord;

/// Selected records of one blob, and how to acknowledge them.
#[derive(Debug)]
pub struct Batch {
    /// The records.
    pub records: Vec<AuditRecord>,
    /// The time when Microsoft made the blob available.
    pub content_created: DateTime<Utc>,
    acknowledge: oneshot::Sender<Result<(), Stop>>,
}

/// The way of batches from the collecting to the evaluating stage. One batch waits at most, so that memory is bounded by what the blobs
/// in flight hold.
pub fn batches() -> (mpsc::Sender<Batch>, mpsc::Receiver<Batch>) {
    mpsc::channel(1)
}

impl Batch {
    /// Says that every record is stored, or why not.
    pub fn acknowledge(self, outcome: Result<(), Stop>) {
        // A collector that is gone reads the blob again in the next run.
        let _ = self.acknowledge.send(outcome);
    }

    /// Takes the records out, to be evaluated before the batch is acknowledged.
    pub fn take_records(&mut self) -> Vec<AuditRecord> {
        std::mem::take(&mut self.records)
    }
}

/// Hands records over and waits until they are acknowledged.
///
/// # Errors
/// The reason why they could not be stored.
pub async fn hand_over(
    batches: &mpsc::Sender<Batch>,
    records: Vec<AuditRecord>,
    content_created: DateTime<Utc>,
) -> Result<(), Stop> {
    if records.is_empty() {
        return Ok(());
    }
    let gone = || Stop::Transient("the evaluation of records has ended".to_owned());
    let (acknowledge, acknowledged) = oneshot::channel();
    batches.send(Batch { records, content_created, acknowledge }).await.map_err(|_| gone())?;
    acknowledged.await.unwrap_or_else(|_| Err(gone()))
}
