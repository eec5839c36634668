//! Errors of the Management Activity API, as it writes them.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::code::{ActivityCode, Remedy};
use crate::ServiceError;
use crate::call::ErrorBody;

impl ActivityCode {
    /// Returns the code of an error, if it is a known one of this API.
    pub fn of(error: &ServiceError) -> Option<Self> {
        Self::named(error.code())
    }
}

impl Remedy {
    /// Returns the remedy for an error, if its code is a known one of this API.
    pub fn of(error: &ServiceError) -> Option<Self> {
        ActivityCode::of(error).map(ActivityCode::remedy)
    }
}

#[derive(Deserialize)]
struct Body {
    error: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Reads code and message. The body is JSON as a rule. Some back ends write it with single quotes or put a sentence in the place of the
/// code, so the text is searched for a code as well.
pub(super) fn read_error(_: StatusCode, _: &HeaderMap, body: &[u8]) -> ErrorBody {
    let text = String::from_utf8_lossy(body);
    let told = serde_json::from_slice::<Body>(body).map(|body| body.error);
    let (code, message) = told.map_or_else(|_| (String::new(), text.to_string()), |inner| (inner.code, inner.message));
    if is_code(&code) {
        return ErrorBody { code, message };
    }
    // The place of the code is searched first, because a message may quote another code.
    let found = find_code(&code).or_else(|| find_code(&text)).unwrap_or_default();
    let message = if code.is_empty() { message } else { format!("{code} {message}") };
    ErrorBody { code: found, message }
}

/// Returns whether the start of a subscription failed because auditing is off: then the audit system does not know the tenant.
pub(super) fn says_auditing_is_off(code: &str, message: &str) -> bool {
    code == ActivityCode::TenantUnknown.as_str()
        || (message.contains("DataServiceException") && message.contains("does not exist"))
}

/// Returns whether the start of a subscription was rejected because the last one was less than 15 minutes ago. Repeating it would
/// only meet the same.
pub(super) fn says_start_is_too_frequent(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Answered { status: 403 | 429, message, .. } if message.contains("frequent subscription start"))
}

fn is_code(text: &str) -> bool {
    text.strip_prefix("AF").is_some_and(|digits| digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn find_code(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| is_code(word)).map(str::to_owned)
}
