//! Serves HTTP: forwards requests to HTTP functions once their key is right, and starts other functions manually.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;

use super::Host;
use super::app_folder::{Function, Trigger};
use super::invoke::{self, Invocation};
use super::process::Order;
use super::wire;

/// The longest body that the platform accepts, in bytes.
const BODY_LIMIT: usize = 100 * 1024 * 1024;

/// The headers of one connection, which are not forwarded.
const OF_THE_CONNECTION: [HeaderName; 4] =
    [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];

/// Serves until the host ends.
pub(super) async fn serve(host: Arc<Host>, listener: TcpListener) {
    let router = Router::new().fallback(answer).with_state(host);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the HTTP server of the Functions host ended");
    }
}

async fn answer(State(host): State<Arc<Host>>, request: Request) -> Response {
    if let Some(name) = request.uri().path().strip_prefix("/admin/functions/") {
        let name = name.to_owned();
        return start_manually(&host, &name, request).await;
    }
    let Some((function, needs_key)) = function_of(&host, &request) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if needs_key && !has_key(&request, &host.function_key) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if !host.app.host.forwards_http {
        return (StatusCode::NOT_IMPLEMENTED, "only enableForwardingHttpRequest is emulated").into_response();
    }
    let mut invocation = Invocation::new(&function, None);
    host.in_flight.fetch_add(1, Ordering::SeqCst);
    let response = forward(&host, request, &mut invocation).await.unwrap_or_else(|error| {
        invocation.error = Some(error);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    });
    host.record(&invocation);
    host.in_flight.fetch_sub(1, Ordering::SeqCst);
    response
}

/// Returns the HTTP function of a path and method, and whether it requires a key. The case of names is ignored.
fn function_of(host: &Host, request: &Request) -> Option<(Function, bool)> {
    let name = request.uri().path().strip_prefix("/api/")?;
    host.app.functions.iter().find_map(|function| match &function.trigger {
        Trigger::Http { needs_key, methods } if function.name.eq_ignore_ascii_case(name) => {
            let allowed =
                methods.is_empty() || methods.iter().any(|own| own.eq_ignore_ascii_case(request.method().as_str()));
            allowed.then(|| (function.clone(), *needs_key))
        }
        _ => None,
    })
}

fn has_key(request: &Request, key: &str) -> bool {
    let in_header = request.headers().get("x-functions-key").and_then(|key| key.to_str().ok());
    let query = request.uri().query().unwrap_or_default();
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("code="));
    in_header.or(in_query) == Some(key)
}

/// Answers `POST /admin/functions/{name}`: the function runs in the background.
async fn start_manually(host: &Arc<Host>, name: &str, request: Request) -> Response {
    if !has_key(&request, &host.master_key) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let found = host.app.functions.iter().find(|function| function.name.eq_ignore_ascii_case(name)).cloned();
    let (Some(function), &Method::POST) = (found, request.method()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let body = to_bytes(request.into_body(), BODY_LIMIT).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let input = body["input"].as_str();
    let (data, dequeue_count) = match &function.trigger {
        Trigger::Timer { .. } => (wire::manual_timer_data(&function, input), None),
        Trigger::Queue { binding, .. } => {
            (wire::manual_queue_data(&function, binding, input.unwrap_or_default()), Some(0))
        }
        Trigger::Http { .. } => {
            return (StatusCode::NOT_IMPLEMENTED, "a manual start of an HTTP function is not emulated").into_response();
        }
    };
    let host = Arc::clone(host);
    tokio::spawn(async move { invoke::call(&host, &function, data, dequeue_count).await });
    StatusCode::ACCEPTED.into_response()
}

async fn forward(host: &Host, request: Request, invocation: &mut Invocation) -> Result<Response, String> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|error| error.to_string())?;
    let port = host.port().await.map_err(|error| error.to_string())?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let headers = without_connection(parts.headers);
    let sent = host.handler.forward(port, invocation.id, (parts.method, target), headers, body);
    let Ok(answered) = tokio::time::timeout(host.function_timeout(), sent).await else {
        let _ = host.orders.send(Order::Restart).await;
        return Err(format!("timed out after {:?}; the handler was killed", host.function_timeout()));
    };
    let answered = answered?;
    invocation.status = Some(answered.status.as_u16());
    Ok((answered.status, without_connection(answered.headers), Body::from(answered.body)).into_response())
}

fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers
}
