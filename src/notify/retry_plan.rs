//! Decides from a stored row when each channel is sent its notification again, and when it is given up. Nothing here sends.

use chrono::{DateTime, TimeDelta, Utc};

use super::Channel;
use crate::tables::{FindingState, ProcessedRow, Unanswered};

/// The requests without an answer after which it is unknown whether a channel got a notification: the first and three repetitions.
pub(super) const UNANSWERED_LIMIT: u32 = 4;

/// The further requests, one a day, if no other channel accepted the notification.
pub(super) const DAILY_REQUESTS: u32 = 7;

/// The interval of those.
pub(super) const DAY: TimeDelta = TimeDelta::hours(24);

/// The state that follows from the channels that have accepted the notification, or of which that remains unknown.
pub(super) fn mark_sent_if_accepted(row: &mut ProcessedRow) {
    if row.notified.iter().all(|(channel, accepted)| accepted.is_some() || is_given_up(row, channel)) {
        row.state = FindingState::Sent;
        row.next_attempt = None;
    }
}

/// Returns whether a channel is owed a notification that may be sent now.
pub(super) fn is_due(row: &ProcessedRow, channel: Channel, now: DateTime<Utc>) -> bool {
    let channel = channel.as_str();
    if row.notified.get(channel) != Some(&None) || is_given_up(row, channel) {
        return false;
    }
    row.unanswered.get(channel).is_none_or(|unanswered| !is_daily(unanswered) || (now - unanswered.last).abs() >= DAY)
}

/// Returns whether nothing is sent to a channel any more because it does not answer.
fn is_given_up(row: &ProcessedRow, channel: &str) -> bool {
    let is_accepted = row.notified.values().any(Option::is_some);
    row.unanswered.get(channel).is_some_and(|unanswered| {
        is_daily(unanswered) && (is_accepted || unanswered.requests >= UNANSWERED_LIMIT + DAILY_REQUESTS)
    })
}

fn is_daily(unanswered: &Unanswered) -> bool {
    unanswered.requests >= UNANSWERED_LIMIT
}

/// Returns whether the last request is the one after which it is unknown whether people got the notification.
pub(super) fn has_become_unknown(row: &ProcessedRow, channel: Channel) -> bool {
    row.unanswered.get(channel.as_str()).is_some_and(|unanswered| unanswered.requests == UNANSWERED_LIMIT)
}

pub(super) fn count_unanswered(row: &mut ProcessedRow, channel: Channel, now: DateTime<Utc>) {
    let counted = row.unanswered.entry(channel.as_str().to_owned()).or_insert(Unanswered { requests: 0, last: now });
    *counted = Unanswered { requests: counted.requests + 1, last: now };
}

/// The time of the next attempt: the next day if only channels are left that do not answer.
pub(super) fn next_attempt(row: &ProcessedRow, now: DateTime<Utc>) -> DateTime<Utc> {
    let mut owed = row.notified.iter().filter(|(channel, accepted)| accepted.is_none() && !is_given_up(row, channel));
    let is_next_day = owed.all(|(channel, _)| row.unanswered.get(channel).is_some_and(is_daily));
    now + if is_next_day { DAY } else { distance(row.attempts) }
}

/// Returns the interval after an attempt: 5 minutes, doubled each time, at most 6 hours.
fn distance(attempts: u32) -> TimeDelta {
    TimeDelta::minutes(5 * (1 << attempts.clamp(1, 7).saturating_sub(1))).min(TimeDelta::hours(6))
}
