//! Decides whether a failed request is repeated, and after which wait.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::ServiceError;

/// The number of times that a request is sent that fails for a transient reason.
const MAX_ATTEMPTS: usize = 4;

/// The same if the cause will not pass within seconds: an unknown name, a refused connection, an untrusted certificate.
const MAX_ATTEMPTS_IF_CERTAIN: u32 = 2;

/// The sum of the waits of one request. A function's deadline is minutes, a remediation's 100 s.
const TOTAL_WAIT: Duration = Duration::from_secs(40);

/// The longest `Retry-After` that is waited for. After a longer one, a later run tries again.
pub(super) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(20);

/// The attempts of one request.
///
/// An iterator instead of backon's own loop: through the closures of that the compiler cannot see that a future is `Send`.
pub(super) struct Attempts {
    waits: ExponentialBackoff,
    count: u32,
}

impl Attempts {
    pub(super) fn new() -> Self {
        let waits = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(MAX_ATTEMPTS - 1)
            .with_total_delay(Some(TOTAL_WAIT))
            .with_jitter()
            .build();
        Self { waits, count: 0 }
    }

    /// Counts one more request that is sent, and returns its number.
    pub(super) fn begin(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// Returns the wait before the next attempt; `None` if there is none. The wait that the service asked for replaces the planned one.
    pub(super) fn wait_after(&mut self, error: &ServiceError) -> Option<Duration> {
        if !error.is_transient() {
            return None;
        }
        let planned = self.waits.next()?;
        match error {
            ServiceError::Answered { retry_after: Some(asked), .. } if *asked > LONGEST_RETRY_AFTER => None,
            ServiceError::Answered { retry_after: Some(asked), .. } => Some(*asked),
            // The credential has tried several times already.
            ServiceError::Token(_) | ServiceError::Waiting { .. } => None,
            ServiceError::NoResponse { failure, .. }
                if failure.is_certain() && self.count >= MAX_ATTEMPTS_IF_CERTAIN =>
            {
                None
            }
            _ => Some(planned),
        }
    }
}

/// Returns the wait that `Retry-After` asks for: seconds, or a date against the service's own `Date`.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let now = chrono::DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some((until - now).to_std().unwrap_or_default())
}
