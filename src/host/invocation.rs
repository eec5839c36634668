//! One call of a function: its id, its span and its time limit.

use std::time::Duration;

use axum::http::HeaderMap;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use crate::functions::{get_domain, process_audit_log, remediate_account};

use super::failure::Failure;

/// The header in which the host sends the invocation id.
const INVOCATION_ID: &str = "x-azure-functions-invocationid";

/// The time that a function gets beyond its own deadline to store its results and return.
///
/// If a function reaches `functionTimeout`, the host kills the whole process and every other invocation with it. So a
/// function that does not keep its deadline is dropped before that.
const GRACE: Duration = Duration::from_secs(30);

/// The time after which a call is dropped.
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
    /// Returns the deadline of each function plus 30 s of grace. RemediateAccount has no grace: it keeps a reserve of its own,
    /// and its caller does not wait.
    fn default() -> Self {
        let beyond = |seconds| Duration::from_secs(seconds).saturating_add(GRACE);
        Self {
            get_domain: beyond(get_domain::DEADLINE_SECONDS),
            process_audit_log: beyond(process_audit_log::DEADLINE_SECONDS),
            remediate_account: Duration::from_secs(remediate_account::DEADLINE_SECONDS),
        }
    }
}

/// Creates the span that puts the invocation id into every line. It has the highest level so that no filter removes the id.
pub(super) fn span(function: &'static str, headers: &HeaderMap) -> Span {
    tracing::error_span!("invocation", function, id = %id(headers))
}

/// Returns the host's id, or a generated one if the header is missing or not a GUID. The id goes into every log line.
fn id(headers: &HeaderMap) -> Uuid {
    let sent = headers.get(INVOCATION_ID).and_then(|id| id.to_str().ok()).and_then(|id| Uuid::try_parse(id).ok());
    sent.unwrap_or_else(Uuid::new_v4)
}

/// Runs a call on its own task, so that a caller who disconnects does not leave an account half secured. A panic in the call
/// is passed on to the caller's task, where it becomes a response.
///
/// # Errors
/// Returns [`Failure::OutOfTime`] if the call reaches the limit.
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
            Err(_) => Err(Failure::Transient("the call was cancelled".to_owned())),
        },
    }
}
