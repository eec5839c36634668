//! Threats and what was done about each of them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::rows::{StoredThreat, TenantRows};
use crate::detection::{FindingKind, Severity};
use crate::remediation::{Action, RunStatus};
use crate::tables::{ActionRow, FindingState, ProcessedRow};
use base::ids::{Domain, RecordId, TenantId};

/// The progress of the response to a threat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThreatStatus {
    /// Nothing was done.
    Open,
    /// A run was begun, but not everything was done.
    Partly,
    /// The attacker was stopped automatically.
    Contained,
    /// A remediation has completed.
    Secured,
    /// A technician said that it is not a threat.
    Dismissed,
}

impl ThreatStatus {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Partly => "Partly",
            Self::Contained => "Contained",
            Self::Secured => "Secured",
            Self::Dismissed => "Dismissed",
        }
    }

    /// Returns whether a technician still has to act before the attacker is stopped.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Partly)
    }
}

/// Why no channel has accepted the notification of a threat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Untold {
    /// It is still to be sent.
    Pending,
    /// No channel gets threats of this severity.
    Unwanted,
    /// It repeats one that was notified.
    Repeat,
    /// It is sent no more.
    GivenUp,
    /// The runbook of 2019 did not store it.
    NotNoted,
}

impl Untold {
    fn of(row: &ProcessedRow) -> Self {
        match row.state {
            _ if row.is_original() => Self::NotNoted,
            FindingState::Sending => Self::Pending,
            FindingState::Recorded => Self::Unwanted,
            FindingState::Repeat => Self::Repeat,
            _ => Self::GivenUp,
        }
    }

    /// Returns the words in place of a time.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "not yet",
            Self::Unwanted => "not wanted",
            Self::Repeat => "a repeat",
            Self::GivenUp => "never",
            Self::NotNoted => "unknown",
        }
    }

    /// Returns the cause, and the action that corrects it.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Pending => {
                "no channel has accepted the notification so far, and Tenantwatch retries; run tenantwatch check --notify."
            }
            Self::Unwanted => "NOTIFY_MINIMUM lets no channel get threats of this severity.",
            Self::Repeat => "the same threat was notified before, and is not listed any more.",
            Self::NotNoted => "the row is from the runbooks of 2019, which did not store it.",
            Self::GivenUp => {
                "no channel has accepted the notification, and it is sent no more: the channels did not answer for days, or the \
                 webhook is off. Mend a channel, prove it with tenantwatch check --notify, and secure the accounts."
            }
        }
    }
}

/// The results of automatic containments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Containments {
    /// Everything was done.
    pub done: usize,
    /// Some of it was done.
    pub partly: usize,
    /// A condition was not met.
    pub refused: usize,
    /// It would have been done, but only observing is enabled.
    pub would_be: usize,
}

/// A threat with its three intervals.
#[derive(Debug, Clone)]
pub struct Threat {
    /// The log id.
    pub log_id: RecordId,
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's domain.
    pub domain: Domain,
    /// The mailbox owner, or the actor if there is no mailbox.
    pub user: String,
    /// The type.
    pub kind: FindingKind,
    /// The severity.
    pub severity: Severity,
    /// The rule's name; empty if there is none.
    pub rule_name: String,
    /// The incident; empty for rows of the first version.
    pub incident_id: String,
    /// The time of the change.
    pub event: DateTime<Utc>,
    /// The time when Microsoft made the record available.
    pub available: Option<DateTime<Utc>>,
    /// The time when the first channel accepted the notification.
    pub told: Option<DateTime<Utc>>,
    /// Why there is no such time, if there is none.
    pub untold: Untold,
    /// The end of the first run that secured the account and was not undone.
    pub secured: Option<DateTime<Utc>>,
    /// The progress of the response.
    pub status: ThreatStatus,
    /// The result of an automatic containment; empty if there is none.
    containment: String,
}

/// Returns the threats of a tenant in the order of their events. A repetition of a threat that is listed is left out.
pub fn of_tenant(rows: &TenantRows) -> Vec<Threat> {
    let by_id: HashMap<RecordId, &ProcessedRow> =
        rows.threats.iter().map(|threat| (threat.row.record_id, &threat.row)).collect();
    let stands_for = |row: &ProcessedRow| row.repeat_of.and_then(|first| by_id.get(&first).copied());
    let is_repetition = |row: &ProcessedRow| stands_for(row).is_some_and(|first| first.fingerprint == row.fingerprint);
    let listed = rows.threats.iter().filter(|threat| {
        let row = &threat.row;
        row.state != FindingState::Repeat || !is_repetition(row)
    });
    let mut threats: Vec<Threat> = listed.map(|stored| threat(stored, stands_for(&stored.row), rows)).collect();
    threats.sort_by_key(|threat| (threat.event, threat.log_id));
    threats
}

fn threat(stored: &StoredThreat, stands_for: Option<&ProcessedRow>, rows: &TenantRows) -> Threat {
    let row = &stored.row;
    let owner = row.source_mailbox.trim();
    // One notification may be for several threats.
    let told = told(row).or_else(|| stands_for.filter(|_| row.state == FindingState::Repeat).and_then(told));
    let mut progress = Progress::default();
    for run in rows.runs.iter().filter(|run| concerns(run, row)) {
        progress.follow(run);
    }
    if progress.status == ThreatStatus::Open && row.state == FindingState::Dismissed {
        progress.status = ThreatStatus::Dismissed;
    }
    Threat {
        log_id: row.record_id,
        tenant: rows.coverage.tenant_id,
        domain: rows.coverage.domain.clone(),
        user: if owner.is_empty() { row.actor.trim() } else { owner }.to_owned(),
        kind: row.kind,
        severity: row.severity,
        rule_name: row.rule_name.clone(),
        incident_id: row.incident_id.clone(),
        event: row.event_time,
        available: row.content_created,
        told,
        untold: Untold::of(row),
        secured: progress.secured,
        status: progress.status,
        containment: if stored.containment.is_empty() {
            progress.contained.to_owned()
        } else {
            stored.containment.clone()
        },
    }
}

fn told(row: &ProcessedRow) -> Option<DateTime<Utc>> {
    row.notified.values().flatten().min().copied()
}

/// Returns whether a run was for the threat: it names it, or it secured the account of its incident after the threat.
fn concerns(run: &ActionRow, threat: &ProcessedRow) -> bool {
    let is_same_incident = !run.incident_id.is_empty() && run.incident_id == threat.incident_id;
    let is_about_account = run.action != Action::Dismiss.as_str();
    run.record_id == threat.record_id || is_same_incident && is_about_account && run.started >= threat.event_time
}

/// The combined result of the runs so far.
struct Progress {
    status: ThreatStatus,
    secured: Option<DateTime<Utc>>,
    contained: &'static str,
}

impl Default for Progress {
    fn default() -> Self {
        Self { status: ThreatStatus::Open, secured: None, contained: "" }
    }
}

impl Progress {
    /// Follows one run. They must come in the order in which they started.
    fn follow(&mut self, run: &ActionRow) {
        let is = |status: RunStatus| run.status == status.as_str();
        match run.action.as_str() {
            action if action == Action::Remediate.as_str() => self.follow_remediation(run),
            action if action == Action::Undo.as_str() => {
                let undone =
                    if is(RunStatus::Undone) { ThreatStatus::Open } else { self.status.min(ThreatStatus::Partly) };
                (self.status, self.secured) = (undone, None);
            }
            action if action == Action::Dismiss.as_str() && is(RunStatus::Dismissed) => {
                self.status = ThreatStatus::Dismissed;
            }
            action if action == Action::Contain.as_str() => {
                let is_done = is(RunStatus::Completed) || is(RunStatus::AlreadyDone);
                self.contained = if is_done { "Done" } else { "Partly" };
                let status = if is_done { ThreatStatus::Contained } else { ThreatStatus::Partly };
                self.status = self.status.max(status);
            }
            // A Preview changes nothing.
            _ => {}
        }
    }

    fn follow_remediation(&mut self, run: &ActionRow) {
        // The runbook of 2019 wrote its row after it had run, and no result.
        let is_original = run.run_id.as_uuid().is_nil();
        let is_secured =
            [RunStatus::Completed, RunStatus::AlreadyDone].iter().any(|status| run.status == status.as_str());
        let was_secured = self.status == ThreatStatus::Secured;
        match () {
            () if is_original => self.status = ThreatStatus::Secured,
            () if is_secured => {
                self.secured = self.secured.filter(|_| was_secured).or(run.finished);
                self.status = ThreatStatus::Secured;
            }
            // It found that something was no longer in effect.
            () if run.status == RunStatus::CompletedWithErrors.as_str() => {
                (self.status, self.secured) = (ThreatStatus::Partly, None);
            }
            // In progress, or out of time: what was done before is still done.
            () if self.status == ThreatStatus::Open => self.status = ThreatStatus::Partly,
            () => {}
        }
    }
}

/// Counts the containments of threats.
pub fn containments(threats: &[&Threat]) -> Containments {
    let mut counts = Containments::default();
    for threat in threats {
        match threat.containment.as_str() {
            "Done" => counts.done += 1,
            "Partly" | "Open" => counts.partly += 1,
            "WouldBe" => counts.would_be += 1,
            refused if refused.starts_with("Refused") => counts.refused += 1,
            _ => {}
        }
    }
    counts
}
