//! A press that the webhook and the mail are told of: a row of ProcessedAuditLogs of type `Coverage`, whose column `Record` says what
//! the run did.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Channel;
use crate::detection::{FindingKind, Severity};
use crate::tables::{FindingState, ProcessedRow};
use base::ids::{RecordId, RunId};
use table_store::{Digest, cut_text};

/// The channels that are told.
pub const TOLD: [Channel; 2] = [Channel::Webhook, Channel::Mail];

/// The values of the column `Operation` of such rows.
const OPERATIONS: [&str; 2] = ["Remediate", "Undo"];

/// The longest list of steps, in UTF-16 units.
const STEPS_LIMIT: usize = 6_000;

/// The result of a run, as the row stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Press {
    /// The finding.
    #[serde(rename = "LogID")]
    pub log_id: Uuid,
    /// The run, the last one of the press.
    pub run_id: String,
    /// `Remediate` or `Undo`.
    pub action: String,
    /// The status with which it ended.
    pub status: String,
    /// The accounts that it acted on, `;`-joined.
    pub account: String,
    /// One line for each step.
    pub steps: String,
}

impl Press {
    /// Returns the members that a webhook gets in addition.
    pub fn members(&self) -> BTreeMap<&'static str, String> {
        [
            ("RunId", &self.run_id),
            ("Action", &self.action),
            ("Status", &self.status),
            ("Account", &self.account),
            ("Steps", &self.steps),
        ]
        .map(|(name, text)| (name, text.clone()))
        .into()
    }

    /// Returns one sentence about the press.
    pub fn sentence(&self) -> String {
        let done = match self.status.as_str() {
            "Completed" => "was secured",
            "CompletedWithErrors" => "was secured, but some steps failed",
            "AlreadyDone" => "was secured before, and a second read found nothing to do",
            "Undone" => "was let back in",
            _ if self.action == "Undo" => "is not completely let back in: request the Undo again",
            _ => "is not completely secured: run the remediation again",
        };
        format!("{} of {}: the account {done} ({}).", self.action, self.account, self.status)
    }

    /// The row of the press. While it is incomplete, all its runs write one row; the run that ends it has a row of its own.
    pub fn to_row(
        &self,
        finding: &ProcessedRow,
        is_open: bool,
        due: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> ProcessedRow {
        let name = if is_open { "open" } else { self.run_id.as_str() };
        let id = Uuid::new_v5(&self.log_id, format!("press/{}/{name}", self.action).as_bytes());
        let press = Self { steps: cut_text(&self.steps, STEPS_LIMIT), ..self.clone() };
        ProcessedRow {
            record_id: RecordId::new(id),
            kind: FindingKind::Coverage,
            threat: false,
            description: self.sentence(),
            operation: self.action.clone(),
            event_time: now,
            processed_at: now,
            severity: Severity::Medium.max(finding.severity),
            reasons: Vec::new(),
            fingerprint: Digest::of(&[&id.to_string()]),
            repeat_of: None,
            // Texts only, which always have a JSON form.
            record: serde_json::to_string(&press).unwrap_or_default(),
            state: FindingState::Sending,
            claim_id: RunId::random(),
            attempts: 0,
            next_attempt: Some(due),
            notified: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            containment: None,
            containment_detail: String::new(),
            seal: String::new(),
            ..finding.clone()
        }
    }
}

/// Returns whether a row is about a press.
pub fn is_press(row: &ProcessedRow) -> bool {
    row.kind == FindingKind::Coverage && OPERATIONS.contains(&row.operation.as_str())
}

/// Returns the press that a row is about.
pub fn press_of(row: &ProcessedRow) -> Option<Press> {
    is_press(row).then(|| serde_json::from_str(&row.record).ok()).flatten()
}
