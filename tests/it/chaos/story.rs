//! Records the events of a seed, as the services around the app have seen them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tenantwatch::tables::{ActionRow, CoverageRow};
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
    /// `true` if the service ever sent it completely.
    pub was_read: bool,
}

/// Everything that the verdict needs.
#[derive(Debug, Clone, Default)]
pub struct Story {
    pub shown: Vec<Shown>,
    /// The tenant whose answers its attacker chose. Only what others see is certain then.
    pub hostile: Option<Uuid>,
    pub blobs: Vec<Published>,
    /// The notifications that both channels accepted.
    pub accepted: Vec<Accepted>,
    /// The bodies that the flow took, by `LogID`.
    pub bodies: BTreeMap<String, Value>,
    /// The rows that were written with a `Notified`.
    pub marks: Vec<Written>,
    /// The positions of kills and, in `failures`, of failed requests to the tables, in the order of all steps.
    pub kills: Vec<u64>,
    pub failures: Vec<u64>,
    /// At the end.
    pub coverage: Vec<CoverageRow>,
    /// The runs of automatic containment.
    pub containments: Vec<ActionRow>,
    /// The accounts that cannot sign in, in lower case.
    pub blocked: BTreeSet<String>,
    pub faults: u64,
    /// The log lines of the handlers that contain a panic or a secret.
    pub lines: Vec<String>,
}
