//! When GetDomain runs, how far ProcessAuditLog looks, and how long rows are kept.

use std::time::Duration;

/// Schedule and distances.
#[derive(Debug, Clone)]
pub struct CollectionSettings {
    /// `GetDomainSchedule`: NCRONTAB, six fields, UTC. Read by the Functions host under `serve`, by us under `run`.
    pub schedule: croner::Cron,
    /// `LOOKBACK_MINUTES`: how far back the first run of a tenant looks.
    pub lookback: Duration,
    /// `OVERLAP_MINUTES`: how much each run lists again, for late content.
    pub overlap: Duration,
    /// `RETENTION_DAYS`: the age at which closed rows are removed.
    pub retention: Duration,
}
