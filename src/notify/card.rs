//! The Adaptive Card, version 1.4 (<https://adaptivecards.io/explorer/>): the newest that Teams shows everywhere.
//!
//! Every text of a record stands in a `RichTextBlock`, which knows no Markdown, and is defanged, so that no client makes a
//! link of it.

use serde_json::{Value, json};

use crate::detection::Severity;
use crate::ledger::ProcessedRow;
use crate::store::cut_text;

use super::{can_be_acted_on, defang, summary};

/// The largest card, in bytes of JSON. Teams takes 28 KB for a whole message.
pub const SIZE_LIMIT: usize = 26 * 1024;

/// The longest text of one part, in UTF-16 units: the first that makes the card small enough is taken.
const TEXT_LIMITS: &[usize] = &[2_000, 800, 300, 100];

/// The most reasons that are shown.
const REASONS: usize = 20;

/// What a person can press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Buttons {
    /// The flow that posted the card waits for one of `{"Action":"Remediate"}` and `{"Action":"Dismiss"}`. The card holds no
    /// token: the flow has it.
    Submit,
    /// Nothing waits: two links to look and act.
    Links {
        /// The user in the Entra admin center.
        entra: String,
        /// The mailbox in the Exchange admin center.
        exchange: String,
    },
}

/// The card of a finding. Buttons only on a threat that can be acted on.
pub fn card(row: &ProcessedRow, buttons: &Buttons) -> Value {
    let mut shortest = Value::Null;
    for limit in TEXT_LIMITS {
        shortest = card_within(row, buttons, *limit);
        if shortest.to_string().len() <= SIZE_LIMIT {
            break;
        }
    }
    shortest
}

fn card_within(row: &ProcessedRow, buttons: &Buttons, limit: usize) -> Value {
    let mut body = vec![headline(row), paragraph(&summary::summary(row), limit)];
    body.extend(facts(row).iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| fact(name, value, limit)));
    if !row.reasons.is_empty() {
        body.push(heading("Why"));
        body.extend(row.reasons.iter().take(REASONS).map(|reason| paragraph(&format!("• {}", reason.sentence), limit)));
    }
    let actions = actions(row, buttons);
    if let (Buttons::Links { .. }, true) = (buttons, can_be_acted_on(row)) {
        body.push(paragraph(WHERE_TO_ACT, limit));
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "body": body,
    });
    if !actions.is_empty() {
        card["actions"] = Value::Array(actions);
    }
    card
}

const WHERE_TO_ACT: &str = "To act: press Secure and Remediate on the card that the Power Automate flow posted, or block \
     sign-in in Entra and switch off the rule in Exchange by the links below. Nothing happens by opening them.";

fn headline(row: &ProcessedRow) -> Value {
    let style = match row.severity {
        Severity::High => "attention",
        Severity::Medium => "warning",
        Severity::Low => "accent",
    };
    let title = if row.threat { "Threat" } else { "Notice" };
    json!({
        "type": "Container",
        "style": style,
        "bleed": true,
        "items": [{
            "type": "TextBlock",
            "text": format!("{title}, severity {}: {}", row.severity.as_str(), row.kind.as_str()),
            "size": "Large",
            "weight": "Bolder",
            "wrap": true,
        }],
    })
}

fn facts(row: &ProcessedRow) -> [(&'static str, String); 12] {
    let place = match (row.ip.as_str(), row.location.as_str()) {
        (ip, "") => ip.to_owned(),
        ("", location) => location.to_owned(),
        (ip, location) => format!("{ip} ({location})"),
    };
    let does = if can_be_acted_on(row) { sentence(&summary::what_it_does(row)) } else { String::new() };
    [
        ("Mailbox", row.source_mailbox.clone()),
        ("Compromised account", if can_be_acted_on(row) { summary::whom(row) } else { String::new() }),
        ("Tenant", format!("{} ({})", row.organization, row.domain)),
        ("What it does", does),
        ("Rule", row.rule_name.clone()),
        ("Target", row.forwarding_address.clone()),
        ("Description", row.description.clone()),
        ("Operation", row.operation.clone()),
        ("Actor", row.actor.clone()),
        ("From", place),
        ("Time", row.event_time.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        ("Log id", row.record_id.to_string()),
    ]
}

fn actions(row: &ProcessedRow, buttons: &Buttons) -> Vec<Value> {
    if !can_be_acted_on(row) {
        return Vec::new();
    }
    match buttons {
        Buttons::Submit => vec![
            submit("Secure and Remediate", "Remediate", "destructive"),
            submit("Dismiss as false positive", "Dismiss", "default"),
        ],
        Buttons::Links { entra, exchange } => {
            vec![open("Open the user in Entra", entra), open("Open the mailbox in Exchange", exchange)]
        }
    }
}

fn submit(title: &str, action: &str, style: &str) -> Value {
    json!({ "type": "Action.Submit", "title": title, "style": style, "data": { "Action": action } })
}

fn open(title: &str, address: &str) -> Value {
    json!({ "type": "Action.OpenUrl", "title": title, "url": address })
}

fn heading(text: &str) -> Value {
    json!({ "type": "TextBlock", "text": text, "weight": "Bolder", "spacing": "Medium" })
}

fn paragraph(text: &str, limit: usize) -> Value {
    json!({ "type": "RichTextBlock", "inlines": [run(text, limit)] })
}

fn fact(name: &str, value: &str, limit: usize) -> Value {
    let label = json!({ "type": "TextRun", "text": format!("{name}: "), "weight": "Bolder" });
    json!({ "type": "RichTextBlock", "spacing": "Small", "inlines": [label, run(value, limit)] })
}

fn run(text: &str, limit: usize) -> Value {
    json!({ "type": "TextRun", "text": cut_text(&defang(text), limit) })
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
