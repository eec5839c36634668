//! RemediateAccount over plain HTTP for `tenantwatch run`. There is no platform in front that checks a function key, so a
//! browser must not be able to call it: only a loopback `Host`, only a JSON content type, only POST.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::functions::remediate_account;
use crate::remediation::BODY_LIMIT;

/// Serves until the process ends.
pub async fn serve(listener: tokio::net::TcpListener, app: App) -> std::io::Result<()> {
    axum::serve(listener, router(app)).await
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(|| async { "tenantwatch\n" }))
        .route("/api/RemediateAccount", any(remediate))
        .with_state(app)
        .layer(CatchPanicLayer::new())
}

async fn remediate(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(refusal) = refusal(&parts.method, &parts.headers) {
        return refusal;
    }
    match whole(body).await {
        Some(body) => {
            // On a task of its own: a caller who hangs up must not leave an account half secured.
            match tokio::spawn(async move { remediate_account::run(&app, &body).await }).await {
                Ok(answer) => {
                    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                    (status, Json(answer.body)).into_response()
                }
                Err(_) => {
                    refuse(StatusCode::INTERNAL_SERVER_ERROR, "an error of the program ended the run; press again")
                }
            }
        }
        None => refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 64 KiB or was cut off"),
    }
}

/// Why the request is not even looked at.
fn refusal(method: &Method, headers: &HeaderMap) -> Option<Response> {
    if !is_loopback(headers) {
        return Some(refuse(StatusCode::FORBIDDEN, "only requests to a loopback host are answered"));
    }
    if method != Method::POST {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "only POST acts");
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        return Some(response);
    }
    // A form or a plain text is what another site's page can send without asking; JSON it cannot.
    let is_json = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
        kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
    });
    (!is_json).then(|| refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json"))
}

/// Whether `Host` names this machine itself, so that no rebound name of a web page gets through.
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

/// The body, `None` when it is too long or breaks off.
async fn whole(body: Body) -> Option<bytes::Bytes> {
    to_bytes(body, BODY_LIMIT).await.ok()
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"Error": why}))).into_response()
}
