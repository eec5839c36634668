//! One run at a time for a mailbox: a leased row in AuditLogActionsLog. A lease that ran out is taken over, which is also how a
//! killed run is picked up.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use crate::tables::{ACTIONS, keys};
use base::clock::{Clock, Deadline};
use base::ids::{Domain, RunId};
use table_store::{Column, Digest, ETag, Entity, Key, PartitionKey, Store, StoreError, Stored};

use super::Refusal;
use super::journal::STORE;

/// How long a lease holds without being renewed.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// A lease with less left than this is renewed.
const RENEW_BELOW: TimeDelta = TimeDelta::seconds(50);

/// A lease that is held.
pub struct Lock<'a> {
    store: &'a dyn Store,
    clock: Arc<dyn Clock>,
    key: Key,
    run_id: RunId,
    etag: ETag,
    until: DateTime<Utc>,
}

impl<'a> Lock<'a> {
    /// Takes the lock of a mailbox, given by the object id of its owner.
    ///
    /// # Errors
    /// [`Refusal::Busy`] while another run holds it; [`Refusal::Store`].
    pub async fn acquire(
        store: &'a dyn Store,
        clock: Arc<dyn Clock>,
        domain: &Domain,
        mailbox_id: &str,
        run_id: RunId,
    ) -> Result<Self, Refusal> {
        let key = Key::new(PartitionKey::domain(domain), keys::lock(&digest(mailbox_id)?));
        let until = clock.now() + LEASE;
        let entity = entity(&key, run_id, until);
        let etag = match store.insert(ACTIONS, &entity).await {
            Ok(etag) => etag,
            Err(StoreError::Exists(_) | StoreError::Unavailable(_)) => {
                take_over(store, clock.as_ref(), &entity, run_id).await?
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { store, clock, key, run_id, etag, until })
    }

    /// Makes sure that the lease holds for some time to come. `false` when it is somebody else's by now, or has run out and
    /// cannot be renewed: then nothing more may be changed.
    pub async fn renew(&mut self) -> bool {
        let now = self.clock.now();
        if self.until - now >= RENEW_BELOW {
            return true;
        }
        let until = now + LEASE;
        let entity = entity(&self.key, self.run_id, until);
        let limit = Deadline::after(Arc::clone(&self.clock), STORE);
        match limit.limit(self.store.replace(ACTIONS, &entity, &self.etag)).await {
            Some(Ok(etag)) => {
                self.etag = etag;
                self.until = until;
                true
            }
            Some(Err(StoreError::Changed(_))) => limit.limit(self.is_still_ours()).await.unwrap_or(self.until > now),
            // The store is in trouble; the lease that was had still keeps others away.
            Some(Err(_)) | None => self.until > now,
        }
    }

    /// A renewal whose answer was lost has changed the row as well.
    async fn is_still_ours(&mut self) -> bool {
        match self.store.get(ACTIONS, &self.key).await {
            Ok(Some(stored)) if holder(&stored) == Some(self.run_id.to_string()) => {
                self.until = leased_until(&stored).unwrap_or(self.until);
                self.etag = stored.etag;
                self.until > self.clock.now()
            }
            _ => false,
        }
    }

    /// Lets others in. When that fails the lease runs out by itself.
    pub async fn release(self) {
        let limit = Deadline::after(Arc::clone(&self.clock), STORE);
        match limit.limit(self.store.delete(ACTIONS, &self.key, Some(&self.etag))).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!(%error, key = %self.key, "the lock of a remediation stays until its lease runs out");
            }
            None => tracing::warn!(key = %self.key, "the lock of a remediation may stay until its lease runs out"),
        }
    }
}

async fn take_over(store: &dyn Store, clock: &dyn Clock, entity: &Entity, run_id: RunId) -> Result<ETag, Refusal> {
    let Some(stored) = store.get(ACTIONS, &entity.key).await? else {
        return store.insert(ACTIONS, entity).await.map_err(busy_or_broken);
    };
    if holder(&stored) == Some(run_id.to_string()) {
        return Ok(stored.etag);
    }
    if leased_until(&stored).is_some_and(|until| until > clock.now()) {
        return Err(Refusal::Busy);
    }
    store.replace(ACTIONS, entity, &stored.etag).await.map_err(busy_or_broken)
}

fn busy_or_broken(error: StoreError) -> Refusal {
    match error {
        StoreError::Exists(_) | StoreError::Changed(_) => Refusal::Busy,
        other => other.into(),
    }
}

/// The plain SHA-256 of the object id.
fn digest(mailbox_id: &str) -> Result<Digest, Refusal> {
    let hex: String = Sha256::digest(mailbox_id).iter().map(|byte| format!("{byte:02x}")).collect();
    hex.parse().map_err(|error: table_store::KeyError| Refusal::BadRequest(error.to_string()))
}

fn entity(key: &Key, run_id: RunId, until: DateTime<Utc>) -> Entity {
    let mut entity = Entity::new(key.clone());
    entity.set_text("RunId", &run_id.to_string());
    entity.set("LeasedUntil", Column::Time(until));
    entity
}

fn holder(stored: &Stored) -> Option<String> {
    stored.entity.text("RunId").map(str::to_owned)
}

fn leased_until(stored: &Stored) -> Option<DateTime<Utc>> {
    stored.entity.time("LeasedUntil")
}
