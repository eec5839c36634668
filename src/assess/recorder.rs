//! Stores findings that are only recorded. Batches are evaluated concurrently: the rows of those that wait while others are stored go
//! together, because a transaction costs more than a row in it.

use parking_lot::Mutex;

use table_store::{Entity, StoreError, parts_together};
use tokio::sync::oneshot;

use super::Assessor;
use crate::tenants::Stop;

/// The rows that wait to be stored.
#[derive(Debug, Default)]
pub struct Recorder {
    waiting: Mutex<Vec<Waiting>>,
    storing: tokio::sync::Mutex<()>,
}

/// The rows of one batch, and who waits for them.
#[derive(Debug)]
struct Waiting {
    rows: Vec<Entity>,
    stored: oneshot::Sender<Result<(), Stop>>,
}

impl Assessor<'_> {
    /// Stores rows that are only recorded, together with those of other batches that wait.
    pub(super) async fn record(&self, rows: Vec<Entity>) -> Result<(), Stop> {
        if rows.is_empty() {
            return Ok(());
        }
        let (stored, outcome) = oneshot::channel();
        self.recorder.waiting.lock().push(Waiting { rows, stored });
        {
            let _turn = self.recorder.storing.lock().await;
            // Nothing waits if another batch has stored these rows with its own.
            let together = std::mem::take(&mut *self.recorder.waiting.lock());
            self.store_waiting(together).await;
        }
        outcome.await.unwrap_or_else(|_| Err(Stop::Transient("the storing of findings has ended".to_owned())))
    }

    async fn store_waiting(&self, waiting: Vec<Waiting>) {
        let (rows, waiters): (Vec<_>, Vec<_>) = waiting.into_iter().map(|batch| (batch.rows, batch.stored)).unzip();
        let outcome = self.store_recorded(&rows.concat()).await.map_err(Stop::from);
        for waiter in waiters {
            // A batch that waits no longer is read again by the next run.
            let _ = waiter.send(outcome.clone());
        }
    }

    /// Stores rows, as many together as one request takes. All of them are tried.
    async fn store_recorded(&self, rows: &[Entity]) -> Result<(), StoreError> {
        let mut stored = Ok(());
        for together in parts_together(rows) {
            stored = stored.and(self.store_together(together).await);
        }
        stored
    }
}
