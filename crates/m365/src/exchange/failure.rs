//! Reads the rejections of Exchange: an exception inside an OData error, or a 403 whose body consists of NUL bytes.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::call::ErrorBody;

/// The header with the reason of a 403 without a body.
const DIAGNOSTICS: &str = "x-ms-diagnostics";

#[derive(Deserialize)]
struct Body {
    error: Failure,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Vec<Detail>,
    #[serde(alias = "innerError")]
    innererror: Option<Inner>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Inner {
    internalexception: Option<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(default)]
    message: String,
    #[serde(default, rename = "type")]
    kind: String,
}

/// Returns Exchange's own exception as the code and its text as the message.
pub(super) fn read_error(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ErrorBody {
    let failure = serde_json::from_slice::<Body>(body).map(|body| body.error);
    failure.map_or_else(|_| from_headers(status, headers), from_failure)
}

fn from_failure(failure: Failure) -> ErrorBody {
    if let Some(exception) = failure.innererror.and_then(|inner| inner.internalexception) {
        return ErrorBody { code: short(&exception.kind), message: exception.message };
    }
    match failure.details.into_iter().next() {
        Some(detail) => from_detail(&detail.message, failure.code),
        None => ErrorBody { code: failure.code, message: failure.message },
    }
}

/// Reads `|Namespace.Of.The.Exception|Text`.
fn from_detail(text: &str, code: String) -> ErrorBody {
    match text.strip_prefix('|').and_then(|rest| rest.split_once('|')) {
        Some((kind, message)) => ErrorBody { code: short(kind), message: message.to_owned() },
        None => ErrorBody { code, message: text.to_owned() },
    }
}

fn from_headers(status: StatusCode, headers: &HeaderMap) -> ErrorBody {
    let reason = headers.get(DIAGNOSTICS).and_then(|value| value.to_str().ok());
    let message = match (reason, status) {
        (Some(reason), _) => reason.to_owned(),
        (None, StatusCode::UNAUTHORIZED) => "the app role Exchange.ManageAsApp is missing in the token".to_owned(),
        (None, _) => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    ErrorBody { code: String::new(), message }
}

fn short(kind: &str) -> String {
    kind.rsplit('.').next().unwrap_or_default().to_owned()
}
