//! The coverage row of one tenant while a run changes it: read once, stored replace-if-unchanged, merged with the row of another run
//! that stored in the meantime.

use std::sync::Arc;

use base::clock::Clock;
use table_store::{Store, StoreError};
use tokio::sync::Mutex;

use super::{CoverageRow, RowVersion, coverage};

/// A coverage row and its version.
#[derive(Debug)]
pub struct CoverageSession<'a> {
    store: &'a dyn Store,
    clock: Arc<dyn Clock>,
    row: Mutex<(CoverageRow, RowVersion)>,
}

impl<'a> CoverageSession<'a> {
    /// A session on a row that was read already.
    pub fn new(store: &'a dyn Store, clock: Arc<dyn Clock>, row: CoverageRow, version: RowVersion) -> Self {
        Self { store, clock, row: Mutex::new((row, version)) }
    }

    /// Reads from the row.
    pub async fn read<T>(&self, look: impl FnOnce(&CoverageRow) -> T) -> T {
        look(&self.row.lock().await.0)
    }

    /// Changes the row. Nothing is stored before [`CoverageSession::save`].
    pub async fn change<T>(&self, change: impl FnOnce(&mut CoverageRow) -> T) -> T {
        change(&mut self.row.lock().await.0)
    }

    /// Stores that something is unfinished. To be called when its note is stored already, and its finding not yet: another run
    /// that looks for notes and finds none writes the opposite, and one of the two writes meets the other and merges both.
    pub async fn note_unfinished(&self) -> Result<(), StoreError> {
        self.change(|row| row.pending = true).await;
        self.save().await
    }

    /// Stores the row. If another run was faster, both rows are merged, so that nothing is lost that either run has read.
    pub async fn save(&self) -> Result<(), StoreError> {
        let mut kept = self.row.lock().await;
        let (row, version) = (kept.0.clone(), kept.1.clone());
        *kept = coverage::write(self.store, &self.clock, row, Some(version)).await?;
        Ok(())
    }
}
