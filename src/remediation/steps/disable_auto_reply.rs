//! An automatic reply that answers outsiders is switched off: attackers use it to answer for their victim.

use serde_json::{Value, json};

use m365::ServiceError;
use m365::exchange::Row;

use super::snapshot::Snapshot;
use crate::remediation::context::{EXCHANGE_GRANT, RemediationContext};
use crate::remediation::step::StepReport;

/// State and audience of the automatic reply; `None` when there is no such mailbox.
pub async fn read(context: &RemediationContext<'_>) -> Result<Option<Row>, ServiceError> {
    let row = context.mailbox_row("Get-MailboxAutoReplyConfiguration").await?;
    let kept = ["AutoReplyState", "ExternalAudience"];
    Ok(row.map(|row| row.into_iter().filter(|(name, _)| kept.contains(&name.as_str())).collect()))
}

/// Sets the state: `Disabled`, `Enabled` or `Scheduled`.
pub async fn set(context: &RemediationContext<'_>, state: &str) -> Result<(), ServiceError> {
    let parameters = json!({ "AutoReplyState": state });
    context.on_mailbox("Set-MailboxAutoReplyConfiguration", "Identity", parameters).await.map(drop)
}

/// The state where it answers outsiders.
pub fn answering_outsiders(reply: &Row) -> Option<&str> {
    let text = |member| reply.get(member).and_then(Value::as_str).unwrap_or_default();
    let state = text("AutoReplyState");
    let answers = matches!(state, "Enabled" | "Scheduled") && text("ExternalAudience") != "None";
    answers.then_some(state)
}

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let reply = match read(context).await {
        Ok(Some(reply)) => reply,
        Ok(None) => return StepReport::skipped("There is no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    if answering_outsiders(&reply).is_none() {
        return StepReport::skipped("No automatic reply goes to external senders.");
    }
    if context.preview {
        return StepReport::planned("The automatic reply to external senders would be switched off.");
    }
    context.keep(Snapshot { auto_reply: Some(reply), ..Snapshot::at(context.app.clock.now()) }).await;
    match set(context, "Disabled").await {
        Ok(()) => StepReport::done("The automatic reply to external senders is switched off."),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}
