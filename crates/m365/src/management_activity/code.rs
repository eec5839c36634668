//! The error codes of the Management Activity API, documented or not, and the remedy for each.
//! <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference#errors>

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::ServiceError;
use crate::call::ErrorBody;

/// The remedy for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// None: it is a success.
    Success,
    /// Start the subscription, then continue.
    Subscribe,
    /// The customer must grant consent.
    Consent,
    /// None: the tenant is gone or not set up for auditing.
    TenantLost,
    /// None: the blob is permanently lost, which is a gap.
    ContentLost,
    /// Let the next run list again: the window is out of reach, or its next page is no longer known.
    AskAnew,
    /// Wait and try again.
    Wait,
    /// Correct this program, or its configuration.
    Ours,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $remedy:ident),+ $(,)?) => {
        /// A known code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ActivityCode { $($(#[$doc])* $name),+ }

        impl ActivityCode {
            /// All known codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the code as the service writes it, `AF…`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// Returns the remedy.
            pub fn remedy(self) -> Remedy {
                match self { $(Self::$name => Remedy::$remedy),+ }
            }
        }
    };
}

codes! {
    /// The token lacks `ActivityFeed.Read`.
    PermissionMissing = "AF10001" => Consent,
    /// A parameter is missing.
    ParameterMissing = "AF20001" => Ours,
    /// A parameter has another type.
    ParameterType = "AF20002" => Ours,
    /// An expiration lies in the past.
    ExpirationPast = "AF20003" => Ours,
    /// The tenant of the URL is not that of the token.
    TenantMismatch = "AF20010" => Ours,
    /// The tenant does not exist or was deleted; also seen while auditing is off.
    TenantUnknown = "AF20011" => TenantLost,
    /// The tenant is set up wrongly.
    TenantMisconfigured = "AF20012" => TenantLost,
    /// The tenant id is not a GUID.
    TenantMalformed = "AF20013" => Ours,
    /// The content type does not exist.
    ContentType = "AF20020" => Ours,
    /// A webhook could not be validated.
    Webhook = "AF20021" => Ours,
    /// There is no subscription.
    NotSubscribed = "AF20022" => Subscribe,
    /// The subscription was disabled.
    SubscriptionDisabled = "AF20023" => Subscribe,
    /// The subscription is already enabled. Microsoft does not list this code; it comes with 400.
    AlreadyEnabled = "AF20024" => Success,
    /// Start and end do not fit.
    Window = "AF20030" => AskAnew,
    /// The next page is not known.
    NextPage = "AF20031" => AskAnew,
    /// The content does not exist.
    ContentUnknown = "AF20050" => ContentLost,
    /// The content has expired.
    ContentExpired = "AF20051" => ContentLost,
    /// The content id is invalid.
    ContentId = "AF20052" => ContentLost,
    /// A language is not understood.
    Language = "AF20053" => Ours,
    /// A language is not understood.
    LanguageFormat = "AF20054" => Ours,
    /// Start lies too far back, or after the end.
    WindowTooOld = "AF20055" => AskAnew,
    /// Too many requests; comes with 403 as well as 429.
    TooMany = "AF429" => Wait,
    /// The service failed.
    Internal = "AF50000" => Wait,
    /// The service failed; in no list of Microsoft's.
    InternalStore = "AF50005" => Wait,
    /// The service failed; in no list of Microsoft's.
    InternalOther = "AF50006" => Wait,
}

impl ActivityCode {
    /// Returns the code of an error, if it is a known one of this API.
    pub fn of(error: &ServiceError) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == error.code())
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
