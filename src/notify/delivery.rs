//! One sending through a channel: what is accepted, what may pass, and what somebody has to mend.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::Deserialize;

use super::signature::signature;
use super::{Channel, NotifyError};
use base::clock::{Clock, Deadline};
use base::http::{FailureCause, RequestFailure, is_refused_as_private};
use base::ids::TenantId;
use m365::graph::Graph;
use m365::{ServiceError, retry_after};

/// The number of attempts in one run. Later runs try again.
const ATTEMPTS: u32 = 5;

/// The number of attempts in one run if the cause of the failure does not pass within seconds.
const ATTEMPTS_IF_CERTAIN: u32 = 2;

/// The longest time of one attempt.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);

/// The shortest time limit of an attempt.
const SHORTEST_ATTEMPT: Duration = Duration::from_secs(1);

/// The first wait. It doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The most bytes of an answer that are read.
const ANSWER_LIMIT: usize = 16 * 1024;

/// A channel and the way to reach it.
pub(super) struct Delivery<'a> {
    pub clock: &'a Arc<dyn Clock>,
    pub channel: Channel,
    pub transport: Transport<'a>,
}

/// The way to reach a channel.
pub(super) enum Transport<'a> {
    /// A POST of JSON to the address of the channel.
    Post { http: &'a reqwest::Client, address: &'a SecretString, headers: Headers<'a> },
    /// Graph, from a mailbox of the partner.
    Mail { graph: &'a Graph, partner: TenantId, from: String },
}

/// The headers of a POST that depend on the channel.
pub(super) enum Headers<'a> {
    None,
    /// The header by which a flow is found again.
    Tracking(&'a str),
    /// Those of Standard Webhooks.
    Signed {
        id: String,
        keys: &'a [SecretSlice<u8>],
    },
}

/// An attempt that failed.
struct Failed {
    error: NotifyError,
    /// The number of attempts after which the delivery ends.
    limit: u32,
}

impl From<NotifyError> for Failed {
    fn from(error: NotifyError) -> Self {
        Self { error, limit: ATTEMPTS }
    }
}

impl Delivery<'_> {
    /// Posts the body until it is accepted, is refused for good, or time or patience run out.
    pub async fn deliver(&self, body: &[u8], deadline: &Deadline) -> Result<(), NotifyError> {
        let waits = ExponentialBuilder::new().with_min_delay(FIRST_WAIT).without_max_delay().without_max_times();
        let mut waits = waits.build();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Failed { error, limit } = match self.attempt(attempts, body, deadline).await {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            let NotifyError::Transient { retry_after, .. } = &error else {
                return Err(error);
            };
            let wait = waits.next().filter(|_| attempts < limit).map(|planned| retry_after.unwrap_or(planned));
            let Some(wait) = wait.filter(|wait| *wait < deadline.left()) else {
                return Err(error);
            };
            self.clock.sleep(wait).await;
        }
    }

    async fn attempt(&self, number: u32, body: &[u8], deadline: &Deadline) -> Result<(), Failed> {
        let limit = Deadline::after(self.clock.clone(), ATTEMPT_LIMIT.min(deadline.left()).max(SHORTEST_ATTEMPT));
        match &self.transport {
            Transport::Mail { graph, partner, from } => {
                let sent = limit.limit(Box::pin(graph.send_mail(partner, from, body))).await;
                sent.ok_or_else(|| self.unanswered())?.map_err(|error| self.mail_refused(&error))
            }
            Transport::Post { http, address, headers } => {
                let request = self.request(http, address, headers, body)?;
                let sent = limit.limit(base::http::send_to_secret_url(http, request, number)).await;
                let response = sent.ok_or_else(|| self.unanswered())?.map_err(|error| self.unreachable(&error))?;
                let status = response.status();
                if status.is_success() {
                    return Ok(());
                }
                let retry_after = retry_after(response.headers());
                let code = code_of(response).await;
                Err(self.refused(status, &code, retry_after, address).into())
            }
        }
    }

    /// Built anew for every attempt: the signature covers its time.
    fn request(
        &self,
        http: &reqwest::Client,
        address: &SecretString,
        headers: &Headers<'_>,
        body: &[u8],
    ) -> Result<reqwest::Request, Failed> {
        let mut request = http
            .post(address.expose_secret())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body.to_vec());
        match headers {
            Headers::None => {}
            Headers::Tracking(id) => request = request.header("x-ms-client-tracking-id", *id),
            Headers::Signed { id, keys } => {
                let now = self.clock.now();
                request = request
                    .header("webhook-id", id)
                    .header("webhook-timestamp", now.timestamp())
                    .header("webhook-signature", signature(keys, id, now, body));
            }
        }
        request.build().map_err(|error| self.unreachable(&error))
    }

    fn mail_refused(&self, error: &ServiceError) -> Failed {
        let channel = self.channel;
        let is_timeout = matches!(
            error,
            ServiceError::NoResponse { failure, .. } if failure.cause == FailureCause::Timeout
        );
        if is_timeout {
            return self.unanswered();
        }
        if error.is_transient() {
            let retry_after = match error {
                ServiceError::Answered { retry_after, .. } => *retry_after,
                _ => None,
            };
            let error = NotifyError::Transient { channel, detail: error.to_string(), retry_after };
            return Failed { error, limit: ATTEMPTS_IF_CERTAIN };
        }
        let mend = match error.status() {
            Some(401 | 403) => {
                "assign Exchange's role Application Mail.Send, scoped to the mailbox in MAIL_FROM, to the app registration; see docs/channels.md"
            }
            Some(404) => "there is no mailbox with the address in MAIL_FROM",
            _ => "check MAIL_FROM, MAIL_TO and the app registration",
        };
        let error_text = error.to_string();
        let detail = match error {
            // It names the setting of the credential itself.
            ServiceError::Token(_) => error_text,
            _ => format!("{}; {mend}", error_text.trim_end_matches('.')),
        };
        NotifyError::Configuration { channel, detail }.into()
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failed {
        if error.is_builder() {
            let detail = format!("{} is not an address that can be called", self.channel.setting());
            return NotifyError::Configuration { channel: self.channel, detail }.into();
        }
        if is_refused_as_private(error) {
            let detail = format!(
                "the name in {} leads to a private, loopback or link-local address; set WEBHOOK_ALLOW_PRIVATE=true if the receiver is there",
                self.channel.setting()
            );
            return NotifyError::Configuration { channel: self.channel, detail }.into();
        }
        if error.is_timeout() && !error.is_connect() {
            return self.unanswered();
        }
        let failure = RequestFailure::of(error);
        let error = NotifyError::Transient { channel: self.channel, detail: failure.to_string(), retry_after: None };
        Failed { error, limit: if failure.is_certain() { ATTEMPTS_IF_CERTAIN } else { ATTEMPTS } }
    }

    fn unanswered(&self) -> Failed {
        let detail = format!("no answer within {} s", ATTEMPT_LIMIT.as_secs());
        NotifyError::Unanswered { channel: self.channel, detail }.into()
    }

    fn refused(
        &self,
        status: StatusCode,
        code: &str,
        retry_after: Option<Duration>,
        address: &SecretString,
    ) -> NotifyError {
        let channel = self.channel;
        if channel == Channel::Webhook && status == StatusCode::GONE {
            return NotifyError::Gone { channel };
        }
        let answered =
            if code.is_empty() { status.as_u16().to_string() } else { format!("{} {code}", status.as_u16()) };
        if is_transient(status) {
            return NotifyError::Transient { channel, detail: format!("it answered {answered}"), retry_after };
        }
        let mend = match channel {
            Channel::Webhook => webhook_remedy(status),
            Channel::Slack => slack_remedy(status),
            _ => remedy(status, code, has_signature(address)),
        };
        let mend = mend.replace("{setting}", channel.setting());
        NotifyError::Configuration { channel, detail: format!("it answered {answered}; {mend}") }
    }
}

fn is_transient(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) || status.is_server_error()
}

/// Returns the action that corrects the fault (error codes of request triggers:
/// <https://learn.microsoft.com/power-automate/oauth-authentication>).
fn remedy(status: StatusCode, code: &str, has_signature: bool) -> &'static str {
    match code {
        "DirectApiAuthorizationRequired" | "DirectApiInvalidAuthorizationScheme" if !has_signature => {
            "the address in {setting} holds no signature (sig=…): let \"Anyone\" trigger the flow and copy its new address"
        }
        "DirectApiAuthorizationRequired" | "MisMatchingOAuthClaims" | "DirectApiInvalidAuthorizationScheme" => {
            "the flow's trigger requires a sign-in: let \"Anyone\" trigger the flow and copy its new address into {setting}"
        }
        "DirectApiRequestHasMoreThanOneAuthorization" => {
            "something on the way adds a second authorization to the request; the signature in {setting} must be the only one"
        }
        "WorkflowTriggerIsNotEnabled" => "the flow is disabled, suspended or deleted: turn it on",
        "WorkflowNotFound" => "the flow no longer exists: copy the URL of the right one into {setting}",
        "TriggerInputSchemaMismatch" => "the schema of the flow's trigger is not the one of flow/request-schema.json",
        "MissingApiVersionParameter" => {
            "the address in {setting} is cut off at the query string: copy the complete URL"
        }
        _ => remedy_by_status(status, has_signature),
    }
}

fn webhook_remedy(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => "the receiver redirects, and redirects are not followed: set {setting} to its present address",
        401 | 403 => {
            "the receiver does not accept the signature or the address: compare WEBHOOK_SECRET with its secret"
        }
        404 => "there is no receiver at the address in {setting}",
        413 => "the receiver takes no body of 20,000 bytes: raise its limit",
        _ => "the receiver rejects the request body: compare it with docs/webhook.schema.json",
    }
}

fn slack_remedy(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => "the address in {setting} has moved: copy the webhook's present address",
        400 => "Slack rejects the message",
        403 | 404 => "the webhook in {setting} was removed: create a new one in Slack",
        410 => "the channel of the webhook in {setting} is archived: create a webhook for another channel",
        _ => "check the webhook in {setting}",
    }
}

fn remedy_by_status(status: StatusCode, has_signature: bool) -> &'static str {
    match status.as_u16() {
        300..=399 => "the address in {setting} has moved: copy the flow's present address",
        401 | 403 if !has_signature => {
            "the address in {setting} holds no signature (sig=…): let \"Anyone\" trigger the flow and copy its new address"
        }
        401 | 403 => "the signature in {setting} is not valid, or no longer: copy the flow's present address",
        404 | 410 => "there is no flow at the address in {setting}: copy the address of the right one",
        400 => "the flow rejects the request body: compare its trigger with flow/request-schema.json",
        _ => "check the flow and the address in {setting}",
    }
}

fn has_signature(address: &SecretString) -> bool {
    let Ok(address) = url::Url::parse(address.expose_secret()) else {
        return false;
    };
    address.query_pairs().any(|(name, value)| name == "sig" && !value.is_empty())
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: ErrorCode,
}

#[derive(Deserialize)]
struct ErrorCode {
    code: String,
}

/// The error code alone: the messages quote addresses.
async fn code_of(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_LIMIT {
            return String::new();
        }
    }
    let code = serde_json::from_slice(&body).map(|answer: ErrorAnswer| answer.error.code).unwrap_or_default();
    if code.len() <= 80 && code.bytes().all(|b| b.is_ascii_alphanumeric()) { code } else { String::new() }
}
