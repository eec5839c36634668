//! The answer to a press.

use serde::{Serialize, Serializer};

use super::{Outcome, Step};

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RunStatus {
    /// Every step that there was to take was taken, and held.
    Completed,
    /// Some step failed; it is tried again at the next press.
    CompletedWithErrors,
    /// An earlier run had completed, and a fresh read says that it holds.
    AlreadyDone,
    /// Time ran out. Run the remediation again to continue.
    Incomplete,
    /// Nothing was changed.
    Preview,
    /// The snapshot was put back, but for what stays off on purpose.
    Undone,
    /// The finding was dismissed.
    Dismissed,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Completed,
        Self::CompletedWithErrors,
        Self::AlreadyDone,
        Self::Incomplete,
        Self::Preview,
        Self::Undone,
        Self::Dismissed,
    ];

    /// The word in answers and in the column `Status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::CompletedWithErrors => "CompletedWithErrors",
            Self::AlreadyDone => "AlreadyDone",
            Self::Incomplete => "Incomplete",
            Self::Preview => "Preview",
            Self::Undone => "Undone",
            Self::Dismissed => "Dismissed",
        }
    }

    /// Returns the status that follows from the outcomes of the steps; `finished` if nothing is left.
    pub fn of(steps: &[Step], finished: Self) -> Self {
        let any = |outcome| steps.iter().any(|step| step.outcome == outcome);
        match () {
            () if any(Outcome::Planned) => Self::Incomplete,
            () if any(Outcome::Failed) => Self::CompletedWithErrors,
            () => finished,
        }
    }
}

/// The body of an answer with status 200.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The result.
    pub status: RunStatus,
    /// The requested action.
    pub action: &'static str,
    /// The run, as in the table.
    pub run_id: String,
    /// The tenant's domain.
    pub domain: String,
    /// The account that the caller named.
    pub user: String,
    /// The accounts that the account steps act on, `;`-joined.
    pub account: String,
    /// Step by step.
    #[serde(serialize_with = "shown")]
    pub steps: Vec<Step>,
    /// Undoes what was done. Empty where there is nothing to undo or no `ACTION_KEY`.
    pub undo_token: String,
    /// After a finished Undo, which voids the older ones: presses the buttons of the finding again. Empty otherwise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action_token: String,
    /// Faults in storing the run. They are no faults of the run itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Steps as callers see them: with the members that the documentation names.
fn shown<S: Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(steps.iter().map(Step::shown))
}
