//! Forwarding on the mailbox is removed: both kinds of target. Where both are set Exchange uses `ForwardingAddress`, so
//! clearing only the other leaves the mail flowing.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use m365::ServiceError;
use m365::exchange::{Row, is_true};

use super::snapshot::Snapshot;
use crate::remediation::context::{EXCHANGE_GRANT, RemediationContext};
use crate::remediation::step::{StepReport, quoted};

/// Where a mailbox forwards to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Forwarding {
    /// `ForwardingSmtpAddress`, `smtp:a@b`.
    pub forwarding_smtp_address: Option<String>,
    /// `ForwardingAddress`: an object of the directory.
    pub forwarding_address: Option<String>,
    /// `DeliverToMailboxAndForward`
    pub deliver_to_mailbox_and_forward: bool,
}

impl Forwarding {
    fn of(row: &Row) -> Self {
        let text = |member| row.get(member).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            forwarding_smtp_address: text("ForwardingSmtpAddress"),
            forwarding_address: text("ForwardingAddress"),
            deliver_to_mailbox_and_forward: is_true(row, "DeliverToMailboxAndForward"),
        }
    }

    /// Both kinds of target.
    pub fn targets(&self) -> Vec<&str> {
        [&self.forwarding_smtp_address, &self.forwarding_address].into_iter().flatten().map(String::as_str).collect()
    }

    fn shown(&self) -> String {
        self.targets().into_iter().map(quoted).collect::<Vec<_>>().join(" and ")
    }
}

/// The forwarding as it is now; `None` when there is no such mailbox.
pub async fn read(context: &RemediationContext<'_>) -> Result<Option<Forwarding>, ServiceError> {
    Ok(context.mailbox_row("Get-Mailbox").await?.as_ref().map(Forwarding::of))
}

/// Sets the forwarding to just this.
pub async fn set(context: &RemediationContext<'_>, forwarding: &Forwarding) -> Result<(), ServiceError> {
    let parameters = json!({
        "ForwardingSmtpAddress": forwarding.forwarding_smtp_address,
        "ForwardingAddress": forwarding.forwarding_address,
        "DeliverToMailboxAndForward": forwarding.deliver_to_mailbox_and_forward,
    });
    context.on_mailbox("Set-Mailbox", "Identity", parameters).await.map(drop)
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
    let shown = forwarding.shown();
    if context.preview {
        return StepReport::planned(format!("Forwarding to {shown} would be removed."));
    }
    context.keep(Snapshot { forwarding: Some(forwarding), ..Snapshot::at(context.app.clock.now()) }).await;
    match set(context, &Forwarding::default()).await {
        Ok(()) => StepReport::done(format!("Forwarding to {shown} is removed.")),
        Err(error) => StepReport::failed_by(&error, EXCHANGE_GRANT),
    }
}
