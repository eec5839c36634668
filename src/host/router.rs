//! Which request goes to which function, and how its outcome becomes an answer.

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

/// The longest envelope that is read, in bytes. A queue message has at most 64 KiB; wrapping and metadata multiply it.
const ENVELOPE_LIMIT: usize = 1024 * 1024;

/// What answers the host: `GET /` at once, the three functions by their paths.
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

/// What a path means. The host compares names without regard to case and forwards the path as the client wrote it.
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
            _ => ENVELOPE_LIMIT,
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
    // The failure is logged where it becomes a response, which has to happen within the span.
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
        let answer = match outcome {
            Ok(messages) => {
                tracing::info!(tenants = messages.len(), "queued");
                let line = format!("queued {} tenants", messages.len());
                Answer::default().queue(TENANTS_BINDING, &messages).map_err(Failure::Answer)?.log(line)
            }
            Err(error) => settled(error)?.queue::<TenantMessage>(TENANTS_BINDING, &[]).map_err(Failure::Answer)?,
        };
        Ok(Json(answer).into_response())
    }

    async fn process_audit_log(&self, body: &[u8]) -> Result<Response, Failure> {
        let message: TenantMessage = Invocation::parse(body)?.value(TENANT_BINDING)?;
        let functions = Arc::clone(&self.functions);
        let call = async move { functions.process_audit_log(&message).await };
        let answer = match run_to_its_end(call, self.limits.process_audit_log).await? {
            Ok(line) => Answer::default().log(line),
            Err(error) => settled(error)?,
        };
        Ok(Json(answer).into_response())
    }

    async fn remediate_account(&self, body: Bytes) -> Result<Response, Failure> {
        let functions = Arc::clone(&self.functions);
        let call = async move { functions.remediate_account(&body).await };
        let answer = run_to_its_end(call, self.limits.remediate_account).await?;
        tracing::info!(status = answer.status, "answered");
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Ok((status, [(header::CACHE_CONTROL, "no-store")], Json(answer.body)).into_response())
    }
}

/// A failure that no retry cures ends the invocation as done, with the reason in its log; any other goes to the host as
/// failed, which tries again.
fn settled(error: FunctionError) -> Result<Answer, Failure> {
    match error {
        FunctionError::Passing(reason) => Err(Failure::Passing(reason)),
        FunctionError::Permanent(reason) => {
            tracing::error!("not tried again: {reason}");
            Ok(Answer::default().log(format!("not tried again: {reason}")))
        }
    }
}

/// The panic itself has been logged where it happened. Its message may hold anything, so the caller does not get it.
fn after_a_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "an error of the program ended this call; it is in the log")
}
