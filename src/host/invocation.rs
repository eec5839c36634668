//! One call of a function: its id, its span, its time limit.

use std::time::Duration;

use axum::http::HeaderMap;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use crate::functions::{get_domain, process_audit_log, remediate_account};

use super::failure::Failure;

/// The header with which the host names the invocation.
const INVOCATION_ID: &str = "x-azure-functions-invocationid";

/// What a function gets beyond its own deadline to store what it has and return.
///
/// The host kills the whole process when a function runs into `functionTimeout`, and every other invocation dies with it.
/// So a function that does not keep its deadline is dropped by us before that.
const GRACE: Duration = Duration::from_secs(30);

/// After how long a call is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// GetDomain.
    pub get_domain: Duration,
    /// ProcessAuditLog.
    pub process_audit_log: Duration,
    /// RemediateAccount.
    pub remediate_account: Duration,
}

impl Default for Limits {
    /// The deadline of each function and 30 s of grace; none for RemediateAccount, which keeps its own reserve and whose caller
    /// does not wait.
    fn default() -> Self {
        let beyond = |seconds| Duration::from_secs(seconds).saturating_add(GRACE);
        Self {
            get_domain: beyond(get_domain::DEADLINE_SECONDS),
            process_audit_log: beyond(process_audit_log::DEADLINE_SECONDS),
            remediate_account: Duration::from_secs(remediate_account::DEADLINE_SECONDS),
        }
    }
}

/// The span that puts the invocation id into every line. It has the highest level so that no filter takes the id away.
pub(super) fn span(function: &'static str, headers: &HeaderMap) -> Span {
    tracing::error_span!("invocation", function, id = %id(headers))
}

/// The host's id, or one of our own when the header is missing or no GUID: it goes into every log line.
fn id(headers: &HeaderMap) -> Uuid {
    let told = headers.get(INVOCATION_ID).and_then(|id| id.to_str().ok()).and_then(|id| Uuid::try_parse(id).ok());
    told.unwrap_or_else(Uuid::new_v4)
}

/// Runs a call on a task of its own, so that a caller who hangs up does not stop an account from being secured half-way.
/// A panic in it is passed on to the caller's task, where it becomes an answer.
pub(super) async fn run_to_its_end<F>(call: F, limit: Duration) -> Result<F::Output, Failure>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let limited =
        async move { tokio::time::timeout(limit, call).await.map_err(|_| Failure::OutOfTime(limit.as_secs())) };
    match tokio::spawn(limited.in_current_span()).await {
        Ok(outcome) => outcome,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Failure::Passing("the call was cancelled".to_owned())),
        },
    }
}
