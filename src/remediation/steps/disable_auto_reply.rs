//! An automatic reply that answers outsiders is switched off: attackers use it to answer for their victim.

use m365::ServiceError;
use m365::exchange::AutoReply;

use crate::remediation::context::RemediationContext;
use crate::remediation::grants::EXCHANGE_GRANT;
use crate::remediation::snapshot::Snapshot;
use crate::remediation::step::StepReport;

/// Returns the state and the audience of the automatic reply; `None` if there is no such mailbox.
pub async fn read(context: &RemediationContext<'_>) -> Result<Option<AutoReply>, ServiceError> {
    let mailbox = context.mailbox();
    let call = context.app.exchange.auto_reply(context.tenant(), &mailbox);
    context.ask_exchange("automatic reply", call).await
}

/// Sets the state: `Disabled`, `Enabled` or `Scheduled`.
pub async fn set(context: &RemediationContext<'_>, state: &str) -> Result<(), ServiceError> {
    let mailbox = context.mailbox();
    let call = context.app.exchange.set_auto_reply_state(context.tenant(), &mailbox, state);
    context.ask_exchange("change of the automatic reply", call).await
}

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let reply = match read(context).await {
        Ok(Some(reply)) => reply,
        Ok(None) => return StepReport::skipped("There is no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    if !reply.answers_external_senders() {
        return StepReport::skipped("No automatic reply goes to external senders.");
    }
    if context.preview {
        return StepReport::planned("The automatic reply to external senders would be disabled.");
    }
    context.keep(Snapshot { auto_reply: Some(reply), ..Snapshot::at(context.app.clock.now()) }).await;
    match set(context, "Disabled").await {
        Ok(()) => StepReport::done("The automatic reply to external senders is disabled."),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}
