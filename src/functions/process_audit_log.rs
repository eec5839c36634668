//! ProcessAuditLog: reads what is new in one tenant's audit log, evaluates and stores it, and sends notifications.

use tracing::Instrument as _;

use crate::app::App;
use crate::collector;
use base::clock::Deadline;

pub use crate::collector::Report;

use super::{FunctionError, TenantMessage, tenant_span};

/// The time limit of one run, in seconds. Below `functionTimeout` of `host.json`.
pub const DEADLINE_SECONDS: u64 = 8 * 60;

/// Reads one tenant. Safe to repeat, and to run more than once at the same time.
///
/// # Errors
/// Returns [`FunctionError::Transient`] if the host should try again; results so far are stored. Returns
/// [`FunctionError::Permanent`] if that is pointless: the tenant's state names the reason, and a notice was sent.
pub async fn run(app: &App, message: &TenantMessage, deadline: &Deadline) -> Result<Report, FunctionError> {
    let read = async {
        let report = collector::read_tenant(app, message, deadline).await?;
        log(&report);
        Ok(report)
    };
    read.instrument(tenant_span(&message.tenant_id, &message.domain, &message.display_name)).await
}

/// Writes the one line of a run. Under the host every line costs money, so a run without a result writes it at debug level.
fn log(report: &Report) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                blobs = report.blobs,
                records = report.records,
                selected = report.selected,
                malformed = report.broken,
                findings = report.findings,
                threats = report.threats,
                notified = report.notified,
                deferred = report.owed,
                gaps = report.gaps,
                "audit log read"
            )
        };
    }
    if report.is_quiet() { line!(debug) } else { line!(info) }
}
