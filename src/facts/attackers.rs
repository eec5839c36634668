//! The addresses of attackers, read at most once in five minutes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use table_store::{Query, Store, StoreError};

use crate::detection::{FindingKind, KnownAddress, KnownAttackers};
use crate::location::parse_client_ip;
use crate::settings::Settings;
use crate::tables::{AttackerRow, TableRow as _, keys, list_readable};
use base::clock::Clock;
use base::ids::RecordId;

/// The time for which the addresses that were read are used.
const READ_EVERY: TimeDelta = TimeDelta::minutes(5);

/// The addresses as this process knows them.
#[derive(Debug)]
pub struct AttackerCache {
    clock: Arc<dyn Clock>,
    is_on: bool,
    read: tokio::sync::Mutex<Option<(DateTime<Utc>, Arc<KnownAttackers>)>>,
}

impl AttackerCache {
    /// An empty cache. Nothing is ever read if investigations or the detection are off.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        let is_wanted = !settings.trust.detections_off.contains(FindingKind::KnownAttackerAddress.as_str());
        Self { clock, is_on: settings.investigation.is_on && is_wanted, read: tokio::sync::Mutex::default() }
    }

    /// Returns the addresses. If they cannot be read now, those of the last time count on.
    pub async fn current(&self, store: &dyn Store) -> Arc<KnownAttackers> {
        if !self.is_on {
            return Arc::default();
        }
        let now = self.clock.now();
        let mut read = self.read.lock().await;
        if let Some((_, known)) = read.as_ref().filter(|(at, _)| (now - *at).abs() < READ_EVERY) {
            return Arc::clone(known);
        }
        let known = match load(store, now).await {
            Ok(known) => Arc::new(known),
            Err(error) => {
                tracing::warn!("the addresses of attackers were not read: {error}");
                read.as_ref().map(|(_, known)| Arc::clone(known)).unwrap_or_default()
            }
        };
        *read = Some((now, Arc::clone(&known)));
        known
    }

    /// Removes the addresses that are known from a threat, because it was a false positive.
    ///
    /// # Errors
    /// If the store cannot be used.
    pub async fn forget(&self, store: &dyn Store, log_id: &RecordId) -> Result<(), StoreError> {
        let rows: Vec<(AttackerRow, _)> = list_readable(store, Query::partition(keys::attackers())).await?;
        for (row, _) in rows.iter().filter(|(row, _)| row.log_id == *log_id) {
            store.delete(AttackerRow::TABLE, &AttackerRow::key(row.address), None).await?;
        }
        let mut read = self.read.lock().await;
        if let Some((_, known)) = read.as_mut() {
            let mut addresses = known.addresses().clone();
            addresses.retain(|_, known| known.log_id != *log_id);
            *known = Arc::new(KnownAttackers::new(addresses, parse_client_ip));
        }
        Ok(())
    }

    /// Adds rows that this process has just stored, so that it need not read them.
    pub async fn add(&self, rows: &[AttackerRow]) {
        let mut read = self.read.lock().await;
        if let Some((_, known)) = read.as_mut().filter(|_| self.is_on) {
            let mut addresses = known.addresses().clone();
            addresses.extend(rows.iter().map(entry));
            *known = Arc::new(KnownAttackers::new(addresses, parse_client_ip));
        }
    }
}

async fn load(store: &dyn Store, now: DateTime<Utc>) -> Result<KnownAttackers, StoreError> {
    let rows: Vec<(AttackerRow, _)> = list_readable(store, Query::partition(keys::attackers())).await?;
    let addresses: BTreeMap<IpAddr, KnownAddress> =
        rows.iter().filter(|(row, _)| row.counts_at(now)).map(|(row, _)| entry(row)).collect();
    Ok(KnownAttackers::new(addresses, parse_client_ip))
}

fn entry(row: &AttackerRow) -> (IpAddr, KnownAddress) {
    let accounts = row.accounts.iter().map(|victim| (victim.tenant_id, victim.account.clone())).collect();
    (row.address.to_canonical(), KnownAddress { seen: row.seen, log_id: row.log_id, accounts })
}
