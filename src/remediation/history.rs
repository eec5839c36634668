//! What earlier runs did to a mailbox.

use crate::tables::ACTIONS;
use crate::tables::ActionRow;
use base::ids::{Domain, RecordId};
use table_store::{PartitionKey, Query, Store, StoreError, list_all};

use super::steps::snapshot::Snapshot;
use super::{Action, RunStatus, Step, StepName};

/// The runs for one mailbox, oldest first.
pub struct History(Vec<ActionRow>);

impl History {
    /// Reads the runs. A row that cannot be read is left out: it must not keep anybody from stopping an attacker.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn load(store: &dyn Store, domain: &Domain, mailbox_id: &str) -> Result<Self, StoreError> {
        let query = Query::partition(PartitionKey::domain(domain));
        let mut runs = Vec::new();
        for stored in list_all(store, ACTIONS, query).await? {
            let key = stored.entity.key.row.as_str();
            if key.starts_with("lock_") || !key.contains('_') || stored.entity.text("Mailbox") != Some(mailbox_id) {
                continue;
            }
            match ActionRow::from_stored(&stored) {
                Ok((row, _)) => runs.push(row),
                Err(error) => tracing::warn!(%error, "a run of an earlier remediation is left out"),
            }
        }
        runs.sort_by_key(|run| run.started);
        Ok(Self(runs))
    }

    /// The steps of the last Remediate of this finding, unless an Undo was begun since: nobody knows how much that has put back.
    pub fn prior_steps(&self, record_id: &RecordId) -> Option<(&ActionRow, Vec<Step>)> {
        let from = self.0.iter().rposition(|run| is(run, Action::Undo)).map_or(0, |at| at + 1);
        let since = self.0.get(from..)?;
        let run = since.iter().rev().find(|run| run.record_id == *record_id && is(run, Action::Remediate))?;
        Some((run, serde_json::from_str(&run.steps).ok()?))
    }

    /// The oldest snapshot since the last finished Undo. What it does not hold comes from the next that does.
    pub fn open_snapshot(&self) -> Option<Snapshot> {
        self.open_snapshots().reduce(Snapshot::or)
    }

    /// Whether an open snapshot shows that the account was enabled.
    pub fn was_enabled(&self, object_id: &str) -> bool {
        self.open_snapshots().any(|snapshot| snapshot.shows_enabled(object_id))
    }

    /// Whether the password of the account was reset since the last finished Undo.
    pub fn has_reset_password(&self, account: &str) -> bool {
        let steps = self.open().iter().filter_map(|run| serde_json::from_str::<Vec<Step>>(&run.steps).ok()).flatten();
        let mut resets = steps.filter(|step| step.step == StepName::ResetPassword && step.outcome.is_settled());
        resets.any(|step| step.names(account))
    }

    fn open_snapshots(&self) -> impl Iterator<Item = Snapshot> {
        self.open().iter().filter_map(|run| serde_json::from_str(&run.snapshot).ok())
    }

    /// From the last finished Undo on, which itself keeps whom it did not let in again.
    fn open(&self) -> &[ActionRow] {
        let undone = |run: &ActionRow| is(run, Action::Undo) && run.status == RunStatus::Undone.as_str();
        let from = self.0.iter().rposition(undone).unwrap_or(0);
        self.0.get(from..).unwrap_or_default()
    }
}

fn is(run: &ActionRow, action: Action) -> bool {
    run.action == action.as_str()
}
