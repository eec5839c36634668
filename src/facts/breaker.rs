//! A circuit breaker for the look-ups of one service in one run: an unresponsive service costs a few seconds, not a run.

use std::sync::Arc;

use base::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

/// The time for which an open breaker withholds look-ups before one is tried again.
const OPEN_FOR: TimeDelta = TimeDelta::seconds(60);

/// Opens after two consecutive failures about different subjects. One mailbox that fails twice says nothing of the service.
#[derive(Debug)]
pub struct Breaker {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The subject of the last call, if that failed.
    failed: Option<String>,
    opened: Option<DateTime<Utc>>,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Returns whether a call may be made. While the breaker is open, one call in every 60 s may.
    pub fn allows(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.state.lock();
        match state.opened {
            Some(opened) if (now - opened).abs() < OPEN_FOR => false,
            Some(_) => {
                state.opened = Some(now);
                true
            }
            None => true,
        }
    }

    /// Notes that the service answered.
    pub fn note_success(&self) {
        *self.state.lock() = State::default();
    }

    /// Notes that a call about `subject` timed out or failed for a transient reason.
    pub fn note_failure(&self, subject: &str) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if state.failed.as_deref().is_some_and(|failed| failed != subject) {
            state.opened = Some(now);
        }
        state.failed = Some(subject.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::BoxFuture;

    use super::*;

    #[derive(Debug)]
    struct TestClock(Mutex<DateTime<Utc>>);

    impl Clock for TestClock {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock()
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn two_failures_about_different_mailboxes_open_it_for_a_minute() {
        let clock = Arc::new(TestClock(Mutex::new(DateTime::UNIX_EPOCH)));
        let breaker = Breaker::new(clock.clone());
        breaker.note_failure("anna");
        breaker.note_failure("anna");
        assert!(breaker.allows(), "one mailbox says nothing of the service");
        breaker.note_failure("bob");
        assert!(!breaker.allows());
        *clock.0.lock() += TimeDelta::seconds(60);
        assert!(breaker.allows(), "one call is tried");
        assert!(!breaker.allows(), "and no second one");
        breaker.note_success();
        assert!(breaker.allows() && breaker.allows());
    }
}
