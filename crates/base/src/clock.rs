//! The clock that is passed in. No logic asks the system for the time, so tests decide what time it is.

#[cfg(feature = "test-clock")]
pub mod shifted;

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::{BoxFuture, Either, select};

/// The shortest wait for a deadline.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// The beginning of the monotonic time of this process.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Tells the time and waits.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns the current time, UTC.
    fn now(&self) -> DateTime<Utc>;

    /// Returns a time that passes evenly, even if the clock is set forward or back. Only the difference between two values means something.
    fn monotonic(&self) -> Duration {
        self.of_system(BEGINNING.elapsed())
    }

    /// Returns the time on this clock that corresponds to `duration` on the system's. Both are the same, except on the clock of a
    /// test that runs faster.
    fn of_system(&self, duration: Duration) -> Duration {
        duration
    }

    /// Returns the time on this clock that corresponds to a time on the system's. Both are the same, except on the clock of a test.
    fn of_system_time(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        time
    }

    /// Returns after `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A point in time after which a function starts nothing new, so that it returns before the host kills the process.
#[derive(Debug, Clone)]
pub struct Deadline {
    clock: Arc<dyn Clock>,
    at: DateTime<Utc>,
}

impl Deadline {
    /// Returns the deadline `duration` from now.
    pub fn after(clock: Arc<dyn Clock>, duration: Duration) -> Self {
        let at = clock.now() + TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        Self { clock, at }
    }

    /// Returns the deadline that is earlier by this time.
    #[must_use]
    pub fn sooner(&self, by: Duration) -> Self {
        let at = TimeDelta::from_std(by).ok().and_then(|by| self.at.checked_sub_signed(by));
        Self { clock: Arc::clone(&self.clock), at: at.unwrap_or(DateTime::<Utc>::MIN_UTC) }
    }

    /// Does the work until this deadline. Returns `None` if it was not done by then; it is dropped where it stands.
    pub async fn limit<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            // If the clock was turned back in the meantime, the work gets its time again.
            match select(work, self.clock.sleep(self.left().max(SHORTEST_WAIT))).await {
                Either::Left((outcome, _)) => return Some(outcome),
                Either::Right(_) if self.has_passed() => return None,
                Either::Right(((), unfinished)) => work = unfinished,
            }
        }
    }

    /// Returns the time that is left; zero if the deadline has passed.
    pub fn left(&self) -> Duration {
        (self.at - self.clock.now()).to_std().unwrap_or_default()
    }

    /// Returns whether the deadline has passed.
    pub fn has_passed(&self) -> bool {
        self.left().is_zero()
    }
}
