//! The Adaptive Card, version 1.4 (<https://adaptivecards.io/explorer/>): the newest that Teams shows everywhere.
//!
//! Every text of a record stands in a `RichTextBlock`, which knows no Markdown, and is defanged, so that no client makes a
//! link of it.

use serde_json::{Value, json};

use crate::detection::{FindingKind, Severity};
use crate::tables::ProcessedRow;
use crate::tables::incidents::is_owner_unknown;

use super::elements::{Texts, bold, close, large, own_words, paragraph, quiet, sentence};
use super::investigated::investigated_of;
use super::{Notification, can_be_acted_on, can_be_secured, summary};

/// The largest card, in bytes of JSON. Teams takes 28 KB for a whole message.
pub const SIZE_LIMIT: usize = 26 * 1024;

/// The longest text of one part, in UTF-16 units: the first that makes the card small enough is taken.
const TEXT_LIMITS: &[usize] = &[2_000, 800, 300, 100];

/// The longest text of one line of the headline, in UTF-16 units.
const HEADLINE_LIMIT: usize = 500;

/// The most reasons that are shown.
const REASONS: usize = 20;

/// An action that the card offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Buttons {
    /// The flow that posted the card waits for one of `{"Action":"Remediate"}` and `{"Action":"Dismiss"}`. The card holds no
    /// token: the flow has it.
    Submit,
    /// As [`Buttons::Submit`], and `{"Action":"Undo"}`: the account was contained.
    SubmitOrUndo,
    /// Nothing waits: two links to look and act.
    Links {
        /// The user in the Entra admin center.
        entra: String,
        /// The mailbox in the Exchange admin center.
        exchange: String,
        /// A flow is set as well: its card has the buttons.
        has_flow: bool,
    },
}

/// The card of a finding. Buttons only on a threat that can be acted on, and `consent`, the page where an administrator of the
/// tenant lets the app in, on a notice that it is missing.
pub fn card(notification: &Notification<'_>, buttons: &Buttons, consent: Option<&str>) -> Value {
    let mut shortest = Value::Null;
    for limit in TEXT_LIMITS {
        shortest = card_within(notification, buttons, consent, *limit);
        if shortest.to_string().len() <= SIZE_LIMIT {
            break;
        }
    }
    shortest
}

fn card_within(notification: &Notification<'_>, buttons: &Buttons, consent: Option<&str>, limit: usize) -> Value {
    let row = notification.row;
    let mut actions = actions(row, buttons);
    actions.extend(consent.map(|page| open("Open the consent page", page)));
    let texts = Texts { notification, limit };
    let mut body = vec![headline(notification)];
    if row.kind == FindingKind::Investigation {
        body.extend(report_lines(texts));
    } else {
        body.extend(contained(texts));
        body.extend(why(texts));
        body.push(whole_picture(texts));
        body.extend(particulars(texts));
    }
    if let Buttons::Links { has_flow, .. } = buttons
        && can_be_secured(row)
    {
        body.push(paragraph(own_words(if *has_flow { WHERE_TO_ACT } else { WHERE_TO_ACT_WITHOUT_FLOW })));
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

const WHERE_TO_ACT: &str = "To respond, select Secure and Remediate on the flow's card, or use the links below. Opening a link changes nothing.";

const WHERE_TO_ACT_WITHOUT_FLOW: &str = "To respond, use the links below: block sign-in in Entra, and disable the rule or forwarding in \
     Exchange. Opening a link changes nothing.";

/// The numbers and the other accounts of a report; its verdict stands in the headline.
fn report_lines(texts: Texts<'_>) -> Vec<Value> {
    let row = texts.notification.row;
    let log_id = investigated_of(row).map_or_else(|| row.record_id.to_string(), |about| about.log_id.to_string());
    let lines = row.description.lines().skip(1).filter(|line| !line.is_empty());
    let mut lines: Vec<Value> = lines.map(|line| paragraph(texts.run(line))).collect();
    lines.push(paragraph(quiet(texts.run(&format!("log id {log_id}")))));
    lines
}

/// Returns the lines that a person must read in any case: severity, account, event. Always short, so that the flow can show them
/// beside a long result.
fn headline(notification: &Notification<'_>) -> Value {
    let row = notification.row;
    let (style, colour) = match row.severity {
        Severity::High => ("attention", "Attention"),
        Severity::Medium => ("warning", "Warning"),
        Severity::Low => ("accent", "Accent"),
    };
    let [class, whom, tenant, what] = summary::headline(notification);
    let texts = Texts { notification, limit: HEADLINE_LIMIT };
    let line = |text: &str| texts.run(text);
    let mut items = vec![
        json!({ "type": "TextBlock", "text": class, "weight": "Bolder", "color": colour, "wrap": true }),
        sentence([large(line(&whom)), line(&tenant)]),
        paragraph(line(&what)),
    ];
    // The advice is the fourth line in any case: people read no further at night.
    let advice = if can_be_acted_on(row) { summary::advice(notification) } else { String::new() };
    for sentence in [advice, summary::containment(notification), notification.others()] {
        if !sentence.is_empty() {
            items.push(paragraph(bold(line(&sentence))));
        }
    }
    json!({ "type": "Container", "style": style, "bleed": true, "items": items })
}

/// Returns a line for each step of the automatic containment.
fn contained(texts: Texts<'_>) -> Vec<Value> {
    let lines: Vec<&str> = texts.notification.row.containment_detail.lines().collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let heading = json!({ "type": "TextBlock", "text": "Done automatically", "weight": "Bolder", "spacing": "Medium" });
    let steps = lines.into_iter().map(|line| close(paragraph(texts.run(&format!("• {line}")))));
    std::iter::once(heading).chain(steps).collect()
}

fn why(texts: Texts<'_>) -> Vec<Value> {
    let row = texts.notification.row;
    if row.reasons.is_empty() {
        return Vec::new();
    }
    let heading = json!({ "type": "TextBlock", "text": "Why", "weight": "Bolder", "spacing": "Medium" });
    let reasons = row.reasons.iter().take(REASONS).map(|reason| texts.run(&format!("• {}", reason.sentence)));
    std::iter::once(heading).chain(reasons.map(|reason| close(paragraph(reason)))).collect()
}

/// Returns accounts, place and time: names and values in two columns.
fn whole_picture(texts: Texts<'_>) -> Value {
    let known = facts(texts.notification).into_iter().filter(|(_, value)| !value.is_empty());
    let mut items: Vec<Value> = known.map(|(name, value)| texts.fact(name, texts.run(&value))).collect();
    items.insert(
        people(texts.notification).iter().filter(|(_, value)| !value.is_empty()).count(),
        texts.fact("Tenant", tenant(texts)),
    );
    json!({ "type": "Container", "separator": true, "spacing": "Medium", "items": items })
}

/// Returns the tenant's name and domain. The domain is the tenant's own, so people have to be able to copy it.
fn tenant(texts: Texts<'_>) -> Value {
    let row = texts.notification.row;
    let organization = texts.run(&row.organization);
    let organization = organization["text"].as_str().unwrap_or_default();
    own_words(&format!("{organization} ({})", row.domain))
}

fn facts(notification: &Notification<'_>) -> Vec<(&'static str, String)> {
    let row = notification.row;
    let mut time = row.event_time.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    let age = notification.age();
    if !age.is_empty() {
        time = format!("{time} ({age})");
    }
    let mut facts = people(notification);
    facts.extend([
        ("From", notification.place()),
        ("Time", time),
        ("Rule", row.rule_name.clone()),
        ("Target", row.forwarding_address.clone()),
    ]);
    facts
}

/// Mailbox, compromised account and author of the change; in one line if they are one person.
fn people(notification: &Notification<'_>) -> Vec<(&'static str, String)> {
    let row = notification.row;
    if !can_be_acted_on(row) {
        return vec![("Mailbox", row.source_mailbox.clone()), ("Changed by", row.actor.clone())];
    }
    if is_owner_unknown(row) {
        return vec![("Mailbox", "owner unknown".to_owned()), ("Changed by", row.actor.clone())];
    }
    if summary::is_same(&row.source_mailbox, &row.actor) {
        return vec![("Account", row.source_mailbox.clone())];
    }
    vec![
        ("Mailbox", row.source_mailbox.clone()),
        ("Compromised", summary::whom(notification)),
        ("Changed by", row.actor.clone()),
    ]
}

/// Returns the details for a closer look, in quiet print; of a notice the whole text, because its headline has less.
fn particulars(texts: Texts<'_>) -> Vec<Value> {
    let row = texts.notification.row;
    let is_notice = row.kind == FindingKind::Coverage;
    let is_said = row.description.is_empty() || is_notice && row.description == summary::summary(texts.notification);
    let mut particulars = Vec::new();
    if !is_said {
        let description = texts.run(&row.description);
        particulars.push(if is_notice { description } else { quiet(description) });
    }
    particulars.push(quiet(texts.run(&format!("{} · log id {}", row.operation, row.record_id))));
    particulars.into_iter().map(paragraph).collect()
}

fn actions(row: &ProcessedRow, buttons: &Buttons) -> Vec<Value> {
    if !can_be_acted_on(row) {
        return Vec::new();
    }
    let dismiss = || submit("Dismiss as false positive", "Dismiss", "default");
    match buttons {
        // No account is known that could be secured.
        Buttons::Submit | Buttons::SubmitOrUndo if !can_be_secured(row) => vec![dismiss()],
        Buttons::Links { entra, .. } if !can_be_secured(row) => vec![open("Open the actor in Entra", entra)],
        Buttons::Submit => vec![submit("Secure and Remediate", "Remediate", "destructive"), dismiss()],
        Buttons::SubmitOrUndo => vec![
            submit("Secure and Remediate", "Remediate", "destructive"),
            submit("Let back in", "Undo", "default"),
            dismiss(),
        ],
        Buttons::Links { entra, exchange, .. } => {
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
