//! The rows of a run: its own, and the copy under the log id, which is that of the newest run.

use crate::app::App;
use crate::ledger::{ActionRow, ProcessedRow};
use crate::names::RunId;
use crate::store::{ETag, Store, StoreError, Stored, Table};

use super::request::{Action, Request};
use super::{RunStatus, Step};

/// How often a row is written that others write at the same time.
const TRIES: usize = 4;

/// A run and what is stored of it.
pub struct RunRecord<'a> {
    app: &'a App,
    row: ActionRow,
    etag: ETag,
    /// What could not be stored after the first row was.
    pub warnings: Vec<String>,
}

impl<'a> RunRecord<'a> {
    /// Inserts the row of a run, before anything is done.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn begin(
        app: &'a App,
        finding: &ProcessedRow,
        request: &Request,
        run_id: RunId,
        mailbox_id: &str,
        steps: &[Step],
    ) -> Result<Self, StoreError> {
        let row = ActionRow {
            domain: finding.domain.clone(),
            record_id: finding.record_id,
            run_id,
            user: request.user.clone(),
            action: request.action.as_str().to_owned(),
            status: String::new(),
            started: app.clock.now(),
            finished: None,
            steps: json(steps),
            snapshot: String::new(),
            reason: request.reason.clone(),
            mailbox: mailbox_id.to_owned(),
        };
        let etag = put(app.store.as_ref(), &row, false, None).await?;
        let mut record = Self { app, row, etag, warnings: Vec::new() };
        if record.is_shown_as_newest() {
            put(app.store.as_ref(), &record.row, true, None).await?;
        }
        record.warnings.clear();
        Ok(record)
    }

    /// Which run it is.
    pub fn run_id(&self) -> RunId {
        self.row.run_id
    }

    /// Keeps what was there before anything was changed. Stored with the next [`RunRecord::save`].
    pub fn keep_snapshot(&mut self, snapshot: String) {
        self.row.snapshot = snapshot;
    }

    /// Stores how far the steps are. A fault is kept as a warning: by now stopping the attacker comes first.
    pub async fn save(&mut self, steps: &[Step]) {
        self.row.steps = json(steps);
        let store = self.app.store.as_ref();
        let own = put(store, &self.row, false, Some(&self.etag)).await.map(|etag| self.etag = etag);
        let newest = match self.is_shown_as_newest() {
            true => put(store, &self.row, true, None).await.map(drop),
            false => Ok(()),
        };
        for error in [own, newest].into_iter().filter_map(Result::err) {
            let warning = format!("the record of this run is not complete: {error}");
            tracing::warn!(%error, run_id = %self.row.run_id, "the record of a remediation is not complete");
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// Stores the end of the run.
    pub async fn finish(&mut self, status: RunStatus, steps: &[Step]) {
        self.row.status = status.as_str().to_owned();
        self.row.finished = Some(self.app.clock.now());
        self.warnings.clear();
        self.save(steps).await;
    }

    /// A Preview does nothing, so it must not stand where people look whether something was done.
    fn is_shown_as_newest(&self) -> bool {
        self.row.action != Action::Preview.as_str()
    }
}

/// Writes a row whatever its version: the lock makes us its only writer, but an answer may have been lost.
async fn put(store: &dyn Store, row: &ActionRow, newest: bool, etag: Option<&ETag>) -> Result<ETag, StoreError> {
    let entity = row.to_entity(newest);
    let mut etag = etag.cloned();
    let mut failure = None;
    for _ in 0..TRIES {
        let written = match &etag {
            Some(etag) => store.replace(Table::Actions, &entity, etag).await,
            None => store.insert(Table::Actions, &entity).await,
        };
        match written {
            Ok(etag) => return Ok(etag),
            Err(error @ (StoreError::Exists(_) | StoreError::Changed(_))) => failure = Some(error),
            Err(error) => return Err(error),
        }
        let stored = store.get(Table::Actions, &entity.key).await?;
        if let Some(stored) = stored.as_ref().filter(|stored| newest && is_of_later_run(stored, row)) {
            return Ok(stored.etag.clone());
        }
        etag = stored.map(|stored| stored.etag);
    }
    Err(failure.unwrap_or_else(|| StoreError::Unavailable("a row is changed all the time".to_owned())))
}

/// Whether a run that lost its lock has been overtaken: the copy is that of the newest run.
fn is_of_later_run(stored: &Stored, row: &ActionRow) -> bool {
    stored.entity.time("Started").is_some_and(|started| started > row.started)
}

/// Steps hold texts only, which always have a JSON form.
fn json(steps: &[Step]) -> String {
    serde_json::to_string(steps).unwrap_or_default()
}
