//! What a Teams workflow webhook is sent: the card in a message. No button of it acts, for the webhook hears no answer; they
//! open the places where a person can look and act.

use serde_json::{Value, json};

use super::card::{self, Buttons};
use super::{Notification, portal};
use m365::Cloud;

/// The message of a finding.
pub fn message(notification: &Notification<'_>, cloud: Cloud, consent: Option<&str>) -> Value {
    let row = notification.row;
    let buttons =
        Buttons::Links { entra: portal::entra_user(cloud, row), exchange: portal::exchange_mailbox(cloud, row) };
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card::card(notification, &buttons, consent),
        }],
    })
}
