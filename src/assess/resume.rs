//! Going on with what an earlier run left unfinished: sendings that no channel or not every channel has accepted, and records
//! that could not be evaluated for good.

use chrono::TimeDelta;

use crate::app::App;
use crate::detection::{Finding, FindingKind};
use crate::tables::RowVersion;
use crate::tables::claim::{TakenOver, take_over};
use crate::tables::incidents::Part;
use crate::tables::keys;
use crate::tables::pending::Note;
use crate::tables::{Containment, FindingState, ProcessedRow, load};
use audit_log::AuditRecord;
use base::clock::Deadline;
use base::ids::RunId;
use table_store::{PartitionKey, StoreError};

use super::{Assessor, claim_holds, is_to_be_contained};
use crate::facts::Turn;
use crate::notify::investigated;
use crate::notify::outbox::Outbox;
use crate::tables::{CoverageSession, pending};
use crate::tenants::Stop;
use crate::tenants::stop::stop_in_time;

/// The age from which a note without its finding is removed. It is from a run that was killed before it stored the finding: no
/// run lives longer than this. Nothing is lost with it: a later run reads the record again with its blob, and a notice again from
/// the tenant's state.
const ABANDONED: TimeDelta = TimeDelta::hours(1);

/// The condition of containment that a tenant does not meet if no run is queued for it.
const NOT_READ: &str = "the tenant is not read any more";

/// The period for which an evaluation waits for current settings before the record alone decides.
const JUDGED_AGAIN_FOR: TimeDelta = TimeDelta::hours(24);

/// The number of attempts after which a target that is still withheld counts as unresolved: the first run and two later ones.
const ATTEMPTS_TO_RESOLVE: u32 = 3;

/// An unfinished finding that this run has claimed.
struct Taken {
    row: ProcessedRow,
    etag: RowVersion,
    record: Option<String>,
}

/// Sends the undelivered notices about the service as a whole. The provider's own tenant may be monitored as well: its run sends
/// its notices.
pub async fn resume_notices(app: &App, outbox: &Outbox<'_>) -> Result<(), StoreError> {
    let mut notes = pending::list(app.store.as_ref(), &app.settings.partner.tenant_id).await?;
    notes.retain(|unfinished| PartitionKey::domain(&unfinished.domain) == keys::service_partition());
    deliver_notes(app, outbox, notes).await
}

/// Sends the undelivered notifications of a tenant that is no longer queued, and notes when nothing is left.
pub async fn resume_unwatched(app: &App, outbox: &Outbox<'_>, session: &CoverageSession<'_>) -> Result<(), StoreError> {
    let tenant = session.read(|row| row.tenant_id).await;
    let notes = pending::list(app.store.as_ref(), &tenant).await?;
    if notes.is_empty() {
        session.change(|row| row.pending = false).await;
        return session.save().await;
    }
    deliver_notes(app, outbox, notes).await
}

/// Sends the findings that only wait for delivery. Those that wait for another evaluation stay as they are, because no run reads
/// the tenant.
async fn deliver_notes(app: &App, outbox: &Outbox<'_>, notes: Vec<Note>) -> Result<(), StoreError> {
    for unfinished in notes {
        let Some(Taken { mut row, etag, .. }) = take(app, unfinished).await? else { continue };
        match row.state {
            FindingState::Sending => {
                if row.containment.is_none() && is_to_be_contained(app, &row) {
                    row.containment = Some(Containment::Refused(NOT_READ.to_owned()));
                }
                outbox.deliver(row, etag).await?;
            }
            // Nobody ends its containment.
            state if state.is_closed() => {
                pending::remove(app.store.as_ref(), &row.tenant_id, &row.record_id).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Takes over an unfinished finding, if it is still unfinished and its time has come.
async fn take(app: &App, unfinished: Note) -> Result<Option<Taken>, StoreError> {
    let store = app.store.as_ref();
    let now = app.clock.now();
    let found = match load::<ProcessedRow>(store, &unfinished.finding()).await {
        Err(error @ StoreError::Corrupt(_)) => {
            tracing::error!(tenant = %unfinished.tenant_id, "a finding is left as it is: {error}");
            return Ok(None);
        }
        found => found?,
    };
    let Some((row, etag)) = found else {
        if (now - unfinished.since).abs() > ABANDONED {
            pending::remove(store, &unfinished.tenant_id, &unfinished.record_id).await?;
        }
        return Ok(None);
    };
    // The note lies with the tenant that it was written for: nothing is done to another one because of it.
    if row.tenant_id != unfinished.tenant_id {
        tracing::error!(tenant = %unfinished.tenant_id, log_id = %row.record_id, "a finding of another tenant is left as it is");
        return Ok(None);
    }
    // A newer version knows what this one is waiting for, and needs the note.
    if row.state == FindingState::Unknown {
        return Ok(None);
    }
    if row.state.is_closed() && row.containment == Some(Containment::Open) {
        return Ok(Some(Taken { row, etag, record: None }));
    }
    if row.state.is_closed() {
        pending::remove(store, &unfinished.tenant_id, &row.record_id).await?;
        return Ok(None);
    }
    // Its own place in a run is the end, when everything new is told.
    if investigated::is_task(&row) {
        if !app.settings.investigation.is_on {
            give_up(app, row, &etag).await?;
        }
        return Ok(None);
    }
    match take_over(store, &row, &etag, RunId::random(), now, claim_holds(app, &row)).await? {
        TakenOver::Ours(row, etag) => {
            let is_evaluated = row.state == FindingState::Rejudge;
            let record = if is_evaluated { pending::record(store, &unfinished).await? } else { None };
            Ok(Some(Taken { row: *row, etag, record }))
        }
        TakenOver::NotYet(_) | TakenOver::Theirs => Ok(None),
    }
}

/// Closes a task from a time when investigations were on.
async fn give_up(app: &App, mut task: ProcessedRow, version: &RowVersion) -> Result<(), StoreError> {
    task.state = FindingState::Recorded;
    task.next_attempt = None;
    match task.replace(app.store.as_ref(), version).await? {
        Some(_) => pending::remove(app.store.as_ref(), &task.tenant_id, &task.record_id).await,
        None => Ok(()),
    }
}

impl Assessor<'_> {
    /// Sends what earlier runs left undelivered, and returns the notes of the records that are to be evaluated again. If nothing is
    /// unfinished, the store is not queried.
    pub async fn resume(&self, deadline: &Deadline, share: &Deadline) -> Result<Vec<Note>, Stop> {
        if !self.session.read(|row| row.pending).await {
            return Ok(Vec::new());
        }
        let unfinished = pending::list(self.app.store.as_ref(), &self.tenant).await?;
        let (records, notifications) = unfinished.into_iter().partition(Note::has_record);
        self.resume_all(notifications, deadline, share).await?;
        Ok(records)
    }

    /// Continues the unfinished findings that are due, until `share` is over. A finding that is taken now is not due in the next
    /// run, so the next run has time for the rest.
    pub async fn resume_all(&self, unfinished: Vec<Note>, deadline: &Deadline, share: &Deadline) -> Result<(), Stop> {
        for unfinished in unfinished {
            stop_in_time(deadline)?;
            if share.has_passed() {
                break;
            }
            if investigated::due_of(unfinished.text()).is_some_and(|due| due > self.app.clock.now()) {
                continue;
            }
            let Some(taken) = take(self.app, unfinished).await? else { continue };
            match taken.row.state {
                FindingState::Rejudge => self.judge_again(taken, share).await?,
                // Its notification was sent before its containment had ended.
                state if state.is_closed() => self.deliver_threat(taken.row, taken.etag).await?,
                _ if matches!(taken.row.kind, FindingKind::Coverage | FindingKind::Investigation) => {
                    self.outbox.deliver(taken.row, taken.etag).await?
                }
                _ => self.send_unless_repeat(taken.row, taken.etag).await?,
            }
        }
        Ok(())
    }

    /// Evaluates a record again that lacked current settings. After a day the record alone decides.
    async fn judge_again(&self, taken: Taken, share: &Deadline) -> Result<(), Stop> {
        let Taken { mut row, etag, record } = taken;
        // A record that somebody else has put here is evaluated and told, and nothing follows from it by itself.
        let is_ours = record.as_deref().is_some_and(|record| self.app.seals.hold_record(&row, record));
        let record = record.and_then(|json| AuditRecord::parse(json.as_bytes()).ok());
        let finding = match record {
            Some(record) => match share.limit(self.evaluate(&record, Turn::OfOthers)).await {
                Some(Ok(finding)) => finding,
                // A service that does not respond now must not keep the run from what is new.
                Some(Err(Stop::Transient(_) | Stop::OutOfTime | Stop::Starting(_))) | None => {
                    return Ok(self.wait_on(row, &etag).await?);
                }
                Some(Err(blocked)) => return Err(blocked),
            },
            None => None,
        };
        let is_late = (self.app.clock.now() - row.processed_at).abs() >= JUDGED_AGAIN_FOR;
        match finding {
            Some(finding) if !is_late && must_wait(&finding, row.attempts) => self.wait_on(row, &etag).await?,
            Some(finding) => {
                let _with_others = self.storing.read().await;
                self.store_evaluated(row, etag, &finding, is_ours).await?;
                self.relate(&finding).await?;
            }
            None => {
                row.state = FindingState::Recorded;
                row.seal = if is_ours { self.app.seals.of_finding(&row) } else { String::new() };
                self.close(row, &etag).await?;
            }
        }
        Ok(())
    }

    /// Waits again with increasing delays, because current settings are still missing.
    async fn wait_on(&self, mut row: ProcessedRow, etag: &RowVersion) -> Result<(), StoreError> {
        let distance = TimeDelta::minutes(10 << row.attempts.clamp(1, 5).saturating_sub(1));
        row.next_attempt = Some(self.app.clock.now() + distance);
        row.replace(self.app.store.as_ref(), etag).await.map(|_| ())
    }

    /// Replaces the old evaluation by the new one, and sends the finding if it is a threat now.
    async fn store_evaluated(
        &self,
        row: ProcessedRow,
        etag: RowVersion,
        finding: &Finding,
        is_ours: bool,
    ) -> Result<(), StoreError> {
        let mut judged = ProcessedRow {
            claim_id: row.claim_id,
            attempts: 1,
            next_attempt: row.next_attempt,
            content_created: row.content_created,
            ..self.row(finding).await
        };
        if !is_ours {
            judged.seal.clear();
        }
        if !finding.threat || judged.notified.is_empty() {
            if finding.threat {
                judged.incident_id = self.join_incident(&judged, Part::Recorded).await?.id;
            }
            return self.close(judged, &etag).await;
        }
        judged.state = FindingState::Sending;
        judged.incident_id = self.join_incident(&judged, Part::Told).await?.id;
        let Some(etag) = judged.replace(self.app.store.as_ref(), &etag).await? else { return Ok(()) };
        self.count(|report| report.threats += 1);
        self.send_unless_repeat(judged, etag).await
    }
}

/// Returns whether something that the evaluation needs is still withheld.
fn must_wait(finding: &Finding, attempts: u32) -> bool {
    let may_be_resolved = finding.hinges_on_withheld_target && attempts < ATTEMPTS_TO_RESOLVE;
    finding.rejudge && (!finding.threat || may_be_resolved)
}
