//! Puts the services on their ports and answers every request: log it, take a fault if one is set, ask the service, send.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request as HttpRequest, Response};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::entra::Tokens;
use crate::faults::{self, Fault, FaultKind};
use crate::reply::Reply;
use crate::requests::{Request, Service};
use crate::steps::{Moment, Steps};
use crate::tls::{Authority, Handshakes};
use crate::trouble::Trouble;
use crate::world::World;
use crate::{activity, entra, exchange, flow, graph, ipstack};

/// The longest body that is read, in bytes.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// By what a channel knows a notification again.
const TRACKING_ID: &str = "x-ms-client-tracking-id";

/// What the action tokens of the simulated provider are signed with: base64 of 32 bytes.
const ACTION_KEY: &str = "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=";

/// Where each service listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    /// Entra sign-in.
    pub authority: String,
    /// Office 365 Management Activity API.
    pub management: String,
    /// Microsoft Graph.
    pub graph: String,
    /// Exchange Online admin API.
    pub exchange: String,
    /// The trigger of the Power Automate flow, signature included.
    pub flow: String,
    /// The Teams webhook, signature included.
    pub teams: String,
    /// ipstack.
    pub ipstack: String,
    /// The endpoint where managed identities get their tokens; plain http, as on the platform.
    pub identity: String,
}

/// The running services and their state.
pub struct Simulator {
    shared: Arc<Shared>,
    urls: Urls,
    authority: Authority,
    servers: Vec<tokio::task::JoinHandle<()>>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("urls", &self.urls.management).finish_non_exhaustive()
    }
}

/// What time it is.
#[derive(Default)]
enum Time {
    #[default]
    OfTheSystem,
    Still(DateTime<Utc>),
    Running(Box<dyn Fn() -> DateTime<Utc> + Send + Sync>),
}

/// A notification that a channel took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The flow or Teams.
    pub channel: Service,
    /// `x-ms-client-tracking-id`
    pub tracking_id: String,
    /// When, as [`Steps::order`] counts.
    pub order: u64,
    /// When the request came; whoever sent it may have been killed by the time it was accepted.
    pub begun: u64,
    /// Whether whoever sent it was not told.
    pub lost: bool,
}

struct Shared {
    world: Mutex<World>,
    tokens: Mutex<Tokens>,
    time: Mutex<Time>,
    requests: Mutex<Vec<Request>>,
    faults: Mutex<Vec<Fault>>,
    notifications: Mutex<Vec<Value>>,
    tracking_ids: Mutex<Vec<String>>,
    teams: Mutex<Vec<Value>>,
    accepted: Mutex<Vec<Accepted>>,
    trouble: Mutex<Option<Trouble>>,
    steps: Arc<Steps>,
    origins: Mutex<HashMap<Service, String>>,
    handshakes: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Served {
    service: Service,
    shared: Arc<Shared>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulator {
    /// Serves a world.
    ///
    /// # Errors
    /// When no port or no certificate can be had.
    pub async fn start(world: World) -> std::io::Result<Self> {
        let authority = Authority::new()?;
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            tokens: Mutex::default(),
            time: Mutex::default(),
            requests: Mutex::default(),
            faults: Mutex::default(),
            notifications: Mutex::default(),
            tracking_ids: Mutex::default(),
            teams: Mutex::default(),
            accepted: Mutex::default(),
            trouble: Mutex::default(),
            steps: Arc::default(),
            origins: Mutex::default(),
            handshakes: Arc::default(),
        });
        let mut servers = Vec::new();
        let mut serve = |service| serve(service, &shared, &authority, &mut servers);
        let urls = Urls {
            authority: serve(Service::Entra)?,
            management: serve(Service::Activity)?,
            graph: serve(Service::Graph)?,
            exchange: serve(Service::Exchange)?,
            flow: format!(
                "{}/powerautomate/automations/direct/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=c2ltdWxhdGVkLWZsb3ctc2lnbmF0dXJl",
                serve(Service::Flow)?
            ),
            teams: format!(
                "{}/powerautomate/automations/direct/workflows/fedcba9876543210fedcba9876543210/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=c2ltdWxhdGVkLXRlYW1zLXNpZ25hdHVyZQ",
                serve(Service::Teams)?
            ),
            ipstack: serve(Service::Ipstack)?,
            identity: format!("{}/msi/token", serve(Service::Identity)?),
        };
        Ok(Self { shared, urls, authority, servers })
    }

    /// Every setting that the product needs to use this simulator.
    pub fn environment(&self) -> Vec<(String, String)> {
        let world = self.world();
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            text("PARTNER_TENANT_ID", &world.partner_tenant.to_string()),
            text("CLIENT_ID", &world.client_id.to_string()),
            text("CLIENT_SECRET", &world.client_secret),
            text("AZURE_AUTHORITY_HOST", &self.urls.authority),
            text("MANAGEMENT_API_URL", &self.urls.management),
            text("GRAPH_URL", &self.urls.graph),
            text("EXCHANGE_URL", &self.urls.exchange),
            text("FLOW_URL", &self.urls.flow),
            text("TEAMS_WEBHOOK_URL", &self.urls.teams),
            text("ACTION_KEY", ACTION_KEY),
            text("SSL_CERT_FILE", &self.ca_path().to_string_lossy()),
        ]
    }

    /// Where each service listens.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The certificate authority, PEM.
    pub fn ca_path(&self) -> PathBuf {
        self.authority.path()
    }

    /// The state, to read or change. Never hold it across an await.
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.shared.world)
    }

    /// Stops its clock at this time.
    pub fn set_now(&self, now: DateTime<Utc>) {
        *locked(&self.shared.time) = Time::Still(now);
    }

    /// Lets its clock run as `now` says.
    pub fn run_clock(&self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) {
        *locked(&self.shared.time) = Time::Running(Box::new(now));
    }

    /// Its time: the system's, until it was set.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.now()
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.shared.requests).clone()
    }

    /// How many requests fit.
    pub fn count(&self, fits: impl Fn(&Request) -> bool) -> usize {
        locked(&self.shared.requests).iter().filter(|request| fits(request)).count()
    }

    /// How many TLS connections were made, whatever was asked over each.
    pub fn handshakes(&self) -> usize {
        self.shared.handshakes.load(Ordering::Relaxed)
    }

    /// Starts counting anew.
    pub fn forget_requests(&self) {
        locked(&self.shared.requests).clear();
        self.shared.handshakes.store(0, Ordering::Relaxed);
    }

    /// Makes requests fail. The first fault that fits is taken.
    pub fn inject(&self, fault: Fault) {
        locked(&self.shared.faults).push(fault);
    }

    /// Nothing fails any more.
    pub fn clear_faults(&self) {
        locked(&self.shared.faults).clear();
    }

    /// No token that was given out is good any more.
    pub fn revoke_tokens(&self) {
        locked(&self.shared.tokens).forget_all();
    }

    /// Lets requests fail by chance, or no more. Faults that are injected go first.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *locked(&self.shared.trouble) = trouble;
    }

    /// Counts every request; can hold one.
    pub fn steps(&self) -> Arc<Steps> {
        Arc::clone(&self.shared.steps)
    }

    /// What both channels took, in order, and whether the sender learned of it.
    pub fn accepted(&self) -> Vec<Accepted> {
        locked(&self.shared.accepted).clone()
    }

    /// What the flow accepted, in order.
    pub fn notifications(&self) -> Vec<Value> {
        locked(&self.shared.notifications).clone()
    }

    /// The header `x-ms-client-tracking-id` of each accepted notification, in order.
    pub fn tracking_ids(&self) -> Vec<String> {
        locked(&self.shared.tracking_ids).clone()
    }

    /// What the Teams webhook accepted, in order.
    pub fn teams_messages(&self) -> Vec<Value> {
        locked(&self.shared.teams).clone()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

/// Puts one service on a port of its own and returns its origin.
fn serve(
    service: Service,
    shared: &Arc<Shared>,
    authority: &Authority,
    servers: &mut Vec<tokio::task::JoinHandle<()>>,
) -> std::io::Result<String> {
    let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let router =
        Router::new().fallback(handle).with_state(Served { service, shared: Arc::clone(shared) }).into_make_service();
    // The platform's identity endpoint is plain http on loopback.
    let is_plain = service == Service::Identity;
    let origin = if is_plain { format!("http://127.0.0.1:{port}") } else { format!("https://localhost:{port}") };
    locked(&shared.origins).insert(service, origin.clone());
    let server = axum_server::from_tcp(listener)?;
    let tls = RustlsAcceptor::new(RustlsConfig::from_config(Arc::clone(&authority.server)))
        .acceptor(Handshakes(Arc::clone(&shared.handshakes)));
    servers.push(tokio::spawn(async move {
        let ended = if is_plain { server.serve(router).await } else { server.acceptor(tls).serve(router).await };
        if let Err(error) = ended {
            tracing::error!(%error, ?service, "a simulated service ended");
        }
    }));
    Ok(origin)
}

async fn handle(State(served): State<Served>, request: HttpRequest<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let mut entry = Request {
        service: served.service,
        method: parts.method.to_string(),
        path: unescaped(parts.uri.path()),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        tenant: parts.uri.path().split('/').find_map(|segment| segment.parse().ok()),
        cmdlet: (served.service == Service::Exchange).then(|| exchange::cmdlet_of(&body)).flatten(),
        status: 0,
        faulted: false,
        order: served.shared.steps.order(),
    };
    let step = served.shared.steps.next();
    if !served.shared.steps.pass(step, Moment::BeforeEffect).await {
        served.shared.broken_off(entry);
    }
    let line = format!("{} {}?{}", entry.method, entry.path, entry.query);
    let called = entry.cmdlet.as_ref().and_then(|_| exchange::call_of(&body));
    let fault = faults::take(&mut locked(&served.shared.faults), served.service, &line, called.as_deref());
    let fault = fault.or_else(|| {
        let mut trouble = locked(&served.shared.trouble);
        trouble.as_mut().and_then(|trouble| trouble.take(served.service, &entry.path, entry.cmdlet.as_deref()))
    });
    entry.faulted = fault.as_ref().is_some_and(|fault| !matches!(fault, FaultKind::Delay(_)));
    if let Some(FaultKind::Delay(duration)) = &fault {
        tokio::time::sleep(*duration).await;
    }
    if matches!(fault, Some(FaultKind::Drop)) {
        served.shared.broken_off(entry);
    }
    let reply = match &fault {
        Some(FaultKind::Status { status, headers, body }) => {
            let headers = headers.clone();
            Reply { status: *status, headers, body: body.clone().into_bytes(), blob: None }
        }
        Some(FaultKind::AfterEffect { status }) => {
            served.shared.answer(&served, &entry, &parts.headers, &body);
            Reply::empty(*status)
        }
        _ => served.shared.answer(&served, &entry, &parts.headers, &body),
    };
    if matches!(fault, Some(FaultKind::AfterEffect { .. } | FaultKind::Cut)) {
        served.shared.note_lost(served.service, &parts.headers);
    }
    if !served.shared.steps.pass(step, Moment::AfterEffect).await {
        served.shared.note_lost(served.service, &parts.headers);
        served.shared.broken_off(entry);
    }
    entry.status = reply.status;
    let now = served.shared.now();
    served.shared.log(entry);
    crate::sending::response(reply, fault.as_ref(), now)
}

impl Shared {
    fn now(&self) -> DateTime<Utc> {
        match &*locked(&self.time) {
            Time::OfTheSystem => Utc::now(),
            Time::Still(now) => *now,
            Time::Running(now) => now(),
        }
    }

    /// Ends the connection's task, and with it the connection; the hook that prints a panic is not called.
    fn broken_off(&self, mut entry: Request) -> ! {
        entry.faulted = true;
        self.log(entry);
        std::panic::resume_unwind(Box::new("dropped"))
    }

    fn note_accepted(&self, request: &Request, tracking_id: Option<&str>) {
        let (channel, begun) = (request.service, request.order);
        let (tracking_id, order) = (tracking_id.unwrap_or_default().to_owned(), self.steps.order());
        locked(&self.accepted).push(Accepted { channel, tracking_id, order, begun, lost: false });
    }

    /// Whoever sent this does not learn that it was accepted.
    fn note_lost(&self, channel: Service, headers: &HeaderMap) {
        let tracking_id = headers.get(TRACKING_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut accepted = locked(&self.accepted);
        let last = accepted.iter_mut().rev().find(|one| one.channel == channel && one.tracking_id == tracking_id);
        if let Some(last) = last {
            last.lost = true;
        }
    }

    fn log(&self, mut entry: Request) {
        // Signatures and keys are not kept.
        if matches!(entry.service, Service::Flow | Service::Teams | Service::Ipstack) {
            entry.query = String::new();
        }
        locked(&self.requests).push(entry);
    }

    fn answer(&self, served: &Served, entry: &Request, headers: &HeaderMap, body: &[u8]) -> Reply {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let now = self.now();
        let origin = locked(&self.origins).get(&served.service).cloned().unwrap_or_default();
        let mut tokens = locked(&self.tokens);
        let token = tokens.of(header("authorization"), now).filter(|token| token.audience == origin);
        let (method, path, query) = (entry.method.as_str(), entry.path.as_str(), entry.query.as_str());
        let world = &mut *locked(&self.world);
        match served.service {
            Service::Entra => entra::answer(world, &mut tokens, now, &origin, path, body),
            Service::Identity if header("x-identity-header").is_some() => {
                entra::identity(world, &mut tokens, now, query)
            }
            Service::Identity => Reply::empty(401),
            Service::Activity => activity::answer(world, now, &origin, token.as_ref(), method, path, query),
            Service::Graph => graph::answer(world, &origin, token.as_ref(), method, path, query, body),
            Service::Exchange => match (token, entry.tenant) {
                (Some(token), Some(tenant)) if token.tenant == tenant => {
                    exchange::answer(world, tenant, &origin, query, header("x-anchormailbox"), body)
                }
                _ => Reply::empty(401),
            },
            Service::Flow => {
                let (reply, accepted) = flow::answer(query, body);
                if let Some(accepted) = accepted {
                    self.note_accepted(entry, header(TRACKING_ID));
                    locked(&self.tracking_ids).push(header(TRACKING_ID).unwrap_or_default().to_owned());
                    locked(&self.notifications).push(accepted);
                }
                reply
            }
            Service::Teams => {
                let (reply, accepted) = flow::teams(body);
                if let Some(accepted) = accepted {
                    self.note_accepted(entry, header(TRACKING_ID));
                    locked(&self.teams).push(accepted);
                }
                reply
            }
            Service::Ipstack => ipstack::answer(path, query),
            // Behind a door of its own.
            Service::Tables => Reply::empty(404),
        }
    }
}

/// Percent-escapes undone, for the log and for matching.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = match (first, tail) {
            (b'%', [a, b, ..]) => std::str::from_utf8(&[*a, *b]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        bytes.push(hex.unwrap_or(*first));
        rest = if hex.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
