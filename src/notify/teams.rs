//! Creates the message to a Teams workflow webhook: the card. No button of it acts, because the webhook receives no answer; the buttons
//! open the pages on which a person can look and act.

use serde_json::{Value, json};

use super::card::{self, Buttons};
use super::{Notification, portal};
use m365::Cloud;

/// The message of a finding.
///
/// `has_flow` says whether a flow is set as well, whose card has the buttons that act.
pub fn message(notification: &Notification<'_>, cloud: Cloud, consent: Option<&str>, has_flow: bool) -> Value {
    let row = notification.row;
    let buttons = Buttons::Links {
        entra: portal::entra_user(cloud, row),
        exchange: portal::exchange_mailbox(cloud, row),
        has_flow,
    };
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card::card(notification, &buttons, consent),
        }],
    })
}
