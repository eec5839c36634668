//! ProcessAuditLog: reads what is new in one tenant's audit log, judges, stores and tells.

use crate::app::App;
use crate::collector;
use base::clock::Deadline;

pub use crate::collector::Report;

use super::{FunctionError, TenantMessage};

/// How long one run may take, in seconds. Below `functionTimeout` of `host.json`.
pub const DEADLINE_SECONDS: u64 = 8 * 60;

/// Reads one tenant. Safe to repeat, and to run more than once at the same time.
///
/// # Errors
/// [`FunctionError::Passing`] when the host should try again; what was done so far is stored.
/// [`FunctionError::Permanent`] when that is pointless: the tenant's state says why, and somebody was told.
pub async fn run(app: &App, message: &TenantMessage, deadline: &Deadline) -> Result<Report, FunctionError> {
    let report = collector::read_tenant(app, message, deadline).await?;
    tracing::info!(
        tenant = %message.tenant_id,
        domain = %message.domain,
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
