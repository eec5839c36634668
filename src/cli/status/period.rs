//! The period of a report: dates or times, UTC.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use crate::cli::moment::Moment;

/// The length of the period if it is not given.
const DEFAULT_LENGTH: TimeDelta = TimeDelta::days(30);

/// The period starts after its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--since ({}) is after --until ({})", from.format("%Y-%m-%dT%H:%M:%SZ"), to.format("%Y-%m-%dT%H:%M:%SZ"))]
pub struct Reversed {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

/// Both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first second.
    pub from: DateTime<Utc>,
    /// The last second.
    pub to: DateTime<Utc>,
}

impl Period {
    /// Returns the period between both; without `until` it ends now, without `since` it is 30 days long.
    ///
    /// # Errors
    /// Returns [`Reversed`] if it would start after its end.
    pub fn between(since: Option<Moment>, until: Option<Moment>, now: DateTime<Utc>) -> Result<Self, Reversed> {
        let to = until.map_or(now.trunc_subsecs(0), Moment::last_second);
        let from = since.map_or(to - DEFAULT_LENGTH, Moment::first_second);
        if from > to { Err(Reversed { from, to }) } else { Ok(Self { from, to }) }
    }

    /// Returns whether the second of a time belongs to it.
    pub fn contains(&self, time: DateTime<Utc>) -> bool {
        (self.from..=self.to).contains(&time.trunc_subsecs(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_date_at_both_ends_is_that_whole_day() {
        let day = "2026-11-22".parse().unwrap();
        let period = Period::between(Some(day), Some(day), Utc::now()).unwrap();
        for (text, belongs) in [
            ("2026-11-21T23:59:59.9Z", false),
            ("2026-11-22T00:00:00Z", true),
            ("2026-11-22T23:59:59.9Z", true),
            ("2026-11-23T00:00:00Z", false),
        ] {
            assert_eq!(period.contains(text.parse().unwrap()), belongs, "{text}");
        }
        let earlier = "2026-11-21".parse().unwrap();
        assert!(Period::between(Some(day), Some(earlier), Utc::now()).is_err());
    }
}
