//! HTTP functions: the key is checked, the request forwarded as it came, the answer returned as it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use super::Host;
use super::app_folder::{Function, Trigger};
use super::invoke::{HOST_VERSION, Invocation};
use super::process::Order;

/// What the platform lets through, in bytes.
const BODY_LIMIT: usize = 100 * 1024 * 1024;

/// Headers that belong to one connection and are not forwarded.
const OF_THE_CONNECTION: [HeaderName; 4] =
    [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];

/// Serves until the host ends.
pub(super) async fn serve(host: Arc<Host>, listener: TcpListener) {
    let router = Router::new().fallback(answer).with_state(host);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the front door of the Functions host ended");
    }
}

async fn answer(State(host): State<Arc<Host>>, request: Request) -> Response {
    let Some((function, needs_key)) = function_of(&host, &request) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if needs_key && !has_key(&host, &request) {
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

/// The HTTP function that path and method mean, and whether it demands a key. Names are compared without regard to case.
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

fn has_key(host: &Host, request: &Request) -> bool {
    let in_header = request.headers().get("x-functions-key").and_then(|key| key.to_str().ok());
    let query = request.uri().query().unwrap_or_default();
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("code="));
    in_header.or(in_query) == Some(host.function_key.as_str())
}

async fn forward(host: &Host, request: Request, invocation: &mut Invocation) -> Result<Response, String> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|error| error.to_string())?;
    let port = host.port().await.map_err(|error| error.to_string())?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let sent = host
        .http
        .request(parts.method, format!("http://127.0.0.1:{port}{target}"))
        .headers(without_connection(parts.headers))
        .header("X-Azure-Functions-InvocationId", invocation.id.to_string())
        .header("X-Azure-Functions-HostVersion", HOST_VERSION)
        .body(body)
        .send();
    let Ok(response) = tokio::time::timeout(host.function_timeout(), sent).await else {
        let _ = host.orders.send(Order::Restart).await;
        return Err(format!("timed out after {:?}; the handler was killed", host.function_timeout()));
    };
    let response = response.map_err(|error| format!("no answer: {error}"))?;
    invocation.status = Some(response.status().as_u16());
    let (status, headers) = (response.status(), without_connection(response.headers().clone()));
    let body = response.bytes().await.map_err(|error| format!("the answer was cut off: {error}"))?;
    Ok((status, headers, Body::from(body)).into_response())
}

fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers
}
