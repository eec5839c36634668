//! The notices about a channel that fails. They go through the other channels.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::notices::{Notice, Subject, stamp};
use super::{Channel, NotifyError};
use base::ids::TenantId;

/// Returns the notice that a channel does not accept notifications, one a day and channel.
pub(super) fn fault(partner: TenantId, channel: Channel, fault: &NotifyError, now: DateTime<Utc>) -> Notice {
    Notice {
        subject: Subject::service(partner),
        what: "Channel".to_owned(),
        since: format!("{} {}", channel.as_str(), now.date_naive()),
        text: format!(
            "Notifications are not being delivered: {fault}. Tenantwatch stores them and retries; since {} you receive them only through this channel.",
            stamp(now)
        ),
        at: now,
    }
}

/// Returns the notice that a channel accepts notifications and does not answer, one a month and channel.
pub(super) fn slow(partner: TenantId, channel: Channel, timeout: Duration, now: DateTime<Utc>) -> Notice {
    Notice {
        subject: Subject::service(partner),
        what: "Channel".to_owned(),
        since: format!("{} slow {}", channel.as_str(), now.format("%Y-%m")),
        text: format!(
            "The channel {} accepts notifications but does not answer within {} s. Tenantwatch cannot know whether people got \
             them: it repeats a notification up to three times, so the same threat may appear more than once. Make the flow \
             answer first and work afterwards: put a Response action directly behind its trigger.",
            channel.as_str(),
            timeout.as_secs()
        ),
        at: now,
    }
}
