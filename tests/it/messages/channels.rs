//! Faults of the channels, as they are logged, notified and shown by `check --notify`.

use std::time::Duration;

use base::clock::Deadline;
use tenantwatch::notify::Channel;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::Catalogue;
use crate::card::example;
use crate::channels::mail::{header, mails};
use crate::channels::with;
use crate::collector_fixture::forwarding_rule;

/// Error codes of a flow's trigger.
const CODES: [&str; 8] = [
    "DirectApiAuthorizationRequired",
    "MisMatchingOAuthClaims",
    "DirectApiRequestHasMoreThanOneAuthorization",
    "WorkflowTriggerIsNotEnabled",
    "WorkflowNotFound",
    "TriggerInputSchemaMismatch",
    "MissingApiVersionParameter",
    "NewIn2027",
];

#[tokio::test]
async fn faults_of_channels_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    let fixture = with(&["flow", "webhook", "slack", "mail"]).await;
    let fault = async |channel: Channel, service: Service, status: u16, body: String| {
        fixture.sim.clear_faults();
        let status = FaultKind::Status { status, headers: Vec::new(), body };
        let path = if channel == Channel::Mail { "/sendMail" } else { "" };
        fixture.sim.inject(Fault::new(service, path, status));
        let limit = Deadline::after(fixture.app.clock.clone(), Duration::from_secs(20));
        fixture.app.notifier.send(channel, &example(), &limit).await.unwrap_err().to_string()
    };
    catalogue.situation("Flow, by error code");
    for code in CODES {
        let body = format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"see https://x\"}}}}");
        catalogue.message(&fault(Channel::Flow, Service::Flow, 400, body).await);
    }
    for (channel, service) in [
        (Channel::Flow, Service::Flow),
        (Channel::Webhook, Service::Webhook),
        (Channel::Slack, Service::Slack),
        (Channel::Mail, Service::Graph),
    ] {
        catalogue.situation(&format!("{}, by status", channel.as_str()));
        for status in [302, 400, 401, 403, 404, 410, 413, 503] {
            catalogue.message(&fault(channel, service, status, String::new()).await);
        }
    }
    catalogue.compare("channels");
}

/// Returns the plain part of a mail, with its bytes decoded.
fn plain_part(mail: &str) -> String {
    let (_, part) = mail.split_once("text/plain").unwrap();
    let (_, body) = part.split_once("\r\n\r\n").unwrap();
    let body = body.split("\r\n--").next().unwrap();
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        let is_escape = byte == b'=' && rest.len() >= 2;
        let escaped: Option<Vec<u8>> = is_escape.then(|| rest.by_ref().take(2).collect());
        bytes.push(escaped.map_or(byte, |hex| u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()));
    }
    String::from_utf8(bytes).unwrap().replace('\r', "")
}

#[tokio::test]
async fn mail_and_chat_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    let fixture = with(&["mail", "slack"]).await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let incident: String = fixture.findings().await[0].incident_id.chars().take(8).collect();
    let mail = mails(&fixture).remove(0);
    catalogue.situation("Mail");
    catalogue.message(&header(&mail, "Subject").replace(&incident, "<incident>"));
    catalogue.message(&plain_part(&mail).replace(&incident, "<incident>"));
    catalogue.situation("Slack");
    let message = fixture.sim.slack_messages().remove(0);
    catalogue.message(&serde_json::to_string_pretty(&message).unwrap().replace(&incident, "<incident>"));
    catalogue.compare("mail_and_chat");
}
