//! Answers every request: logs it, applies a fault if one is due, asks the service and sends the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Request as HttpRequest, Response};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use serde_json::json;

use super::shared::{Arrived, Shared, locked};
use crate::exchange;
use crate::faults::FaultKind;
use crate::reply::Reply;
use crate::requests::{Request, Service};
use crate::steps::Moment;
use crate::tls::{Authority, Handshakes};

/// The longest body that is read, in bytes.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

#[derive(Clone)]
struct Served {
    service: Service,
    shared: Arc<Shared>,
}

/// Starts one service on a port of its own and returns its origin.
pub(super) fn serve(
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
    let shared = &served.shared;
    let mut open = Open { shared, arrived: Some(read(&served, request).await), has_effect: false };
    let step = shared.steps.next();
    if !shared.steps.pass(step, Moment::BeforeEffect).await {
        broken_off(open);
    }
    let fault = open.fault();
    match &fault {
        Some(FaultKind::Delay(duration)) => tokio::time::sleep(*duration).await,
        Some(FaultKind::Drop) => broken_off(open),
        Some(FaultKind::Hang) => return open.hang().await,
        _ => {}
    }
    let reply = open.answer(fault.as_ref());
    match &fault {
        Some(FaultKind::DelayAfterEffect(duration)) => tokio::time::sleep(*duration).await,
        Some(FaultKind::HangAfterEffect) => return open.hang().await,
        Some(FaultKind::AfterEffect { .. } | FaultKind::Cut) => open.note_lost(),
        _ => {}
    }
    if !shared.steps.pass(step, Moment::AfterEffect).await {
        broken_off(open);
    }
    open.close(reply.status);
    crate::sending::response(reply, fault.as_ref(), shared.date_of(served.service))
}

async fn read(served: &Served, request: HttpRequest<Body>) -> Arrived {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default().to_vec();
    let is_exchange = served.service == Service::Exchange;
    let entry = Request {
        service: served.service,
        method: parts.method.to_string(),
        path: unescaped(parts.uri.path()),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        tenant: parts.uri.path().split('/').find_map(|segment| segment.parse().ok()),
        cmdlet: is_exchange.then(|| exchange::cmdlet_of(&body)).flatten(),
        status: 0,
        faulted: false,
        order: served.shared.steps.order(),
    };
    Arrived { headers: parts.headers, body, entry }
}

/// A request that is not answered yet. If it is dropped, by a fault or because the client left, it is logged without status.
struct Open<'a> {
    shared: &'a Shared,
    arrived: Option<Arrived>,
    has_effect: bool,
}

impl Open<'_> {
    fn fault(&mut self) -> Option<FaultKind> {
        let arrived = self.arrived.as_mut()?;
        let fault = self.shared.fault_of(arrived);
        let changes_answer = |fault: &FaultKind| !matches!(fault, FaultKind::Delay(_) | FaultKind::DelayAfterEffect(_));
        arrived.entry.faulted = fault.as_ref().is_some_and(changes_answer);
        fault
    }

    fn answer(&mut self, fault: Option<&FaultKind>) -> Reply {
        let Some(arrived) = &self.arrived else { return Reply::empty(500) };
        match fault {
            Some(FaultKind::Status { status, headers, body }) => {
                Reply { status: *status, headers: headers.clone(), body: body.clone().into_bytes(), blob: None }
            }
            Some(FaultKind::Echo { status }) => echo(*status, arrived),
            Some(FaultKind::OtherMailbox(name)) => {
                self.has_effect = true;
                let body = exchange::about_other_mailbox(&arrived.body, name);
                self.shared.answer(&Arrived { body, ..arrived.clone() })
            }
            fault => {
                self.has_effect = true;
                let reply = self.shared.answer(arrived);
                match fault {
                    Some(FaultKind::AfterEffect { status }) => Reply::empty(*status),
                    Some(FaultKind::Nothing(nothing)) => reply.emptied(*nothing),
                    Some(FaultKind::PagesInACircle) => {
                        reply.with_next_page(&self.shared.origin_of(arrived.entry.service), &arrived.entry)
                    }
                    Some(FaultKind::Padded(mebibytes)) if reply.blob.is_none() => reply.padded(*mebibytes),
                    Some(FaultKind::OtherIds) => reply.with_other_ids(),
                    Some(FaultKind::WithoutMembers(members)) => reply.with_rows(|row| {
                        row.retain(|name, _| !members.contains(&name.as_str()));
                    }),
                    Some(FaultKind::EmptyRow) => reply.with_empty_row(),
                    Some(FaultKind::Renames) => {
                        self.shared.rename_tenant_of(arrived);
                        reply
                    }
                    _ => reply,
                }
            }
        }
    }

    fn note_lost(&self) {
        if let Some(arrived) = &self.arrived {
            self.shared.note_lost(arrived);
        }
    }

    /// Logs the request now and waits for ever, or until the client leaves.
    async fn hang(mut self) -> Response<Body> {
        self.log();
        let _counted = Hanging::new(self.shared);
        std::future::pending().await
    }

    /// Logs the request with its answer.
    fn close(mut self, status: u16) {
        if let Some(mut arrived) = self.arrived.take() {
            arrived.entry.status = status;
            self.shared.log(arrived.entry);
        }
    }

    /// Logs the request without an answer.
    fn log(&mut self) {
        if let Some(mut arrived) = self.arrived.take() {
            if self.has_effect {
                self.shared.note_lost(&arrived);
            }
            arrived.entry.faulted = true;
            self.shared.log(arrived.entry);
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.log();
    }
}

/// Counts a request as hanging as long as this value lives.
struct Hanging<'a>(&'a Shared);

impl<'a> Hanging<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.hanging.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.hanging.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ends the task of the connection, and with it the connection, without calling the panic hook.
fn broken_off(open: Open<'_>) -> ! {
    drop(open);
    std::panic::resume_unwind(Box::new("dropped"))
}

/// Returns an error that repeats the secrets of the request, as careless services and proxies do.
fn echo(status: u16, arrived: &Arrived) -> Reply {
    let authorization = arrived.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = String::from_utf8_lossy(&arrived.body);
    let message = format!("The request was rejected. Authorization: {authorization}. Body: {body}");
    Reply::json(status, &json!({"error": {"code": "BadRequest", "message": message}}))
}

/// Decodes percent-escapes, for the log and for matching.
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
