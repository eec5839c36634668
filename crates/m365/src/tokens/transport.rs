//! Sends the requests of the credentials over the shared HTTP client, with one line of log each.

use std::sync::Arc;

use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::policies::{Policy, PolicyResult, RetryPolicyCount};
use azure_core::http::{AsyncRawResponse, Body, Context, Request};
use base::clock::Clock;
use base::http::RequestFailure;
use base::service_time::ServiceTime;
use reqwest::header::HeaderMap;

/// The number of attempts if the cause will not pass within seconds: an unknown name, a refused connection, an untrusted certificate.
const MAX_ATTEMPTS_IF_CERTAIN: u32 = 2;

/// The last policy of every credential's pipeline.
#[derive(Debug)]
pub(super) struct SharedTransport {
    http: reqwest::Client,
    time: Arc<ServiceTime>,
    clock: Arc<dyn Clock>,
}

impl SharedTransport {
    /// Notes the time of each response in `time`.
    pub(super) fn new(http: reqwest::Client, time: Arc<ServiceTime>, clock: Arc<dyn Clock>) -> Self {
        Self { http, time, clock }
    }
}

#[async_trait::async_trait]
impl Policy for SharedTransport {
    async fn send(&self, context: &Context, request: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
        let attempt = context.value::<RetryPolicyCount>().map_or(1, |count| **count + 1);
        let request = outgoing(request)?;
        let response =
            base::http::send(&self.http, request, Some(attempt)).await.map_err(|error| failed(&error, attempt))?;
        self.time.note(response.headers(), self.clock.as_ref());
        let (status, headers) = (response.status().as_u16(), incoming(response.headers()));
        let body = response.bytes().await.map_err(|error| failed(&error, attempt))?;
        Ok(AsyncRawResponse::from_bytes(status.into(), headers, body))
    }
}

fn outgoing(request: &Request) -> azure_core::Result<reqwest::Request> {
    let invalid = || Error::with_message(ErrorKind::Other, "the token request cannot be sent");
    let method = reqwest::Method::from_bytes(request.method().as_ref().as_bytes()).map_err(|_| invalid())?;
    let Body::Bytes(body) = request.body() else { return Err(invalid()) };
    let mut outgoing = reqwest::Request::new(method, request.url().clone());
    for (name, value) in request.headers().iter() {
        let name = reqwest::header::HeaderName::try_from(name.as_str()).map_err(|_| invalid())?;
        let value = reqwest::header::HeaderValue::try_from(value.as_str()).map_err(|_| invalid())?;
        outgoing.headers_mut().insert(name, value);
    }
    *outgoing.body_mut() = Some(body.clone().into());
    Ok(outgoing)
}

fn incoming(headers: &HeaderMap) -> Headers {
    let mut incoming = Headers::new();
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            incoming.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
        }
    }
    incoming
}

/// Returns the error of a request without a response. The pipeline repeats errors of the kind `Connection` only.
fn failed(error: &reqwest::Error, attempt: u32) -> Error {
    let failure = RequestFailure::of(error);
    let is_last = failure.is_certain() && attempt >= MAX_ATTEMPTS_IF_CERTAIN;
    let kind = if is_last { ErrorKind::Other } else { ErrorKind::Connection };
    Error::with_error(kind, failure, "no response to the token request")
}
