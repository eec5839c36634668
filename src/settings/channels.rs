//! Settings of the notification channels. Both URLs carry a signature and are secrets.

use secrecy::SecretString;
use url::Url;

use super::source::Source;

/// The channels that receive notifications. At least one is set, except for commands that send nothing (`scan`).
#[derive(Debug, Clone, Default)]
pub struct ChannelSettings {
    /// `FLOW_URL`: the trigger of a Power Automate flow, an https URL.
    pub flow_url: Option<SecretString>,
    /// `TEAMS_WEBHOOK_URL`: a Teams workflow webhook, an https URL.
    pub teams_url: Option<SecretString>,
}

impl ChannelSettings {
    pub(super) fn from_source(source: &mut Source, required: bool) -> Self {
        let mut secret_url = |name: &str| {
            source.parsed(name, "an https URL", |text| {
                let url = Url::parse(text).ok()?;
                (url.scheme() == "https" && url.host().is_some() && url.username().is_empty())
                    .then(|| text.to_owned().into())
            })
        };
        let (flow_url, teams_url) = (secret_url("FLOW_URL"), secret_url("TEAMS_WEBHOOK_URL"));
        if required && source.text("FLOW_URL").is_none() && source.text("TEAMS_WEBHOOK_URL").is_none() {
            source.reject("FLOW_URL", "is required but not set; alternatively set TEAMS_WEBHOOK_URL");
        }
        Self { flow_url, teams_url }
    }
}
