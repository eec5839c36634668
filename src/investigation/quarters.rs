//! The quarters of days between which something was used.

use chrono::{DateTime, Utc};

/// Seconds of a quarter of a day.
const QUARTER: i64 = 6 * 3_600;
/// Quarters of a day.
const DAY: i64 = 4;

/// The first and the last quarter of a day (6 hours, UTC) in which something was used, counted from 1970.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quarters {
    first_and_last: Option<(i64, i64)>,
}

impl Quarters {
    /// The quarters of two uses.
    pub(super) fn of(first: DateTime<Utc>, last: DateTime<Utc>) -> Self {
        let mut quarters = Self::default();
        quarters.add(first);
        quarters.add(last);
        quarters
    }

    pub(super) fn first(self) -> Option<i64> {
        self.first_and_last.map(|(first, _)| first)
    }

    pub(super) fn last(self) -> Option<i64> {
        self.first_and_last.map(|(_, last)| last)
    }

    pub(super) fn add(&mut self, time: DateTime<Utc>) {
        let quarter = time.timestamp().div_euclid(QUARTER);
        self.join(Self { first_and_last: Some((quarter, quarter)) });
    }

    pub(super) fn join(&mut self, other: Self) {
        self.first_and_last = match (self.first_and_last, other.first_and_last) {
            (Some((first, last)), Some((earlier, later))) => Some((first.min(earlier), last.max(later))),
            (own, other) => own.or(other),
        };
    }

    /// Returns whether the use was on different days, with two quarters between. Whoever works over midnight in UTC, which is the evening
    /// in America, is not seen on two days.
    pub(super) fn are_of_several_days(self) -> bool {
        self.first_and_last
            .is_some_and(|(first, last)| first.div_euclid(DAY) != last.div_euclid(DAY) && last - first > 2)
    }
}
