//! Settings of the heartbeat. The URL is a secret, because anyone who knows it can keep the alarm silent.

use secrecy::SecretString;
use url::Url;

use super::source::Source;

/// The external monitor that is called after every cycle.
#[derive(Debug, Clone, Default)]
pub struct HeartbeatSettings {
    /// `HEARTBEAT_URL`: an https URL.
    pub url: Option<SecretString>,
    /// `HEARTBEAT_STYLE`
    pub style: HeartbeatStyle,
}

/// The way in which a failed cycle is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeartbeatStyle {
    /// `healthchecks`: by `/fail` after the path.
    #[default]
    Healthchecks,
    /// `plain`: by silence.
    Plain,
}

impl HeartbeatSettings {
    pub(super) fn from_source(source: &mut Source) -> Self {
        let url = source.parsed("HEARTBEAT_URL", "an https URL", |text| {
            let url = Url::parse(text).ok()?;
            let is_usable = url.scheme() == "https" && url.host().is_some() && url.username().is_empty();
            is_usable.then(|| text.to_owned().into())
        });
        let style = source.parsed("HEARTBEAT_STYLE", "healthchecks or plain", |text| {
            match text.to_ascii_lowercase().as_str() {
                "healthchecks" => Some(HeartbeatStyle::Healthchecks),
                "plain" => Some(HeartbeatStyle::Plain),
                _ => None,
            }
        });
        Self { url, style: style.unwrap_or_default() }
    }
}
