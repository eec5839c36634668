//! The flow's page at a local address: every notification as a card, and buttons that do what the flow in Power Automate
//! does – call RemediateAccount with the members of the notification, again while the answer is `Incomplete`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Simulator;

/// How often the flow calls RemediateAccount again while it answers `Incomplete`.
const PRESSES: usize = 10;

/// How long the flow waits for one answer: Power Automate gives up after 120 s.
const PATIENCE: Duration = Duration::from_secs(120);

/// The running page.
#[derive(Debug)]
pub struct Page {
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Flow {
    simulator: Arc<Simulator>,
    remediate_url: String,
    http: reqwest::Client,
}

impl Page {
    /// Serves the page on 127.0.0.1 at `port` (0: any free one). `remediate_url` is where RemediateAccount listens.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(simulator: Arc<Simulator>, remediate_url: &str, port: u16) -> std::io::Result<Self> {
        let flow = Flow { simulator, remediate_url: remediate_url.to_owned(), http: reqwest::Client::new() };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router(flow)).await {
                tracing::error!(%error, "the demo page ended");
            }
        });
        Ok(Self { address, server })
    }

    /// Where to point a browser.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(flow: Flow) -> Router {
    const HTML: &str = "text/html; charset=utf-8";
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    Router::new()
        .route("/", get(|| file(HTML, include_str!("index.html"))))
        .route("/page.css", get(|| file("text/css; charset=utf-8", include_str!("page.css"))))
        .route("/page.js", get(|| file(SCRIPT, include_str!("page.js"))))
        .route("/adaptivecards.min.js", get(|| file(SCRIPT, include_str!("vendor/adaptivecards.min.js"))))
        .route("/markdown-it.min.js", get(|| file(SCRIPT, include_str!("vendor/markdown-it.min.js"))))
        .route("/notifications", get(notifications))
        .route("/press", post(press))
        .with_state(flow)
}

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    // Nothing but the page's own files may load: text that an attacker chose must not bring anything in.
    let policy =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:";
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)], text)
}

async fn notifications(State(flow): State<Flow>) -> Json<Vec<Value>> {
    let shown = |body: &Value| json!({"LogID": body["LogID"], "Card": body["Card"], "Received": body["EventTime"]});
    Json(flow.simulator.notifications().iter().filter(|body| body["Card"].is_string()).map(shown).collect())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Press {
    #[serde(rename = "LogID")]
    log_id: String,
    action: String,
}

async fn press(State(flow): State<Flow>, headers: HeaderMap, Json(press): Json<Press>) -> Response {
    // A page of another site must not press the button through the visitor's browser.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !host.starts_with("127.0.0.1:") && !host.starts_with("localhost:") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let notification = flow.simulator.notifications().into_iter().find(|body| body["LogID"] == press.log_id.as_str());
    let Some(notification) = notification else {
        return (StatusCode::NOT_FOUND, Json(json!({"Error": "no such notification"}))).into_response();
    };
    match flow.post_back(&notification, &press.action).await {
        Ok((status, answer)) => (status, Json(answer)).into_response(),
        Err(error) => {
            (StatusCode::BAD_GATEWAY, Json(json!({"Error": error.without_url().to_string()}))).into_response()
        }
    }
}

impl Flow {
    async fn post_back(&self, notification: &Value, action: &str) -> reqwest::Result<(StatusCode, Value)> {
        let body = json!({
            "Domain": notification["ManagementDomain"], "User": notification["SourceMailbox"], "ID": notification["LogID"],
            "Token": notification["ActionToken"], "Action": action,
        });
        let mut last = (StatusCode::BAD_GATEWAY, Value::Null);
        for _ in 0..PRESSES {
            let response = self.http.post(&self.remediate_url).timeout(PATIENCE).json(&body).send().await?;
            last = (response.status(), response.json().await?);
            if last.1["Status"] != "Incomplete" {
                break;
            }
        }
        Ok(last)
    }
}
