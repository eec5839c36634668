//! The time of the table service, as the `Date` header of its last response told it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{DATE, HeaderMap};

/// The last `Date` and the moment at which it came. It is carried forward by the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct ServiceTime(Mutex<Option<(DateTime<Utc>, Instant)>>);

impl ServiceTime {
    /// Notes the `Date` of a response. A response without one changes nothing.
    pub fn note(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|value| value.to_str().ok());
        if let Some(date) = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((date.to_utc(), Instant::now()));
        }
    }

    /// Returns the time of the service now; `None` before its first response.
    pub fn now(&self) -> Option<DateTime<Utc>> {
        let (date, noted) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        TimeDelta::from_std(noted.elapsed()).ok().and_then(|passed| date.checked_add_signed(passed))
    }
}
