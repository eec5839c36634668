//! What a finding has to do with others: the same outside target elsewhere, and ways to sign in that were changed around the
//! time of a threat to the same user.

use chrono::{DateTime, TimeDelta, Utc};

use crate::detection::{
    Finding, FindingKind, add_method_changed_nearby, add_shared_target, raise_after_threat, raise_forwarding_target,
};
use crate::tables::RowVersion;
use crate::tables::claim::CLAIM_HOLDS;
use crate::tables::{COVERAGE, keys};
use crate::tables::{FindingState, ProcessedRow, TargetIndexRow, TargetRow, UserEventRow, list_readable, load};
use base::ids::RunId;
use table_store::{Digest, Key, PartitionKey, Query, RowKey, StoreError, list_all};

use super::{TenantRun, contacts, pending};

/// How long somebody else's use of a target counts.
const TARGET_COUNTS: TimeDelta = TimeDelta::days(7);

/// How close a change of sign-in methods is to a threat.
const NEARBY: TimeDelta = TimeDelta::hours(24);

impl TenantRun<'_> {
    /// Adds the reasons that lie in other findings, and notes this one for them.
    pub(super) async fn relate(&self, finding: &mut Finding) -> Result<(), StoreError> {
        if finding.kind == FindingKind::ContactRetargeted {
            // A contact forwards nothing itself.
            self.relate_contact(finding).await;
            return Ok(());
        }
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

    /// Whether a mailbox forwards to the contact that points elsewhere now. Where Exchange cannot say, the record is judged again.
    async fn relate_contact(&self, finding: &mut Finding) {
        if finding.outside_targets.is_empty() {
            return;
        }
        match contacts::who_forwards_to(self.app, &self.tenant, finding).await {
            Ok(Some(mailbox)) => raise_forwarding_target(finding, &mailbox),
            Ok(None) => {}
            Err(error) => {
                tracing::info!(tenant = %self.tenant, "who forwards to a contact is not known: {error}");
                finding.rejudge |= error.is_transient();
            }
        }
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
        let rows = list_all(store, COVERAGE, Query::partition(keys::target(&own.target))).await?;
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
        crate::tables::put(store, &self.app.clock, &own).await?;
        crate::tables::put(store, &self.app.clock, &TargetIndexRow::to(&own)).await?;
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
        let own = UserEventRow {
            tenant_id: self.tenant,
            user: Digest::of(&[user.to_lowercase()]),
            record_id: finding.record_id,
            threat: finding.kind != FindingKind::SignInMethod,
            event_time: finding.event_time,
        };
        let store = self.app.store.as_ref();
        let query =
            Query::partition(PartitionKey::tenant(&self.tenant)).with_prefix(&UserEventRow::prefix_of(&own.user));
        for (near, _) in list_readable::<UserEventRow>(store, query).await? {
            if near.threat != own.threat {
                self.relate_pair(finding, &near).await?;
            }
        }
        match store.insert(COVERAGE, &own.to_entity()).await {
            Ok(_) | Err(StoreError::Exists(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn relate_pair(&self, finding: &mut Finding, near: &UserEventRow) -> Result<(), StoreError> {
        let (method, threat) =
            if near.threat { (finding.event_time, near.event_time) } else { (near.event_time, finding.event_time) };
        if (threat - method).abs() > NEARBY {
            return Ok(());
        }
        let key = Key::new(
            PartitionKey::domain(&self.kept.read(|row| row.domain.clone()).await),
            RowKey::record(&near.record_id),
        );
        match (method <= threat, near.threat) {
            (true, false) => {
                add_method_changed_nearby(finding, method);
                Ok(())
            }
            (false, true) => {
                raise_after_threat(finding, threat);
                Ok(())
            }
            (true, true) => self.add_to_stored_threat(&key, method).await,
            (false, false) => self.raise_stored_method(&key, threat).await,
        }
    }

    /// A finding that is stored. One that nobody can read is logged and left as it is: the new one must be stored all the same.
    async fn stored(&self, key: &Key) -> Result<Option<(ProcessedRow, RowVersion)>, StoreError> {
        match load::<ProcessedRow>(self.app.store.as_ref(), key).await {
            Err(error @ StoreError::Corrupt(_)) => {
                tracing::error!(tenant = %self.tenant, "a finding is left as it is: {error}");
                Ok(None)
            }
            found => found,
        }
    }

    /// The threat was stored before the change of the method was read.
    async fn add_to_stored_threat(&self, key: &Key, method: DateTime<Utc>) -> Result<(), StoreError> {
        let Some((mut row, etag)) = self.stored(key).await? else { return Ok(()) };
        // While it is being sent its row belongs to whoever sends it.
        if row.state.is_closed() && add_method_changed_nearby(&mut row, method) {
            row.replace(self.app.store.as_ref(), &etag).await?;
        }
        Ok(())
    }

    /// The change of the method was stored before the threat was read: it is a threat after all.
    async fn raise_stored_method(&self, key: &Key, threat: DateTime<Utc>) -> Result<(), StoreError> {
        let Some((mut row, etag)) = self.stored(key).await? else { return Ok(()) };
        if row.state != FindingState::Recorded || !raise_after_threat(&mut row, threat) {
            return Ok(());
        }
        row.state = FindingState::Sending;
        row.claim_id = RunId::random();
        row.attempts = 1;
        row.next_attempt = Some(self.app.clock.now() + CLAIM_HOLDS);
        pending::insert(self.app.store.as_ref(), &self.tenant, &row, None).await?;
        self.kept.note_unfinished().await?;
        match row.replace(self.app.store.as_ref(), &etag).await? {
            Some(etag) => self.send_unless_repeat(row, etag).await,
            None => Ok(()),
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
