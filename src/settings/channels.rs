//! Who is told. Both addresses carry a signature and are secrets.

use secrecy::SecretString;

/// At least one is set, except where nothing is notified (`scan`).
#[derive(Debug, Clone, Default)]
pub struct ChannelSettings {
    /// `FLOW_URL`: the trigger of a Power Automate flow. Checked to be an https URL.
    pub flow_url: Option<SecretString>,
    /// `TEAMS_WEBHOOK_URL`: a Teams workflow webhook. Checked to be an https URL.
    pub teams_url: Option<SecretString>,
}
