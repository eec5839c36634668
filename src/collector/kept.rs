//! The coverage row of one tenant while a run changes it: read once, written replace-if-unchanged, united with what another
//! run wrote in the meantime.

use tokio::sync::Mutex;

use crate::app::App;
use crate::tables::RowVersion;
use crate::tables::{CoverageRow, TenantState, coverage};
use table_store::StoreError;

use super::TenantMessage;

/// A coverage row and its version.
#[derive(Debug)]
pub struct Kept<'a> {
    app: &'a App,
    row: Mutex<(CoverageRow, RowVersion)>,
}

impl<'a> Kept<'a> {
    /// The stored row of the tenant, or a new one with what the message says.
    pub async fn open(app: &'a App, message: &TenantMessage) -> Result<Self, StoreError> {
        let store = app.store.as_ref();
        let (row, etag) = match coverage::read(store, &message.tenant_id).await? {
            Some(known) => known,
            None => coverage::write(store, &app.clock, first_row(app, message), None).await?,
        };
        Ok(Self::new(app, row, etag))
    }

    /// A row that was read already.
    pub fn new(app: &'a App, row: CoverageRow, etag: RowVersion) -> Self {
        Self { app, row: Mutex::new((row, etag)) }
    }

    /// Looks at the row.
    pub async fn read<T>(&self, look: impl FnOnce(&CoverageRow) -> T) -> T {
        look(&self.row.lock().await.0)
    }

    /// Changes the row. Nothing is stored before [`Kept::save`].
    pub async fn change<T>(&self, change: impl FnOnce(&mut CoverageRow) -> T) -> T {
        change(&mut self.row.lock().await.0)
    }

    /// Stores that something is unfinished. To be called when its note is stored already, and its finding not yet: another run
    /// that looks for notes and finds none writes the opposite, and one of the two writes meets the other and unites both.
    pub async fn note_unfinished(&self) -> Result<(), StoreError> {
        self.change(|row| row.pending = true).await;
        self.save().await
    }

    /// Stores the row. Where another run was faster, both are united: nothing that either has read is forgotten.
    pub async fn save(&self) -> Result<(), StoreError> {
        let mut kept = self.row.lock().await;
        let (row, etag) = (kept.0.clone(), kept.1.clone());
        *kept = coverage::write(self.app.store.as_ref(), &self.app.clock, row, Some(etag)).await?;
        Ok(())
    }
}

/// What is known of a tenant that was never read.
fn first_row(app: &App, message: &TenantMessage) -> CoverageRow {
    CoverageRow {
        tenant_id: message.tenant_id,
        domain: message.domain.clone(),
        display_name: message.display_name.clone(),
        state: TenantState::New,
        since: app.clock.now(),
        covered_until: None,
        ahead: Vec::new(),
        last_run: None,
        last_outcome: String::new(),
        gaps: Vec::new(),
        pending: false,
        fetched: std::collections::BTreeMap::new(),
        owed: 0,
        last_content: None,
        audit_checked: None,
        notified: String::new(),
    }
}
