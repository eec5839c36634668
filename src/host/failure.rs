//! Requests that are answered with a failure: which status, and what is logged.

use axum::Json;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::body::BodyError;
use super::envelope::EnvelopeError;

/// A request that did not lead to an answer of its function. The host reads no outputs or logs from any of these, so each
/// is logged by us as well.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No function has this path.
    #[error(
        "no function at {0:?}; there are /GetDomain and /ProcessAuditLog, and /api/RemediateAccount when host.json has \
         enableForwardingHttpRequest"
    )]
    NoSuchFunction(String),
    /// A method that does nothing here.
    #[error("{got} does nothing here, only {allowed} does")]
    WrongMethod {
        /// What came.
        got: Method,
        /// What is answered.
        allowed: Method,
    },
    /// The body is too long or was cut off.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// The connection ended before the body did.
    #[error("the body was cut off")]
    CutOff,
    /// The envelope or its binding cannot be read.
    ///
    /// A queue message that can never be read is refused like one that failed: the host delivers it until
    /// `maxDequeueCount`, then keeps it in the poison queue, where a person finds it. A success would drop it silently.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The function failed in a way that may pass.
    #[error("{0}")]
    Passing(String),
    /// The function did not end in time.
    #[error("stopped after {0} s; what it stored until then stays, the rest is done by the next run")]
    OutOfTime(u64),
    /// The answer cannot be written.
    #[error("the answer cannot be written as JSON: {0}")]
    Answer(#[source] serde_json::Error),
}

impl Failure {
    pub(super) fn of_body(error: BodyError, limit: usize) -> Self {
        match error {
            BodyError::TooLong => Self::TooLong(limit),
            BodyError::CutOff => Self::CutOff,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchFunction(_) => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::CutOff | Self::Envelope(EnvelopeError::NotAnEnvelope(_) | EnvelopeError::NoBinding { .. }) => {
                StatusCode::BAD_REQUEST
            }
            Self::Envelope(EnvelopeError::Shape { .. }) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Passing(_) | Self::Answer(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::OutOfTime(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        tracing::error!(status = status.as_u16(), "{self}");
        let mut response = refusal(status, &self.to_string());
        if let Self::WrongMethod { allowed, .. } = &self
            && let Ok(allowed) = header::HeaderValue::from_str(allowed.as_str())
        {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response
    }
}

/// `{"Error": …}` under a status.
pub(super) fn refusal(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"Error": why}))).into_response()
}
