//! The steps and what becomes of them.

use serde::{Deserialize, Serialize};

use crate::notify::defang;
use m365::ServiceError;
use table_store::cut_text;

/// The longest `Detail` and `Verified`, in UTF-16 units.
const DETAIL_LIMIT: usize = 2_000;

/// The steps, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are explained where the steps are")]
pub enum StepName {
    Snapshot,
    BlockSignIn,
    RevokeSessions,
    ResetPassword,
    ClearForwarding,
    DisableClientAccess,
    DisableInboxRules,
    DisableAutoReply,
    RemoveDelegates,
    ReviewSignInMethods,
    RevokeConsents,
    RevokeSessionsAgain,
    Verify,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// There is nothing to do it to, or it is left on purpose.
    Skipped,
    /// It was so before.
    AlreadyDone,
    /// It was done.
    Done,
    /// It was put back.
    Undone,
    /// It is still to be done; in a Preview, it would be.
    Planned,
    /// It could not be done; the detail says why and who can mend it.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Skipped, Self::AlreadyDone, Self::Done, Self::Undone, Self::Planned, Self::Failed];

    /// Whether nothing is left to be done.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Skipped | Self::AlreadyDone | Self::Done | Self::Undone => true,
            Self::Planned | Self::Failed => false,
        }
    }

    /// How much a technician must know of it, among several outcomes of one step.
    fn weight(self) -> u8 {
        match self {
            Self::Skipped => 0,
            Self::AlreadyDone => 1,
            Self::Done => 2,
            Self::Undone => 3,
            Self::Planned => 4,
            Self::Failed => 5,
        }
    }
}

/// A step in an answer and in the column `Steps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Step {
    /// Which.
    pub step: StepName,
    /// What became of it.
    pub outcome: Outcome,
    /// What was found and done, or what somebody has to do.
    pub detail: String,
    /// What a second read found.
    pub verified: String,
}

impl Step {
    /// A step that nobody has taken yet.
    pub fn planned(step: StepName) -> Self {
        Self { step, outcome: Outcome::Planned, detail: String::new(), verified: String::new() }
    }

    /// Whether its detail speaks of this account. The name of one may be the end of another's.
    pub(super) fn names(&self, account: &str) -> bool {
        let said = format!("{account}: ");
        let is_whole = |before: &str| !before.ends_with(|c: char| !c.is_whitespace());
        self.detail.match_indices(&said).any(|(at, _)| self.detail.get(..at).is_some_and(is_whole))
    }
}

/// What a step says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    pub outcome: Outcome,
    pub detail: String,
}

impl StepReport {
    pub fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: cut_text(&detail.into(), DETAIL_LIMIT) }
    }

    pub fn done(detail: impl Into<String>) -> Self {
        Self::new(Outcome::Done, detail)
    }

    pub fn already(detail: impl Into<String>) -> Self {
        Self::new(Outcome::AlreadyDone, detail)
    }

    pub fn skipped(detail: impl Into<String>) -> Self {
        Self::new(Outcome::Skipped, detail)
    }

    pub fn planned(detail: impl Into<String>) -> Self {
        Self::new(Outcome::Planned, detail)
    }

    pub fn failed(detail: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, detail)
    }

    /// A call that failed; where it was refused, with what has to be granted.
    pub fn failed_by(error: &ServiceError, grant: &str) -> Self {
        Self::failed(explain(error, grant))
    }

    /// The reports of one step for several accounts or things, as one: the weightiest outcome, all details.
    pub fn all(reports: Vec<Self>) -> Self {
        let outcome = reports.iter().map(|report| report.outcome).max_by_key(|outcome| outcome.weight());
        let details: Vec<String> =
            reports.into_iter().map(|report| report.detail).filter(|detail| !detail.is_empty()).collect();
        Self::new(outcome.unwrap_or(Outcome::Skipped), details.join(" "))
    }
}

/// An error in words, with what has to be granted where it is a refusal. A service's text can repeat what an attacker chose.
pub fn explain(error: &ServiceError, grant: &str) -> String {
    let text = defang(&error.to_string());
    match error.status() {
        Some(401 | 403) => format!("{text}. {grant}"),
        _ => text,
    }
}

/// A name that an attacker may have chosen, short and harmless.
pub fn quoted(name: &str) -> String {
    let one_line: String = defang(name).split_whitespace().collect::<Vec<_>>().join(" ");
    format!("\"{}\"", cut_text(&one_line, 60))
}
