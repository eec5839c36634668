//! Serves RemediateAccount over plain HTTP for `tenantwatch run`. No platform in front checks a function key, so a web page
//! must not be able to call it: only a loopback `Host`, only a JSON content type and only POST are accepted.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use crate::app::App;
use crate::functions::remediate_account;
use crate::remediation::BODY_LIMIT;

use super::invocation::span;

/// Serves until the process ends.
///
/// # Errors
/// Returns the error of the listener.
pub async fn serve(listener: tokio::net::TcpListener, app: App) -> std::io::Result<()> {
    axum::serve(listener, router(app)).await
}

/// Builds the routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(|| async { "tenantwatch\n" }))
        .route("/api/RemediateAccount", any(remediate))
        .with_state(app)
        .layer(CatchPanicLayer::new())
}

async fn remediate(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(rejection) = rejection(&parts.method, &parts.headers) {
        return rejection;
    }
    match whole(body).await {
        Some(body) => {
            // On its own task: a caller who disconnects must not leave an account half secured.
            let call = async move { remediate_account::run(&app, &body).await };
            match tokio::spawn(call.instrument(span("RemediateAccount", &parts.headers))).await {
                Ok(answer) => {
                    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                    (status, Json(answer.body)).into_response()
                }
                Err(_) => {
                    let why = "an internal error ended this call; see the log, then run the remediation again";
                    reject(StatusCode::INTERNAL_SERVER_ERROR, why)
                }
            }
        }
        None => reject(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 64 KiB or was cut off"),
    }
}

/// Returns the response to a request whose body is not read.
fn rejection(method: &Method, headers: &HeaderMap) -> Option<Response> {
    if !is_loopback(headers) {
        return Some(reject(StatusCode::FORBIDDEN, "the Host header must name a loopback address"));
    }
    if method != Method::POST {
        let mut response = reject(StatusCode::METHOD_NOT_ALLOWED, "only POST is accepted");
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        return Some(response);
    }
    // A page of another site can send a form or plain text without the user's consent, but not JSON.
    let is_json = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
        kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
    });
    (!is_json).then(|| reject(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json"))
}

/// Returns whether `Host` names a loopback address. A name that a web page has rebound to one does not count.
fn is_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name.to_ascii_lowercase().as_str(), "127.0.0.1" | "localhost" | "[::1]")
}

/// Reads the body; `None` if it is too long or was cut off.
async fn whole(body: Body) -> Option<bytes::Bytes> {
    to_bytes(body, BODY_LIMIT).await.ok()
}

fn reject(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"Error": why}))).into_response()
}
