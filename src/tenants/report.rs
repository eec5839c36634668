//! The numbers of one run.

use serde::Serialize;

/// The result of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Blobs read to their end.
    pub blobs: u64,
    /// Records seen.
    pub records: u64,
    /// Records selected by their operation.
    pub selected: u64,
    /// Records that could not be read.
    pub broken: u64,
    /// Findings stored by this run.
    pub findings: u64,
    /// Threats among them.
    pub threats: u64,
    /// Notifications accepted by a channel.
    pub notified: u64,
    /// Blobs that are still deferred.
    pub owed: u64,
    /// Permanently lost spans that this run found.
    pub gaps: u64,
}

impl Report {
    /// Returns whether the run found, notified and failed nothing.
    pub fn is_quiet(&self) -> bool {
        let Self { blobs: _, records: _, selected: _, broken, findings, threats, notified, owed, gaps } = self;
        [broken, findings, threats, notified, owed, gaps].iter().all(|count| **count == 0)
    }
}
