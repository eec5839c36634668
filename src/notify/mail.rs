//! Builds a mail: MIME with a text and an HTML form of the same lines, a subject that ticket systems can group by.

use std::fmt;

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use table_store::cut_text;

use super::{Notification, can_be_acted_on, can_be_secured, portal, presses, summary};
use crate::detection::FindingKind;
use crate::settings::MailSettings;
use crate::tables::incidents::{self, is_owner_unknown};
use m365::Cloud;

/// The longest value of a line, in UTF-16 units.
const VALUE_LIMIT: usize = 4_000;

/// The keys of the lines whose values are addresses of admin centres.
const USER_LINK: &str = "User in Entra";
const MAILBOX_LINK: &str = "Mailbox in Exchange";
const CONSENT_LINK: &str = "Consent page";

/// A mail that could not be built.
#[derive(Debug)]
pub struct MailError(std::io::Error);

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the mail could not be built: {}", self.0)
    }
}

/// The mail of a finding as MIME.
///
/// # Errors
/// If it cannot be built.
///
/// `has_flow` says whether a flow is set as well, whose card has the buttons; `consent` is the page on which an administrator grants
/// consent to the app, if it is missing.
pub fn message(
    notification: &Notification<'_>,
    cloud: Cloud,
    settings: &MailSettings,
    has_flow: bool,
    consent: Option<&str>,
) -> Result<Vec<u8>, MailError> {
    let row = notification.row;
    let mut lines = lines(notification, cloud, has_flow);
    lines.extend(consent.map(|page| (CONSENT_LINK, page.to_owned())));
    let to: Vec<String> = settings.recipients(&row.domain).into_iter().map(ToString::to_string).collect();
    let mut message = MessageBuilder::new()
        .from(settings.from.to_string())
        .to(to)
        .header("Subject", subject_header(subject(notification)))
        // The same id at every attempt, for systems that know a mail again by it.
        .message_id(format!("{}@{}", row.record_id, settings.from.domain()))
        .text_body(text(&lines))
        .html_body(html(&lines));
    if let Some(time) = notification.sent_at {
        message = message.date(time.timestamp());
    }
    message.write_to_vec().map_err(MailError)
}

/// Returns the subject: that of the incident's first threat, if it is known.
pub fn subject(notification: &Notification<'_>) -> String {
    let row = notification.row;
    if !notification.subject.is_empty() && !row.incident_id.is_empty() {
        return notification.subject.to_owned();
    }
    incidents::subject(row, &row.incident_id)
}

/// Returns the header of a subject: plain and folded if it is ASCII, because the rules of ticket systems often look at the header as it
/// is; encoded otherwise, or if it looks like an encoding itself.
fn subject_header(subject: String) -> HeaderType<'static> {
    let is_plain = subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !subject.contains("=?");
    if is_plain { Raw::new(subject).into() } else { Text::new(subject).into() }
}

/// Returns the lines `Key: value`, which ticket systems parse.
pub fn lines(notification: &Notification<'_>, cloud: Cloud, has_flow: bool) -> Vec<(&'static str, String)> {
    let row = notification.row;
    let press = presses::press_of(row);
    let investigated = super::investigated::investigated_of(row);
    let reasons: Vec<&str> = row.reasons.iter().map(|reason| reason.sentence.as_str()).collect();
    let why = if reasons.is_empty() { String::new() } else { notification.safe(&reasons.join(" ")) };
    let done = match &press {
        Some(press) => press.steps.clone(),
        None if !row.containment_detail.is_empty() => row.containment_detail.clone(),
        None if super::is_contained(row) => summary::containment(notification),
        None if row.threat => "Nothing yet: Tenantwatch has notified only.".to_owned(),
        None => String::new(),
    };
    let time = row.event_time.format("%Y-%m-%d %H:%M:%S").to_string();
    let mut lines = vec![
        ("Customer", notification.safe(&row.organization)),
        ("Tenant", format!("{} ({})", row.domain, row.tenant_id)),
        ("User", user(notification)),
        ("Severity", row.severity.as_str().to_owned()),
        ("Incident", row.incident_id.clone()),
        ("Time UTC", time),
        ("What", what(notification)),
        ("Why", why),
        ("Done", notification.safe(&done)),
        ("Next", next(notification, has_flow)),
    ];
    if can_be_acted_on(row) {
        lines.push(("From", notification.safe(&notification.place())));
    }
    if can_be_secured(row) {
        lines.push((USER_LINK, portal::entra_user(cloud, row)));
        lines.push((MAILBOX_LINK, portal::exchange_mailbox(cloud, row)));
    }
    let about = press.map(|press| press.log_id).or(investigated.map(|investigated| investigated.log_id));
    lines.push(("Log id", about.map_or_else(|| row.record_id.to_string(), |log_id| log_id.to_string())));
    lines.into_iter().map(|(key, value)| (key, one_line(&value))).collect()
}

fn user(notification: &Notification<'_>) -> String {
    let row = notification.row;
    let account = if row.source_mailbox.is_empty() { &row.actor } else { &row.source_mailbox };
    let has_other_actor = !row.actor.is_empty() && !summary::is_same(account, &row.actor);
    if is_owner_unknown(row) {
        return notification.safe(&format!("owner unknown, changed by {}", row.actor));
    }
    let actor = if has_other_actor { format!(", changed by {}", row.actor) } else { String::new() };
    notification.safe(&format!("{account}{actor}"))
}

fn what(notification: &Notification<'_>) -> String {
    let row = notification.row;
    match row.kind {
        FindingKind::Coverage | FindingKind::Investigation => notification.safe(&row.description),
        _ => summary::of_notification(notification),
    }
}

fn next(notification: &Notification<'_>, has_flow: bool) -> String {
    let row = notification.row;
    match presses::press_of(row) {
        Some(press) if press.status == "Completed" || press.status == "Undone" => {
            "Nothing, if this was agreed.".to_owned()
        }
        Some(_) if has_flow => {
            "Read the steps above, and run the remediation again from the card of the flow.".to_owned()
        }
        Some(_) => "Read the steps above, and run the remediation again.".to_owned(),
        None if row.threat && (is_owner_unknown(row) || super::is_contained(row) && has_flow) => {
            summary::advice(notification)
        }
        None if row.threat && super::is_contained(row) => {
            "Sign-in may be blocked already. If this change was not agreed, use the links \
             below for the rest."
                .to_owned()
        }
        None if row.threat => {
            let how = if has_flow { "with the card of the flow" } else { "with the links below" };
            format!("If this change was not agreed, secure {} {how}.", summary::whom(notification))
        }
        None if row.kind == FindingKind::Investigation => {
            "Read the report: tenantwatch investigate with the log id below, or the tables.".to_owned()
        }
        None if row.kind == FindingKind::Test => "Nothing.".to_owned(),
        None => "Read the line What, and follow it.".to_owned(),
    }
}

fn one_line(text: &str) -> String {
    cut_text(&text.split_whitespace().collect::<Vec<_>>().join(" "), VALUE_LIMIT)
}

fn text(lines: &[(&str, String)]) -> String {
    lines.iter().map(|(key, value)| format!("{key}: {value}\r\n")).collect()
}

fn html(lines: &[(&str, String)]) -> String {
    let rows: String = lines
        .iter()
        .map(|(key, value)| {
            format!("<tr><th align=\"left\" valign=\"top\">{key}:</th><td>{}</td></tr>\n", shown(key, value))
        })
        .collect();
    format!("<!DOCTYPE html>\n<html><body><table cellpadding=\"4\">\n{rows}</table></body></html>\n")
}

/// A value in HTML. Addresses of admin centres become links, whichever form another value has.
fn shown(key: &str, value: &str) -> String {
    let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    match key {
        USER_LINK | MAILBOX_LINK | CONSENT_LINK => format!("<a href=\"{escaped}\">{escaped}</a>"),
        _ => escaped,
    }
}
