//! Limits the requests to a service: a number for each minute and tenant, and none before the time that the service named.
//! <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference#api-throttling>

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

use base::ids::TenantId;

/// The number of requests about one tenant that may be sent immediately. With [`REQUESTS_A_SECOND`] no minute ever holds more than the 2,000 that the
/// service allows: 500 at once and 60 times 25.
const REQUESTS_AT_ONCE: NonZeroU32 = NonZeroU32::new(500).expect("500 is not zero");

/// The number of further requests for each second and tenant.
const REQUESTS_A_SECOND: NonZeroU32 = NonZeroU32::new(25).expect("25 is not zero");

/// The longest wait that a service can ask for. The tenant is not read in the meantime.
const LONGEST: Duration = Duration::from_secs(3_600);

/// The limits of one service, for each tenant.
pub(super) struct Throttle {
    limiter: DefaultKeyedRateLimiter<TenantId>,
    closed: Mutex<HashMap<TenantId, DateTime<Utc>>>,
}

impl Throttle {
    pub(super) fn new() -> Self {
        let quota = Quota::per_second(REQUESTS_A_SECOND).allow_burst(REQUESTS_AT_ONCE);
        Self { limiter: RateLimiter::keyed(quota), closed: Mutex::default() }
    }

    /// Returns once another request may be sent.
    pub(super) async fn pass(&self, tenant: &TenantId) {
        self.limiter.until_key_ready(tenant).await;
    }

    /// Returns the time before which the service wants no request about this tenant.
    pub(super) fn closed_until(&self, tenant: &TenantId, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut closed = self.closed.lock();
        let until = *closed.get(tenant)?;
        // If the clock was turned back, do not wait longer than the service can have meant.
        if until <= now || until - now > TimeDelta::from_std(LONGEST).unwrap_or(TimeDelta::MAX) {
            closed.remove(tenant);
            return None;
        }
        Some(until)
    }

    /// Notes the wait that the service asked for.
    pub(super) fn close(&self, tenant: &TenantId, now: DateTime<Utc>, asked: Duration) {
        let asked = TimeDelta::from_std(asked.min(LONGEST)).unwrap_or_default();
        self.closed.lock().insert(*tenant, now + asked);
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").finish_non_exhaustive()
    }
}
