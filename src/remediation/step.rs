//! The steps and what becomes of them.

use std::collections::BTreeSet;

use base::ids::RunId;
use serde::{Deserialize, Serialize};

use super::accounts::Account;
use super::grants::explain;
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

/// The outcome of a step.
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

    /// Returns whether nothing is left to be done.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Skipped | Self::AlreadyDone | Self::Done | Self::Undone => true,
            Self::Planned | Self::Failed => false,
        }
    }

    /// Returns the weight of the outcome for a technician, among several outcomes of one step.
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

/// A step, as the column `Steps` holds it. Answers show the first four members: [`Step::shown`].
///
/// Code reads its fields, never the words of the detail. Rows of the first version have no `Accounts` and no `LeftRules`; what
/// they covered is taken from their details, here and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Step {
    /// The name of the step.
    pub step: StepName,
    /// The result.
    pub outcome: Outcome,
    /// The result, or the action that a person has to take.
    pub detail: String,
    /// The result of the verification.
    pub verified: String,
    /// The accounts for which nothing is left to be done, by object id in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<BTreeSet<String>>,
    /// The ids of the rules that stay enabled because Exchange refuses to disable them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_rules: Option<BTreeSet<String>>,
    /// The run that took the step, where a later run of the same finding shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<String>,
}

/// A step in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShownStep<'a> {
    /// The name of the step.
    pub step: StepName,
    /// The result.
    pub outcome: Outcome,
    /// The result, or the action that a person has to take.
    pub detail: &'a str,
    /// The result of the verification.
    pub verified: &'a str,
}

impl Step {
    /// A step that nobody has taken yet.
    pub fn planned(step: StepName) -> Self {
        Self {
            step,
            outcome: Outcome::Planned,
            detail: String::new(),
            verified: String::new(),
            accounts: Some(BTreeSet::new()),
            left_rules: Some(BTreeSet::new()),
            taken_by: None,
        }
    }

    /// Takes over what a step reports of itself.
    pub(super) fn note(&mut self, report: StepReport) {
        self.outcome = report.outcome;
        self.detail = report.detail;
        self.accounts = Some(report.accounts);
        self.left_rules = Some(report.left_rules);
        self.taken_by = None;
    }

    /// The step as an answer shows it.
    pub fn shown(&self) -> ShownStep<'_> {
        ShownStep { step: self.step, outcome: self.outcome, detail: &self.detail, verified: &self.verified }
    }

    /// Returns whether nothing is left to be done for this account.
    pub(super) fn covers(&self, account: &Account) -> bool {
        match &self.accounts {
            Some(accounts) => accounts.contains(&account.key().to_lowercase()),
            None => self.outcome.is_settled() && self.names_in_first_version(&account.name),
        }
    }

    /// Returns whether the rule with this id stays enabled because Exchange refuses to disable it.
    pub(super) fn leaves(&self, rule_id: &str) -> bool {
        match &self.left_rules {
            Some(left) => left.contains(rule_id),
            None => self.detail.contains(&format!("(rule {rule_id})")),
        }
    }

    /// The step as a later run of the same finding shows it: done by the earlier run.
    pub(super) fn handed_on(&self, run_id: RunId) -> Self {
        let outcome = if self.outcome == Outcome::Skipped { Outcome::Skipped } else { Outcome::AlreadyDone };
        // A step of the first version that was handed on names its run in the detail.
        let is_handed_on = self.taken_by.is_some() || self.accounts.is_none() && self.detail.starts_with("Run ");
        let detail = if is_handed_on { self.detail.clone() } else { format!("Run {run_id}: {}", self.detail) };
        let taken_by = self.taken_by.clone().or_else(|| Some(run_id.to_string()));
        Self { outcome, detail, taken_by, verified: String::new(), ..self.clone() }
    }

    /// Returns whether a detail that the first version wrote speaks of this account: `<account>: ` at its start or after a space.
    fn names_in_first_version(&self, account: &str) -> bool {
        let said = format!("{account}: ");
        let is_whole = |before: &str| !before.ends_with(|c: char| !c.is_whitespace());
        self.detail.match_indices(&said).any(|(at, _)| self.detail.get(..at).is_some_and(is_whole))
    }
}

/// The report of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    pub outcome: Outcome,
    pub detail: String,
    /// The accounts for which nothing is left to be done, by object id in lower case.
    pub accounts: BTreeSet<String>,
    /// The ids of the rules that stay enabled because Exchange refuses to disable them.
    pub left_rules: BTreeSet<String>,
}

impl StepReport {
    pub fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            detail: cut_text(&detail.into(), DETAIL_LIMIT),
            accounts: BTreeSet::new(),
            left_rules: BTreeSet::new(),
        }
    }

    /// The report about one account.
    #[must_use]
    pub fn about(mut self, account: &Account) -> Self {
        if self.outcome.is_settled() {
            self.accounts.insert(account.key().to_lowercase());
        }
        self
    }

    /// The report with rules that stay enabled.
    #[must_use]
    pub fn leaving(mut self, rule_ids: impl IntoIterator<Item = String>) -> Self {
        self.left_rules.extend(rule_ids);
        self
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
        let details: Vec<&str> =
            reports.iter().map(|report| report.detail.as_str()).filter(|detail| !detail.is_empty()).collect();
        let mut all = Self::new(outcome.unwrap_or(Outcome::Skipped), details.join(" "));
        for report in reports {
            all.accounts.extend(report.accounts);
            all.left_rules.extend(report.left_rules);
        }
        all
    }
}

/// A name that an attacker may have chosen, short and harmless.
pub fn quoted(name: &str) -> String {
    let one_line: String = defang(name).split_whitespace().collect::<Vec<_>>().join(" ");
    format!("\"{}\"", cut_text(&one_line, 60))
}
