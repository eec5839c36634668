//! Proves that a delegate rule sends mail to delegates: to mailboxes that have a permission on the owner's mailbox or on its calendar.

use m365::exchange::InboxRule;

use base::clock::Deadline;

use crate::remediation::boundary::Recipient;
use crate::remediation::context::RemediationContext;

/// The calendar. In a mailbox of another language it has another name; permissions on it then prove nothing.
const CALENDAR: &str = "\\Calendar";

/// Returns whether every recipient of the rule is proven to have access. An access that cannot be read in time is not proven.
pub async fn is_given_to_all(context: &RemediationContext<'_>, rule: &InboxRule, look_ups: &Deadline) -> bool {
    let targets = rule.targets();
    for target in &targets {
        let has_access = look_ups.limit(Box::pin(is_given(context, target))).await;
        if has_access != Some(true) {
            return false;
        }
    }
    !targets.is_empty()
}

async fn is_given(context: &RemediationContext<'_>, target: &str) -> bool {
    let Recipient::Mailbox(address) = context.recipient(target).await else { return false };
    let (mailbox, address) = (context.mailbox(), address.to_string());
    for folder in [None, Some(CALENDAR)] {
        let call = context.app.exchange.has_access(context.tenant(), &mailbox, folder, &address);
        if let Ok(true) = context.ask_exchange("permissions", call).await {
            return true;
        }
    }
    false
}
