//! From an evaluated record to a stored row: claimed by inserting it, so that one record gives one row and one notification,
//! whichever blobs, runs or simultaneous runs it comes in.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt as _, StreamExt as _, stream};

use crate::detection::{Finding, Severity, consent_names, is_change_near_threats};
use crate::location::parse_client_ip;
use crate::notify::investigated::{self, Why};
use crate::tables::PROCESSED;
use crate::tables::RowVersion;
use crate::tables::claim::{self, Claimed};
use crate::tables::{FindingState, ProcessedRow};
use base::ids::RunId;
use table_store::{Entity, StoreError, retry_unavailable};

use super::{Assessor, STORED_AT_ONCE, claim_holds, repeats};
use crate::tables::incidents::{Joined, Part};
use crate::tables::{incidents, pending};

/// The time by which repeats may lie outside the events of their incident without lengthening it.
const SAME_TIME: TimeDelta = TimeDelta::hours(1);

impl Assessor<'_> {
    /// Stores a finding, sends it if it is a threat that was not notified before, and then relates it to others. Relations are
    /// added to the stored row afterwards, because looking up what others have stored must not delay a threat.
    pub(super) async fn store_finding(
        &self,
        mut finding: Finding,
        content_created: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if finding.hinges_on_withheld_target && can_be_kept(&finding) {
            // Two later runs look the target up again before it is notified.
            finding.threat = false;
            finding.severity = Severity::Low;
        }
        if self.join_stored_consent(&finding).await? {
            return Ok(());
        }
        self.count_at_address(&mut finding).await?;
        self.mark_consent(&finding).await?;
        let repeat_of = self.notified.known_repeat(&finding).filter(|_| finding.threat);
        let mut row = self.row(&finding).await;
        row.content_created = Some(content_created);
        row.repeat_of = repeat_of.filter(|first| *first != row.record_id);
        row.state = first_state(&finding, &row);
        let is_repeat = row.state == FindingState::Repeat;
        if row.threat && is_repeat {
            row.incident_id = self.incident_of_repeat(&row).await?;
        } else if row.threat && row.state == FindingState::Recorded {
            row.incident_id = self.join_incident(&row, Part::Recorded).await?.id;
        }
        match row.state {
            FindingState::Sending | FindingState::Rejudge => Box::pin(self.store_unfinished(row, &finding)).await?,
            _ => self.insert(&row).await.map(drop)?,
        }
        if is_repeat { Ok(()) } else { Box::pin(self.relate(&finding)).await }
    }

    /// Stores rows that are only recorded, in one request where the store can. If it cannot, because one of them is stored already
    /// for example, each is stored by itself.
    pub(super) async fn store_together(&self, rows: &[Entity]) -> Result<(), StoreError> {
        if rows.len() > 1 && self.app.store.insert_together(PROCESSED, rows).await {
            self.count(|report| report.findings += rows.len() as u64);
            return Ok(());
        }
        let stores: Vec<_> = rows.iter().map(|row| self.insert_recorded(row).boxed()).collect();
        let stored: Vec<_> = stream::iter(stores).buffer_unordered(STORED_AT_ONCE).collect().await;
        stored.into_iter().collect()
    }

    async fn insert_recorded(&self, row: &Entity) -> Result<(), StoreError> {
        if let Claimed::Ours(_) = claim::insert(self.app.store.as_ref(), PROCESSED, row).await? {
            self.count(|report| report.findings += 1);
        }
        Ok(())
    }

    /// Claims a row by inserting it. Returns `None` if another run has stored it.
    async fn insert(&self, row: &ProcessedRow) -> Result<Option<RowVersion>, StoreError> {
        match claim::insert(self.app.store.as_ref(), PROCESSED, &row.to_entity()).await? {
            Claimed::Theirs(_) => Ok(None),
            Claimed::Ours(etag) => {
                self.count(|report| {
                    report.findings += 1;
                    report.threats += u64::from(row.threat);
                });
                Ok(Some(etag))
            }
        }
    }

    /// The note that something is unfinished comes before the thing itself, so that a kill in between loses nothing.
    async fn store_unfinished(&self, mut row: ProcessedRow, finding: &Finding) -> Result<(), StoreError> {
        row.next_attempt = Some(row.processed_at + claim_holds(self.app, &row));
        row.attempts = 1;
        if row.state == FindingState::Sending {
            row.incident_id = self.join_incident(&row, Part::Told).await?.id;
        }
        let whole = Some(finding.record.as_str()).filter(|_| row.state == FindingState::Rejudge);
        if let Some(record) = whole {
            row.seal = self.app.seals.of_record(&row, record);
        }
        pending::insert(self.app.store.as_ref(), &self.tenant, &row, whole).await?;
        self.session.note_unfinished().await?;
        let Some(etag) = self.insert(&row).await? else { return Ok(()) };
        if row.state == FindingState::Sending { self.send_unless_repeat(row, etag).await } else { Ok(()) }
    }

    /// Returns the incident of a threat. A single failure of the store must not delay the threat until the next run.
    pub(super) async fn join_incident(&self, threat: &ProcessedRow, part: Part) -> Result<Joined, StoreError> {
        let (store, clock) = (self.app.store.as_ref(), &self.app.clock);
        retry_unavailable(clock, || incidents::join(store, clock, threat, part)).await
    }

    /// Returns the incident of a repeat. A thousand repeats of one re-sync do not write the incident's row a thousand times.
    async fn incident_of_repeat(&self, repeat: &ProcessedRow) -> Result<String, StoreError> {
        let account = incidents::account_of(repeat);
        let mut known = self.incidents.lock().await;
        if let Some(Joined { id, span: Some((first, last)) }) = known.get(&account)
            && repeat.event_time >= *first - SAME_TIME
            && repeat.event_time <= *last + SAME_TIME
        {
            return Ok(id.clone());
        }
        let joined = self.join_incident(repeat, Part::Repeat).await?;
        let id = joined.id.clone();
        if joined.span.is_some() {
            known.insert(account, joined);
        }
        Ok(id)
    }

    /// Notes that the incident of a threat that is told is to be investigated, before it is sent. After a kill in between the threat is
    /// resumed, and noted then.
    async fn note_investigation(&self, threat: &ProcessedRow) -> Result<(), StoreError> {
        let is_wanted = self.app.settings.investigation.is_on && !threat.incident_id.is_empty();
        if !is_wanted || !investigated::is_investigated(threat) {
            return Ok(());
        }
        let now = self.app.clock.now();
        let task = investigated::task(threat, Why::Threat, now, now);
        investigated::insert_task(self.app.store.as_ref(), &task).await
    }

    /// Sends a claimed threat, unless its fingerprint was notified before. A repetition is stored as `Repeat`.
    pub(super) async fn send_unless_repeat(&self, mut row: ProcessedRow, etag: RowVersion) -> Result<(), StoreError> {
        let Some(first) = repeats::claim(self.app, &self.notified, &row).await? else {
            self.note_investigation(&row).await?;
            return self.deliver_threat(row, etag).await;
        };
        row.state = FindingState::Repeat;
        row.repeat_of = Some(first);
        incidents::note_repeat(self.app.store.as_ref(), &self.app.clock, &row).await?;
        self.close(row, &etag).await
    }

    /// Writes a finished row and removes its note among the unfinished findings. If another run has changed the row in the
    /// meantime, its version stays.
    pub(super) async fn close(&self, mut row: ProcessedRow, etag: &RowVersion) -> Result<(), StoreError> {
        row.next_attempt = None;
        match row.replace(self.app.store.as_ref(), etag).await? {
            Some(_) => pending::remove(self.app.store.as_ref(), &self.tenant, &row.record_id).await,
            None => Ok(()),
        }
    }

    /// The row of a finding, with its place and the tenant's names.
    pub(super) async fn row(&self, finding: &Finding) -> ProcessedRow {
        let address = finding.client_ip.as_deref().and_then(parse_client_ip);
        let location = self.app.locator.locate(address).await;
        let organization = self.organization().await;
        let (domain, tenant_id) = self.session.read(|row| (row.domain.clone(), row.tenant_id)).await;
        let mut row = ProcessedRow {
            domain,
            record_id: finding.record_id,
            tenant_id,
            organization,
            kind: finding.kind,
            threat: finding.threat,
            forwarding_externally: finding.forwarding_externally,
            applies_to_all_mail: finding.applies_to_all_mail,
            deletes: finding.deletes,
            description: finding.description.clone(),
            rule_id: finding.rule_id.clone(),
            rule_name: finding.rule_name.clone(),
            source_mailbox: finding.source_mailbox().to_owned(),
            actor: finding.actor.clone(),
            operation: finding.operation.clone(),
            event_time: finding.event_time,
            content_created: None,
            processed_at: self.app.clock.now(),
            ip: address.map(|address| address.to_string()).unwrap_or_default(),
            location,
            forwarding_status: finding.forwarding_status.clone(),
            forwarding_address: finding.forwarding_address.clone(),
            severity: finding.severity,
            score: finding.score,
            reasons: finding.reasons.clone(),
            fingerprint: finding.fingerprint.clone(),
            subjects: if finding.threat { finding.subjects.clone() } else { Vec::new() },
            scopes: finding.scopes.clone(),
            undone_at: None,
            repeat_of: None,
            record: finding.record.clone(),
            state: FindingState::Recorded,
            // A claim of its own for every row: the same record in two blobs of one run is not the same claim.
            claim_id: RunId::random(),
            attempts: 0,
            next_attempt: None,
            notified: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            incident_id: String::new(),
            containment: None,
            containment_detail: String::new(),
            seal: String::new(),
        };
        row.notified = self.outbox.owed(&row);
        row.seal = self.app.seals.of_finding(&row);
        row
    }
}

/// Returns whether a finding is only recorded: it is no threat, and nothing else is looked up, noted or related for it.
pub(super) fn is_only_recorded(finding: &Finding) -> bool {
    let may_be_threat = finding.threat || finding.rejudge || finding.hinges_on_withheld_target;
    let is_related = !finding.outside_targets.is_empty() || is_change_near_threats(finding);
    let leaves_marks = !finding.removed.is_empty() || finding.added_domain().is_some();
    !may_be_threat && !is_related && !leaves_marks && consent_names(finding).is_empty()
}

/// Returns the state in which a finding is stored first. A threat is sent immediately, even if current settings could add to it.
/// A finding that may become a threat is evaluated again, if its record is short enough to be stored whole.
fn first_state(finding: &Finding, row: &ProcessedRow) -> FindingState {
    match (finding.threat, finding.rejudge && can_be_kept(finding)) {
        (true, _) if row.repeat_of.is_some() => FindingState::Repeat,
        // No channel wants a threat of this severity.
        (true, _) if row.notified.is_empty() => FindingState::Recorded,
        (true, _) => FindingState::Sending,
        (false, true) => FindingState::Rejudge,
        (false, false) => FindingState::Recorded,
    }
}

/// Returns whether the record is short enough to be stored whole until it is evaluated again.
fn can_be_kept(finding: &Finding) -> bool {
    finding.record.encode_utf16().count() <= pending::RECORD_LIMIT
}
