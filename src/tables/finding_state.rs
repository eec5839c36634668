//! The progress of a finding: its state, and the channels that have it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::detection::Severity;

/// The words of the column `Severity`.
pub(super) const SEVERITIES: &[Severity] = &[Severity::Low, Severity::Medium, Severity::High];

/// Column `State`: the progress of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingState {
    /// Stored without a notification.
    Recorded,
    /// A threat that not every channel has accepted yet.
    Sending,
    /// Every channel has accepted it.
    Sent,
    /// The same as an earlier threat, without a notification of its own.
    Repeat,
    /// To be evaluated again when current settings can be read.
    Rejudge,
    /// A person said that it is not a threat.
    Dismissed,
    /// A state that a newer version of the program wrote. It counts as closed, is left alone and written back.
    Unknown,
}

/// Column `Notified`: per channel (`flow`, `teams`) the time of acceptance, `None` while the delivery is pending.
pub type Notified = BTreeMap<String, Option<DateTime<Utc>>>;

/// Column `Unknown`: per channel, the requests that were sent whole and not answered.
pub type UnansweredChannels = BTreeMap<String, Unanswered>;

/// The requests that a channel did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Unanswered {
    /// Their number.
    pub requests: u32,
    /// The time of the last one.
    pub last: DateTime<Utc>,
}

impl FindingState {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Recorded, Self::Sending, Self::Sent, Self::Repeat, Self::Rejudge, Self::Dismissed];

    /// The text in the column `State`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "Recorded",
            Self::Sending => "Sending",
            Self::Sent => "Sent",
            Self::Repeat => "Repeat",
            Self::Rejudge => "Rejudge",
            Self::Dismissed => "Dismissed",
            Self::Unknown => "",
        }
    }

    /// Returns whether the finding needs no further work.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Recorded | Self::Sent | Self::Repeat | Self::Dismissed | Self::Unknown => true,
            Self::Sending | Self::Rejudge => false,
        }
    }
}
