//! The rows of a run: its own, and the copy under the log id, which is that of the newest run.
//!
//! A store that is slow must not keep anybody from stopping an attacker: nothing waits for it longer than [`STORE_CALL_TIMEOUT`].

use std::sync::Arc;

use futures::join;

use crate::app::App;
use crate::tables::{ACTIONS, ActionRow, IndexedRun, ProcessedRow};
use base::clock::Deadline;
use base::ids::RunId;
use table_store::{ETag, Store, StoreError, Stored};

use super::accounts::Accounts;
use super::history::History;
use super::limits::STORE_CALL_TIMEOUT;
use super::request::{Action, Request};
use super::snapshot::Snapshot;
use super::{RunStatus, Step};

/// The number of attempts to write a row that others write at the same time.
const TRIES: usize = 4;

/// A run and what is stored of it.
pub struct RunJournal<'a> {
    app: &'a App,
    row: ActionRow,
    etag: ETag,
    /// The settings that earlier runs have saved for Undo.
    before: Option<Snapshot>,
    /// The settings that this run has saved.
    own: Option<Snapshot>,
    /// The parts that could not be stored after the first row was.
    pub warnings: Vec<String>,
}

impl<'a> RunJournal<'a> {
    /// Inserts the row of a run, before anything is done. `accounts` are those that it may change; none for a run that changes none.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub async fn begin(
        app: &'a App,
        finding: &ProcessedRow,
        request: &Request,
        run_id: RunId,
        accounts: Option<&Accounts>,
        steps: &[Step],
    ) -> Result<Self, StoreError> {
        let object_ids = accounts.map(Accounts::object_ids).unwrap_or_default();
        let mut row = ActionRow {
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
            mailbox: accounts.map(Accounts::mailbox_id).unwrap_or_default(),
            account_ids: object_ids.into_iter().collect::<Vec<_>>().join(";"),
            incident_id: finding.incident_id.clone(),
            seal: String::new(),
        };
        row.seal = app.seals.of_run(&row);
        let etag = put(app.store.as_ref(), &row, false, None).await?;
        let record = Self { app, row, etag, before: None, own: None, warnings: Vec::new() };
        if record.is_shown_as_newest() {
            put(app.store.as_ref(), &record.row, true, None).await?;
        }
        Ok(record)
    }

    /// Names the run in the index of every account that it may change. A failure becomes a warning: a later run finds this one all the
    /// same, by its mailbox.
    pub async fn add_to_index(&mut self, history: &mut History) {
        let run = IndexedRun {
            record_id: self.row.record_id,
            run_id: self.row.run_id,
            incident_id: self.row.incident_id.clone(),
            action: self.row.action.clone(),
            started: self.row.started,
        };
        let limit = Deadline::after(Arc::clone(&self.app.clock), STORE_CALL_TIMEOUT);
        if let Err(error) = limit.limit(history.add(self.app, &run)).await.unwrap_or_else(|| Err(slow())) {
            self.warn_of(&error);
        }
    }

    /// The same run, which knows what earlier ones have kept for Undo.
    #[must_use]
    pub fn after(self, before: Option<Snapshot>) -> Self {
        Self { before, ..self }
    }

    /// Returns the id of the run.
    pub fn run_id(&self) -> RunId {
        self.row.run_id
    }

    /// Stores what was seen before it is changed, where nothing of it is kept yet.
    pub async fn keep(&mut self, seen: Snapshot) {
        let kept = self.kept().unwrap_or_else(|| Snapshot::at(seen.taken));
        let Some(new) = seen.beyond(&kept) else { return };
        let own = match self.own.take() {
            Some(own) => own.or(new),
            None => new,
        };
        match serde_json::to_string(&own) {
            Ok(json) => self.row.snapshot = json,
            Err(error) => self.warn(format!("what was there before has no JSON form, so it cannot be undone: {error}")),
        }
        self.own = Some(own);
        self.store().await;
    }

    /// Returns the settings that this run and those before it have saved for Undo.
    pub fn kept(&self) -> Option<Snapshot> {
        match (self.before.clone(), self.own.clone()) {
            (Some(before), Some(own)) => Some(before.or(own)),
            (before, own) => before.or(own),
        }
    }

    /// Stores how far the steps are, in the row of the run alone. A failure becomes a warning: by now stopping the attacker comes
    /// first.
    pub async fn save(&mut self, steps: &[Step]) {
        self.row.steps = json(steps);
        self.seal();
        self.store().await;
    }

    /// Stores how far the steps are, in the copy under the log id as well.
    pub async fn publish(&mut self, steps: &[Step]) {
        self.row.steps = json(steps);
        self.seal();
        let (store, row) = (self.app.store.as_ref(), &self.row);
        let limit = Deadline::after(Arc::clone(&self.app.clock), STORE_CALL_TIMEOUT);
        let own = limit.limit(put(store, row, false, Some(&self.etag)));
        let newest = async {
            match self.is_shown_as_newest() {
                true => limit.limit(put(store, row, true, None)).await.map(|outcome| outcome.map(drop)),
                false => Some(Ok(())),
            }
        };
        let (own, newest) = join!(own, newest);
        self.note_stored(own);
        if let Err(error) = newest.unwrap_or_else(|| Err(slow())) {
            self.warn_of(&error);
        }
    }

    fn seal(&mut self) {
        self.row.seal = self.app.seals.of_run(&self.row);
    }

    async fn store(&mut self) {
        let limit = Deadline::after(Arc::clone(&self.app.clock), STORE_CALL_TIMEOUT);
        let own = limit.limit(put(self.app.store.as_ref(), &self.row, false, Some(&self.etag))).await;
        self.note_stored(own);
    }

    fn note_stored(&mut self, own: Option<Result<ETag, StoreError>>) {
        match own.unwrap_or_else(|| Err(slow())) {
            Ok(etag) => self.etag = etag,
            Err(error) => self.warn_of(&error),
        }
    }

    fn warn_of(&mut self, error: &StoreError) {
        tracing::warn!(%error, run_id = %self.row.run_id, "the record of a remediation is incomplete");
        self.warn(format!("the stored record of this run is incomplete: {error}"));
    }

    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Stores the end of the run.
    pub async fn finish(&mut self, status: RunStatus, steps: &[Step]) {
        self.row.status = status.as_str().to_owned();
        self.row.finished = Some(self.app.clock.now());
        self.warnings.clear();
        self.publish(steps).await;
    }

    /// A Preview does nothing, so it must not stand where people look whether something was done.
    fn is_shown_as_newest(&self) -> bool {
        self.row.action != Action::Preview.as_str()
    }
}

fn slow() -> StoreError {
    StoreError::Unavailable(format!("no answer within {} ms", STORE_CALL_TIMEOUT.as_millis()))
}

/// Writes a row whatever its version, for an answer may have been lost. A run's own row has no other writer; of the copy under the
/// log id the lock, or the run that began last, decides.
async fn put(store: &dyn Store, row: &ActionRow, newest: bool, etag: Option<&ETag>) -> Result<ETag, StoreError> {
    let entity = row.to_entity(newest);
    let mut etag = etag.cloned();
    let mut failure = None;
    for _ in 0..TRIES {
        let written = match &etag {
            Some(etag) => store.replace(ACTIONS, &entity, etag).await,
            None => store.insert(ACTIONS, &entity).await,
        };
        match written {
            Ok(etag) => return Ok(etag),
            Err(error @ (StoreError::Exists(_) | StoreError::Changed(_))) => failure = Some(error),
            Err(error) => return Err(error),
        }
        let stored = store.get(ACTIONS, &entity.key).await?;
        if let Some(stored) = stored.as_ref().filter(|stored| newest && is_of_later_run(stored, row)) {
            return Ok(stored.etag.clone());
        }
        etag = stored.map(|stored| stored.etag);
    }
    Err(failure.unwrap_or_else(|| StoreError::Unavailable("a row is changed all the time".to_owned())))
}

/// Returns whether a run that lost its lock has been overtaken: the copy is that of the newest run.
fn is_of_later_run(stored: &Stored, row: &ActionRow) -> bool {
    stored.entity.time("Started").is_some_and(|started| started > row.started)
}

/// Steps hold texts only, which always have a JSON form.
fn json(steps: &[Step]) -> String {
    serde_json::to_string(steps).unwrap_or_default()
}
