//! Telling a person: a Power Automate flow, Teams, and the card both show.

mod bundles;
pub mod card;
mod defang;
mod delivery;
mod elements;
pub mod flow;
pub mod heartbeat;
pub mod notices;
mod notification;
pub mod outbox;
mod portal;
pub mod summary;
pub mod teams;
pub mod token;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use crate::detection::FindingKind;
use crate::settings::{ActionSettings, ChannelSettings};
use crate::tables::{ProcessedRow, TenantState};
use base::clock::{Clock, Deadline};
use m365::{AppRegistration, Cloud, Hosts};

pub use defang::defang;
use delivery::Delivery;
pub use notification::Notification;
pub use portal::ConsentPage;
use token::{ActionTokens, Scope};

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

    /// The setting that holds its address.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Flow => "FLOW_URL",
            Self::Teams => "TEAMS_WEBHOOK_URL",
        }
    }
}

/// Why a channel did not accept a notification. Never holds its address.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// May pass; try again later.
    #[error("{channel} did not accept the notification: {detail}", channel = .channel.as_str())]
    Transient {
        /// Which.
        channel: Channel,
        /// What it answered.
        detail: String,
        /// When it asked to be tried again.
        retry_after: Option<Duration>,
    },
    /// The request was sent whole, and no answer came in time: people may have got the notification or not.
    #[error("{channel} did not answer: {detail}", channel = .channel.as_str())]
    Unanswered {
        /// Which.
        channel: Channel,
        /// How long it had time.
        detail: String,
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
pub struct Notifier {
    channels: ChannelSettings,
    cloud: Cloud,
    consent: ConsentPage,
    tokens: ActionTokens,
    token_life: Duration,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
}

impl Notifier {
    /// Nothing is sent yet.
    pub fn new(
        channels: &ChannelSettings,
        hosts: &Hosts,
        partner: &AppRegistration,
        actions: ActionSettings,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            channels: channels.clone(),
            cloud: hosts.cloud,
            consent: ConsentPage::new(hosts, partner),
            tokens: ActionTokens::new(&actions),
            token_life: actions.token_life,
            http,
            clock,
        }
    }

    /// The channels that are set.
    pub fn channels(&self) -> Vec<Channel> {
        [Channel::Flow, Channel::Teams].into_iter().filter(|channel| self.address(*channel).is_some()).collect()
    }

    /// Sends one notification through one channel, retrying what may pass until `deadline`.
    ///
    /// # Errors
    /// [`NotifyError::Configuration`] if trying again is pointless until somebody mends something, [`NotifyError::Unanswered`] if
    /// it may have arrived, otherwise [`NotifyError::Transient`].
    pub async fn send<'n>(
        &self,
        channel: Channel,
        notification: impl Into<Notification<'n>>,
        deadline: &Deadline,
    ) -> Result<(), NotifyError> {
        let mut notification = notification.into();
        notification.sent_at.get_or_insert(self.clock.now());
        let row = notification.row;
        let Some(address) = self.address(channel) else {
            return Err(NotifyError::Configuration { channel, detail: format!("{} is not set", channel.setting()) });
        };
        let tracking_id = row.record_id.to_string();
        let lacks_consent = row.kind == FindingKind::Coverage && row.operation == TenantState::ConsentMissing.as_str();
        let consent = lacks_consent.then(|| self.consent.of(&row.tenant_id));
        let body = match channel {
            Channel::Flow => {
                serde_json::to_vec(&flow::payload(&notification, self.action_token(row).as_ref(), consent.as_deref()))
            }
            Channel::Teams => serde_json::to_vec(&teams::message(&notification, self.cloud, consent.as_deref())),
        };
        let body = body.map_err(|error| NotifyError::Configuration { channel, detail: error.to_string() })?;
        let delivery = Delivery { http: &self.http, clock: &self.clock, channel, address };
        delivery.deliver(&tracking_id, body, deadline).await
    }

    fn address(&self, channel: Channel) -> Option<&SecretString> {
        let address = match channel {
            Channel::Flow => self.channels.flow_url.as_ref(),
            Channel::Teams => self.channels.teams_url.as_ref(),
        };
        address.filter(|address| !address.expose_secret().is_empty())
    }

    /// A fresh token for the buttons; none where no button may act.
    fn action_token(&self, row: &ProcessedRow) -> Option<SecretString> {
        if !can_be_acted_on(row) {
            return None;
        }
        let life = TimeDelta::from_std(self.token_life).unwrap_or(TimeDelta::zero());
        self.tokens.mint(row, Scope::Act, self.clock.now(), life)
    }
}

/// Whether RemediateAccount would act on this finding: a threat that comes from a record.
pub fn can_be_acted_on(row: &ProcessedRow) -> bool {
    row.threat && !matches!(row.kind, FindingKind::Coverage | FindingKind::Test)
}
