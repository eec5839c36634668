//! The forwarding of the mailbox.

use m365::exchange::Forwarding;

use super::threats::{may_be_named, stays_inside, threats};
use super::{nothing_kept, undone};
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::EXCHANGE_GRANT;
use crate::remediation::step::{StepReport, quoted};
use crate::remediation::steps::clear_forwarding;

/// Restores the forwarding, if every target is proven to be internal or trusted.
pub(super) async fn restore(context: &RemediationContext<'_>, kept: Option<&Forwarding>, force: bool) -> StepReport {
    let Some(kept) = kept else {
        return nothing_kept();
    };
    if *kept == Forwarding::default() {
        return StepReport::skipped("The mailbox did not forward.");
    }
    for target in kept.targets() {
        match may_forward_to(context, target, force).await {
            Ok(()) => {}
            Err(report) => return report,
        }
    }
    match clear_forwarding::set(context, kept).await {
        Ok(()) => undone("Forwarding restored."),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}

/// Only to inside or trusted targets, and to none that a threat names.
async fn may_forward_to(context: &RemediationContext<'_>, target: &str, force: bool) -> Result<(), StepReport> {
    let shown = quoted(target);
    if !stays_inside(context, target).await? {
        return Err(StepReport::skipped(format!(
            "{shown} is not proven to be internal or trusted, so forwarding remains disabled."
        )));
    }
    let address = context.address_of(target).await.map(|address| address.to_string());
    let threats = threats(context).await?;
    let is_named = threats.rows.iter().any(|threat| {
        let text = threat.forwarding_address.to_lowercase();
        text.contains(&target.to_lowercase()) || address.as_ref().is_some_and(|address| text.contains(address))
    });
    match force {
        false if is_named => Err(StepReport::skipped(format!(
            "A threat names {shown}, so forwarding remains disabled unless Force is true."
        ))),
        false if !threats.are_all => Err(may_be_named(&shown)),
        _ => Ok(()),
    }
}
