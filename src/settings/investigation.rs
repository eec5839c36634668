//! Settings of the investigation that follows a threat.

use std::path::PathBuf;

use super::source::Source;

/// Investigations that follow a threat: on or off, and their bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvestigationSettings {
    /// `INVESTIGATE`: `true` if threats are investigated without a command.
    pub is_on: bool,
    /// `INVESTIGATE_HOURS`: the hours of the feed that are read back, before the threat.
    pub hours: u64,
    /// `INVESTIGATE_MB`: the most content of one investigation, in bytes.
    pub bytes: u64,
    /// `ASN_DATABASE`: a database of network owners, `.mmdb`.
    pub networks: Option<PathBuf>,
}

impl Default for InvestigationSettings {
    fn default() -> Self {
        Self { is_on: true, hours: 72, bytes: 4_096 << 20, networks: None }
    }
}

impl InvestigationSettings {
    pub(super) fn from_source(source: &mut Source) -> Self {
        let default = Self::default();
        let is_on = match source.text("INVESTIGATE") {
            None => default.is_on,
            Some(_) => source.parsed("INVESTIGATE", "on or off", on_or_off).unwrap_or(default.is_on),
        };
        let hours = source.number("INVESTIGATE_HOURS", 1..=167, default.hours);
        let megabytes = source.number("INVESTIGATE_MB", 1..=1_048_576, default.bytes >> 20);
        Self { is_on, hours, bytes: megabytes << 20, networks: source.text("ASN_DATABASE").map(PathBuf::from) }
    }
}

fn on_or_off(text: &str) -> Option<bool> {
    ["on", "true"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
        .then_some(true)
        .or_else(|| ["off", "false"].iter().any(|word| text.eq_ignore_ascii_case(word)).then_some(false))
}
