//! Tests the clients against servers that answer from a script and remember what they were asked.

mod activity;
mod calls;
mod exchange;
mod graph;
mod tokens;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base::clock::Clock;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::{Duration, OffsetDateTime};
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use url::Url;

use base::ids::TenantId;

use super::ServiceError;
use super::exchange::Exchange;
use super::graph::Graph;
use super::hosts::{Cloud, Hosts};
use super::management_activity::ManagementActivity;
use super::tokens::Tokens;

const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const OTHER_TENANT: &str = "22222222-2222-2222-2222-222222222222";
const PARTNER: &str = "33333333-3333-3333-3333-333333333333";

/// A credential whose tokens are numbered.
#[derive(Debug, Default)]
struct Numbered(AtomicUsize);

#[async_trait::async_trait]
impl TokenCredential for Numbered {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(AccessToken::new(format!("token-{number}"), OffsetDateTime::now_utc() + Duration::seconds(3_600)))
    }
}

/// The system's clock, but every wait takes a hundredth of its time.
#[derive(Debug)]
struct FastClock;

impl Clock for FastClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep(&self, duration: std::time::Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration / 100))
    }
}

/// A request that a server got.
#[derive(Debug, Clone)]
struct Asked {
    method: String,
    target: String,
    token: String,
    anchor: String,
    body: Value,
}

impl Asked {
    /// Returns the cmdlet and its parameters.
    fn call(&self) -> (&str, &Value) {
        let input = &self.body["CmdletInput"];
        (input["CmdletName"].as_str().unwrap(), &input["Parameters"])
    }
}

#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
}

/// One answer; the last of a script is repeated.
#[derive(Debug, Clone, Default)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, body.to_string())
    }

    fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A server on this machine that answers from a script.
#[derive(Debug, Clone)]
struct Server {
    url: String,
    script: Arc<Script>,
}

impl Server {
    async fn start() -> Self {
        let script = Arc::new(Script::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    fn says(&self, answers: impl IntoIterator<Item = Answer>) {
        *self.script.answers.lock().unwrap() = answers.into_iter().collect();
    }

    fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    fn hosts(&self) -> Hosts {
        let url = Url::parse(&self.url).unwrap();
        Hosts {
            cloud: Cloud::Worldwide,
            authority: url.clone(),
            management: url.clone(),
            graph: url.clone(),
            exchange: url,
        }
    }

    fn tokens(&self) -> (reqwest::Client, Arc<Tokens>) {
        let http = base::http::client(None).unwrap();
        let tokens = Tokens::given(&self.hosts(), http.clone(), Arc::new(Numbered::default()));
        (http, Arc::new(tokens))
    }

    fn graph(&self) -> Graph {
        let (http, tokens) = self.tokens();
        Graph::new(&self.hosts(), tenant(PARTNER), http, tokens, Arc::new(FastClock))
    }

    fn exchange(&self) -> Exchange {
        let (http, tokens) = self.tokens();
        Exchange::new(&self.hosts(), http, tokens, Arc::new(FastClock))
    }

    fn activity(&self) -> ManagementActivity {
        let (http, tokens) = self.tokens();
        ManagementActivity::new(&self.hosts(), tenant(PARTNER), http, tokens, Arc::new(FastClock))
    }
}

async fn answer(State(script): State<Arc<Script>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let header = |name| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    script.asked.lock().unwrap().push(Asked {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        token: header("authorization"),
        anchor: header("x-anchormailbox"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let mut answers = script.answers.lock().unwrap();
    let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
    let next = next.unwrap_or_else(|| Answer::new(599, "nothing was expected"));
    let mut response = Response::builder().status(next.status);
    for (name, value) in next.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(next.body)).unwrap()
}

fn tenant(guid: &str) -> TenantId {
    guid.parse().unwrap()
}

fn page(ids: &[&str], next: Option<&str>) -> Answer {
    let value: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    let mut body = json!({"value": value});
    if let Some(next) = next {
        body["@odata.nextLink"] = next.into();
    }
    Answer::json(200, &body)
}

fn is_foreign<T: std::fmt::Debug>(outcome: &Result<T, ServiceError>) -> bool {
    matches!(outcome, Err(ServiceError::ForeignLink { .. }))
}
