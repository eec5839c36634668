//! What a finding has to do with others: the same outside target elsewhere, and ways to sign in that were changed around the
//! time of a threat to the same user.

use chrono::{DateTime, TimeDelta, Utc};

use crate::detection::{
    Finding, FindingKind, Reason, ReasonName, Severity, add_method_changed_nearby, add_shared_target,
    raise_after_threat,
};
use crate::ledger::claim::CLAIM_HOLDS;
use crate::ledger::{FindingState, ProcessedRow, TargetRow, load};
use crate::names::{RecordId, RunId};
use crate::store::{
    Column, Digest, Entity, Key, KeyError, PartitionKey, Query, RowKey, StoreError, Stored, Table, list_all,
};

use super::notices::stamp;
use super::{TenantRun, pending};

/// How long somebody else's use of a target counts.
const TARGET_COUNTS: TimeDelta = TimeDelta::days(7);

/// How close a change of sign-in methods is to a threat.
const NEARBY: TimeDelta = TimeDelta::hours(24);

/// What a changed sign-in method after a threat scores at least: the middle of Medium.
const AFTER_THREAT_SCORE: u8 = 55;

/// An event of a user that others may have to do with: row `near_<h>_<record id>` in the tenant's partition.
#[derive(Debug)]
struct Near {
    record_id: RecordId,
    is_threat: bool,
    at: DateTime<Utc>,
}

impl TenantRun<'_> {
    /// Adds the reasons that lie in other findings, and notes this one for them.
    pub(super) async fn relate(&self, finding: &mut Finding) -> Result<(), StoreError> {
        for target in finding.outside_targets.clone() {
            self.relate_target(finding, &target).await?;
        }
        if finding.kind == FindingKind::SignInMethod || finding.threat {
            for user in users(finding) {
                self.relate_user(finding, &user).await?;
            }
        }
        Ok(())
    }

    /// Who else forwards to the same outside target within 7 days, in any tenant.
    async fn relate_target(&self, finding: &mut Finding, target: &str) -> Result<(), StoreError> {
        let store = self.app.store.as_ref();
        let own = TargetRow {
            target: Digest::of(&[target]),
            tenant_id: self.tenant,
            mailbox: finding.mailbox.to_lowercase(),
            record_id: finding.record_id,
            seen: self.app.clock.now(),
        };
        let rows = list_all(store, Table::Coverage, Query::partition(PartitionKey::target(&own.target))).await?;
        let (mut mailboxes, mut tenants) = (vec![own.key().row], vec![own.tenant_id]);
        for stored in &rows {
            let Ok((row, _)) = TargetRow::from_stored(stored) else { continue };
            if own.seen - row.seen > TARGET_COUNTS {
                store.delete(Table::Coverage, &stored.entity.key, None).await?;
            } else if row.key().row != own.key().row {
                mailboxes.push(row.key().row);
                tenants.push(row.tenant_id);
            }
        }
        crate::ledger::put(store, &own).await?;
        tenants.sort();
        tenants.dedup();
        if mailboxes.len() > 1 {
            add_shared_target(finding, mailboxes.len(), tenants.len());
        }
        Ok(())
    }

    /// Threats and changed sign-in methods of one user within 24 h have to do with each other, in whichever order their
    /// records come.
    async fn relate_user(&self, finding: &mut Finding, user: &str) -> Result<(), StoreError> {
        let is_method = finding.kind == FindingKind::SignInMethod;
        let prefix = format!("near_{}_", Digest::of(&[user.to_lowercase()]));
        let query = Query::partition(PartitionKey::tenant(&self.tenant)).with_prefix(&prefix);
        for stored in list_all(self.app.store.as_ref(), Table::Coverage, query).await? {
            let Some(near) = Near::from_stored(&stored, &prefix) else { continue };
            if near.is_threat == is_method {
                self.relate_pair(finding, &near).await?;
            }
        }
        self.note_near(finding, &prefix).await
    }

    async fn relate_pair(&self, finding: &mut Finding, near: &Near) -> Result<(), StoreError> {
        let (method, threat) =
            if near.is_threat { (finding.event_time, near.at) } else { (near.at, finding.event_time) };
        if (threat - method).abs() > NEARBY {
            return Ok(());
        }
        let key = Key::new(
            PartitionKey::domain(&self.kept.read(|row| row.domain.clone()).await),
            RowKey::record(&near.record_id),
        );
        match (method <= threat, near.is_threat) {
            (true, false) => add_method_changed_nearby(finding, method),
            (false, true) => raise_after_threat(finding, threat),
            (true, true) => self.add_to_stored_threat(&key, nearby(method)).await?,
            (false, false) => self.raise_stored_method(&key, after_threat(threat)).await?,
        }
        Ok(())
    }

    /// The threat was stored before the change of the method was read.
    async fn add_to_stored_threat(&self, key: &Key, reason: Reason) -> Result<(), StoreError> {
        let Some((mut row, etag)) = load::<ProcessedRow>(self.app.store.as_ref(), key).await? else { return Ok(()) };
        // While it is being sent its row belongs to whoever sends it.
        if row.state.is_closed() && add(&mut row.reasons, reason) {
            self.replace(&row, &etag).await?;
        }
        Ok(())
    }

    /// The change of the method was stored before the threat was read: it is a threat after all.
    async fn raise_stored_method(&self, key: &Key, reason: Reason) -> Result<(), StoreError> {
        let Some((mut row, etag)) = load::<ProcessedRow>(self.app.store.as_ref(), key).await? else { return Ok(()) };
        // A change that failed is recorded without this reason and changed nothing.
        let is_change = row.reasons.iter().any(|reason| reason.name == ReasonName::MethodChanged);
        if row.state != FindingState::Recorded || !is_change || !add(&mut row.reasons, reason) {
            return Ok(());
        }
        let now = self.app.clock.now();
        row.threat = true;
        row.severity = row.severity.max(Severity::Medium);
        row.score = row.score.max(AFTER_THREAT_SCORE);
        row.state = FindingState::Sending;
        row.claim_id = RunId::random();
        row.attempts = 1;
        row.next_attempt = Some(now + CLAIM_HOLDS);
        self.begin_unfinished().await?;
        pending::insert(self.app.store.as_ref(), &self.tenant, &row, None).await?;
        match self.replace(&row, &etag).await? {
            Some(etag) => self.send_unless_repeat(row, etag).await,
            None => Ok(()),
        }
    }

    async fn note_near(&self, finding: &Finding, prefix: &str) -> Result<(), StoreError> {
        let corrupt = |error: KeyError| StoreError::Corrupt(error.to_string());
        let row = RowKey::parse(&format!("{prefix}{}", finding.record_id)).map_err(corrupt)?;
        let mut entity = Entity::new(Key::new(PartitionKey::tenant(&self.tenant), row));
        entity.set("Threat", Column::Bool(finding.kind != FindingKind::SignInMethod));
        entity.set("EventTime", Column::Time(finding.event_time));
        match self.app.store.insert(Table::Coverage, &entity).await {
            Ok(_) | Err(StoreError::Exists(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Near {
    fn from_stored(stored: &Stored, prefix: &str) -> Option<Self> {
        Some(Self {
            record_id: stored.entity.key.row.as_str().strip_prefix(prefix)?.parse().ok()?,
            is_threat: stored.entity.bool("Threat")?,
            at: stored.entity.time("EventTime")?,
        })
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

/// Adds a reason, once. Whether it is new.
fn add(reasons: &mut Vec<Reason>, reason: Reason) -> bool {
    let is_new = reasons.iter().all(|known| known.name != reason.name);
    if is_new {
        reasons.push(reason);
    }
    is_new
}

fn nearby(method: DateTime<Utc>) -> Reason {
    Reason {
        name: ReasonName::MethodChangedNearby,
        sentence: format!("A way to sign in of this user was changed at {}, within 24 hours before.", stamp(method)),
    }
}

fn after_threat(threat: DateTime<Utc>) -> Reason {
    Reason {
        name: ReasonName::MethodChangedAfterThreat,
        sentence: format!("It was changed within 24 hours after a threat to the same user at {}.", stamp(threat)),
    }
}
