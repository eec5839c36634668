//! One authorised request to a service, with the retries it deserves. Shared by all three clients.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use base::clock::{Clock, Deadline};
use base::ids::TenantId;

use super::throttle::Throttle;
use super::tokens::Tokens;
use super::{Service, ServiceError};

/// How often a request is sent that fails in passing.
const TRIES: usize = 4;

/// The first wait between two tries; each further one is twice as long, and up to twice that by chance.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How long all tries of one request may wait together. A function's deadline is minutes, a remediation's 100 s.
const RETRY_TIMEOUT: Duration = Duration::from_secs(40);

/// The longest wait that `Retry-After` may ask for; whoever asks for more is tried again by a later run.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// How long one call may take from its first try to its end, waits and silent services included. It is what keeps a
/// function within its own deadline when a service drips or hangs.
const WHOLE_CALL: Duration = Duration::from_secs(90);

/// The longest answer that is read into memory, in bytes. Blobs are streamed and not bound by it.
const ANSWER_LIMIT: usize = 32 * 1024 * 1024;

/// How much of an error's body is read, in bytes.
const ERROR_LIMIT: usize = 64 * 1024;

/// The longest text of a service that goes into an error, in characters.
const TEXT_LIMIT: usize = 500;

/// The service's own code and text in the body of an error.
pub(super) struct ErrorBody {
    pub(super) code: String,
    pub(super) message: String,
}

/// Reads code and text from the status, headers and body of an error.
pub(super) type ReadError = fn(StatusCode, &HeaderMap, &[u8]) -> ErrorBody;

/// An answer that was read to its end.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Sends requests to one service.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    service: Service,
    http: Client,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
    read_error: ReadError,
    throttle: Option<Arc<Throttle>>,
}

impl Caller {
    /// Waits between tries pass on `clock`.
    pub(super) fn new(
        service: Service,
        http: Client,
        tokens: Arc<Tokens>,
        clock: Arc<dyn Clock>,
        read_error: ReadError,
    ) -> Self {
        Self { service, http, tokens, clock, read_error, throttle: None }
    }

    /// The same, but no faster than the service allows.
    #[must_use]
    pub(super) fn throttled(self) -> Self {
        Self { throttle: Some(Arc::new(Throttle::new())), ..self }
    }

    /// A request to be filled in and sent.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request and reads the whole answer; a broken-off answer is tried again as well.
    pub(super) async fn whole(&self, tenant: &TenantId, request: RequestBuilder) -> Result<Answer, ServiceError> {
        self.in_time(Box::pin(async {
            let mut waits = waits();
            loop {
                match self.attempt_whole(tenant, &request).await {
                    Err(error) if error.is_transient() => self.wait_or_give_up(error, &mut waits).await?,
                    outcome => return outcome,
                }
            }
        }))
        .await
    }

    /// Sends a request and hands over the answer as it begins.
    pub(super) async fn streamed(&self, tenant: &TenantId, request: RequestBuilder) -> Result<Response, ServiceError> {
        self.in_time(Box::pin(async {
            let mut waits = waits();
            loop {
                match self.attempt(tenant, &request).await {
                    Err(error) if error.is_transient() => self.wait_or_give_up(error, &mut waits).await?,
                    outcome => return outcome,
                }
            }
        }))
        .await
    }

    async fn attempt_whole(&self, tenant: &TenantId, request: &RequestBuilder) -> Result<Answer, ServiceError> {
        let response = self.attempt(tenant, request).await?;
        let headers = response.headers().clone();
        let body = read_up_to(response, ANSWER_LIMIT).await.map_err(|why| self.unreachable(why))?;
        Ok(Answer { headers, body })
    }

    /// Waits before the next try, or gives the error back when there is none.
    async fn wait_or_give_up(&self, error: ServiceError, waits: &mut ExponentialBackoff) -> Result<(), ServiceError> {
        match wait_for(&error, waits.next()) {
            Some(wait) => {
                self.clock.sleep(wait).await;
                Ok(())
            }
            None => Err(error),
        }
    }

    /// What `call` gives, unless it takes longer than a call may.
    async fn in_time<T>(&self, call: impl IntoFuture<Output = Result<T, ServiceError>>) -> Result<T, ServiceError> {
        match Deadline::after(Arc::clone(&self.clock), WHOLE_CALL).limit(call.into_future()).await {
            Some(outcome) => outcome,
            None => Err(self.unreachable(format!("no answer within {} s, all tries together", WHOLE_CALL.as_secs()))),
        }
    }

    /// A listing whose pages do not end. What was read of it is not the whole, so it is not handed over as such.
    pub(super) fn endless(&self, what: &str) -> ServiceError {
        self.unreachable(format!("{what} does not end: its links to further pages lead in a circle"))
    }

    /// An answer to a cmdlet or listing that gives no list of rows. It does not mean that there are none.
    pub(super) fn no_rows(&self, what: &str) -> ServiceError {
        self.unreachable(format!("the answer to {what} has no list of rows"))
    }

    /// An answer that was read but is not what it must be.
    pub(super) fn unreadable(&self, what: &str, error: &serde_json::Error) -> ServiceError {
        // The position and kind are enough; serde's text may hold a piece of the answer.
        self.unreachable(format!("{what} is not what it must be (line {}, {:?})", error.line(), error.classify()))
    }

    fn unsent(&self, error: &reqwest::Error) -> ServiceError {
        let (service, detail) = (self.service, base::http::describe(error));
        match base::http::is_certain(error) {
            true => ServiceError::NoConnection { service, detail },
            false => ServiceError::Unreachable { service, detail },
        }
    }

    pub(super) fn unreachable(&self, detail: String) -> ServiceError {
        ServiceError::Unreachable { service: self.service, detail }
    }

    /// One try. A token that the service rejects (401), or that lacks a right which may have been granted since it was issued (403), is
    /// replaced once and the request repeated.
    async fn attempt(&self, tenant: &TenantId, request: &RequestBuilder) -> Result<Response, ServiceError> {
        let (error, rejected) = match Box::pin(self.send(tenant, request)).await? {
            (response, _) if response.status().is_success() => return Ok(response),
            (response, token) => (self.answered(response, &token).await, token),
        };
        let is_rejected = matches!(error.status(), Some(401 | 403)) && !error.is_transient();
        if is_rejected && self.has_other_token(tenant, &rejected).await {
            let (response, token) = Box::pin(self.send(tenant, request)).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            let error = self.answered(response, &token).await;
            self.note_throttling(tenant, &error);
            return Err(error);
        }
        self.note_throttling(tenant, &error);
        Err(error)
    }

    /// Returns whether another token than the rejected one can be had: a fresh one, or one that another call has renewed meanwhile.
    async fn has_other_token(&self, tenant: &TenantId, rejected: &SecretString) -> bool {
        if self.tokens.renew(tenant, self.service, self.clock.now()) {
            return true;
        }
        let current = self.tokens.token(tenant, self.service).await;
        current.is_ok_and(|current| current.expose_secret() != rejected.expose_secret())
    }

    /// Whoever asks for a longer wait than a call has is not called before, by nobody.
    fn note_throttling(&self, tenant: &TenantId, error: &ServiceError) {
        if let (Some(throttle), ServiceError::Answered { retry_after: Some(asked), .. }) = (&self.throttle, error)
            && *asked > LONGEST_WAIT
        {
            throttle.close(tenant, self.clock.now(), *asked);
        }
    }

    async fn pass_throttle(&self, tenant: &TenantId) -> Result<(), ServiceError> {
        let Some(throttle) = &self.throttle else { return Ok(()) };
        if let Some(until) = throttle.closed_until(tenant, self.clock.now()) {
            return Err(ServiceError::Waiting { service: self.service, until });
        }
        throttle.pass(tenant).await;
        Ok(())
    }

    /// Sends the request once; gives the response and the token that it was sent with.
    async fn send(
        &self,
        tenant: &TenantId,
        request: &RequestBuilder,
    ) -> Result<(Response, SecretString), ServiceError> {
        self.pass_throttle(tenant).await?;
        let token = self.tokens.token(tenant, self.service).await?;
        // A request whose body is in memory can be sent again; all of ours are.
        let request =
            request.try_clone().ok_or_else(|| self.unreachable("the request cannot be sent twice".to_owned()))?;
        let request = request.bearer_auth(token.expose_secret()).build();
        let request = request.map_err(|error| self.unreachable(base::http::describe(&error)))?;
        let sent = base::http::send(&self.http, request).await;
        let response = sent.map_err(|error| self.unsent(&error))?;
        Ok((response, token))
    }

    async fn answered(&self, response: Response, token: &SecretString) -> ServiceError {
        let (status, headers) = (response.status(), response.headers().clone());
        // An error whose body breaks off is still an error with a status.
        let body = read_up_to(response, ERROR_LIMIT).await.unwrap_or_default();
        let told = (self.read_error)(status, &headers, &body);
        ServiceError::Answered {
            service: self.service,
            status: status.as_u16(),
            code: readable(&scrubbed(&told.code, token)),
            message: readable(&scrubbed(&told.message, token)),
            retry_after: retry_after(&headers),
        }
    }
}

/// Returns a service's text without the secret of the call: some services repeat what they were sent. The text may have been cut
/// within the secret, so the beginning of one at its end is removed too.
pub(super) fn scrubbed(text: &str, secret: &SecretString) -> String {
    const REMOVED: &str = "[removed]";
    let secret = secret.expose_secret();
    if secret.is_empty() {
        return text.to_owned();
    }
    let text = text.replace(secret, REMOVED);
    let beginnings = secret.char_indices().map(|(at, _)| &secret[..at]).rev().take_while(|start| start.len() >= 3);
    match beginnings.into_iter().find_map(|start| text.strip_suffix(start)) {
        Some(rest) => format!("{rest}{REMOVED}"),
        None => text,
    }
}

/// Reads a body, refusing one that is longer than `limit` bytes.
async fn read_up_to(mut response: Response, limit: usize) -> Result<Bytes, String> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| base::http::describe(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(format!("the answer is longer than {limit} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The distances between tries. An iterator instead of backon's own loop: through the closures of that the compiler cannot
/// see that a future is `Send`.
fn waits() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(TRIES - 1)
        .with_total_delay(Some(RETRY_TIMEOUT))
        .with_jitter()
        .build()
}

/// What the service asked for goes before our own distance; whoever asks for too much is not waited for.
fn wait_for(error: &ServiceError, planned: Option<Duration>) -> Option<Duration> {
    let planned = planned?;
    match error {
        ServiceError::Answered { retry_after: Some(asked), .. } if *asked > LONGEST_WAIT => None,
        ServiceError::Answered { retry_after: Some(asked), .. } => Some(*asked),
        // Once more, because a service may just be starting; the later waits are longer than this.
        ServiceError::NoConnection { .. } if planned > FIRST_WAIT * 2 => None,
        // The credential has tried several times already, and who asked for more time than there is gets it.
        ServiceError::Token(_) | ServiceError::Waiting { .. } => None,
        _ => Some(planned),
    }
}

/// `Retry-After` in seconds or as a date, against the service's own `Date`.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let now = chrono::DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some((until - now).to_std().unwrap_or_default())
}

/// A service's text without control characters, cut to a readable length.
fn readable(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_LIMIT).collect::<String>();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
