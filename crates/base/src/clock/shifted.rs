//! A clock that tests of the built binary set with `TEST_CLOCK`. It exists only with the cargo feature `test-clock`, never in a release.

use std::env::VarError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::{Clock, SystemClock};

/// The environment variable: `<offset in milliseconds>,<rate>`, or `@` and the path of a file that contains the same and is read
/// each time, so that a test can move the time of a running process.
pub const TEST_CLOCK: &str = "TEST_CLOCK";

/// A shifted clock that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ShiftError {
    /// The value has another form.
    #[error("TEST_CLOCK is not `<offset in milliseconds>,<rate of at least 1>`, or `@` and a file with that")]
    Form,
    /// The file cannot be read.
    #[error("the file of TEST_CLOCK cannot be read: {0}")]
    File(#[from] std::io::Error),
}

/// The shift and the rate of a clock against the system's: `now = system time since 1970 × rate + offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// The offset, in milliseconds.
    pub offset: i64,
    /// The number of its seconds in one real second.
    pub rate: u32,
}

impl Shift {
    /// Parses `<offset>,<rate>`.
    ///
    /// # Errors
    /// Returns an error if it has another form.
    pub fn parse(text: &str) -> Result<Self, ShiftError> {
        let (offset, rate) = text.trim().split_once(',').ok_or(ShiftError::Form)?;
        let (offset, rate) =
            (offset.parse().map_err(|_| ShiftError::Form)?, rate.parse().map_err(|_| ShiftError::Form)?);
        if rate == 0 { Err(ShiftError::Form) } else { Ok(Self { offset, rate }) }
    }

    /// Returns the shifted time if the system's is `system`.
    pub fn of(self, system: DateTime<Utc>) -> DateTime<Utc> {
        let milliseconds = system.timestamp_micros().saturating_mul(self.rate.into()) / 1_000;
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(milliseconds.saturating_add(self.offset))
    }

    fn real(self, duration: Duration) -> Duration {
        duration / self.rate
    }
}

/// The source of the shift.
#[derive(Debug)]
enum Source {
    Fixed(Shift),
    File(PathBuf),
}

/// The system's clock, shifted.
#[derive(Debug)]
pub struct ShiftedClock(Source);

impl ShiftedClock {
    /// Reads the value of [`TEST_CLOCK`].
    ///
    /// # Errors
    /// Returns an error if the value, or the file that it names, has another form.
    pub fn parse(value: &str) -> Result<Self, ShiftError> {
        let clock = match value.strip_prefix('@') {
            Some(path) => Self(Source::File(PathBuf::from(path))),
            None => Self(Source::Fixed(Shift::parse(value)?)),
        };
        clock.read().map(|_| clock)
    }

    fn read(&self) -> Result<Shift, ShiftError> {
        match &self.0 {
            Source::Fixed(shift) => Ok(*shift),
            Source::File(path) => Shift::parse(&std::fs::read_to_string(path)?),
        }
    }

    /// Returns the shift of now. The file was readable at the start, and its writer replaces it in one step.
    #[expect(clippy::expect_used, reason = "a test that takes its own clock away shall see where")]
    fn shift(&self) -> Shift {
        self.read().expect("the file of TEST_CLOCK has become unreadable")
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> DateTime<Utc> {
        self.shift().of(Utc::now())
    }

    /// A leap of a test is time that passes for everybody.
    fn monotonic(&self) -> Duration {
        (self.now() - DateTime::UNIX_EPOCH).to_std().unwrap_or_default()
    }

    fn of_system(&self, duration: Duration) -> Duration {
        duration.saturating_mul(self.shift().rate)
    }

    fn of_system_time(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        self.shift().of(time)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(self.shift().real(duration))
    }
}

/// Returns the clock of this process: the system's, unless `TEST_CLOCK` is set.
///
/// # Errors
/// Returns an error if the value cannot be used.
pub fn of_this_process() -> Result<Arc<dyn Clock>, ShiftError> {
    match std::env::var(TEST_CLOCK) {
        Ok(value) => Ok(Arc::new(ShiftedClock::parse(&value)?)),
        Err(VarError::NotPresent) => Ok(Arc::new(SystemClock)),
        Err(VarError::NotUnicode(_)) => Err(ShiftError::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_so_much_faster_and_is_so_far_away() {
        let shift = Shift::parse("60000,10").unwrap();
        let later = |seconds| shift.of(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
        assert_eq!(later(0), DateTime::UNIX_EPOCH + TimeDelta::minutes(1));
        assert_eq!(later(6) - later(0), TimeDelta::minutes(1));
        assert_eq!(shift.real(Duration::from_secs(10)), Duration::from_secs(1));
    }

    #[test]
    fn a_file_moves_the_time_of_who_reads_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0,1").unwrap();
        let clock = ShiftedClock::parse(&format!("@{}", file.path().display())).unwrap();
        let before = clock.now();
        std::fs::write(file.path(), "86400000,1").unwrap();
        assert!(clock.now() - before >= TimeDelta::days(1));
    }

    #[test]
    fn another_form_is_refused() {
        for value in ["", "1", "1,0", "1,-1", "x,1", "1,1,1", "@/nowhere"] {
            assert!(ShiftedClock::parse(value).is_err(), "{value}");
        }
    }
}
