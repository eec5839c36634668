//! The clock of the fixture.

use std::sync::Mutex;
use std::time::Duration;

use base::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

/// A clock that moves only when a test moves it, and that may be wrong. A wait on it is real, but short.
#[derive(Debug)]
pub struct StillClock {
    start: DateTime<Utc>,
    pub(super) passed: Mutex<TimeDelta>,
    pub(super) error: Mutex<TimeDelta>,
}

impl StillClock {
    pub(super) fn new(start: DateTime<Utc>) -> Self {
        Self { start, passed: Mutex::default(), error: Mutex::default() }
    }

    /// The time that everybody else has.
    pub(super) fn right_time(&self) -> DateTime<Utc> {
        self.start + *self.passed.lock().unwrap()
    }
}

impl Clock for StillClock {
    fn now(&self) -> DateTime<Utc> {
        self.right_time() + *self.error.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.passed.lock().unwrap().to_std().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration.min(Duration::from_millis(20))))
    }
}
