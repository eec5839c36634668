//! The one HTTP client of the program, as the table client wants it.

use std::sync::Arc;

use azure_core_legacy::error::{Error, ErrorKind};
use azure_core_legacy::headers::{ERROR_CODE, HeaderName, Headers};
use azure_core_legacy::{Body, HttpClient, Request, Response, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use base::clock::SystemClock;
use base::http::RequestFailure;
use base::service_time::ServiceTime;

tokio::task_local! {
    static CALL: Call;
}

/// The call that a request is sent for. The client crate works without a log, so the log is carried around it.
#[derive(Debug, Clone, Default)]
struct Call {
    log: Dispatch,
    attempt: Option<u32>,
}

impl Call {
    fn current() -> Self {
        CALL.try_with(Clone::clone).unwrap_or_default()
    }
}

/// Runs work of the client crate without a log, because it writes `Authorization` headers and URLs there. Each request that it sends is
/// still logged, as attempt number `attempt`.
pub(super) async fn quietly<T>(work: impl Future<Output = T>, attempt: u32) -> T {
    let log = tracing::dispatcher::get_default(Clone::clone);
    CALL.scope(Call { log, attempt: Some(attempt) }, work.with_subscriber(NoSubscriber::default())).await
}

/// Sends the table client's requests over the shared client, and notes the time of the service.
#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    time: Arc<ServiceTime>,
}

impl Transport {
    pub fn new(http: reqwest::Client, time: Arc<ServiceTime>) -> Self {
        Self { http, time }
    }
}

#[async_trait::async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core_legacy::Result<Response> {
        let call = Call::current();
        let sent = base::http::send(&self.http, outgoing(request)?, call.attempt);
        let answer = sent.with_subscriber(call.log).await.map_err(|error| unsent(&error))?;
        let status = StatusCode::try_from(answer.status().as_u16())
            .map_err(|_| Error::message(ErrorKind::DataConversion, "unknown status"))?;
        self.time.note(answer.headers(), &SystemClock);
        let headers = incoming(answer.headers());
        let body = answer.bytes().await.map_err(|error| unsent(&error))?;
        Ok(if status.is_success() { whole(status, headers, body) } else { refusal(status, &body) })
    }
}

fn outgoing(request: &Request) -> azure_core_legacy::Result<reqwest::Request> {
    let wrong = || Error::message(ErrorKind::Other, "the request cannot be sent");
    let method = reqwest::Method::from_bytes(request.method().as_ref().as_bytes()).map_err(|_| wrong())?;
    let Body::Bytes(body) = request.body() else {
        return Err(wrong());
    };
    let mut outgoing = reqwest::Request::new(method, request.url().clone());
    for (name, value) in request.headers().iter() {
        let name = reqwest::header::HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        let value = reqwest::header::HeaderValue::try_from(value.as_str()).map_err(|_| wrong())?;
        outgoing.headers_mut().insert(name, value);
    }
    *outgoing.body_mut() = Some(body.clone().into());
    Ok(outgoing)
}

fn incoming(headers: &reqwest::header::HeaderMap) -> Headers {
    let mut incoming = Headers::new();
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            incoming.insert(HeaderName::from(name.as_str().to_owned()), value.to_owned());
        }
    }
    incoming
}

fn whole(status: StatusCode, headers: Headers, body: Bytes) -> Response {
    Response::new(status, headers, Box::pin(futures::stream::iter([Ok(body)])))
}

/// An error answer, with nothing left of it but status and error code. The table service tells the code in a form that the
/// crate does not know; and an answer that says it is XML would reach a parser with known faults (RUSTSEC-2026-0194, -0195).
fn refusal(status: StatusCode, body: &[u8]) -> Response {
    let mut headers = Headers::new();
    if let Ok(ServiceError { error }) = serde_json::from_slice(body) {
        headers.insert(ERROR_CODE, error.code.chars().filter(char::is_ascii_alphanumeric).take(60).collect::<String>());
    }
    whole(status, headers, Bytes::new())
}

/// Source: "Status and error codes" on learn.microsoft.com, the JSON form.
#[derive(Deserialize)]
struct ServiceError {
    #[serde(rename = "odata.error", alias = "error")]
    error: ServiceErrorCode,
}

#[derive(Deserialize)]
struct ServiceErrorCode {
    code: String,
}

/// Returns the error of a request without a response.
fn unsent(error: &reqwest::Error) -> Error {
    Error::new(ErrorKind::Io, RequestFailure::of(error))
}
