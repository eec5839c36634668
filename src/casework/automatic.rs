//! Investigations that follow a threat without a command, at the end of a run.
//!
//! Each is a task in the outbox: a row with a claim and a note (`crate::notify::investigated`). The report is stored, then the task
//! becomes its notification in one write, so that a kill at any point leaves either a task to do again or a notification to send.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use table_store::{Digest, Key, PartitionKey, RowKey, StoreError, cut_text};

use super::attackers::remember;
use super::feed::NoProgress;
use super::kept::{Kept, kept};
use super::less::knows_less;
use super::look_back::{LookBackError, Looked, Question, look_back};
use super::on_a_thread;
use super::spill::SpillError;
use crate::app::App;
use crate::investigation::{OtherAccount, Report};
use crate::notify::investigated::{self, Investigated, LATE_LOOKS, Why};
use crate::notify::outbox::Outbox;
use crate::tables::claim::{CLAIM_HOLDS, TakenOver, take_over};
use crate::tables::{
    CoverageSession, FindingState, IncidentRow, InvestigationRow, ProcessedRow, RowVersion, incidents, load, pending,
    put,
};
use base::clock::Deadline;
use base::ids::{RecordId, RunId};
use m365::management_activity::ContentType;

/// No investigation begins with less time: reading, storing and telling.
const LEAST: Duration = Duration::from_secs(3 * 60);

/// The time that remains after reading, to store and tell the report.
const TELL_RESERVE: Duration = Duration::from_secs(110);

/// A threat that is not stored after this long is never stored.
const ABANDONED: TimeDelta = TimeDelta::hours(24);

/// A threat to another account within this time is one of the same attacker.
const SAME_TIME: TimeDelta = TimeDelta::days(7);

/// Other accounts that get a notification of their own. The further ones have one together.
const OTHERS: usize = 20;

/// Threats of an incident among which one that was told is looked for.
const THREATS: usize = 50;

/// The attempts after which a task that fails again and again is given up.
const ATTEMPTS: u32 = 10;

/// The longest texts of the row beside the report, in UTF-16 units.
const ACCOUNT_LIMIT: usize = 1_000;
const VERDICT_LIMIT: usize = 4_000;

/// When after a report content that came late is looked for.
const LATE: [TimeDelta; LATE_LOOKS as usize] =
    [TimeDelta::minutes(30), TimeDelta::hours(2), TimeDelta::hours(8), TimeDelta::hours(24)];

/// The parts of a run that every task needs.
struct Run<'a> {
    app: &'a App,
    session: &'a CoverageSession<'a>,
    outbox: &'a Outbox<'a>,
    deadline: &'a Deadline,
}

/// A task whose claim is this run's.
#[derive(Clone)]
struct Task {
    row: ProcessedRow,
    version: RowVersion,
    about: Investigated,
}

/// The notifications about other accounts, and the accounts that they name.
#[derive(Default)]
struct Others {
    rows: Vec<(ProcessedRow, RowVersion)>,
    named: BTreeSet<String>,
}

/// Makes the investigations that are due, as long as there is time. Nothing is asked where nothing is noted. One that fails does not stop
/// the next one.
///
/// # Errors
/// If the tasks cannot be listed. The next run finds the tasks that remain.
pub async fn investigate_due(
    app: &App,
    session: &CoverageSession<'_>,
    outbox: &Outbox<'_>,
    deadline: &Deadline,
) -> Result<(), StoreError> {
    if !app.settings.investigation.is_on || !session.read(|row| row.pending).await {
        return Ok(());
    }
    let tenant = session.read(|row| row.tenant_id).await;
    let run = Run { app, session, outbox, deadline };
    for note in pending::list(app.store.as_ref(), &tenant).await? {
        let is_due = investigated::due_of(note.text()).is_some_and(|due| due <= app.clock.now());
        if !is_due {
            continue;
        }
        if deadline.left() < LEAST {
            break;
        }
        if let Err(error) = run.attempt(&note.finding()).await {
            tracing::error!(%tenant, task = %note.record_id, "an investigation failed: {error}");
        }
    }
    Ok(())
}

impl Run<'_> {
    /// Takes over a task and does it. One that the store refuses, or that failed many times, is given up: each attempt reads the feed.
    async fn attempt(&self, key: &Key) -> Result<(), StoreError> {
        let Some(task) = self.take(key).await? else { return Ok(()) };
        let failed = self.work(task.clone()).await;
        if let Err(error) = &failed
            && (matches!(error, StoreError::Refused(_)) || task.row.attempts >= ATTEMPTS)
        {
            tracing::error!(log_id = %task.about.log_id, "the investigation is given up");
            self.close(task).await?;
        }
        failed
    }

    /// Takes over a task. One that has become a notification is the outbox's.
    async fn take(&self, key: &Key) -> Result<Option<Task>, StoreError> {
        let store = self.app.store.as_ref();
        let Some((row, version)) = load::<ProcessedRow>(store, key).await? else { return Ok(None) };
        let Some(about) = investigated::investigated_of(&row).filter(|_| investigated::is_task(&row)) else {
            return Ok(None);
        };
        match take_over(store, &row, &version, RunId::random(), self.app.clock.now(), CLAIM_HOLDS).await? {
            TakenOver::Ours(row, version) => Ok(Some(Task { row: *row, version, about })),
            TakenOver::NotYet(_) | TakenOver::Theirs => Ok(None),
        }
    }

    async fn work(&self, mut task: Task) -> Result<(), StoreError> {
        let store = self.app.store.as_ref();
        let log_id = RecordId::new(task.about.log_id);
        let key = Key::new(PartitionKey::domain(&task.row.domain), RowKey::record(&log_id));
        let finding = load::<ProcessedRow>(store, &key).await?.map(|(finding, _)| finding);
        let now = self.app.clock.now();
        let Some(finding) = finding else {
            // A run was killed before it stored the threat; its record comes again.
            let is_abandoned = (now - task.row.processed_at).abs() > ABANDONED;
            return if is_abandoned { self.close(task).await } else { Ok(()) };
        };
        let Some(finding) = self.told_threat(finding).await? else { return self.close(task).await };
        let log_id = finding.record_id;
        task.about.log_id = *log_id.as_uuid();
        self.session.save().await?;
        let settings = &self.app.settings.investigation;
        let question = Question { finding: &finding, hours: settings.hours, bytes: settings.bytes, search: false, now };
        let reading = self.deadline.sooner(TELL_RESERVE);
        match Box::pin(look_back(self.app, &question, &reading, &NoProgress)).await {
            Ok(looked) => self.tell(task, &finding, looked).await,
            Err(LookBackError::Store(error)) => Err(error),
            Err(error @ (LookBackError::NoStart(_) | LookBackError::Account(_))) => {
                tracing::warn!(log_id = %log_id, "no investigation: {error}");
                self.close(task).await
            }
            Err(error) => {
                tracing::warn!(log_id = %log_id, "the investigation is left to a later run: {error}");
                Ok(())
            }
        }
    }

    /// Returns the threat, or another one of its incident if it was not told. An attacker can begin an incident with a repetition.
    async fn told_threat(&self, first: ProcessedRow) -> Result<Option<ProcessedRow>, StoreError> {
        let is_told = |row: &ProcessedRow| matches!(row.state, FindingState::Sent | FindingState::Sending);
        if is_told(&first) {
            return Ok(Some(first));
        }
        let store = self.app.store.as_ref();
        let Some(incident) = incidents::of(store, &first).await? else { return Ok(None) };
        for record in incident.records.iter().filter(|record| **record != first.record_id).take(THREATS) {
            let key = Key::new(PartitionKey::domain(&first.domain), RowKey::record(record));
            let threat = load::<ProcessedRow>(store, &key).await?.map(|(threat, _)| threat);
            let threat = threat.filter(|threat| is_told(threat) && investigated::is_investigated(threat));
            if threat.is_some() {
                return Ok(threat);
            }
        }
        Ok(None)
    }

    /// Stores the report and what follows from it, then turns the task into its notification. All of that may be done twice after a kill
    /// and is stored once.
    async fn tell(&self, mut task: Task, finding: &ProcessedRow, looked: Looked) -> Result<(), StoreError> {
        let Looked { made, started, is_partial, is_hindered, .. } = looked;
        let store = self.app.store.as_ref();
        let key = InvestigationRow::key(&finding.domain, &finding.record_id);
        let before = load::<InvestigationRow>(store, &key).await?.map(|(row, _)| row);
        let better = before.clone().filter(|before| before.task != task.row.record_id);
        let writing = on_a_thread(move || -> Result<_, SpillError> {
            let has_better = better.map_or(Ok(false), |better| knows_less(&made, &better, is_partial))?;
            Ok((kept(&made)?, made.report, has_better))
        });
        let Some(written) = self.deadline.limit(writing).await else { return Ok(()) };
        self.note_started(&started).await;
        let (kept, report, has_better) = match written {
            Ok(written) => written,
            Err(error) => {
                tracing::warn!(log_id = %finding.record_id, "the investigation is left to a later run: {error}");
                return Ok(());
            }
        };
        self.schedule(finding, task.about.why).await?;
        if has_better {
            return self.keep_better(task, is_hindered).await;
        }
        let is_again = matches!(task.about.why, Why::Late(_));
        let is_same =
            before.as_ref().is_some_and(|before| before.outcome == kept.outcome && before.task != task.row.record_id);
        if is_again && is_same {
            return self.close(task).await;
        }
        task.about.report = match &before {
            Some(before) if before.task == task.row.record_id => before.number,
            before => before.as_ref().map_or(0, |before| before.number) + 1,
        };
        let now = self.app.clock.now();
        put(store, &self.app.clock, &stored(&task, finding, &report, kept, now)).await?;
        let others = self.insert_others(&task, finding, &report, now).await?;
        remember(self.app, finding, &report, &others.named, now).await?;
        let mut row = investigated::told(task.row, &task.about, &report, now);
        row.notified = self.outbox.owed(&row);
        if row.notified.is_empty() {
            row.state = FindingState::Recorded;
        }
        if let Some(version) = row.replace(store, &task.version).await? {
            match row.state {
                FindingState::Recorded => pending::remove(store, &row.tenant_id, &row.record_id).await?,
                _ => self.outbox.deliver(row, version).await?,
            }
        }
        for (row, version) in others.rows {
            self.outbox.deliver(row, version).await?;
        }
        Ok(())
    }

    /// The stored report stands. Another look for late content follows by itself; a report that follows an act is tried again as long as
    /// that may help.
    async fn keep_better(&self, task: Task, is_hindered: bool) -> Result<(), StoreError> {
        tracing::warn!(log_id = %task.about.log_id, "less could be read than for the report before, which stands");
        let is_tried_again = is_hindered && !matches!(task.about.why, Why::Late(_)) && task.row.attempts < ATTEMPTS;
        if is_tried_again { Ok(()) } else { self.close(task).await }
    }

    /// Every other account in which the attacker was is told once: the first ones by a notification of their own, the others by one that
    /// names them. Guests come last, because an attacker can make any number of them.
    async fn insert_others(
        &self,
        task: &Task,
        finding: &ProcessedRow,
        report: &Report,
        now: DateTime<Utc>,
    ) -> Result<Others, StoreError> {
        let mut victims: Vec<&OtherAccount> = report.victims().collect();
        victims.sort_by_key(|other| (other.account.contains("#ext#"), other.first, &other.account));
        let mut others = Others::default();
        let mut untold = Vec::new();
        for other in victims {
            // An account with threats of its own was told already.
            match self.has_own_incident(finding, &other.account).await? {
                true => drop(others.named.insert(other.account.clone())),
                false => untold.push(other),
            }
        }
        let (alone, together) = untold.split_at(untold.len().min(OTHERS));
        let number = task.about.report;
        let mut rows: Vec<ProcessedRow> =
            alone.iter().map(|other| investigated::same_attacker(finding, number, other, now)).collect();
        let named = &together[..together.len().min(investigated::NAMED)];
        rows.extend(investigated::same_attacker_of_many(finding, number, together, now));
        others.named.extend(alone.iter().chain(named).map(|other| other.account.clone()));
        for mut row in rows {
            row.notified = self.outbox.owed(&row);
            if row.notified.is_empty() {
                continue;
            }
            if let Some(version) = investigated::insert_told(self.app.store.as_ref(), &row).await? {
                others.rows.push((row, version));
            }
        }
        Ok(others)
    }

    async fn has_own_incident(&self, finding: &ProcessedRow, account: &str) -> Result<bool, StoreError> {
        let key = IncidentRow::key(&finding.domain, &Digest::of(&[account]));
        let incident = load::<IncidentRow>(self.app.store.as_ref(), &key).await?;
        Ok(incident.is_some_and(|(row, _)| (row.last_event - finding.event_time).abs() <= SAME_TIME))
    }

    /// Content of the time of the incident may come late: it is looked for some times after the first report.
    async fn schedule(&self, finding: &ProcessedRow, why: Why) -> Result<(), StoreError> {
        let next = match why {
            Why::Threat => 1,
            Why::Late(look) => look + 1,
            Why::Secured | Why::Contained | Why::SameAttacker => return Ok(()),
        };
        let Some(distance) = LATE.get(usize::from(next) - 1) else { return Ok(()) };
        let now = self.app.clock.now();
        let task = investigated::task(finding, Why::Late(next), now + *distance, now);
        investigated::insert_task(self.app.store.as_ref(), &task).await?;
        self.session.note_unfinished().await
    }

    async fn note_started(&self, started: &[ContentType]) {
        let now = self.app.clock.now();
        self.session
            .change(|row| {
                for of in started {
                    row.subscriptions.insert(of.as_str().to_owned(), now);
                }
            })
            .await;
    }

    /// Ends a task without a notification.
    async fn close(&self, task: Task) -> Result<(), StoreError> {
        let (mut row, store) = (task.row, self.app.store.as_ref());
        row.state = FindingState::Recorded;
        row.next_attempt = None;
        match row.replace(store, &task.version).await? {
            Some(_) => pending::remove(store, &row.tenant_id, &row.record_id).await,
            None => Ok(()),
        }
    }
}

fn stored(task: &Task, finding: &ProcessedRow, report: &Report, kept: Kept, now: DateTime<Utc>) -> InvestigationRow {
    InvestigationRow {
        domain: finding.domain.clone(),
        log_id: finding.record_id,
        number: task.about.report,
        task: task.row.record_id,
        tenant_id: finding.tenant_id,
        incident_id: finding.incident_id.clone(),
        account: cut_text(&incidents::account_of(finding), ACCOUNT_LIMIT),
        written: now,
        verdict: cut_text(&report.verdict, VERDICT_LIMIT),
        report: kept.report,
        activities: kept.activities,
        omitted: kept.omitted,
        outcome: kept.outcome,
    }
}
