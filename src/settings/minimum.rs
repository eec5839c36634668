//! `NOTIFY_MINIMUM`: the severity from which a channel gets threats.

use std::collections::BTreeMap;

use super::source::Source;

/// The channels by the names that the setting uses.
const CHANNELS: [&str; 5] = ["flow", "teams", "webhook", "mail", "slack"];

/// The least severity of a threat that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MinimumSeverity {
    /// Every threat.
    #[default]
    Medium,
    /// Threats of severity High only.
    High,
}

/// The minimum of all channels and of single ones.
#[derive(Debug, Clone, Default)]
pub struct NotifyMinimum {
    general: MinimumSeverity,
    channels: BTreeMap<&'static str, MinimumSeverity>,
}

impl NotifyMinimum {
    /// Returns the minimum of a channel, by its name in the setting.
    pub fn of(&self, channel: &str) -> MinimumSeverity {
        self.channels.get(channel).copied().unwrap_or(self.general)
    }

    pub(super) fn from_source(source: &mut Source) -> Self {
        let entries = source.list("NOTIFY_MINIMUM", "Medium, High, or <channel>=<one of both>", entry);
        let mut minimum = Self::default();
        let mut seen = Vec::new();
        for (channel, severity) in entries {
            if seen.contains(&channel) {
                source.reject("NOTIFY_MINIMUM", "names a channel, or all of them, twice");
            }
            seen.push(channel);
            match channel {
                Some(channel) => drop(minimum.channels.insert(channel, severity)),
                None => minimum.general = severity,
            }
        }
        minimum
    }
}

fn entry(text: &str) -> Option<(Option<&'static str>, MinimumSeverity)> {
    let (channel, word) = match text.split_once('=') {
        Some((channel, word)) => (Some(channel.trim()), word.trim()),
        None => (None, text),
    };
    let severity = match word.to_ascii_lowercase().as_str() {
        "medium" => MinimumSeverity::Medium,
        "high" => MinimumSeverity::High,
        _ => return None,
    };
    match channel {
        None => Some((None, severity)),
        Some(channel) => {
            let known = CHANNELS.into_iter().find(|known| known.eq_ignore_ascii_case(channel))?;
            Some((Some(known), severity))
        }
    }
}
