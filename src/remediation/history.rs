//! Earlier runs for the same accounts and mailbox. They are found by the index of open snapshots and, for runs that it does not name
//! (those of the first version, and one whose index row could not be written), by one bounded query: never by reading a tenant's
//! whole history.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;

use crate::app::App;
use crate::notify::seal::Seals;
use crate::tables::{ACTIONS, ActionRow, IndexedRun, OpenSnapshotsRow, ProcessedRow, RowVersion, readable, save};
use base::ids::{Domain, RecordId, RunId};
use table_store::{Digest, Key, PartitionKey, Query, RowKey, StoreError, Stored};

use super::accounts::Account;
use super::lock::digest;
use super::snapshot::Snapshot;
use super::{Action, Refusal, RunStatus, Step, StepName};

/// The time in which runs are looked for that no index names: the life of an Undo token.
const UNINDEXED: TimeDelta = TimeDelta::days(30);

/// The most pages of 1,000 rows that are read for them.
const UNINDEXED_PAGES: usize = 3;

/// The most runs that are read whole: the oldest ones, which hold the snapshots, and the newest.
const RUNS_READ: usize = 16;

/// The runs for the accounts and the mailbox of a request, oldest first, and the index rows that name them.
pub struct History {
    /// Of the incident.
    runs: Vec<ActionRow>,
    /// Of other incidents.
    others: Vec<ActionRow>,
    index: Vec<(OpenSnapshotsRow, Option<RowVersion>)>,
    seals: Seals,
}

impl History {
    /// Reads the runs for the accounts and mailboxes with these object ids. A row that cannot be read is left out: it must not keep
    /// anybody from stopping an attacker.
    ///
    /// # Errors
    /// If the store cannot be used.
    pub async fn load(
        app: &App,
        domain: &Domain,
        object_ids: &BTreeSet<String>,
        mailbox_id: &str,
    ) -> Result<Self, Refusal> {
        let mut index = Vec::new();
        for object_id in object_ids {
            let object = digest(object_id)?;
            index.push(index_row(app, domain, object).await?);
        }
        let mut keys = BTreeMap::new();
        for run in index.iter().flat_map(|(row, _)| &row.runs) {
            keys.insert((run.started, run.run_id), RowKey::run(&run.record_id, &run.run_id));
        }
        for run in of_mailbox(app, domain, mailbox_id).await? {
            keys.entry((run.started, run.run_id)).or_insert_with(|| RowKey::run(&run.record_id, &run.run_id));
        }
        let keys: Vec<RowKey> = keys.into_values().collect();
        let partition = PartitionKey::domain(domain);
        let rows = bounded(keys).into_iter().map(|row| read_run(app, Key::new(partition.clone(), row)));
        let mut runs: Vec<ActionRow> = try_join_all(rows).await?.into_iter().flatten().collect();
        runs.sort_by_key(|run| run.started);
        Ok(Self { runs, others: Vec::new(), index, seals: app.seals.clone() })
    }

    /// Adds a run to the index of every account and mailbox that it may change, before it changes anything.
    ///
    /// # Errors
    /// If the store cannot be used.
    pub async fn add(&mut self, app: &App, run: &IndexedRun) -> Result<(), StoreError> {
        for (row, version) in &mut self.index {
            row.add(run.clone());
            *version = Some(save(app.store.as_ref(), row, version.as_ref()).await?);
        }
        Ok(())
    }

    /// Drops the runs of the incident before a finished Undo from the index: their snapshots are restored.
    ///
    /// # Errors
    /// If the store cannot be used.
    pub async fn close_before(&mut self, app: &App, undo: RunId) -> Result<(), StoreError> {
        let undone: BTreeSet<RunId> = self.runs.iter().map(|run| run.run_id).filter(|run| *run != undo).collect();
        for (row, version) in &mut self.index {
            row.runs.retain(|run| !undone.contains(&run.run_id));
            *version = Some(save(app.store.as_ref(), row, version.as_ref()).await?);
        }
        Ok(())
    }

    /// Keeps the runs of the finding's incident: only they count as done already, and only their snapshots are restored. Runs of the
    /// first version name no incident; they belong together if they were for one mailbox.
    #[must_use]
    pub fn of_incident(mut self, finding: &ProcessedRow, mailbox_id: &str) -> Self {
        let is_of_incident = |run: &ActionRow| match (finding.incident_id.as_str(), run.incident_id.as_str()) {
            _ if run.record_id == finding.record_id => true,
            ("", "") => run.mailbox == mailbox_id,
            (own, other) => own == other,
        };
        let (own, others) = self.runs.into_iter().partition(is_of_incident);
        (self.runs, self.others) = (own, others);
        self
    }

    /// Returns whether this finding has had a run since its own last finished Undo. The token of one finding undoes no run of another.
    pub fn has_open_run(&self, record_id: &RecordId) -> bool {
        let mut own = self.runs.iter().rev().filter(|run| run.record_id == *record_id);
        own.find(|run| has_secured(run) || is_finished_undo(run)).is_some_and(has_secured)
    }

    /// A later run of another finding that has changed one of the accounts and is not undone: it has to be undone first.
    pub fn later_run(&self, record_id: &RecordId) -> Option<RecordId> {
        let of_finding = |run: &&ActionRow| has_secured(run) && run.record_id == *record_id;
        let last = self.runs.iter().rev().find(of_finding)?;
        let has_changed = |run: &&ActionRow| has_secured(run) && run.status != RunStatus::AlreadyDone.as_str();
        let of_incident = self.open().iter().filter(|run| run.record_id != *record_id);
        let later = self.others.iter().chain(of_incident).filter(has_changed).filter(|run| run.started > last.started);
        let is_undone = |run: &&ActionRow| {
            let mut undos = self.others.iter().filter(|undo| is_finished_undo(undo) && undo.started > run.started);
            undos.any(|undo| undo.record_id == run.record_id || is_same_incident(undo, run))
        };
        later.filter(|run| !is_undone(run)).map(|run| run.record_id).next_back()
    }

    /// The steps of every Remediate or Contain of the incident, the newest first. Those before the last Undo do not count: how much that
    /// restored is not known. A row without its seal says nothing: anybody who can write tables can write that all is done.
    pub fn prior_steps(&self) -> Vec<(&ActionRow, Vec<Step>)> {
        let from = self.runs.iter().rposition(|run| is(run, Action::Undo)).map_or(0, |at| at + 1);
        let since = self.runs.get(from..).unwrap_or_default();
        let secured = since.iter().rev().filter(|run| has_secured(run) && self.seals.may_count_run(run));
        secured.filter_map(|run| Some((run, serde_json::from_str(&run.steps).ok()?))).collect()
    }

    /// Returns the findings of the incident because of which accounts were secured since the last finished Undo.
    pub fn secured(&self) -> BTreeSet<RecordId> {
        self.open().iter().filter(|run| has_secured(run)).map(|run| run.record_id).collect()
    }

    /// Returns when the last containment of this finding was begun, if there was no Undo since. A row that says so without its seal says
    /// nothing.
    pub fn containment_begun(&self, record_id: &RecordId) -> Option<DateTime<Utc>> {
        let prior = self.prior_steps();
        let is_own =
            |run: &ActionRow| run.record_id == *record_id && (!is(run, Action::Contain) || self.seals.hold_run(run));
        let own = prior.iter().find(|(run, _)| is_own(run));
        own.filter(|(run, _)| is(run, Action::Contain)).map(|(run, _)| run.started)
    }

    /// Returns the time of the last Undo for one of the accounts, because of whatever finding.
    pub fn last_undo(&self) -> Option<DateTime<Utc>> {
        let undos = self.runs.iter().chain(&self.others).filter(|run| is(run, Action::Undo));
        undos.map(|run| run.finished.unwrap_or(run.started)).max()
    }

    /// Returns whether a run since the last finished Undo had this step to take. That Undo may have left accounts blocked.
    pub fn has_taken(&self, step: StepName) -> bool {
        if step == StepName::BlockSignIn {
            return true;
        }
        let secured = self.open().iter().filter(|run| has_secured(run));
        let steps = secured.filter_map(|run| serde_json::from_str::<Vec<Step>>(&run.steps).ok()).flatten();
        steps.into_iter().any(|taken| taken.step == step)
    }

    /// The oldest snapshot since the last finished Undo. A part that it does not contain comes from the next one that does.
    pub fn open_snapshot(&self) -> Option<Snapshot> {
        self.open_snapshots().reduce(Snapshot::or)
    }

    /// Returns whether an open snapshot shows that the account was enabled.
    pub fn was_enabled(&self, object_id: &str) -> bool {
        self.open_snapshots().any(|snapshot| snapshot.shows_enabled(object_id))
    }

    /// Returns whether the password of the account was reset since the last finished Undo.
    pub fn has_reset_password(&self, account: &Account) -> bool {
        let counted = self.open().iter().filter(|run| self.seals.may_count_run(run));
        let steps = counted.filter_map(|run| serde_json::from_str::<Vec<Step>>(&run.steps).ok()).flatten();
        let mut resets = steps.filter(|step| step.step == StepName::ResetPassword);
        resets.any(|step| step.covers(account))
    }

    fn open_snapshots(&self) -> impl Iterator<Item = Snapshot> {
        self.open().iter().filter_map(|run| serde_json::from_str(&run.snapshot).ok())
    }

    /// The runs from the last finished Undo on. That Undo itself names the accounts that it did not unblock.
    fn open(&self) -> &[ActionRow] {
        let from = self.runs.iter().rposition(is_finished_undo).unwrap_or(0);
        self.runs.get(from..).unwrap_or_default()
    }
}

/// Returns whether a row says that a containment of the finding was begun, whoever wrote it.
///
/// # Errors
/// If the store cannot be used.
pub async fn has_row_of_containment(app: &App, finding: &ProcessedRow) -> Result<bool, StoreError> {
    let prefix = format!("{}_", finding.record_id);
    let query = Query::partition(PartitionKey::domain(&finding.domain)).with_prefix(&prefix).with_columns(["Action"]);
    let page = app.store.list(ACTIONS, &query).await?;
    Ok(page.rows.iter().any(|row| row.entity.text("Action") == Some(Action::Contain.as_str())))
}

fn is(run: &ActionRow, action: Action) -> bool {
    run.action == action.as_str()
}

/// Returns whether a run secures an account: because somebody asked for it, or by itself.
fn has_secured(run: &ActionRow) -> bool {
    is(run, Action::Remediate) || is(run, Action::Contain)
}

/// The index row of an account or mailbox. A row that cannot be read counts as empty and is written anew.
async fn index_row(
    app: &App,
    domain: &Domain,
    object: Digest,
) -> Result<(OpenSnapshotsRow, Option<RowVersion>), StoreError> {
    let stored = app.store.get(ACTIONS, &OpenSnapshotsRow::key(domain, &object)).await?;
    let Some(stored) = stored else { return Ok((OpenSnapshotsRow::empty(domain, object), None)) };
    match readable(&stored, OpenSnapshotsRow::from_stored(&stored)) {
        Some((row, version)) => Ok((row, Some(version))),
        None => Ok((OpenSnapshotsRow::empty(domain, object), Some(stored.etag.into()))),
    }
}

/// The oldest and the newest of many runs.
fn bounded(mut keys: Vec<RowKey>) -> Vec<RowKey> {
    while keys.len() > RUNS_READ {
        keys.remove(RUNS_READ / 2);
    }
    keys
}

async fn read_run(app: &App, key: Key) -> Result<Option<ActionRow>, StoreError> {
    let stored = app.store.get(ACTIONS, &key).await?;
    Ok(stored.and_then(|stored| readable(&stored, ActionRow::from_stored(&stored))).map(|(row, _)| row))
}

/// Returns the runs for the mailbox since its last finished Undo, from the columns that are needed for that.
async fn of_mailbox(app: &App, domain: &Domain, mailbox_id: &str) -> Result<Vec<IndexedRun>, StoreError> {
    let mut query = Query::partition(PartitionKey::domain(domain))
        .changed_since(app.clock.now() - UNINDEXED)
        .with_columns(["RunId", "Action", "Status", "Started", "Mailbox", "IncidentId"]);
    let mut runs = Vec::new();
    for _ in 0..UNINDEXED_PAGES {
        let page = app.store.list(ACTIONS, &query).await?;
        let of_mailbox = page.rows.iter().filter(|row| is_run_of(row, mailbox_id));
        runs.extend(of_mailbox.filter_map(|row| readable(row, ActionRow::from_stored(row))).map(|(row, _)| row));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let undone = runs.iter().filter(|run| is_finished_undo(run)).map(|run| run.started).max();
    runs.retain(|run| undone.is_none_or(|undone| run.started >= undone));
    Ok(runs.into_iter().map(indexed).collect())
}

/// Returns whether a row is that of a run for the mailbox, not the copy under the log id.
fn is_run_of(row: &Stored, mailbox_id: &str) -> bool {
    row.entity.key.row.as_str().contains('_') && row.entity.text("Mailbox") == Some(mailbox_id)
}

fn is_same_incident(one: &ActionRow, other: &ActionRow) -> bool {
    !one.incident_id.is_empty() && one.incident_id == other.incident_id
}

fn is_finished_undo(run: &ActionRow) -> bool {
    is(run, Action::Undo) && run.status == RunStatus::Undone.as_str()
}

fn indexed(row: ActionRow) -> IndexedRun {
    IndexedRun {
        record_id: row.record_id,
        run_id: row.run_id,
        incident_id: row.incident_id,
        action: row.action,
        started: row.started,
    }
}
