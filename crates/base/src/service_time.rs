//! Keeps the time of a service by the `Date` header of its last response.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use reqwest::header::{DATE, HeaderMap};

use crate::clock::Clock;

/// The last `Date`, and the monotonic time when it came. That carries it forward, so a wrong clock of this machine does not change it.
#[derive(Debug, Default)]
pub struct ServiceTime(Mutex<Option<(DateTime<Utc>, Duration)>>);

impl ServiceTime {
    /// Notes the `Date` of a response. A response without one changes nothing.
    pub fn note(&self, headers: &HeaderMap, clock: &dyn Clock) {
        let date = headers.get(DATE).and_then(|value| value.to_str().ok());
        if let Some(date) = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok()) {
            *self.0.lock() = Some((date.to_utc(), clock.monotonic()));
        }
    }

    /// Returns the time of the service now; `None` before its first response.
    pub fn now(&self, clock: &dyn Clock) -> Option<DateTime<Utc>> {
        let (date, noted) = (*self.0.lock())?;
        let passed = clock.monotonic().saturating_sub(noted);
        date.checked_add_signed(TimeDelta::from_std(passed).ok()?)
    }
}
