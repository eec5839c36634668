//! Proxies a real table service, here Azurite. Requests pass as they are, can be made to fail or to be held, and written
//! rows are recorded.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::faults::FaultKind;
use crate::reply::Reply;
use crate::requests::Service;
use crate::steps::{Moment, Steps};
use crate::trouble::Trouble;

/// The longest request that a table service accepts, in bytes.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// A row that was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// The time of writing, as [`Steps::order`] counts.
    pub order: u64,
    /// The columns.
    pub columns: Value,
}

/// The running proxy.
#[derive(Debug)]
pub struct StorageProxy {
    url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    origin: String,
    http: reqwest::Client,
    steps: Arc<Steps>,
    trouble: Mutex<Option<Trouble>>,
    written: Mutex<Vec<Written>>,
    failed: Mutex<Vec<u64>>,
}

impl StorageProxy {
    /// Starts a proxy for the table service at `url`, which has an account in its path.
    ///
    /// # Errors
    /// Returns an error if no port can be obtained.
    pub async fn start(url: &str, steps: Arc<Steps>) -> std::io::Result<Self> {
        let account = url.find("://").and_then(|at| url[at + 3..].find('/').map(|slash| at + 3 + slash));
        let (origin, path) = url.split_at(account.unwrap_or(url.len()));
        // Azurite ends connections that were idle for 5 s.
        let http = reqwest::Client::builder().no_proxy().pool_idle_timeout(Duration::from_secs(1));
        let http = http.build().map_err(std::io::Error::other)?;
        let shared = Arc::new(Shared {
            origin: origin.to_owned(),
            http,
            steps,
            trouble: Mutex::default(),
            written: Mutex::default(),
            failed: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}{path}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the proxy of the tables ended");
            }
        });
        Ok(Self { url, shared, server })
    }

    /// Returns the URL of the proxy, which replaces that of the service.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets requests fail at random, or not any more.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *locked(&self.shared.trouble) = trouble;
    }

    /// Returns every row that was inserted or replaced, in order.
    pub fn written(&self) -> Vec<Written> {
        locked(&self.shared.written).clone()
    }

    /// Returns the times at which requests failed or were held, as [`Steps::order`] counts.
    pub fn failed(&self) -> Vec<u64> {
        locked(&self.shared.failed).clone()
    }
}

impl Drop for StorageProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let step = shared.steps.next();
    if !shared.steps.pass(step, Moment::BeforeEffect).await {
        shared.broken_off();
    }
    let path = request.uri().path().to_owned();
    let fault = locked(&shared.trouble).as_mut().and_then(|trouble| trouble.take(Service::Tables, &path, None));
    if let Some(FaultKind::Delay(duration)) = &fault {
        tokio::time::sleep(*duration).await;
    }
    let response = match &fault {
        Some(FaultKind::Drop) => shared.broken_off(),
        Some(FaultKind::Status { status, body, .. }) => {
            shared.note_failure();
            refused(*status, body)
        }
        Some(FaultKind::AfterEffect { status }) => {
            let _ = shared.forward(request).await;
            shared.note_failure();
            refused(*status, "")
        }
        _ => match shared.forward(request).await {
            Ok(response) => response,
            Err(_) => {
                shared.note_failure();
                refused(503, "")
            }
        },
    };
    if !shared.steps.pass(step, Moment::AfterEffect).await {
        shared.broken_off();
    }
    response
}

fn refused(status: u16, body: &str) -> Response<Body> {
    let reply = Reply { body: body.as_bytes().to_vec(), ..Reply::empty(status) };
    crate::sending::response(reply.with_header("content-type", "application/json"), None, chrono::Utc::now())
}

impl Shared {
    fn note_failure(&self) {
        let order = self.steps.order();
        locked(&self.failed).push(order);
    }

    /// Ends the task of the connection, and with it the connection, without calling the panic hook.
    fn broken_off(&self) -> ! {
        self.note_failure();
        std::panic::resume_unwind(Box::new("dropped"))
    }

    async fn forward(&self, request: Request) -> Result<Response<Body>, reqwest::Error> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let is_write = matches!(parts.method.as_str(), "POST" | "PUT" | "MERGE");
        let columns = is_write.then(|| serde_json::from_slice::<Value>(&body).ok()).flatten();
        let sent = self.http.request(parts.method, format!("{}{target}", self.origin));
        let response = sent.headers(without_connection(parts.headers)).body(body).send().await?;
        let (status, headers) = (response.status(), without_connection(response.headers().clone()));
        let body = response.bytes().await?;
        if let (true, Some(columns)) = (status.is_success(), columns) {
            let order = self.steps.order();
            locked(&self.written).push(Written { order, columns });
        }
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in [HOST, CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers
}
