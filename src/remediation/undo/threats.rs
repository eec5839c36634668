//! Decides whether a setting may be restored: by the threats that name it, and by where mail would go.

use crate::remediation::context::RemediationContext;
use crate::remediation::grants::EXCHANGE_GRANT;
use crate::remediation::step::StepReport;
use crate::tables::ProcessedRow;

/// The stored threats of the mailbox and the accounts.
pub(super) struct Threats<'a> {
    pub(super) rows: Vec<&'a ProcessedRow>,
    /// `true` if all of them were read.
    pub(super) are_all: bool,
}

/// Reads the threats.
pub(super) async fn threats<'a>(context: &'a RemediationContext<'_>) -> Result<Threats<'a>, StepReport> {
    let findings = context.findings().await;
    let findings = findings.map_err(|error| StepReport::failed(format!("Findings cannot be read: {error}")))?;
    let rows = findings.rows.iter().filter(|row| row.threat).collect();
    Ok(Threats { rows, are_all: findings.is_complete })
}

/// Reports that something is not put back because not every threat could be looked at.
pub(super) fn may_be_named(shown: &str) -> StepReport {
    StepReport::skipped(format!(
        "More findings are stored than one request reads, so a threat may name {shown}: it remains disabled unless Force is true."
    ))
}

/// Returns whether mail to the target is proven to stay in the organization, or goes to a trusted recipient.
pub(super) async fn stays_inside(context: &RemediationContext<'_>, target: &str) -> Result<bool, StepReport> {
    let boundary = context.boundary().await.map_err(|error| StepReport::failed_by(&error, EXCHANGE_GRANT))?;
    Ok(boundary.is_proven_inside(context, target).await)
}
