//! Removes the forwarding of the mailbox: both kinds of target. If both are set, Exchange uses `ForwardingAddress`, so
//! clearing only the other one leaves the mail flowing.

use m365::ServiceError;
use m365::exchange::Forwarding;

use crate::remediation::context::RemediationContext;
use crate::remediation::grants::EXCHANGE_GRANT;
use crate::remediation::snapshot::Snapshot;
use crate::remediation::step::{StepReport, quoted};

/// Returns the forwarding as it is now; `None` if there is no such mailbox.
pub async fn read(context: &RemediationContext<'_>) -> Result<Option<Forwarding>, ServiceError> {
    let mailbox = context.mailbox();
    let call = context.app.exchange.forwarding(context.tenant(), &mailbox);
    context.ask_exchange("mailbox", call).await
}

/// Sets the forwarding to exactly this.
pub async fn set(context: &RemediationContext<'_>, forwarding: &Forwarding) -> Result<(), ServiceError> {
    let mailbox = context.mailbox();
    let call = context.app.exchange.set_forwarding(context.tenant(), &mailbox, forwarding);
    context.ask_exchange("change of the forwarding", call).await
}

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let forwarding = match read(context).await {
        Ok(Some(forwarding)) => forwarding,
        Ok(None) => return StepReport::skipped("There is no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    if forwarding == Forwarding::default() {
        return StepReport::already("The mailbox did not forward.");
    }
    let shown = forwarding.targets().into_iter().map(quoted).collect::<Vec<_>>().join(" and ");
    if context.preview {
        return StepReport::planned(format!("Forwarding to {shown} would be removed."));
    }
    context.keep(Snapshot { forwarding: Some(forwarding), ..Snapshot::at(context.app.clock.now()) }).await;
    match set(context, &Forwarding::default()).await {
        Ok(()) => StepReport::done(format!("Forwarding to {shown} is removed.")),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}
