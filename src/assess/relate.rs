//! Relates a stored finding to others: the same external target elsewhere, and changes around the time of a threat to the same user.
//! It comes after the finding is stored and sent. Each finding first leaves its own mark and then looks for those of others, so that of
//! two that are stored at the same time at least one sees the other.

use chrono::{DateTime, TimeDelta, Utc};

use super::Assessor;
use crate::detection::{Finding, FindingKind, add_change_nearby, add_shared_target, raise_after_threat};
use crate::tables::claim::CLAIM_HOLDS;
use crate::tables::{COVERAGE, pending};
use crate::tables::{
    FindingState, ProcessedRow, RowVersion, TargetIndexRow, TargetRow, UserEventRow, list_readable, load,
};
use base::ids::{RecordId, RunId};
use table_store::{Digest, Key, PartitionKey, Query, RowKey, StoreError, list_all};

/// How long another mailbox's use of a target counts.
const TARGET_COUNTS: TimeDelta = TimeDelta::days(7);

/// How close a change is to a threat.
const NEARBY: TimeDelta = TimeDelta::hours(24);

/// The most targets of one finding that are related. Whoever wrote the rule chose how many it has.
const TARGETS_RELATED: usize = 50;

/// What was found in other findings about one.
#[derive(Debug, Default)]
struct Relations {
    /// Mailboxes and tenants that share a target; the largest numbers of any target.
    shared: Option<(usize, usize)>,
    /// A change of a sign-in method before a threat.
    method_changed: Option<DateTime<Utc>>,
    /// A threat before the change.
    threat: Option<DateTime<Utc>>,
}

impl Relations {
    fn is_empty(&self) -> bool {
        self.shared.is_none() && self.method_changed.is_none() && self.threat.is_none()
    }

    /// Adds them to a stored finding. Returns whether the finding changed.
    fn add_to(&self, row: &mut ProcessedRow) -> bool {
        let before = (row.threat, row.severity, row.score, row.reasons.len());
        if let Some((mailboxes, tenants)) = self.shared {
            add_shared_target(row, mailboxes, tenants);
        }
        if let Some(changed) = self.method_changed {
            add_change_nearby(row, FindingKind::SignInMethod, changed);
        }
        if let Some(threat) = self.threat {
            raise_after_threat(row, threat);
        }
        before != (row.threat, row.severity, row.score, row.reasons.len())
    }
}

impl Assessor<'_> {
    /// Relates a finding to others, and writes what is found to its stored row.
    pub(super) async fn relate(&self, finding: &Finding) -> Result<(), StoreError> {
        let mut relations = Relations::default();
        // A contact forwards nothing itself.
        if finding.kind != FindingKind::ContactRetargeted {
            for target in finding.outside_targets.iter().take(TARGETS_RELATED) {
                let shared = self.relate_target(finding, target).await?;
                relations.shared = relations.shared.max(shared);
            }
            if finding.kind == FindingKind::SignInMethod || finding.threat {
                for user in users(finding) {
                    self.relate_user(finding, &user, &mut relations).await?;
                }
            }
        }
        if relations.is_empty() { Ok(()) } else { self.add_relations(&finding.record_id, &relations).await }
    }

    /// How many mailboxes and tenants forward to the same external target within 7 days, if there are others.
    async fn relate_target(&self, finding: &Finding, target: &str) -> Result<Option<(usize, usize)>, StoreError> {
        let store = self.app.store.as_ref();
        let own = TargetRow {
            target: Digest::of(&[target]),
            tenant_id: self.tenant,
            mailbox: finding.mailbox.to_lowercase(),
            record_id: finding.record_id,
            seen: self.app.clock.now(),
        };
        crate::tables::put(store, &self.app.clock, &own).await?;
        crate::tables::put(store, &self.app.clock, &TargetIndexRow::to(&own)).await?;
        let rows = list_all(store, COVERAGE, Query::partition(crate::tables::keys::target(&own.target))).await?;
        let (mut mailboxes, mut tenants) = (vec![own.key().row], vec![own.tenant_id]);
        for stored in &rows {
            let Ok((row, _)) = TargetRow::from_stored(stored) else { continue };
            if own.seen - row.seen > TARGET_COUNTS {
                store.delete(COVERAGE, &stored.entity.key, None).await?;
            } else if row.key().row != own.key().row {
                mailboxes.push(row.key().row);
                tenants.push(row.tenant_id);
            }
        }
        tenants.sort();
        tenants.dedup();
        Ok((mailboxes.len() > 1).then_some((mailboxes.len(), tenants.len())))
    }

    /// Threats and changed sign-in methods of one user within 24 h belong together, in whichever order their records come.
    async fn relate_user(&self, finding: &Finding, user: &str, relations: &mut Relations) -> Result<(), StoreError> {
        let own = UserEventRow {
            tenant_id: self.tenant,
            user: Digest::of(&[user.to_lowercase()]),
            record_id: finding.record_id,
            threat: finding.kind != FindingKind::SignInMethod,
            event_time: finding.event_time,
        };
        let store = self.app.store.as_ref();
        match store.insert(COVERAGE, &own.to_entity()).await {
            Ok(_) | Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error),
        }
        let prefix = UserEventRow::prefix_of(&own.user);
        let query = Query::partition(PartitionKey::tenant(&self.tenant)).with_prefix(&prefix);
        for (near, _) in list_readable::<UserEventRow>(store, query).await? {
            if near.threat != own.threat {
                self.relate_pair(finding, &near, relations).await?;
            }
        }
        Ok(())
    }

    async fn relate_pair(
        &self,
        finding: &Finding,
        near: &UserEventRow,
        relations: &mut Relations,
    ) -> Result<(), StoreError> {
        let (method, threat) =
            if near.threat { (finding.event_time, near.event_time) } else { (near.event_time, finding.event_time) };
        if (threat - method).abs() > NEARBY {
            return Ok(());
        }
        let other = match method <= threat {
            true => Relations { method_changed: Some(method), ..Relations::default() },
            false => Relations { threat: Some(threat), ..Relations::default() },
        };
        match (method <= threat, near.threat) {
            (true, false) => relations.method_changed = Some(method),
            (false, true) => relations.threat = Some(threat),
            (true, true) | (false, false) => self.add_relations(&near.record_id, &other).await?,
        }
        Ok(())
    }

    /// Adds relations to a stored finding. If they make it a threat, it is sent.
    async fn add_relations(&self, record_id: &RecordId, relations: &Relations) -> Result<(), StoreError> {
        let domain = self.session.read(|row| row.domain.clone()).await;
        let key = Key::new(PartitionKey::domain(&domain), RowKey::record(record_id));
        let Some((mut row, version)) = self.stored(&key).await? else { return Ok(()) };
        // While a finding is being sent, only its sender may change the row. One that is held back is not being sent yet.
        let is_free = row.state.is_closed() || self.outbox.holds(record_id);
        if !is_free || !relations.add_to(&mut row) {
            return Ok(());
        }
        let is_unsent = row.threat && row.state == FindingState::Recorded;
        if is_unsent {
            row.notified = self.outbox.owed(&row);
        }
        if !is_unsent || row.notified.is_empty() {
            return row.replace(self.app.store.as_ref(), &version).await.map(drop);
        }
        self.send_raised(row, version).await
    }

    /// A finding that was recorded, as no threat or as one that no channel wants, is sent after all.
    async fn send_raised(&self, mut row: ProcessedRow, version: RowVersion) -> Result<(), StoreError> {
        row.state = FindingState::Sending;
        row.claim_id = RunId::random();
        row.attempts = 1;
        row.next_attempt = Some(self.app.clock.now() + CLAIM_HOLDS);
        pending::insert(self.app.store.as_ref(), &self.tenant, &row, None).await?;
        self.session.note_unfinished().await?;
        match row.replace(self.app.store.as_ref(), &version).await? {
            Some(version) => {
                self.count(|report| report.threats += 1);
                self.send_unless_repeat(row, version).await
            }
            None => Ok(()),
        }
    }

    /// A stored finding. One that cannot be read is logged and left as it is.
    async fn stored(&self, key: &Key) -> Result<Option<(ProcessedRow, RowVersion)>, StoreError> {
        match load::<ProcessedRow>(self.app.store.as_ref(), key).await {
            Err(error @ StoreError::Corrupt(_)) => {
                tracing::error!(tenant = %self.tenant, "a finding is left as it is: {error}");
                Ok(None)
            }
            found => found,
        }
    }
}

/// The users that a finding is about, each once.
fn users(finding: &Finding) -> Vec<String> {
    let mut users = vec![finding.mailbox.to_lowercase(), finding.actor.to_lowercase()];
    if finding.kind == FindingKind::SignInMethod {
        // An administrator who resets somebody's method is not the one whose method it is.
        users.truncate(1);
    }
    users.retain(|user| !user.is_empty());
    users.dedup();
    users
}
