//! Failed requests: their status and their one log line.

use axum::Json;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::functions::MessageError;

use super::body::BodyError;
use super::envelope::EnvelopeError;

/// A request without an answer of its function. The host reads no outputs or logs of a failed call, so each failure is logged
/// here as well.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There is no function at this path.
    #[error(
        "no function at {0:?}; there are /GetDomain and /ProcessAuditLog, and /api/RemediateAccount when host.json has \
         enableForwardingHttpRequest"
    )]
    NoSuchFunction(String),
    /// The method is not the one of the route.
    #[error("{got} is not allowed here; use {allowed}")]
    WrongMethod {
        /// The method of the request.
        got: Method,
        /// The method of the route.
        allowed: Method,
    },
    /// The body is too long.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// The connection ended before the body did.
    #[error("the body was cut off")]
    CutOff,
    /// The envelope or its binding cannot be read.
    ///
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The queue message cannot be read.
    ///
    /// It is rejected like one that failed: the host delivers it until `maxDequeueCount`, then moves it to the poison queue,
    /// where a person finds it. A success would drop it silently.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The function failed with a transient error.
    #[error("{0}")]
    Transient(String),
    /// The function did not end in time.
    #[error("stopped after {0} s; results stored so far are kept, and the next run continues")]
    OutOfTime(u64),
    /// The answer cannot be written as JSON.
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
            Self::Message(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Transient(_) | Self::Answer(_) => StatusCode::INTERNAL_SERVER_ERROR,
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

/// Builds the response `{"Error": …}`.
pub(super) fn refusal(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"Error": why}))).into_response()
}
