//! What one run is asked to do, and what it says that it did.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use base::ids::{Domain, RunId, TenantId};

/// One message of the queue `process-audit-log`: one tenant to be read. Only `tenantId` has to be there; members that are not
/// known are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Written")]
pub struct TenantMessage {
    /// Which tenant.
    pub tenant_id: TenantId,
    /// Its domain as the partner's list says it. What was stored first wins.
    pub domain: Domain,
    /// Its name.
    pub display_name: String,
    /// The GetDomain run that queued it.
    pub run_id: RunId,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
}

/// A message as somebody may have written it by hand.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    tenant_id: TenantId,
    domain: Option<Domain>,
    display_name: Option<String>,
    run_id: Option<RunId>,
    queued_at: Option<DateTime<Utc>>,
}

impl From<Written> for TenantMessage {
    fn from(written: Written) -> Self {
        Self {
            tenant_id: written.tenant_id,
            domain: written.domain.unwrap_or_else(|| Domain::from(&written.tenant_id)),
            display_name: written.display_name.unwrap_or_default(),
            run_id: written.run_id.unwrap_or_else(RunId::random),
            // Without a time it counts as queued after every run so far, and is never left out as old.
            queued_at: written.queued_at.unwrap_or(DateTime::<Utc>::MAX_UTC),
        }
    }
}

/// What one run did.
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
    /// Blobs still owed.
    pub owed: u64,
    /// Spans lost for good that this run found.
    pub gaps: u64,
}
