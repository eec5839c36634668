//! Telling a person: a Power Automate flow, Teams, and the card both show.

use std::sync::Arc;

use crate::clock::{Clock, Deadline};
use crate::ledger::ProcessedRow;
use crate::settings::{ActionSettings, ChannelSettings, Hosts};

/// A way to tell somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// `FLOW_URL`
    Flow,
    /// `TEAMS_WEBHOOK_URL`
    Teams,
}

impl Channel {
    /// Its name in the column `Notified`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Teams => "teams",
        }
    }
}

/// Why a channel did not accept a notification. Never holds its address.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// May pass; try again later.
    #[error("{channel} did not accept the notification: {detail}", channel = .channel.as_str())]
    Passing {
        /// Which.
        channel: Channel,
        /// What it answered.
        detail: String,
        /// When it asked to be tried again.
        retry_after: Option<std::time::Duration>,
    },
    /// Somebody has to mend a setting or the flow. The finding stays owed.
    #[error("{channel} refuses notifications: {detail}", channel = .channel.as_str())]
    Configuration {
        /// Which.
        channel: Channel,
        /// What is wrong and where to mend it.
        detail: String,
    },
}

/// Sends notifications.
#[derive(Debug)]
pub struct Notifier {}

impl Notifier {
    /// Nothing is sent yet.
    pub fn new(
        channels: &ChannelSettings,
        hosts: &Hosts,
        actions: ActionSettings,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let _ = (channels, hosts, actions, http, clock);
        todo!()
    }

    /// The channels that are set.
    pub fn channels(&self) -> Vec<Channel> {
        todo!()
    }

    /// Sends one notification through one channel, retrying what may pass until `deadline`.
    pub async fn send(&self, channel: Channel, row: &ProcessedRow, deadline: &Deadline) -> Result<(), NotifyError> {
        let _ = (channel, row, deadline);
        todo!()
    }
}
