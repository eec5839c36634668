//! Remembers the address of a webhook that answered 410: nothing is sent to it until the setting holds another one.

use std::sync::Arc;

use super::notices::{Notice, Subject, stamp};
use super::{Channel, Notifier};
use crate::tables::{ServiceRow, load, update};
use base::clock::Clock;
use base::ids::TenantId;
use table_store::{Digest, Store, StoreError};

/// The problem of a webhook that is off, and the action that ends it.
pub const WEBHOOK_OFF: &str = "channel webhook: its receiver answered 410, so Tenantwatch sends nothing to it and drops its pending \
     notifications; set WEBHOOK_URL to a new URL";

/// Returns whether the webhook that is set is off.
///
/// # Errors
/// Returns [`StoreError`] if the state cannot be read.
pub async fn webhook_is_off(store: &dyn Store, notifier: &Notifier) -> Result<bool, StoreError> {
    match notifier.webhook_address() {
        Some(address) => is_off(store, &address).await,
        None => Ok(false),
    }
}

/// Returns whether the webhook with this address is off.
pub(super) async fn is_off(store: &dyn Store, address: &Digest) -> Result<bool, StoreError> {
    let row = load::<ServiceRow>(store, &ServiceRow::key()).await?;
    Ok(row.is_some_and(|(row, _)| row.webhook_off == address.as_str()))
}

/// Turns the webhook with this address off.
pub(super) async fn turn_off(store: &dyn Store, clock: &Arc<dyn Clock>, address: &Digest) -> Result<(), StoreError> {
    update(store, clock, &ServiceRow::key(), |stored: Option<ServiceRow>| {
        let mut row = stored.unwrap_or_else(|| ServiceRow::first(clock.now()));
        address.as_str().clone_into(&mut row.webhook_off);
        (Some(row), ())
    })
    .await
}

/// The one notice of it.
pub(super) fn notice(partner: TenantId, clock: &Arc<dyn Clock>, address: &Digest) -> Notice {
    let now = clock.now();
    Notice {
        subject: Subject::service(partner),
        what: "Channel".to_owned(),
        since: format!("{} off {}", Channel::Webhook.as_str(), address.as_str()),
        text: format!(
            "The webhook answered 410 at {}: its receiver no longer accepts notifications at this URL. Tenantwatch sends \
             nothing to it until WEBHOOK_URL changes. Pending notifications for it are dropped. Set a new URL.",
            stamp(now)
        ),
        at: now,
    }
}
