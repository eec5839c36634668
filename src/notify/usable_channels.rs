//! The channels that one run may use: those that are set, without a webhook that is off and without what is down.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Channel, Notifier, NotifyError, webhook_state};
use parking_lot::Mutex;
use table_store::Store;

/// The requests without an answer after which a channel is not used any more in a run: each one takes the time for a sending.
const UNANSWERED_PER_RUN: u32 = 3;

/// The channels as a run knows them.
#[derive(Debug)]
pub(super) struct UsableChannels<'a> {
    store: &'a dyn Store,
    notifier: &'a Notifier,
    silent: Mutex<BTreeSet<Channel>>,
    unanswered: AtomicU32,
    /// The stored state of the webhook, once it was read: true if it is off.
    webhook_is_off: Mutex<Option<bool>>,
}

impl<'a> UsableChannels<'a> {
    pub(super) fn new(store: &'a dyn Store, notifier: &'a Notifier) -> Self {
        Self {
            store,
            notifier,
            silent: Mutex::default(),
            unanswered: AtomicU32::new(0),
            webhook_is_off: Mutex::default(),
        }
    }

    /// The channels that are set, without a webhook that is off.
    pub(super) async fn all(&self) -> Vec<Channel> {
        let mut channels = self.notifier.channels();
        if channels.contains(&Channel::Webhook) && self.webhook_is_off().await {
            channels.retain(|channel| *channel != Channel::Webhook);
        }
        channels
    }

    /// If that cannot be read, the webhook is used: it answers 410 again.
    async fn webhook_is_off(&self) -> bool {
        let known = *self.webhook_is_off.lock();
        if let Some(is_off) = known {
            return is_off;
        }
        let Some(address) = self.notifier.webhook_address() else { return false };
        match webhook_state::is_off(self.store, &address).await {
            Ok(is_off) => {
                *self.webhook_is_off.lock() = Some(is_off);
                is_off
            }
            Err(error) => {
                tracing::warn!("whether the webhook is off was not read: {error}");
                false
            }
        }
    }

    /// The webhook was turned off in this run.
    pub(super) fn note_webhook_off(&self) {
        *self.webhook_is_off.lock() = Some(true);
    }

    pub(super) fn is_silent(&self, channel: Channel) -> bool {
        self.silent.lock().contains(&channel)
    }

    /// A channel that is down gets no further request in this run. A refusal may be due to the one notification.
    pub(super) fn silence_if_down(&self, fault: &NotifyError) {
        let (channel, is_down) = match fault {
            NotifyError::Transient { channel, .. } => (channel, true),
            NotifyError::Unanswered { channel, .. } => {
                (channel, self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= UNANSWERED_PER_RUN)
            }
            NotifyError::Configuration { channel, .. } | NotifyError::Gone { channel } => (channel, false),
        };
        if is_down {
            self.silent.lock().insert(*channel);
        }
    }
}
