//! What has happened, as the services around the app have seen it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tenantwatch::tables::CoverageRow;
use tenantwatch_simulator::Accepted;
use tenantwatch_simulator::scenario::Shown;
use tenantwatch_simulator::storage_proxy::Written;
use uuid::Uuid;

/// A blob that could have been read.
#[derive(Debug, Clone)]
pub struct Published {
    pub tenant: Uuid,
    pub id: String,
    pub created: DateTime<Utc>,
    /// Whether it ever went over the wire whole.
    pub was_read: bool,
}

/// Everything that the verdict needs.
#[derive(Debug, Clone, Default)]
pub struct Story {
    pub shown: Vec<Shown>,
    /// The tenant whose answers its attacker chose. Only what others see is certain then.
    pub hostile: Option<Uuid>,
    pub blobs: Vec<Published>,
    /// What both channels took.
    pub accepted: Vec<Accepted>,
    /// The bodies that the flow took, by `LogID`.
    pub bodies: BTreeMap<String, Value>,
    /// The rows that were written with a `Notified`.
    pub marks: Vec<Written>,
    /// When somebody was killed, and when a request to the tables failed.
    pub kills: Vec<u64>,
    pub failures: Vec<u64>,
    /// At the end.
    pub coverage: Vec<CoverageRow>,
    pub faults: u64,
    /// What the handlers wrote, where it matters.
    pub lines: Vec<String>,
}
