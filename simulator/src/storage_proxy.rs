//! Proxies a real table service, here Azurite. Requests pass as they are, can be made to fail or to be held, and written
//! rows are recorded.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, DATE, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::faults::{self, Fault, FaultKind, Target};
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

type Clock = Box<dyn Fn() -> DateTime<Utc> + Send + Sync>;

struct Shared {
    origin: String,
    http: reqwest::Client,
    steps: Arc<Steps>,
    clock: Mutex<Option<Clock>>,
    faults: Mutex<Vec<Fault>>,
    trouble: Mutex<Option<Trouble>>,
    written: Mutex<Vec<Written>>,
    failed: Mutex<Vec<u64>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("origin", &self.origin).finish_non_exhaustive()
    }
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
            clock: Mutex::default(),
            faults: Mutex::default(),
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

    /// Replaces the `Date` header of every answer by the time of `now`. Until then it is the service's own.
    pub fn run_clock(&self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) {
        *locked(&self.shared.clock) = Some(Box::new(now));
    }

    /// Makes requests fail whose `METHOD path?query` contains the route. Tenants and mailboxes are not known here.
    pub fn inject(&self, fault: Fault) {
        locked(&self.shared.faults).push(fault);
    }

    /// Removes all injected faults.
    pub fn clear_faults(&self) {
        locked(&self.shared.faults).clear();
    }

    /// Lets requests fail at random, or not any more. Injected faults take precedence.
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
    let fault = shared.fault_of(&request);
    if let Some(FaultKind::Delay(duration)) = &fault {
        tokio::time::sleep(*duration).await;
    }
    let response = match &fault {
        Some(FaultKind::Drop) => shared.broken_off(),
        Some(FaultKind::Hang) => shared.hang().await,
        Some(FaultKind::Status { status, body, .. }) => {
            shared.note_failure();
            refused(*status, body)
        }
        _ => shared.forward_with(request, fault.as_ref()).await,
    };
    if !shared.steps.pass(step, Moment::AfterEffect).await {
        shared.broken_off();
    }
    response
}

/// Returns the answer of a service that did not do what was requested.
fn refused(status: u16, body: &str) -> Response<Body> {
    let reply = Reply { body: body.as_bytes().to_vec(), ..Reply::empty(status) };
    crate::sending::response(reply.with_header("content-type", "application/json"), None, chrono::Utc::now())
}

impl Shared {
    fn note_failure(&self) {
        let order = self.steps.order();
        locked(&self.failed).push(order);
    }

    /// Chooses the fault of a request: an injected one, else a random one.
    fn fault_of(&self, request: &Request) -> Option<FaultKind> {
        let path = request.uri().path();
        let line = format!("{} {path}?{}", request.method(), request.uri().query().unwrap_or_default());
        let target = Target { service: Service::Tables, line, call: None, tenant: None, mailbox: None };
        let injected = faults::take(&mut locked(&self.faults), &target, None);
        injected.or_else(|| locked(&self.trouble).as_mut()?.take(Service::Tables, path, None, None))
    }

    /// Waits for ever, or until the client leaves.
    async fn hang(&self) -> ! {
        self.note_failure();
        std::future::pending().await
    }

    /// Forwards a request, and applies a fault that comes after the effect.
    async fn forward_with(&self, request: Request, fault: Option<&FaultKind>) -> Response<Body> {
        let response = self.forward(request).await;
        match (fault, response) {
            (Some(FaultKind::HangAfterEffect), _) => self.hang().await,
            (Some(FaultKind::AfterEffect { status }), _) => {
                self.note_failure();
                refused(*status, "")
            }
            (Some(FaultKind::DelayAfterEffect(duration)), Ok(response)) => {
                tokio::time::sleep(*duration).await;
                response
            }
            (_, Ok(response)) => response,
            (_, Err(_)) => {
                self.note_failure();
                refused(503, "")
            }
        }
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
        let (status, mut headers) = (response.status(), without_connection(response.headers().clone()));
        let date = locked(&self.clock).as_ref().map(|now| now().format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        if let Some(date) = date.and_then(|date| HeaderValue::try_from(date).ok()) {
            headers.insert(DATE, date);
        }
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
