//! Serves the flow's page on this machine: every notification as a card with working buttons.
//!
//! A button does what the flow in Power Automate does: it calls RemediateAccount with the members of the notification, and
//! repeats the call while the answer is `Incomplete`. Beside the cards it can show what the other channels received.

mod channels;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Simulator;

/// The number of times that the flow calls RemediateAccount while the answer is `Incomplete`.
const MAX_CALLS: usize = 10;

/// The time that the flow waits for one answer. Power Automate gives up after 120 s.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

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
    /// `true` if the page shows the other channels as well.
    has_channels: bool,
    /// The action tokens that answers of an Undo carried, by log id: those of the notifications are void.
    new_tokens: Arc<Mutex<HashMap<String, String>>>,
}

impl Page {
    /// Serves the page on 127.0.0.1 at `port` (0: any free one). `remediate_url` is the URL of RemediateAccount.
    ///
    /// # Errors
    /// Returns an error if the port is taken.
    pub async fn start(simulator: Arc<Simulator>, remediate_url: &str, port: u16) -> std::io::Result<Self> {
        Self::serve(simulator, remediate_url, port, false).await
    }

    /// Serves the page with all channels side by side.
    ///
    /// # Errors
    /// Returns an error if the port is taken.
    pub async fn start_with_channels(
        simulator: Arc<Simulator>,
        remediate_url: &str,
        port: u16,
    ) -> std::io::Result<Self> {
        Self::serve(simulator, remediate_url, port, true).await
    }

    async fn serve(
        simulator: Arc<Simulator>,
        remediate_url: &str,
        port: u16,
        has_channels: bool,
    ) -> std::io::Result<Self> {
        let flow = Flow {
            simulator,
            remediate_url: remediate_url.to_owned(),
            http: reqwest::Client::new(),
            has_channels,
            new_tokens: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router(flow)).await {
                tracing::error!(%error, "the demo page ended");
            }
        });
        Ok(Self { address, server })
    }

    /// Returns the URL of the page.
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
        .route("/channels", get(received))
        .route("/press", post(press))
        .with_state(flow)
}

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    // Only the page's own files may load, because cards contain text that an attacker chose.
    let policy =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:";
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)], text)
}

async fn notifications(State(flow): State<Flow>) -> Json<Vec<Value>> {
    let shown = |body: &Value| {
        json!({
            "LogID": body["LogID"], "Card": body["Card"], "Received": body["EventTime"],
            "Type": body["Type"], "IncidentId": body["IncidentId"],
        })
    };
    Json(flow.simulator.notifications().iter().filter(|body| body["Card"].is_string()).map(shown).collect())
}

/// Returns the messages that the other channels received, one list for each.
async fn received(State(flow): State<Flow>) -> Json<Vec<Value>> {
    Json(if flow.has_channels { channels::received(&flow.simulator) } else { Vec::new() })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Press {
    #[serde(rename = "LogID")]
    log_id: String,
    action: String,
}

async fn press(State(flow): State<Flow>, headers: HeaderMap, Json(press): Json<Press>) -> Response {
    // A page of another site must not use the buttons through the visitor's browser.
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
        let log_id = notification["LogID"].as_str().unwrap_or_default();
        let token = match action {
            "Undo" => notification["UndoToken"].clone(),
            _ => self.new_token(log_id).map_or_else(|| notification["ActionToken"].clone(), Value::from),
        };
        let body = json!({
            "Domain": notification["ManagementDomain"], "User": notification["SourceMailbox"], "ID": notification["LogID"],
            "Token": token, "Action": action,
        });
        let mut last = (StatusCode::BAD_GATEWAY, Value::Null);
        for _ in 0..MAX_CALLS {
            let response = self.http.post(&self.remediate_url).timeout(CALL_TIMEOUT).json(&body).send().await?;
            last = (response.status(), response.json().await?);
            if last.1["Status"] != "Incomplete" {
                break;
            }
        }
        if let Some(token) = last.1["ActionToken"].as_str() {
            let mut tokens = self.new_tokens.lock().unwrap_or_else(PoisonError::into_inner);
            tokens.insert(log_id.to_owned(), token.to_owned());
        }
        Ok(last)
    }

    fn new_token(&self, log_id: &str) -> Option<String> {
        self.new_tokens.lock().unwrap_or_else(PoisonError::into_inner).get(log_id).cloned()
    }
}
