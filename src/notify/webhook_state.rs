//! Remembers the address of a webhook that answered 410: nothing is sent to it until the setting holds another one.

use std::sync::Arc;

use super::notices::{Notice, Subject, stamp};
use super::{Channel, Notifier};
use crate::tables::{WebhookRow, load, update};
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
    let row = load::<WebhookRow>(store, &WebhookRow::key()).await?;
    Ok(row.is_some_and(|(row, _)| row.off == address.as_str()))
}

/// Turns the webhook with this address off.
pub(super) async fn turn_off(store: &dyn Store, clock: &Arc<dyn Clock>, address: &Digest) -> Result<(), StoreError> {
    update(store, clock, &WebhookRow::key(), |stored: Option<WebhookRow>| {
        let is_known = stored.is_some_and(|row| row.off == address.as_str());
        let row = WebhookRow { off: address.as_str().to_owned(), since: clock.now() };
        (Some(row).filter(|_| !is_known), ())
    })
    .await
}

/// Forgets a webhook that is off and no longer the one that is set, so that the tables describe the present one.
///
/// # Errors
/// Returns [`StoreError`] if the state cannot be read or written.
pub async fn forget_former_webhook(
    store: &dyn Store,
    clock: &Arc<dyn Clock>,
    notifier: &Notifier,
) -> Result<(), StoreError> {
    let address = notifier.webhook_address();
    update(store, clock, &WebhookRow::key(), |stored: Option<WebhookRow>| {
        let is_set = |row: &WebhookRow| address.as_ref().is_some_and(|address| row.off == address.as_str());
        let former = stored.filter(|row| !row.off.is_empty() && !is_set(row));
        (former.map(|_| WebhookRow { off: String::new(), since: clock.now() }), ())
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
