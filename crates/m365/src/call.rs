//! Sends one authorized request to a service, and repeats it if that may help. All three clients use it.

mod attempts;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use base::clock::{Clock, Deadline};
use base::http::RequestFailure;
use base::ids::TenantId;
use base::service_time::ServiceTime;

use super::scrubber::Scrubber;
use super::throttle::Throttle;
use super::tokens::Tokens;
use super::{Service, ServiceError};
use attempts::{Attempts, LONGEST_RETRY_AFTER};

pub use attempts::retry_after;

/// The time limit of one call from its first attempt to its end, waits included. It keeps a function within its own deadline if a
/// service does not respond, or responds byte by byte.
const CALL_TIMEOUT: Duration = Duration::from_secs(90);

/// The longest response that is read into memory, in bytes. Blobs are streamed and not bound by it.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// The part of an error's body that is read, in bytes.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// The longest text of a service that becomes part of an error, in characters.
const TEXT_LIMIT: usize = 500;

/// The service's own code and text in the body of an error.
pub(super) struct ErrorBody {
    pub(super) code: String,
    pub(super) message: String,
}

/// Reads code and text from the status, headers and body of an error.
pub(super) type ReadError = fn(StatusCode, &HeaderMap, &[u8]) -> ErrorBody;

/// A response that was read to its end.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A response that has begun, and the secrets that an error in it may repeat.
struct Begun {
    response: Response,
    secrets: Scrubber,
}

/// The member that reports an error under status 200.
#[derive(Deserialize)]
struct Reported {
    error: Option<Value>,
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
    time: Arc<ServiceTime>,
    secrets: Scrubber,
}

impl Caller {
    /// Waits between attempts pass on `clock`.
    pub(super) fn new(
        service: Service,
        http: Client,
        tokens: Arc<Tokens>,
        clock: Arc<dyn Clock>,
        read_error: ReadError,
    ) -> Self {
        let (throttle, time, secrets) = (None, Arc::default(), Scrubber::default());
        Self { service, http, tokens, clock, read_error, throttle, time, secrets }
    }

    /// Returns the same caller, but no faster than the service allows.
    #[must_use]
    pub(super) fn throttled(self) -> Self {
        Self { throttle: Some(Arc::new(Throttle::new())), ..self }
    }

    /// Returns a caller for a request that contains a secret: no error repeats it.
    pub(super) fn hiding(&self, secret: &SecretString) -> Self {
        Self { secrets: self.secrets.and(secret), ..self.clone() }
    }

    /// Returns the service's own time; `None` before its first response.
    pub(super) fn service_time(&self) -> Option<DateTime<Utc>> {
        self.time.now(self.clock.as_ref())
    }

    /// Begins a request that is to be filled in and sent.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request and reads the whole response. A response that breaks off is requested again.
    pub(super) async fn whole(&self, tenant: &TenantId, request: RequestBuilder) -> Result<Answer, ServiceError> {
        self.whole_unless(tenant, request, |_| false).await
    }

    /// The same, but a transient error that `is_final` recognizes is not repeated.
    pub(super) async fn whole_unless(
        &self,
        tenant: &TenantId,
        request: RequestBuilder,
        is_final: fn(&ServiceError) -> bool,
    ) -> Result<Answer, ServiceError> {
        self.in_time(Box::pin(async {
            let mut attempts = Attempts::new();
            loop {
                match self.attempt_whole(tenant, &request, &mut attempts, is_final).await {
                    Err(error) if !is_final(&error) => self.wait_or_give_up(error, &mut attempts).await?,
                    outcome => return outcome,
                }
            }
        }))
        .await
    }

    /// Sends a request and returns the response as it begins.
    pub(super) async fn streamed(&self, tenant: &TenantId, request: RequestBuilder) -> Result<Response, ServiceError> {
        self.in_time(Box::pin(async {
            let mut attempts = Attempts::new();
            loop {
                match self.attempt(tenant, &request, &mut attempts, |_| false).await {
                    Err(error) => self.wait_or_give_up(error, &mut attempts).await?,
                    Ok(begun) if begun.response.status() == StatusCode::NO_CONTENT => {
                        return Err(ServiceError::NoContent { service: self.service });
                    }
                    Ok(begun) => return Ok(begun.response),
                }
            }
        }))
        .await
    }

    async fn attempt_whole(
        &self,
        tenant: &TenantId,
        request: &RequestBuilder,
        attempts: &mut Attempts,
        is_final: fn(&ServiceError) -> bool,
    ) -> Result<Answer, ServiceError> {
        let Begun { response, secrets } = self.attempt(tenant, request, attempts, is_final).await?;
        let headers = response.headers().clone();
        let body = self.read_up_to(response, BODY_LIMIT).await?;
        match reports_error(&body) {
            true => Err(self.reported(&headers, &body, &secrets)),
            false => Ok(Answer { headers, body }),
        }
    }

    /// Waits before the next attempt, or returns the error if there is none.
    async fn wait_or_give_up(&self, error: ServiceError, attempts: &mut Attempts) -> Result<(), ServiceError> {
        match attempts.wait_after(&error) {
            Some(wait) => {
                self.clock.sleep(wait).await;
                Ok(())
            }
            None => Err(error),
        }
    }

    /// Returns the outcome of `call`, unless it takes longer than a call may.
    async fn in_time<T>(&self, call: impl IntoFuture<Output = Result<T, ServiceError>>) -> Result<T, ServiceError> {
        match Deadline::after(Arc::clone(&self.clock), CALL_TIMEOUT).limit(call.into_future()).await {
            Some(outcome) => outcome,
            None => {
                Err(self.unreachable(format!("no response within {} s, all attempts together", CALL_TIMEOUT.as_secs())))
            }
        }
    }

    /// Parses a response.
    pub(super) fn parsed<T: DeserializeOwned>(&self, what: &str, answer: &Answer) -> Result<T, ServiceError> {
        serde_json::from_slice(&answer.body).map_err(|error| self.unreadable(what, &error))
    }

    /// Returns the error of a listing whose pages do not end. The pages read so far are not the whole.
    pub(super) fn endless(&self, what: &str) -> ServiceError {
        self.unreachable(format!("{what} does not end: its links to further pages lead in a circle"))
    }

    /// Returns the error of a response to a cmdlet or listing without a list of rows. It does not mean that there are none.
    pub(super) fn no_rows(&self, what: &str) -> ServiceError {
        self.unreachable(format!("incomplete response to {what}: no list of rows"))
    }

    /// Returns the error of a response that was read but does not have its form.
    pub(super) fn unreadable(&self, what: &str, error: &serde_json::Error) -> ServiceError {
        // Position and kind are enough; the text of serde may contain a piece of the response.
        self.unreachable(format!(
            "{what} does not have the expected form (line {}, {:?})",
            error.line(),
            error.classify()
        ))
    }

    pub(super) fn unreachable(&self, detail: String) -> ServiceError {
        ServiceError::Unreachable { service: self.service, detail }
    }

    fn no_response(&self, error: &reqwest::Error) -> ServiceError {
        ServiceError::NoResponse { service: self.service, failure: RequestFailure::of(error) }
    }

    /// Sends a request once. A token that the service rejects (401), or that lacks a right which may have been granted since it was
    /// issued (403), is replaced once and the request repeated, unless `is_final` recognizes another cause.
    async fn attempt(
        &self,
        tenant: &TenantId,
        request: &RequestBuilder,
        attempts: &mut Attempts,
        is_final: fn(&ServiceError) -> bool,
    ) -> Result<Begun, ServiceError> {
        let renewed_at = self.tokens.renewed_at(tenant, self.service);
        let error = match Box::pin(self.send(tenant, request, attempts)).await? {
            begun if begun.response.status().is_success() => return Ok(begun),
            begun => self.answered(begun).await,
        };
        let is_rejected = matches!(error.status(), Some(401 | 403)) && !error.is_transient() && !is_final(&error);
        if is_rejected && self.tokens.renew(tenant, self.service, renewed_at, self.clock.now()) {
            let begun = Box::pin(self.send(tenant, request, attempts)).await?;
            if begun.response.status().is_success() {
                return Ok(begun);
            }
            let error = self.answered(begun).await;
            self.note_throttling(tenant, &error);
            return Err(error);
        }
        self.note_throttling(tenant, &error);
        Err(error)
    }

    /// Notes a wait that is longer than a call: until then no caller sends a request for the tenant.
    fn note_throttling(&self, tenant: &TenantId, error: &ServiceError) {
        if let (Some(throttle), ServiceError::Answered { retry_after: Some(asked), .. }) = (&self.throttle, error)
            && *asked > LONGEST_RETRY_AFTER
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

    async fn send(
        &self,
        tenant: &TenantId,
        request: &RequestBuilder,
        attempts: &mut Attempts,
    ) -> Result<Begun, ServiceError> {
        self.pass_throttle(tenant).await?;
        let token = self.tokens.token(tenant, self.service).await?;
        // A request whose body is in memory can be sent again, and every body here is.
        let request =
            request.try_clone().ok_or_else(|| self.unreachable("the request cannot be sent twice".to_owned()))?;
        let request = request.bearer_auth(token.expose_secret()).build().map_err(|error| self.no_response(&error))?;
        let sent = base::http::send(&self.http, request, Some(attempts.begin())).await;
        let response = sent.map_err(|error| self.no_response(&error))?;
        self.time.note(response.headers(), self.clock.as_ref());
        Ok(Begun { response, secrets: self.secrets.and(&token) })
    }

    /// Returns the error that the service answered.
    async fn answered(&self, begun: Begun) -> ServiceError {
        let Begun { response, secrets } = begun;
        let (status, headers) = (response.status(), response.headers().clone());
        // An error whose body breaks off is still an error with a status.
        let body = self.read_up_to(response, ERROR_BODY_LIMIT).await.unwrap_or_default();
        let told = (self.read_error)(status, &headers, &body);
        ServiceError::Answered {
            service: self.service,
            status: status.as_u16(),
            code: readable(&secrets.scrub(&told.code)),
            message: readable(&secrets.scrub(&told.message)),
            retry_after: retry_after(&headers),
        }
    }

    /// Returns the error that the service reports under status 200.
    fn reported(&self, headers: &HeaderMap, body: &[u8], secrets: &Scrubber) -> ServiceError {
        let told = (self.read_error)(StatusCode::OK, headers, body);
        let told = readable(&secrets.scrub(&format!("{} {}", told.code, told.message)));
        self.unreachable(format!("the response has status 200, but reports an error: {told}"))
    }

    /// Reads a body, unless it is longer than `limit` bytes.
    async fn read_up_to(&self, mut response: Response, limit: usize) -> Result<Bytes, ServiceError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.no_response(&error))? {
            if body.len() + chunk.len() > limit {
                return Err(self.unreachable(format!("the response is longer than {limit} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// Returns whether a body is an object with an error.
fn reports_error(body: &[u8]) -> bool {
    // Serde reads a struct from an array as well.
    let is_object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    is_object && serde_json::from_slice(body).is_ok_and(|reported: Reported| reported.error.is_some())
}

/// Returns a service's text without control characters, cut to a readable length.
fn readable(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_LIMIT).collect::<String>();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
