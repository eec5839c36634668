//! The signed webhook, Slack and mail through the public door, against the simulator.

pub mod mail;
pub use webhook::schema as webhook_schema;
mod minimum;
mod presses;
mod slack;
mod webhook;

use secrecy::SecretSlice;
use tenantwatch::settings::{ChannelSettings, MailSettings, Settings, WebhookSettings};

use crate::collector_fixture::CollectorFixture;

/// Two keys as a receiver shows them.
pub const KEYS: [&str; 2] = ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];

pub fn key(shown: &str) -> SecretSlice<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(shown.trim_start_matches("whsec_")).unwrap().into()
}

/// Replaces all channels by these of the simulator: `webhook`, `slack`, `mail`, `flow`.
pub fn only(settings: &mut Settings, urls: &tenantwatch_simulator::Urls, names: &[&str]) {
    let is = |name: &str| names.contains(&name);
    settings.channels = ChannelSettings {
        flow_url: is("flow").then(|| urls.flow.clone().into()),
        teams_url: None,
        webhook: is("webhook").then(|| WebhookSettings {
            url: urls.webhook.clone().into(),
            keys: vec![key(KEYS[0])],
            allow_private: true,
        }),
        slack_url: is("slack").then(|| urls.slack.clone().into()),
        mail: is("mail").then(|| MailSettings {
            from: "alerts@provider.example".parse().unwrap(),
            to: vec!["desk@provider.example".parse().unwrap()],
            routes: Vec::new(),
        }),
        minimum: settings.channels.minimum.clone(),
    };
}

/// The product with these channels alone.
pub async fn with(names: &[&str]) -> CollectorFixture {
    let mut fixture = CollectorFixture::start().await;
    let urls = fixture.sim.urls().clone();
    fixture.set_up_again(|settings| only(settings, &urls, names));
    fixture
}
