//! Relates a stored finding to others: the same external target elsewhere, and changes around the time of a threat to the same user.
//! It comes after the finding is stored and sent. Each finding first leaves its own mark and then looks for those of others, so that of
//! two that are stored at the same time at least one sees the other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Assessor, claim_holds};
use crate::detection::{
    Finding, FindingKind, NEARBY, add_change_nearby, add_shared_target, concerned_accounts, is_change_near_threats,
    raise_after_threat,
};
use crate::tables::incidents::Part;
use crate::tables::{COVERAGE, pending};
use crate::tables::{
    FindingState, ProcessedRow, RowVersion, TargetIndexRow, TargetRow, UserEventRow, insert_new, list_readable, load,
};
use base::ids::{RecordId, RunId};
use table_store::{Digest, Key, PartitionKey, Query, RowKey, StoreError, list_some};

/// The period for which another mailbox's use of a target counts.
const TARGET_COUNTS: TimeDelta = TimeDelta::days(7);

/// The number of users of a target up to which earlier findings may lack a relation: concurrent runs may have missed each other.
const FEW_USERS: usize = 2;

/// The maximum number of targets of one finding that are related. It is bounded because an attacker chooses how many a rule has.
const TARGETS_RELATED: usize = 50;

/// The number of users of a target that are read. The administrator of one tenant decides how many there are, and all tenants share them.
const USERS_READ: usize = 1_000;

/// The most rows of users whose time is over that one finding removes.
const OLD_DELETED: usize = 20;

/// The relations of one finding to others.
#[derive(Debug, Default)]
struct Relations {
    /// Mailboxes and tenants that share a target; the largest numbers of any target.
    shared: Option<(usize, usize)>,
    /// The last change of each type before a threat.
    changes: BTreeMap<FindingKind, DateTime<Utc>>,
    /// The last threat before the change.
    threat: Option<DateTime<Utc>>,
}

impl Relations {
    fn is_empty(&self) -> bool {
        self.shared.is_none() && self.changes.is_empty() && self.threat.is_none()
    }

    /// Adds them to a stored finding. Returns whether the finding changed.
    fn add_to(&self, row: &mut ProcessedRow) -> bool {
        let before = (row.threat, row.severity, row.score, row.reasons.len());
        if let Some((mailboxes, tenants)) = self.shared {
            add_shared_target(row, mailboxes, tenants);
        }
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_by_key(|(_, changed)| **changed);
        for (kind, changed) in changes {
            add_change_nearby(row, *kind, *changed);
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
        }
        if finding.threat || is_change_near_threats(finding) {
            for account in concerned_accounts(finding) {
                self.relate_account(finding, &account, &mut relations).await?;
            }
        }
        self.mark_removed(finding).await?;
        self.mark_added_domain(finding).await?;
        if relations.is_empty() { Ok(()) } else { self.add_relations(&finding.record_id, &relations).await }
    }

    /// Returns how many mailboxes and tenants forward to the same external target within the 7 days before the finding, if there are
    /// others.
    async fn relate_target(&self, finding: &Finding, target: &str) -> Result<Option<(usize, usize)>, StoreError> {
        let store = self.app.store.as_ref();
        let own = TargetRow {
            target: Digest::of(&[target]),
            tenant_id: self.tenant,
            mailbox: finding.mailbox.to_lowercase(),
            record_id: finding.record_id,
            first: finding.event_time,
            seen: finding.event_time,
        };
        self.store_target(&own).await?;
        crate::tables::put(store, &self.app.clock, &TargetIndexRow::to(&own)).await?;
        let query = Query::partition(crate::tables::keys::target(&own.target));
        let rows = list_some(store, COVERAGE, query, USERS_READ).await?;
        let (mut users, mut deleted) = (Vec::new(), 0);
        for stored in &rows {
            let Ok((row, _)) = TargetRow::from_stored(stored) else { continue };
            if own.seen - row.seen > TARGET_COUNTS {
                if deleted == OLD_DELETED {
                    continue;
                }
                deleted += 1;
                store.delete(COVERAGE, &stored.entity.key, None).await?;
            } else if row.key() != own.key() {
                users.push(row);
            }
        }
        self.relate_later(&own, &users).await?;
        // Runs of other tenants do not wait for this one: whichever comes second sees the other.
        users.retain(|row| row.tenant_id != own.tenant_id || row.first <= own.seen);
        let tenants: BTreeSet<_> = users.iter().map(|row| row.tenant_id).chain([own.tenant_id]).collect();
        Ok((!users.is_empty()).then_some((users.len() + 1, tenants.len())))
    }

    /// Relates findings of the tenant that came later than this one and were stored before it. If many mailboxes share the
    /// target, they were related to each other already.
    async fn relate_later(&self, own: &TargetRow, users: &[TargetRow]) -> Result<(), StoreError> {
        if users.len() > FEW_USERS {
            return Ok(());
        }
        let is_later = |row: &&TargetRow| {
            row.tenant_id == own.tenant_id && row.seen >= own.seen && row.seen - own.seen <= TARGET_COUNTS
        };
        for row in users.iter().filter(is_later) {
            let found = Relations { shared: Some((2, 1)), ..Relations::default() };
            self.add_relations(&row.record_id, &found).await?;
        }
        Ok(())
    }

    /// Stores that the mailbox forwards to the target, with the finding that shows it last.
    async fn store_target(&self, own: &TargetRow) -> Result<(), StoreError> {
        let store = self.app.store.as_ref();
        // Nearly always the row is new, and then one request is enough.
        if insert_new(store, own).await? {
            return Ok(());
        }
        crate::tables::update::<TargetRow, ()>(store, &self.app.clock, &own.key(), |stored| {
            let Some(stored) = stored.filter(|stored| (stored.seen - own.seen).abs() <= TARGET_COUNTS) else {
                return (Some(own.clone()), ());
            };
            let last = if stored.seen > own.seen { &stored } else { own };
            let united = TargetRow { first: stored.first.min(own.first), ..last.clone() };
            (Some(united).filter(|united| *united != stored), ())
        })
        .await
    }

    /// Threats and changes of one account within 24 h belong together, in whichever order their records come.
    async fn relate_account(&self, finding: &Finding, user: &str, relations: &mut Relations) -> Result<(), StoreError> {
        let own = UserEventRow {
            tenant_id: self.tenant,
            user: Digest::of(&[user.to_lowercase()]),
            record_id: finding.record_id,
            threat: finding.threat,
            kind: finding.kind,
            event_time: finding.event_time,
        };
        let store = self.app.store.as_ref();
        insert_new(store, &own).await?;
        let now = self.app.clock.now();
        let related = match self.near.related(&own, now) {
            Some(related) => related,
            None => {
                let prefix = UserEventRow::prefix_of(&own.user);
                let query = Query::partition(PartitionKey::tenant(&self.tenant)).with_prefix(&prefix);
                let rows = list_readable::<UserEventRow>(store, query).await?;
                self.near.keep(&own, rows.into_iter().map(|(row, _)| row).collect(), now)
            }
        };
        for near in &related {
            self.relate_pair(finding, near, relations).await?;
        }
        Ok(())
    }

    async fn relate_pair(
        &self,
        finding: &Finding,
        near: &UserEventRow,
        relations: &mut Relations,
    ) -> Result<(), StoreError> {
        let own = (finding.kind, finding.event_time);
        let other = (near.kind, near.event_time);
        let ((kind, changed), (_, threat)) = if near.threat { (own, other) } else { (other, own) };
        if (threat - changed).abs() > NEARBY {
            return Ok(());
        }
        let mut found = Relations::default();
        match changed <= threat {
            true => drop(found.changes.insert(kind, changed)),
            false => found.threat = Some(threat),
        }
        // A change before the threat is notified as part of the threat; one after it becomes a threat itself.
        if (changed <= threat) == near.threat {
            return self.add_relations(&near.record_id, &found).await;
        }
        relations.threat = relations.threat.max(found.threat);
        for (kind, changed) in found.changes {
            let last = relations.changes.entry(kind).or_insert(changed);
            *last = changed.max(*last);
        }
        Ok(())
    }

    /// Adds relations to a stored finding. If they make it a threat, it is sent.
    async fn add_relations(&self, record_id: &RecordId, relations: &Relations) -> Result<(), StoreError> {
        let Some((mut row, version)) = self.stored_finding(record_id).await? else { return Ok(()) };
        // While a finding is being sent, only its sender may change the row. One that is held back is not being sent yet.
        let is_free = row.state.is_closed() || self.outbox.holds(record_id);
        let before = row.clone();
        if !is_free || !relations.add_to(&mut row) {
            return Ok(());
        }
        self.seal_again(&before, &mut row);
        self.store_raised(row, version).await
    }

    /// Seals a stored finding that was added to, if what was stored bore its seal.
    pub(super) fn seal_again(&self, before: &ProcessedRow, row: &mut ProcessedRow) {
        if self.app.seals.hold_finding(before) {
            row.seal = self.app.seals.of_finding(row);
        }
    }

    /// Stores a finding that others were added to, and sends it if it is a threat now that was not sent before.
    pub(super) async fn store_raised(&self, mut row: ProcessedRow, version: RowVersion) -> Result<(), StoreError> {
        let is_unsent = row.threat && row.state == FindingState::Recorded;
        if is_unsent {
            row.notified = self.outbox.owed(&row);
        }
        if !is_unsent || row.notified.is_empty() {
            return row.replace(self.app.store.as_ref(), &version).await.map(drop);
        }
        self.send_raised(row, version).await
    }

    /// Sends a stored finding that was recorded as no threat, as one that no channel wants, or as a repeat, and is news after all.
    async fn send_raised(&self, mut row: ProcessedRow, version: RowVersion) -> Result<(), StoreError> {
        row.state = FindingState::Sending;
        row.claim_id = RunId::random();
        row.attempts = 1;
        row.next_attempt = Some(self.app.clock.now() + claim_holds(self.app, &row));
        row.incident_id = self.join_incident(&row, Part::Told).await?.id;
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

    /// The stored finding of a record of this tenant.
    pub(super) async fn stored_finding(
        &self,
        record_id: &RecordId,
    ) -> Result<Option<(ProcessedRow, RowVersion)>, StoreError> {
        let domain = self.session.read(|row| row.domain.clone()).await;
        self.stored(&Key::new(PartitionKey::domain(&domain), RowKey::record(record_id))).await
    }

    /// A stored finding. One that cannot be read is logged and left as it is.
    pub(super) async fn stored(&self, key: &Key) -> Result<Option<(ProcessedRow, RowVersion)>, StoreError> {
        match load::<ProcessedRow>(self.app.store.as_ref(), key).await {
            Err(error @ StoreError::Corrupt(_)) => {
                tracing::error!(tenant = %self.tenant, "a finding is left as it is: {error}");
                Ok(None)
            }
            found => found,
        }
    }
}
