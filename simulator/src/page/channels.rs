//! Shows the messages that Teams, the webhook, mail and Slack received.

use serde_json::{Value, json};

use crate::Simulator;

/// One list for each channel, in a fixed order: its name, and what it received, each a card, lines of text, or both.
pub(super) fn received(simulator: &Simulator) -> Vec<Value> {
    let mails = simulator.world().sent_mail.clone();
    vec![
        channel("Teams", simulator.teams_messages().iter().map(teams).collect()),
        channel("Webhook", simulator.webhooks().into_iter().map(|webhook| text(&pretty(&webhook.json()))).collect()),
        channel("Mail", mails.iter().map(|mime| text(&mail(mime))).collect()),
        channel("Slack", simulator.slack_messages().iter().map(|message| text(&slack(message))).collect()),
    ]
}

fn channel(name: &str, posts: Vec<Value>) -> Value {
    json!({ "Name": name, "Posts": posts })
}

fn teams(message: &Value) -> Value {
    json!({ "Card": message["attachments"][0]["content"].to_string() })
}

fn text(text: &str) -> Value {
    json!({ "Text": text })
}

fn pretty(body: &Value) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default()
}

/// The subject, sender and recipients of a mail, and its text.
fn mail(mime: &[u8]) -> String {
    let raw = String::from_utf8_lossy(mime);
    let (headers, rest) = raw.split_once("\r\n\r\n").unwrap_or((&raw, ""));
    // Only headers are folded: a line of the body that begins with a space belongs to its text.
    let headers = headers.replace("\r\n\t", " ").replace("\r\n ", " ");
    let shown = headers.lines().filter(|line| ["Subject:", "From:", "To:"].iter().any(|name| line.starts_with(name)));
    let part =
        rest.split("text/plain").nth(1).and_then(|part| part.split_once("\r\n\r\n")).map_or(rest, |(_, text)| text);
    let text = part.split("\r\n--").next().unwrap_or_default();
    format!("{}\n\n{}", shown.collect::<Vec<_>>().join("\n"), quoted_printable(text))
}

/// Decodes quoted-printable text (RFC 2045, 6.7).
fn quoted_printable(text: &str) -> String {
    let text = text.replace("=\r\n", "").replace("\r\n", "\n");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = (*first == b'=').then(|| behind.get(..2)).flatten();
        let byte = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The texts of a message in Slack's order, and the links below them.
fn slack(message: &Value) -> String {
    let mut lines = Vec::new();
    for block in message["blocks"].as_array().into_iter().flatten() {
        lines.extend(block["text"]["text"].as_str().map(str::to_owned));
        let fields = block["fields"].as_array().into_iter().flatten();
        lines.extend(fields.filter_map(|field| field["text"].as_str().map(str::to_owned)));
        let links = block["elements"].as_array().into_iter().flatten();
        lines.extend(links.filter_map(|link| link["text"]["text"].as_str()).map(|link| format!("[{link}]")));
    }
    lines.join("\n").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_shown_decoded() {
        let mime = "From: <a@b.example>\r\nSubject: [Tenantwatch] High\r\n\tcontoso.com\r\nX: y\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nWhat: a =\r\nrule =C2=B7 x\r\n--b\r\n";
        assert_eq!(
            mail(mime.as_bytes()),
            "From: <a@b.example>\nSubject: [Tenantwatch] High contoso.com\n\nWhat: a rule \u{b7} x"
        );
    }

    #[test]
    fn folded_line_of_a_body_stays_whole() {
        let mime = "Subject: a\r\n\r\nContent-Type: text/plain\r\n\r\nset=\r\n by =\r\n\t1=\r\n other\r\n--b\r\n";
        assert_eq!(mail(mime.as_bytes()), "Subject: a\n\nset by \t1 other");
    }

    #[test]
    fn slack_message_is_shown_as_its_texts() {
        let message = json!({ "blocks": [
            { "type": "header", "text": { "text": "Contained" } },
            { "type": "section", "text": { "text": "a &lt;b&gt; &amp; c" }, "fields": [{ "text": "Time: now" }] },
            { "type": "actions", "elements": [{ "text": { "text": "User in Entra" } }] },
        ] });
        assert_eq!(slack(&message), "Contained\na <b> & c\nTime: now\n[User in Entra]");
    }
}
