//! The three functions. They know no transport: what comes in and goes out is typed, and any host can call them.

pub mod get_domain;
pub mod process_audit_log;
pub mod remediate_account;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::names::{Domain, RunId, TenantId};

/// One message of the queue `process-audit-log`: one tenant to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// May pass: the host should try again.
    #[error("{0}")]
    Passing(String),
    /// Trying again is pointless; it has been stored and told.
    #[error("{0}")]
    Permanent(String),
}
