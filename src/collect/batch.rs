//! Passes batches of records from the collecting stage to the evaluating one, which acknowledges that every record is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

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
    is_ending: Arc<AtomicBool>,
    _place: OwnedSemaphorePermit,
}

/// The way of batches from the collecting to the evaluating stage. One batch waits at most, so that memory is bounded by what the blobs
/// in flight hold.
pub fn batches() -> (mpsc::Sender<Batch>, mpsc::Receiver<Batch>) {
    mpsc::channel(1)
}

impl Batch {
    /// Says that every record is stored, or why not.
    pub fn acknowledge(self, outcome: Result<(), Stop>) {
        self.is_ending.fetch_or(outcome.is_err(), Ordering::Relaxed);
        // A collector that is gone reads the blob again in the next run.
        let _ = self.acknowledge.send(outcome);
    }

    /// Takes the records out, to be evaluated before the batch is acknowledged.
    pub fn take_records(&mut self) -> Vec<AuditRecord> {
        std::mem::take(&mut self.records)
    }
}

/// The coming acknowledgement of a batch.
#[derive(Debug)]
pub struct Acknowledgement(oneshot::Receiver<Result<(), Stop>>);

impl Acknowledgement {
    /// Waits until every record of the batch is stored.
    ///
    /// # Errors
    /// The reason why they could not be stored.
    pub async fn wait(self) -> Result<(), Stop> {
        self.0.await.unwrap_or_else(|_| Err(has_ended()))
    }
}

/// Hands records over. `place` is what they take of the room for records that wait to be stored; if they cannot be stored, `is_ending`
/// is set.
///
/// # Errors
/// Returns [`Stop::Transient`] if the next stage has ended.
pub async fn hand_over(
    batches: &mpsc::Sender<Batch>,
    records: Vec<AuditRecord>,
    content_created: DateTime<Utc>,
    place: OwnedSemaphorePermit,
    is_ending: Arc<AtomicBool>,
) -> Result<Acknowledgement, Stop> {
    let (acknowledge, acknowledged) = oneshot::channel();
    let batch = Batch { records, content_created, acknowledge, is_ending, _place: place };
    batches.send(batch).await.map_err(|_| has_ended())?;
    Ok(Acknowledgement(acknowledged))
}

fn has_ended() -> Stop {
    Stop::Transient("the evaluation of records has ended".to_owned())
}
