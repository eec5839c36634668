//! Investigations as notifications: rows of ProcessedAuditLogs of type `Investigation`. Such a row is first a task, in state `Rejudge`,
//! which a run takes over when it has time; with its report it becomes a notification like any other.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::detection::{FindingKind, Reason, ReasonName};
use crate::investigation::{OtherAccount, OtherKind, Report, access_lasted, counted, number, signed_in};
use crate::tables::claim::{self, Claimed};
use crate::tables::{FindingState, PROCESSED, ProcessedRow, RowVersion, load, pending};
use base::ids::{RecordId, RunId};
use table_store::{Digest, Store, StoreError, cut_text};

/// The beginning of the note of a task, before the time at which it is due.
const NOTE: &str = "investigation due ";

/// The most looks for content that came late.
pub const LATE_LOOKS: u8 = 4;

/// Other accounts that a notification names.
const OTHERS: usize = 4;

/// Further accounts that one notification names.
pub const NAMED: usize = 30;

/// Addresses that a notification about another account names.
const ADDRESSES: usize = 5;

/// The time for which an account and an address are told once.
const SAME_FOR: TimeDelta = TimeDelta::days(30);

/// The longest verdict, in UTF-16 units.
const VERDICT_LIMIT: usize = 1_000;

/// The reason for an investigation or its notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// A threat was told.
    Threat,
    /// The account was secured by a person.
    Secured,
    /// The account was contained after a report.
    Contained,
    /// Content may have come late: the look with this number, from 1.
    Late(u8),
    /// The attacker was in another account; it has a notification of its own.
    SameAttacker,
}

impl Why {
    fn key(self, account: &str) -> String {
        match self {
            Self::Threat => "threat".to_owned(),
            Self::Secured => "secured".to_owned(),
            Self::Contained => "contained".to_owned(),
            Self::Late(look) => format!("late/{look}"),
            Self::SameAttacker => format!("same/{account}"),
        }
    }
}

/// The subject of a row of type `Investigation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Investigated {
    /// The threat.
    #[serde(rename = "LogID")]
    pub log_id: Uuid,
    /// The reason.
    pub why: Why,
    /// The number of the report; 0 before it is made.
    pub report: u32,
}

/// Returns what a row of type `Investigation` is about.
pub fn investigated_of(row: &ProcessedRow) -> Option<Investigated> {
    (row.kind == FindingKind::Investigation).then(|| serde_json::from_str(&row.record).ok()).flatten()
}

/// Returns whether a threat is followed by an investigation: those that an attacker makes from inside the account.
pub fn is_investigated(threat: &ProcessedRow) -> bool {
    let is_own = threat.actor.trim().to_lowercase() == threat.source_mailbox.trim().to_lowercase();
    threat.threat
        && match threat.kind {
            FindingKind::InboxRule | FindingKind::InboxForward | FindingKind::Consent => true,
            FindingKind::MailboxPermission => is_own,
            _ => false,
        }
}

/// The row of a task: once per incident and reason.
pub fn task(finding: &ProcessedRow, why: Why, due: DateTime<Utc>, now: DateTime<Utc>) -> ProcessedRow {
    let name = format!("investigation/{}/{}", finding.incident_id, why.key(""));
    let id = Uuid::new_v5(finding.tenant_id.as_uuid(), name.as_bytes());
    let about = Investigated { log_id: *finding.record_id.as_uuid(), why, report: 0 };
    ProcessedRow {
        record_id: RecordId::new(id),
        kind: FindingKind::Investigation,
        threat: false,
        description: String::new(),
        operation: "Investigation".to_owned(),
        source_mailbox: crate::tables::incidents::account_of(finding),
        actor: String::new(),
        content_created: None,
        processed_at: now,
        reasons: Vec::new(),
        fingerprint: Digest::of(&[&id.to_string()]),
        subjects: Vec::new(),
        scopes: Vec::new(),
        undone_at: None,
        repeat_of: None,
        record: json(&about),
        state: FindingState::Rejudge,
        claim_id: RunId::random(),
        attempts: 0,
        next_attempt: Some(due),
        notified: BTreeMap::new(),
        unanswered: BTreeMap::new(),
        ..without_rule(finding)
    }
}

/// The finding without the members that only a threat has.
fn without_rule(finding: &ProcessedRow) -> ProcessedRow {
    ProcessedRow {
        rule_id: String::new(),
        rule_name: String::new(),
        forwarding_address: String::new(),
        forwarding_status: String::new(),
        forwarding_externally: false,
        applies_to_all_mail: false,
        deletes: false,
        containment: None,
        ..finding.clone()
    }
}

/// Returns the investigation of the incident that a threat began, if its report was made or is being made.
///
/// # Errors
/// If the store cannot be used.
pub async fn of_incident(store: &dyn Store, finding: &ProcessedRow) -> Result<Option<Investigated>, StoreError> {
    let first = task(finding, Why::Threat, finding.processed_at, finding.processed_at);
    let stored = load::<ProcessedRow>(store, &first.key()).await?;
    Ok(stored.and_then(|(row, _)| investigated_of(&row)).filter(|about| about.report > 0))
}

/// Stores a task, with the note by which runs find it. One that is stored already stays as it is, unless it was closed without a report
/// and another threat of the incident asks for it. The tenant's `Pending` must be true afterwards.
///
/// # Errors
/// If the store cannot be used.
pub async fn insert_task(store: &dyn Store, task: &ProcessedRow) -> Result<(), StoreError> {
    let due = task.next_attempt.unwrap_or(task.processed_at);
    pending::insert(store, &task.tenant_id, task, Some(&format!("{NOTE}{}", due.to_rfc3339()))).await?;
    match claim::insert(store, PROCESSED, &task.to_entity()).await? {
        Claimed::Ours(_) => Ok(()),
        Claimed::Theirs(_) => reopen(store, task).await,
    }
}

/// Opens a task of an incident again that was closed without a report: it was that of a threat that nobody was told of.
async fn reopen(store: &dyn Store, task: &ProcessedRow) -> Result<(), StoreError> {
    let Some((stored, version)) = load::<ProcessedRow>(store, &task.key()).await? else { return Ok(()) };
    let (Some(before), Some(about)) = (investigated_of(&stored), investigated_of(task)) else { return Ok(()) };
    let is_closed = stored.state == FindingState::Recorded && before.report == 0 && before.why == Why::Threat;
    if is_closed && before.log_id != about.log_id {
        task.replace(store, &version).await?;
    }
    Ok(())
}

/// Returns when a noted task is due; `None` if the note is about something else.
pub fn due_of(note: Option<&str>) -> Option<DateTime<Utc>> {
    let text = note?.strip_prefix(NOTE)?;
    DateTime::parse_from_rfc3339(text).ok().map(|due| due.to_utc())
}

/// Returns whether the row is a task that waits for a run.
pub fn is_task(row: &ProcessedRow) -> bool {
    row.kind == FindingKind::Investigation && row.state == FindingState::Rejudge
}

/// Turns a task into the notification of its report.
pub fn told(mut task: ProcessedRow, about: &Investigated, report: &Report, now: DateTime<Utc>) -> ProcessedRow {
    task.description = lines(report).join("\n");
    task.operation = format!("Report {}", about.report);
    task.event_time = now;
    task.record = json(about);
    task.state = FindingState::Sending;
    task.attempts = 1;
    task
}

/// The notification about another account in which the attacker was. After 30 days the same address and account are news again.
pub fn same_attacker(finding: &ProcessedRow, report: u32, other: &OtherAccount, now: DateTime<Utc>) -> ProcessedRow {
    // Not of the incident: the investigations of two victims find the same third one.
    let place = other.ips.first().map(ToString::to_string).unwrap_or_else(|| finding.incident_id.clone());
    let bucket = other.first.timestamp().div_euclid(SAME_FOR.num_seconds());
    let name = format!("investigation/{place}/{}/{bucket}", Why::SameAttacker.key(&other.account));
    let from = other.ips.iter().take(ADDRESSES).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let sentence = format!(
        "The attacker of {} was in the account {} too, from {} to {} UTC{}.",
        crate::tables::incidents::account_of(finding),
        other.account,
        other.first.format("%Y-%m-%d %H:%M"),
        other.last.format("%Y-%m-%d %H:%M"),
        if from.is_empty() { String::new() } else { format!(", from {from}") },
    );
    ProcessedRow {
        source_mailbox: other.account.clone(),
        description: format!("{sentence} Secure this account and investigate it as well."),
        ..about_others(finding, report, &name, sentence, other, now)
    }
}

/// The one notification about all further accounts in which the attacker was; `None` if there are none.
pub fn same_attacker_of_many(
    finding: &ProcessedRow,
    report: u32,
    others: &[&OtherAccount],
    now: DateTime<Utc>,
) -> Option<ProcessedRow> {
    let first = others.first()?;
    let accounts: Vec<&str> = others.iter().map(|other| other.account.as_str()).collect();
    let name = format!("investigation/{}/same/{}", finding.incident_id, Digest::of(&accounts));
    let more = match others.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more; the report has them"),
    };
    let sentence = format!(
        "The attacker of {} was in {} too: {}{more}.",
        crate::tables::incidents::account_of(finding),
        counted(others.len() as u64, "further account"),
        accounts[..accounts.len().min(NAMED)].join(", "),
    );
    Some(ProcessedRow {
        description: format!("{sentence} Secure these accounts and investigate them as well."),
        ..about_others(finding, report, &name, sentence, first, now)
    })
}

/// A notification about other accounts, which this name identifies.
fn about_others(
    finding: &ProcessedRow,
    report: u32,
    name: &str,
    sentence: String,
    first: &OtherAccount,
    now: DateTime<Utc>,
) -> ProcessedRow {
    let about = Investigated { log_id: *finding.record_id.as_uuid(), why: Why::SameAttacker, report };
    let id = Uuid::new_v5(finding.tenant_id.as_uuid(), name.as_bytes());
    ProcessedRow {
        record_id: RecordId::new(id),
        operation: ReasonName::SameAttacker.as_str().to_owned(),
        event_time: first.first,
        ip: first.ips.first().map(ToString::to_string).unwrap_or_default(),
        location: String::new(),
        reasons: vec![Reason { name: ReasonName::SameAttacker, sentence }],
        fingerprint: Digest::of(&[&id.to_string()]),
        record: json(&about),
        state: FindingState::Sending,
        attempts: 1,
        next_attempt: Some(now + claim::CLAIM_HOLDS),
        ..task(finding, Why::SameAttacker, now, now)
    }
}

/// Stores a notification with this run's claim. `None`: it is there already.
///
/// # Errors
/// If the store cannot be used.
pub async fn insert_told(store: &dyn Store, row: &ProcessedRow) -> Result<Option<RowVersion>, StoreError> {
    pending::insert(store, &row.tenant_id, row, None).await?;
    match claim::insert(store, PROCESSED, &row.to_entity()).await? {
        Claimed::Ours(version) => Ok(Some(version)),
        Claimed::Theirs(_) => Ok(None),
    }
}

/// The verdict, the numbers, the origin and the other accounts: at most eight lines, so that a card has twelve.
pub fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![cut_text(&report.verdict, VERDICT_LIMIT)];
    lines.extend(numbers(report));
    lines.extend(Some(report.origin.clone()).filter(|origin| !origin.is_empty()));
    let others = report.other_accounts.len();
    let of = |other: &OtherAccount| format!("{}: {}.", other.account, other.kind.as_text());
    let shown = if others > OTHERS { OTHERS - 1 } else { others };
    let mut sorted: Vec<&OtherAccount> = report.other_accounts.iter().collect();
    sorted.sort_by_key(|other| (other.kind != OtherKind::SignedIn, other.kind));
    lines.extend(sorted.into_iter().take(shown).map(of));
    if others > shown {
        lines.push(format!("And {}; the report has all.", counted((others - shown) as u64, "other account")));
    }
    lines
}

fn numbers(report: &Report) -> [String; 2] {
    let (counts, worth) = (&report.counts, &report.worth);
    [
        format!(
            "Access lasted: {} · Signed in: {} · Other accounts: {}",
            access_lasted(report.access),
            signed_in(counts, worth),
            counts.other_accounts
        ),
        format!(
            "Messages read: {} · Folders synchronised: {} · Sent: {} · Deleted: {} · Files: {}",
            number(counts.messages_read, worth.messages_read),
            number(counts.folders_synchronised, worth.folders_synchronised),
            number(counts.messages_sent, worth.messages_sent),
            number(counts.messages_deleted, worth.messages_deleted),
            number(counts.files, worth.files)
        ),
    ]
}

/// Texts and numbers only, which always have a JSON form.
fn json(about: &Investigated) -> String {
    serde_json::to_string(about).unwrap_or_default()
}
