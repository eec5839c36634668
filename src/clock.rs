//! Time, passed in. No logic asks the system for it, so tests decide what time it is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

/// Tells the time and waits.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The current time, UTC.
    fn now(&self) -> DateTime<Utc>;

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
    /// A deadline `duration` from now.
    pub fn after(clock: Arc<dyn Clock>, duration: Duration) -> Self {
        let at = clock.now() + TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        Self { clock, at }
    }

    /// What is left, zero when it has passed.
    pub fn left(&self) -> Duration {
        (self.at - self.clock.now()).to_std().unwrap_or_default()
    }

    /// Whether it has passed.
    pub fn has_passed(&self) -> bool {
        self.left().is_zero()
    }
}
