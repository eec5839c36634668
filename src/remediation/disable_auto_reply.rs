//! An automatic reply that answers outsiders is switched off: attackers use it to answer for their victim.

use serde_json::{Value, json};

use m365::ServiceError;
use m365::exchange::Row;

use super::case::{Case, EXCHANGE_GRANT};
use super::snapshot::Snapshot;
use super::step::StepReport;

/// State and audience of the automatic reply; `None` when there is no such mailbox.
pub async fn read(case: &Case<'_>) -> Result<Option<Row>, ServiceError> {
    let row = case.mailbox_row("Get-MailboxAutoReplyConfiguration").await?;
    let kept = ["AutoReplyState", "ExternalAudience"];
    Ok(row.map(|row| row.into_iter().filter(|(name, _)| kept.contains(&name.as_str())).collect()))
}

/// Sets the state: `Disabled`, `Enabled` or `Scheduled`.
pub async fn set(case: &Case<'_>, state: &str) -> Result<(), ServiceError> {
    let parameters = json!({ "AutoReplyState": state });
    case.on_mailbox("Set-MailboxAutoReplyConfiguration", "Identity", parameters).await.map(drop)
}

/// The state where it answers outsiders.
pub fn answering_outsiders(reply: &Row) -> Option<&str> {
    let text = |member| reply.get(member).and_then(Value::as_str).unwrap_or_default();
    let state = text("AutoReplyState");
    let answers = matches!(state, "Enabled" | "Scheduled") && text("ExternalAudience") != "None";
    answers.then_some(state)
}

pub async fn run(case: &Case<'_>) -> StepReport {
    let reply = match read(case).await {
        Ok(Some(reply)) => reply,
        Ok(None) => return StepReport::skipped("There is no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    if answering_outsiders(&reply).is_none() {
        return StepReport::skipped("No automatic reply goes to external senders.");
    }
    if case.preview {
        return StepReport::planned("The automatic reply to external senders would be switched off.");
    }
    case.keep(Snapshot { auto_reply: Some(reply), ..Snapshot::at(case.app.clock.now()) }).await;
    match set(case, "Disabled").await {
        Ok(()) => StepReport::done("The automatic reply to external senders is switched off."),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}
