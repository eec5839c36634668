//! The errors of the services.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use base::http::RequestFailure;
use base::ids::TenantId;

use super::aadsts;
use super::management_activity::{ActivityCode, Remedy};
use super::token_fault::TokenFault;

/// A service of Microsoft 365.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Entra sign-in.
    Entra,
    /// Office 365 Management Activity API.
    ManagementActivity,
    /// Microsoft Graph.
    Graph,
    /// Exchange Online admin API.
    Exchange,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entra => "Entra ID",
            Self::ManagementActivity => "the Office 365 Management Activity API",
            Self::Graph => "Microsoft Graph",
            Self::Exchange => "Exchange Online",
        })
    }
}

/// A request that failed after all its attempts.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Entra issued no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The service answered with an error of its own. `code` and `message` are the service's words.
    #[error("{service} answered {status}{}{}", spaced(code), after_colon(message))]
    Answered {
        /// The service that answered.
        service: Service,
        /// HTTP status.
        status: u16,
        /// The service's code: `AF20022`, `Authorization_RequestDenied`, an Exchange exception type, or empty.
        code: String,
        /// The service's text, without addresses or secrets, cut to a readable length.
        message: String,
        /// `Retry-After`, if it was given.
        retry_after: Option<Duration>,
    },
    /// There was no response: no connection, no trusted certificate, none in time, or one that was cut off.
    #[error("{service} could not be reached: {failure}")]
    NoResponse {
        /// The service that was called.
        service: Service,
        /// The host, the cause, and what to check.
        #[source]
        failure: RequestFailure,
    },
    /// The response was empty (204) although it had to contain something.
    #[error("{service} returned an empty response")]
    NoContent {
        /// The service that was called.
        service: Service,
    },
    /// No usable response in time: none at all, or a body that does not have the expected form.
    #[error("{service} gave no usable response: {detail}")]
    Unreachable {
        /// The service that was called.
        service: Service,
        /// The cause, without the URL.
        detail: String,
    },
    /// A name that names no user: neither an address nor a GUID. Nothing was sent.
    #[error("{name:?} is neither an address nor an object id, so {service} was not asked about it")]
    NotAUser {
        /// The service that was to be called.
        service: Service,
        /// The name, shortened.
        name: String,
    },
    /// An id that the service gave and that no path may contain. Nothing was sent.
    #[error("{id:?} cannot be an id, so {service} was not asked to change it; do it by hand")]
    NotAnId {
        /// The service that was to be called.
        service: Service,
        /// The id, shortened.
        id: String,
    },
    /// The service asked not to be called again before that time. Nothing was sent.
    #[error("{service} asked Tenantwatch to send no request for this tenant before {}", until.format("%Y-%m-%dT%H:%M:%SZ"))]
    Waiting {
        /// The service that asked.
        service: Service,
        /// The end of the wait.
        until: DateTime<Utc>,
    },
    /// A link in an answer points to another origin or tenant than it must. Nothing was sent there.
    #[error("{service} returned a link to another origin or tenant; it was not followed")]
    ForeignLink {
        /// The service that returned it.
        service: Service,
    },
}

/// Returns the code after a space; nothing if there is none.
fn spaced(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" {code}") }
}

/// Returns the text after a colon; nothing if there is none.
fn after_colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl ServiceError {
    /// Returns whether the same request may succeed later without any action: 408, 429, 5xx, AF429, AF50000, connection.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Token(error) => error.fault.is_transient(),
            Self::Answered { status, code, .. } => {
                let remedy = ActivityCode::named(code).map(ActivityCode::remedy);
                matches!(status, 408 | 429 | 500..) || remedy == Some(Remedy::Wait)
            }
            Self::NoResponse { .. } | Self::NoContent { .. } | Self::Unreachable { .. } | Self::Waiting { .. } => true,
            Self::ForeignLink { .. } | Self::NotAUser { .. } | Self::NotAnId { .. } => false,
        }
    }

    /// Returns the service's own code; empty if it gave none.
    pub fn code(&self) -> &str {
        match self {
            Self::Answered { code, .. } => code,
            _ => "",
        }
    }

    /// Returns the HTTP status, if there was a response.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A token that Entra did not issue for a tenant.
#[derive(Debug, thiserror::Error)]
#[error("no token for tenant {tenant}: {}", self.what())]
pub struct TokenError {
    /// The tenant the token was for.
    pub tenant: TenantId,
    /// Its meaning.
    pub fault: TokenFault,
    /// The AADSTS number, when Entra gave one.
    pub aadsts: Option<u32>,
    /// Entra's own text, first line, without trace ids; or the host that could not be reached, and why.
    pub message: String,
}

impl TokenError {
    /// Returns what Entra said and what to do about it: the advice for a known number, else the meaning and Entra's own words.
    fn what(&self) -> String {
        let number = self.aadsts.map(|number| format!(" (AADSTS{number})")).unwrap_or_default();
        match (self.aadsts.and_then(aadsts::find), self.fault) {
            (Some(known), fault) => format!("{}{number}. {}", fault.meaning(), known.advice),
            (None, TokenFault::Transient) if !self.message.is_empty() => {
                format!("{}{number}: {}", self.fault, self.message)
            }
            (None, _) => format!("{}{number}", self.fault),
        }
    }
}
