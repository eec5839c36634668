//! The clock of the fixture.

use std::sync::Mutex;
use std::time::Duration;

use base::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

/// A clock that stands still until it is moved, or that moves on by itself whenever it is read.
#[derive(Debug)]
pub struct TestClock {
    pub(super) now: Mutex<DateTime<Utc>>,
    pub(super) tick: Mutex<TimeDelta>,
    /// The longest real time of a wait on this clock.
    pub(super) longest_wait: Mutex<Duration>,
}

impl TestClock {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        Self { now: Mutex::new(now), tick: Mutex::new(TimeDelta::zero()), longest_wait: Mutex::new(Duration::MAX) }
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        let mut now = self.now.lock().unwrap();
        *now += *self.tick.lock().unwrap();
        *now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration.min(*self.longest_wait.lock().unwrap())))
    }
}
