//! ProcessAuditLog: reads what is new in one tenant's audit log, judges, stores and tells.

use serde::Serialize;

use crate::app::App;
use crate::clock::Deadline;
use crate::collector;

use super::{FunctionError, TenantMessage};

/// How long one run may take, in seconds. Below `functionTimeout` of `host.json`.
pub const DEADLINE_SECONDS: u64 = 8 * 60;

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

/// Reads one tenant. Safe to repeat, and to run more than once at the same time.
///
/// # Errors
/// [`FunctionError::Passing`] when the host should try again; what was done so far is stored.
/// [`FunctionError::Permanent`] when that is pointless: the tenant's state says why, and somebody was told.
pub async fn run(app: &App, message: &TenantMessage, deadline: &Deadline) -> Result<Report, FunctionError> {
    let report = collector::read_tenant(app, message, deadline).await?;
    tracing::info!(
        tenant = %message.tenant_id,
        blobs = report.blobs,
        records = report.records,
        findings = report.findings,
        threats = report.threats,
        notified = report.notified,
        owed = report.owed,
        gaps = report.gaps,
        "audit log read"
    );
    Ok(report)
}
