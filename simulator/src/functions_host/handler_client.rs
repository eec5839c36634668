//! Sends requests to the handler exactly as the host does: no header more or less, bodies of invocations in chunks.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use futures::stream;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use uuid::Uuid;

/// The version that this host claims: that of the host whose requests were captured.
pub(super) const HOST_VERSION: &str = "4.1037.0.0";

/// The header with the id of an invocation.
pub(super) const INVOCATION_ID: &str = "x-azure-functions-invocationid";

/// The longest answer that is read, in bytes: the platform's limit.
const ANSWER_LIMIT: usize = 100 * 1024 * 1024;

/// The time after which an idle connection is closed. The handler is replaced often in tests.
const IDLE: Duration = Duration::from_secs(1);

/// A client for the handler.
#[derive(Debug, Clone)]
pub(super) struct HandlerClient(Client<HttpConnector, Body>);

/// An answer of the handler.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl HandlerClient {
    pub(super) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build_http())
    }

    /// Polls `GET /` once, without any header but `Host`. Returns whether there was an answer of any status.
    pub(super) async fn is_ready(&self, port: u16) -> bool {
        let request = Request::get(format!("http://127.0.0.1:{port}/")).body(Body::empty());
        match request {
            Ok(request) => self.0.request(request).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Calls a timer or queue function.
    pub(super) async fn invoke(
        &self,
        port: u16,
        function: &str,
        id: Uuid,
        envelope: String,
    ) -> Result<Answered, String> {
        // The length of a stream is unknown, so the body is sent in chunks.
        let body = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from(envelope))]));
        let request = Request::post(format!("http://127.0.0.1:{port}/{function}"))
            .header("x-azure-functions-hostversion", HOST_VERSION)
            .header(INVOCATION_ID, id.to_string())
            .header(header::USER_AGENT, user_agent(None))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body)
            .map_err(|error| error.to_string())?;
        self.send(request).await
    }

    /// Forwards a request of a client, with a length and the host's name behind the client's own.
    pub(super) async fn forward(
        &self,
        port: u16,
        id: Uuid,
        (method, target): (Method, &str),
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answered, String> {
        let client = headers.remove(header::USER_AGENT);
        let client = client.as_ref().and_then(|value| value.to_str().ok());
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{port}{target}"))
            .header(header::USER_AGENT, user_agent(client))
            .header("x-azure-functions-hostversion", HOST_VERSION)
            .header(INVOCATION_ID, id.to_string());
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        self.send(request.body(Body::from(body)).map_err(|error| error.to_string())?).await
    }

    async fn send(&self, request: Request<Body>) -> Result<Answered, String> {
        let response = self.0.request(request).await.map_err(|error| format!("no answer: {error}"))?;
        let (parts, body) = response.into_parts();
        let body = to_bytes(Body::new(body), ANSWER_LIMIT).await;
        let body = body.map_err(|error| format!("the answer was cut off: {error}"))?;
        Ok(Answered { status: parts.status, headers: parts.headers, body })
    }
}

fn user_agent(client: Option<&str>) -> String {
    let own = format!("Azure-Functions-Host/{HOST_VERSION}");
    client.map_or_else(|| own.clone(), |client| format!("{client} {own}"))
}
