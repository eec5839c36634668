//! One time for the simulator and, each with its own error, for every instance of the app. It runs fast, and leaps.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base::clock::shifted::Shift;
use chrono::{DateTime, TimeDelta, Utc};

/// Number of seconds that pass in a real one. Waits of the app are shorter by this factor: its deadline of 8 minutes is 24 s.
pub const RATE: u32 = 20;

/// The time.
#[derive(Debug, Clone)]
pub struct Time {
    offset: Arc<AtomicI64>,
    /// A file for each instance, and the error of its clock in seconds.
    files: Vec<(PathBuf, i64)>,
}

impl Time {
    /// It is `now`, and runs.
    pub fn start(now: DateTime<Utc>, folder: &Path, skews: &[i64]) -> Self {
        let system = Shift { offset: 0, rate: RATE }.of(Utc::now());
        let offset = Arc::new(AtomicI64::new((now - system).num_milliseconds()));
        let file = |(number, skew): (usize, &i64)| (folder.join(format!("clock-{number}")), *skew);
        let time = Self { offset, files: skews.iter().enumerate().map(file).collect() };
        time.write();
        time
    }

    pub fn now(&self) -> DateTime<Utc> {
        Shift { offset: self.offset.load(Ordering::SeqCst), rate: RATE }.of(Utc::now())
    }

    /// So much time has passed.
    pub fn leap(&self, by: TimeDelta) {
        self.offset.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
        self.write();
    }

    /// Returns the clock setting of an instance: the file with its offset and rate.
    pub fn setting(&self, instance: usize) -> String {
        format!("@{}", self.files[instance].0.display())
    }

    fn write(&self) {
        let offset = self.offset.load(Ordering::SeqCst);
        for (file, skew) in &self.files {
            let new = file.with_extension("new");
            std::fs::write(&new, format!("{},{RATE}", offset + skew * 1_000)).unwrap();
            std::fs::rename(&new, file).unwrap();
        }
    }
}
