//! Who is told. Both addresses carry a signature and are secrets.

use secrecy::SecretString;
use url::Url;

use super::source::Source;

/// At least one is set, except where nothing is notified (`scan`).
#[derive(Debug, Clone, Default)]
pub struct ChannelSettings {
    /// `FLOW_URL`: the trigger of a Power Automate flow. Checked to be an https URL.
    pub flow_url: Option<SecretString>,
    /// `TEAMS_WEBHOOK_URL`: a Teams workflow webhook. Checked to be an https URL.
    pub teams_url: Option<SecretString>,
}

impl ChannelSettings {
    pub(super) fn from_source(source: &mut Source, required: bool) -> Self {
        let mut secret_url = |name: &str| {
            source.parsed(name, "an https address", |text| {
                let url = Url::parse(text).ok()?;
                (url.scheme() == "https" && url.host().is_some() && url.username().is_empty())
                    .then(|| text.to_owned().into())
            })
        };
        let (flow_url, teams_url) = (secret_url("FLOW_URL"), secret_url("TEAMS_WEBHOOK_URL"));
        if required && source.text("FLOW_URL").is_none() && source.text("TEAMS_WEBHOOK_URL").is_none() {
            source.refuse("FLOW_URL", "this or TEAMS_WEBHOOK_URL is required, and neither is set");
        }
        Self { flow_url, teams_url }
    }
}
