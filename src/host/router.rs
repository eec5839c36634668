//! Routes each request to its function, and turns the outcome into a response.

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bytes::Bytes;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use crate::functions::{FunctionError, TenantMessage};
use crate::remediation::BODY_LIMIT;

use super::envelope::{Answer, Invocation, TENANT_BINDING, TENANTS_BINDING, TIMER_BINDING};
use super::failure::{Failure, refusal};
use super::invocation::{Limits, run_to_its_end, span};
use super::{Functions, body};

/// The maximum length of an envelope, in bytes. A queue message has at most 64 KiB; wrapping and metadata multiply it.
const MAX_ENVELOPE_BYTES: usize = 1024 * 1024;

/// Builds the service for the host: `GET /` responds immediately, the three functions by their paths.
pub fn router(functions: Arc<dyn Functions>, limits: Limits) -> Router {
    Router::new()
        .fallback(answer)
        .with_state(Handler { functions, limits })
        .layer(CatchPanicLayer::custom(after_a_panic))
}

#[derive(Clone)]
struct Handler {
    functions: Arc<dyn Functions>,
    limits: Limits,
}

/// The meaning of a path. The host compares names without regard to case and forwards the path as the client wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Alive,
    GetDomain,
    ProcessAuditLog,
    RemediateAccount,
}

impl Route {
    const ALL: [(&'static str, Self); 4] = [
        ("/", Self::Alive),
        ("/GetDomain", Self::GetDomain),
        ("/ProcessAuditLog", Self::ProcessAuditLog),
        ("/api/RemediateAccount", Self::RemediateAccount),
    ];

    fn of(path: &str) -> Option<Self> {
        Self::ALL.iter().find(|(own, _)| own.eq_ignore_ascii_case(path)).map(|(_, route)| *route)
    }

    const fn method(self) -> Method {
        match self {
            Self::Alive => Method::GET,
            _ => Method::POST,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::GetDomain => "GetDomain",
            Self::ProcessAuditLog => "ProcessAuditLog",
            Self::RemediateAccount => "RemediateAccount",
        }
    }

    const fn body_limit(self) -> usize {
        match self {
            Self::RemediateAccount => BODY_LIMIT,
            _ => MAX_ENVELOPE_BYTES,
        }
    }
}

async fn answer(State(handler): State<Handler>, request: Request) -> Response {
    let Some(route) = Route::of(request.uri().path()) else {
        let span = span("unknown", request.headers());
        let path = request.uri().path().chars().take(80).collect();
        return span.in_scope(|| Failure::NoSuchFunction(path).into_response());
    };
    let span = span(route.name(), request.headers());
    // A failure is logged when it becomes a response, which must happen within the span.
    async move { handler.invoke(route, request).await.unwrap_or_else(IntoResponse::into_response) }
        .instrument(span)
        .await
}

impl Handler {
    async fn invoke(&self, route: Route, request: Request) -> Result<Response, Failure> {
        if request.method() != route.method() {
            return Err(Failure::WrongMethod { got: request.method().clone(), allowed: route.method() });
        }
        let limit = route.body_limit();
        let body = body::whole(request.into_body(), limit).await.map_err(|error| Failure::of_body(error, limit))?;
        match route {
            Route::Alive => Ok("tenantwatch\n".into_response()),
            Route::GetDomain => self.get_domain(&body).await,
            Route::ProcessAuditLog => self.process_audit_log(&body).await,
            Route::RemediateAccount => self.remediate_account(body).await,
        }
    }

    async fn get_domain(&self, body: &[u8]) -> Result<Response, Failure> {
        Invocation::parse(body)?.expect(TIMER_BINDING)?;
        let functions = Arc::clone(&self.functions);
        let outcome = run_to_its_end(async move { functions.get_domain().await }, self.limits.get_domain).await?;
        let messages = match outcome {
            Ok(messages) => {
                tracing::debug!(tenants = messages.len(), "queued");
                messages
            }
            Err(error) => {
                succeed_if_permanent(error)?;
                Vec::new()
            }
        };
        Ok(Json(Answer::default().queue(TENANTS_BINDING, &messages).map_err(Failure::Answer)?).into_response())
    }

    async fn process_audit_log(&self, body: &[u8]) -> Result<Response, Failure> {
        let message = TenantMessage::parse(&Invocation::parse(body)?.text(TENANT_BINDING)?)?;
        let functions = Arc::clone(&self.functions);
        let call = async move {
            let outcome = functions.process_audit_log(&message).await;
            outcome.map_err(|error| error.about(&message.tenant_name()))
        };
        run_to_its_end(call, self.limits.process_audit_log).await?.or_else(succeed_if_permanent)?;
        Ok(Json(Answer::default()).into_response())
    }

    async fn remediate_account(&self, body: Bytes) -> Result<Response, Failure> {
        let functions = Arc::clone(&self.functions);
        let call = async move { functions.remediate_account(&body).await };
        let answer = run_to_its_end(call, self.limits.remediate_account).await?;
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Ok((status, [(header::CACHE_CONTROL, "no-store")], Json(answer.body)).into_response())
    }
}

/// Ends the invocation as successful if no retry helps, and logs the reason. Otherwise the host gets a failure and tries again.
fn succeed_if_permanent(error: FunctionError) -> Result<(), Failure> {
    match error {
        FunctionError::Transient(reason) => Err(Failure::Transient(reason)),
        FunctionError::Permanent(reason) => {
            tracing::error!("not tried again: {reason}");
            Ok(())
        }
    }
}

/// Answers a call that panicked. The panic hook has logged the message, which may contain anything, so the caller does not
/// get it.
fn after_a_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "an internal error ended this call; see the log")
}
