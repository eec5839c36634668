//! Telling a person: a Power Automate flow and Teams with the card that both show, a signed webhook, mail and Slack.

mod bundles;
pub mod card;
mod channel_notices;
mod defang;
mod delivery;
mod elements;
pub mod flow;
pub mod heartbeat;
pub mod investigated;
pub mod mail;
pub mod notices;
mod notification;
pub mod outbox;
mod portal;
pub mod presses;
mod retry_plan;
pub mod seal;
pub mod signature;
pub mod slack;
pub mod summary;
pub mod teams;
pub mod token;
mod usable_channels;
pub mod webhook;
mod webhook_state;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use crate::detection::{FindingKind, Severity};
use crate::location::{Databases, parse_client_ip};
use crate::settings::{ActionSettings, ChannelSettings, MinimumSeverity, Settings};
use crate::tables::incidents::is_owner_unknown;
use crate::tables::{Containment, ProcessedRow, TenantState};
use base::clock::{Clock, Deadline};
use base::http::HttpClientError;
use base::ids::TenantId;
use m365::graph::Graph;
use m365::{AppRegistration, Cloud, Hosts};

pub use defang::defang;
use delivery::{Delivery, Headers, Transport};
use flow::PayloadTokens;
pub use notification::Notification;
pub use portal::ConsentPage;
use seal::Seals;
use table_store::Digest;
use token::{ActionTokens, Scope, UNDO_LIFE};
pub use webhook_state::{WEBHOOK_OFF, forget_former_webhook, webhook_is_off};

/// A way to tell somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// `FLOW_URL`
    Flow,
    /// `TEAMS_WEBHOOK_URL`
    Teams,
    /// `WEBHOOK_URL`
    Webhook,
    /// `MAIL_TO`
    Mail,
    /// `SLACK_WEBHOOK_URL`
    Slack,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Flow, Self::Teams, Self::Webhook, Self::Mail, Self::Slack];

    /// Its name in the column `Notified`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Teams => "teams",
            Self::Webhook => "webhook",
            Self::Mail => "mail",
            Self::Slack => "slack",
        }
    }

    /// The setting that holds its address.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Flow => "FLOW_URL",
            Self::Teams => "TEAMS_WEBHOOK_URL",
            Self::Webhook => "WEBHOOK_URL",
            Self::Mail => "MAIL_FROM",
            Self::Slack => "SLACK_WEBHOOK_URL",
        }
    }
}

/// Why a channel did not accept a notification. Never holds its address.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// May pass; try again later.
    #[error("{channel} did not accept the notification: {detail}", channel = .channel.as_str())]
    Transient {
        /// The channel.
        channel: Channel,
        /// The answer or the failure.
        detail: String,
        /// When it asked to be tried again.
        retry_after: Option<Duration>,
    },
    /// The request was sent whole, and no answer came in time: people may have got the notification or not.
    #[error("{channel} did not answer: {detail}", channel = .channel.as_str())]
    Unanswered {
        /// The channel.
        channel: Channel,
        /// The time that it had.
        detail: String,
    },
    /// The receiver answered 410: it wants no notification at this address any more.
    #[error("{channel} answered 410: its receiver no longer accepts notifications at this URL", channel = .channel.as_str())]
    Gone {
        /// The channel.
        channel: Channel,
    },
    /// Somebody has to mend a setting or the flow. The finding stays owed.
    #[error("{channel} rejects notifications: {detail}", channel = .channel.as_str())]
    Configuration {
        /// The channel.
        channel: Channel,
        /// The cause, and the action that corrects it.
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
    seals: Seals,
    token_life: Duration,
    http: NotifierClients,
    partner: TenantId,
    networks: Databases,
    clock: Arc<dyn Clock>,
}

/// The clients that notifications are sent with.
#[derive(Debug, Clone)]
pub struct NotifierClients {
    /// For all channels but the webhook and mail.
    pub ordinary: reqwest::Client,
    /// For the webhook: it connects to public addresses only, unless a setting allows others.
    pub webhook: reqwest::Client,
    /// For mail.
    pub graph: Graph,
}

impl NotifierClients {
    /// The clients that the settings ask for.
    ///
    /// # Errors
    /// If a client cannot be made.
    pub fn new(settings: &Settings, ordinary: reqwest::Client, graph: Graph) -> Result<Self, HttpClientError> {
        let is_public_only = settings.channels.webhook.as_ref().is_some_and(|webhook| !webhook.allow_private);
        let webhook = match is_public_only {
            true => base::http::public_client(settings.root_certificates.as_deref())?,
            false => ordinary.clone(),
        };
        Ok(Self { ordinary, webhook, graph })
    }
}

impl Notifier {
    /// Nothing is sent yet.
    pub fn new(
        channels: &ChannelSettings,
        hosts: &Hosts,
        partner: &AppRegistration,
        actions: ActionSettings,
        seals: Seals,
        http: NotifierClients,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            channels: channels.clone(),
            cloud: hosts.cloud,
            consent: ConsentPage::new(hosts, partner),
            tokens: ActionTokens::new(&actions),
            seals,
            token_life: actions.token_life,
            http,
            partner: partner.tenant_id,
            networks: Databases::default(),
            clock,
        }
    }

    /// With the databases in which the owner of an address's network is looked up when a notification is sent.
    #[must_use]
    pub fn with_networks(self, networks: Databases) -> Self {
        Self { networks, ..self }
    }

    /// Returns the owner of the network that a finding's address belongs to; empty if it is not known.
    fn network_of(&self, row: &ProcessedRow) -> String {
        let address = parse_client_ip(&row.ip).filter(|address| base::http::is_public(*address));
        address.map(|address| self.networks.network(address)).unwrap_or_default()
    }

    /// The channels that are set.
    pub fn channels(&self) -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|channel| self.is_set(*channel)).collect()
    }

    /// Returns whether a channel gets this row. Threats below a channel's minimum severity are not sent to it, unless the account
    /// was contained; a press is told to the webhook and by mail only.
    pub fn wants(&self, channel: Channel, row: &ProcessedRow) -> bool {
        if presses::is_press(row) {
            return presses::TOLD.contains(&channel);
        }
        let minimum = match self.channels.minimum.of(channel.as_str()) {
            MinimumSeverity::Medium => Severity::Medium,
            MinimumSeverity::High => Severity::High,
        };
        !row.threat || row.severity >= minimum || minimum == Severity::Medium || is_contained(row)
    }

    /// The digest of the webhook's address; `None` if it is not set.
    pub(crate) fn webhook_address(&self) -> Option<Digest> {
        self.address(Channel::Webhook).map(|address| Digest::of(&[address.expose_secret()]))
    }

    fn is_set(&self, channel: Channel) -> bool {
        match channel {
            Channel::Mail => self.channels.mail.is_some(),
            _ => self.address(channel).is_some(),
        }
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
        let mut notification: Notification<'_> = notification.into();
        notification.sent_at.get_or_insert(self.clock.now());
        let network = self.network_of(notification.row);
        notification.network = &network;
        let tracking_id = notification.row.record_id.to_string();
        let not_set = || NotifyError::Configuration { channel, detail: format!("{} is not set", channel.setting()) };
        let transport = self.transport(channel, notification.row, &tracking_id).ok_or_else(not_set)?;
        let body = self.body(channel, &notification)?;
        Delivery { clock: &self.clock, channel, transport }.deliver(&body, deadline).await
    }

    /// Returns the way to reach a channel; `None` if it is not set.
    fn transport<'t>(&'t self, channel: Channel, row: &ProcessedRow, tracking_id: &'t str) -> Option<Transport<'t>> {
        let http = &self.http.ordinary;
        match channel {
            Channel::Flow | Channel::Teams => {
                Some(Transport::Post { http, address: self.address(channel)?, headers: Headers::Tracking(tracking_id) })
            }
            Channel::Slack => Some(Transport::Post { http, address: self.address(channel)?, headers: Headers::None }),
            Channel::Webhook => {
                let headers =
                    Headers::Signed { id: webhook::event_id(row), keys: &self.channels.webhook.as_ref()?.keys };
                Some(Transport::Post { http: &self.http.webhook, address: self.address(channel)?, headers })
            }
            Channel::Mail => {
                let from = self.channels.mail.as_ref()?.from.to_string();
                Some(Transport::Mail { graph: &self.http.graph, partner: self.partner, from })
            }
        }
    }

    fn body(&self, channel: Channel, notification: &Notification<'_>) -> Result<Vec<u8>, NotifyError> {
        let row = notification.row;
        let lacks_consent = row.kind == FindingKind::Coverage && row.operation == TenantState::ConsentMissing.as_str();
        let consent = lacks_consent.then(|| self.consent.of(&row.tenant_id));
        let has_flow = self.is_set(Channel::Flow);
        let invalid = |error: &dyn std::fmt::Display| NotifyError::Configuration { channel, detail: error.to_string() };
        match channel {
            Channel::Flow => serde_json::to_vec(&{
                let (action, undo) = (self.action_token(row), self.undo_token(row));
                let tokens = PayloadTokens { action: action.as_ref(), undo: undo.as_ref() };
                flow::payload(notification, tokens, consent.as_deref())
            })
            .map_err(|error| invalid(&error)),
            Channel::Teams => {
                serde_json::to_vec(&teams::message(notification, self.cloud, consent.as_deref(), has_flow))
                    .map_err(|error| invalid(&error))
            }
            Channel::Webhook => Ok(webhook::body(notification)),
            Channel::Slack => {
                serde_json::to_vec(&slack::message(notification, self.cloud)).map_err(|error| invalid(&error))
            }
            Channel::Mail => match &self.channels.mail {
                Some(settings) => mail::message(notification, self.cloud, settings, has_flow, consent.as_deref())
                    .map_err(|error| invalid(&error)),
                None => Err(invalid(&"MAIL_FROM is not set")),
            },
        }
    }

    fn address(&self, channel: Channel) -> Option<&SecretString> {
        let address = match channel {
            Channel::Flow => self.channels.flow_url.as_ref(),
            Channel::Teams => self.channels.teams_url.as_ref(),
            Channel::Webhook => self.channels.webhook.as_ref().map(|webhook| &webhook.url),
            Channel::Slack => self.channels.slack_url.as_ref(),
            Channel::Mail => None,
        };
        address.filter(|address| !address.expose_secret().is_empty())
    }

    /// A fresh token for the buttons; none where no button may act.
    fn action_token(&self, row: &ProcessedRow) -> Option<SecretString> {
        if !self.may_be_signed(row) {
            return None;
        }
        let life = TimeDelta::from_std(self.token_life).unwrap_or(TimeDelta::zero());
        self.tokens.mint(row, Scope::Act, self.clock.now(), life)
    }

    /// Returns whether a token is signed for what a row says: it is a threat, and nobody else has written or changed it.
    fn may_be_signed(&self, row: &ProcessedRow) -> bool {
        can_be_acted_on(row) && self.seals.hold_finding(row)
    }

    /// A fresh token that lets a contained account back in.
    fn undo_token(&self, row: &ProcessedRow) -> Option<SecretString> {
        let can_be_undone = self.may_be_signed(row) && is_contained(row);
        can_be_undone.then(|| self.tokens.mint(row, Scope::Undo, self.clock.now(), UNDO_LIFE)).flatten()
    }
}

/// Returns whether something was done to the account of a threat without a request.
fn is_contained(row: &ProcessedRow) -> bool {
    row.containment.as_ref().is_some_and(Containment::has_acted)
}

/// Returns whether RemediateAccount could secure an account because of this finding: one that can be acted on, and whose owner is known.
pub fn can_be_secured(row: &ProcessedRow) -> bool {
    can_be_acted_on(row) && !is_owner_unknown(row)
}

/// Returns whether RemediateAccount would act on this finding: a threat that comes from a record.
pub fn can_be_acted_on(row: &ProcessedRow) -> bool {
    row.threat && !matches!(row.kind, FindingKind::Coverage | FindingKind::Investigation | FindingKind::Test)
}
