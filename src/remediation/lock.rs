//! One run at a time for an account or mailbox: a leased row in AuditLogActionsLog for each. An expired lease is taken over,
//! which is also how the work of a killed run continues.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use crate::tables::{ACTIONS, keys};
use base::clock::{Clock, Deadline};
use base::ids::{Domain, RunId};
use table_store::{Column, Digest, ETag, Entity, Key, PartitionKey, Store, StoreError, Stored};

use super::Refusal;
use super::limits::STORE_CALL_TIMEOUT;

/// The time for which a lease holds without being renewed.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// A lease with less left than this is renewed.
const RENEW_BELOW: TimeDelta = TimeDelta::seconds(50);

/// The leases of one run: all of them, or none.
pub struct Locks<'a> {
    store: &'a dyn Store,
    clock: Arc<dyn Clock>,
    run_id: RunId,
    held: Vec<Lease>,
}

/// A lease that is held.
struct Lease {
    key: Key,
    etag: ETag,
    /// When it ends by this machine's clock. Other runs measure it by the time of the store.
    until: DateTime<Utc>,
}

impl<'a> Locks<'a> {
    /// Takes the locks of all accounts and mailboxes, given by their object ids. They are taken in sorted order, so that two runs
    /// never wait for each other; if one is held by another run, the others are released.
    ///
    /// # Errors
    /// [`Refusal::Busy`] while another run holds one of them; [`Refusal::Store`].
    pub async fn acquire(
        store: &'a dyn Store,
        clock: Arc<dyn Clock>,
        domain: &Domain,
        object_ids: &BTreeSet<String>,
        run_id: RunId,
    ) -> Result<Self, Refusal> {
        let mut locks = Self { store, clock, run_id, held: Vec::new() };
        for object_id in object_ids {
            match locks.acquire_one(domain, object_id).await {
                Ok(lease) => locks.held.push(lease),
                Err(refusal) => {
                    locks.release().await;
                    return Err(refusal);
                }
            }
        }
        Ok(locks)
    }

    async fn acquire_one(&self, domain: &Domain, object_id: &str) -> Result<Lease, Refusal> {
        let key = Key::new(PartitionKey::domain(domain), keys::lock(&digest(object_id)?));
        let until = self.clock.now() + LEASE;
        let entity = entity(&key, self.run_id, until);
        let etag = match self.store.insert(ACTIONS, &entity).await {
            Ok(etag) => etag,
            Err(StoreError::Exists(_) | StoreError::Unavailable(_)) => self.take_over(&entity).await?,
            Err(error) => return Err(error.into()),
        };
        Ok(Lease { key, etag, until })
    }

    /// Takes an expired lease over, or recognises one's own whose response was lost.
    async fn take_over(&self, entity: &Entity) -> Result<ETag, Refusal> {
        let Some(stored) = self.store.get(ACTIONS, &entity.key).await? else {
            return self.store.insert(ACTIONS, entity).await.map_err(busy_or_broken);
        };
        if holder(&stored) == Some(self.run_id.to_string()) {
            return Ok(stored.etag);
        }
        if !has_expired(self.store, self.clock.as_ref(), &stored) {
            return Err(Refusal::Busy);
        }
        self.store.replace(ACTIONS, entity, &stored.etag).await.map_err(busy_or_broken)
    }

    /// Renews the leases that end soon. Returns whether all of them are still held: if another run has taken one over, or one has
    /// expired and cannot be renewed, nothing more may be changed.
    pub async fn renew(&mut self) -> bool {
        for at in 0..self.held.len() {
            if !self.renew_one(at).await {
                return false;
            }
        }
        true
    }

    async fn renew_one(&mut self, at: usize) -> bool {
        let now = self.clock.now();
        let lease = &mut self.held[at];
        if lease.until - now >= RENEW_BELOW {
            return true;
        }
        let until = now + LEASE;
        let entity = entity(&lease.key, self.run_id, until);
        let limit = Deadline::after(Arc::clone(&self.clock), STORE_CALL_TIMEOUT);
        match limit.limit(self.store.replace(ACTIONS, &entity, &lease.etag)).await {
            Some(Ok(etag)) => {
                (lease.etag, lease.until) = (etag, until);
                true
            }
            Some(Err(StoreError::Changed(_))) => limit.limit(self.is_still_held(at)).await.unwrap_or(false),
            // The store is in trouble; the lease that was taken still keeps other runs away.
            Some(Err(_)) | None => lease.until > now,
        }
    }

    /// Returns whether the stored lease is this run's: a renewal whose response was lost has changed the row as well.
    async fn is_still_held(&mut self, at: usize) -> bool {
        match self.store.get(ACTIONS, &self.held[at].key).await {
            Ok(Some(stored)) if holder(&stored) == Some(self.run_id.to_string()) => {
                let lease = &mut self.held[at];
                lease.until = stored.entity.time("LeasedUntil").unwrap_or(lease.until);
                lease.etag = stored.etag;
                lease.until > self.clock.now()
            }
            _ => false,
        }
    }

    /// Removes the lock rows. A row that cannot be removed expires by itself.
    pub async fn release(self) {
        let limit = Deadline::after(Arc::clone(&self.clock), STORE_CALL_TIMEOUT);
        for lease in self.held {
            match limit.limit(self.store.delete(ACTIONS, &lease.key, Some(&lease.etag))).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, key = %lease.key, "the lock of a remediation stays until its lease expires");
                }
                None => tracing::warn!(key = %lease.key, "the lock of a remediation may stay until its lease expires"),
            }
        }
    }
}

/// Returns whether a lease has expired: 60 s after the store stamped its row, by the store's own time. `LeasedUntil` is for
/// readers: whoever can write the row could set it to any time.
fn has_expired(store: &dyn Store, clock: &dyn Clock, stored: &Stored) -> bool {
    let age = match store.service_time() {
        Some(now) => (now - stored.changed)
            .abs()
            .to_std()
            .map_or(TimeDelta::MAX, |age| TimeDelta::from_std(clock.of_system(age)).unwrap_or(TimeDelta::MAX)),
        None => (clock.now() - stored.changed).abs(),
    };
    age >= LEASE
}

fn busy_or_broken(error: StoreError) -> Refusal {
    match error {
        StoreError::Exists(_) | StoreError::Changed(_) => Refusal::Busy,
        other => other.into(),
    }
}

/// The plain SHA-256 of an object id.
///
/// # Errors
/// [`Refusal::BadRequest`]; a digest is always a key.
pub fn digest(object_id: &str) -> Result<Digest, Refusal> {
    let hex: String = Sha256::digest(object_id).iter().map(|byte| format!("{byte:02x}")).collect();
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
