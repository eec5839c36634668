//! What a service answers when it does not do what was asked.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use base::ids::TenantId;

use secrecy::SecretString;

use super::aadsts;
use super::call::scrubbed;
use super::management_activity::Remedy;

/// Which service.
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

/// A request that failed for good, after the retries it deserved.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// No token could be had.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The service answered with an error of its own. `code` and `message` are the service's words.
    #[error("{service} answered {status}{}{}", spaced(code), after_colon(message))]
    Answered {
        /// Who answered.
        service: Service,
        /// HTTP status.
        status: u16,
        /// The service's code: `AF20022`, `Authorization_RequestDenied`, an Exchange exception type, or empty.
        code: String,
        /// The service's text, without addresses or secrets, cut to a readable length.
        message: String,
        /// `Retry-After`, when it was given.
        retry_after: Option<Duration>,
    },
    /// No usable answer: connection, TLS, time-out, cut off, or a body that is not what it must be.
    #[error("{service} could not be reached or understood: {detail}")]
    Unreachable {
        /// Who was called.
        service: Service,
        /// What happened, without the address.
        detail: String,
    },
    /// No connection, for a cause that a repetition within seconds does not change: refused, unknown name, certificate.
    #[error("{service} could not be reached: {detail}")]
    NoConnection {
        /// Who was called.
        service: Service,
        /// The host, the cause and what to check.
        detail: String,
    },
    /// The service asked not to be called again before that time. Nothing was sent.
    #[error("{service} asked Tenantwatch to send no request for this tenant before {}", until.format("%Y-%m-%dT%H:%M:%SZ"))]
    Waiting {
        /// Who asked.
        service: Service,
        /// Until when.
        until: DateTime<Utc>,
    },
    /// A link in an answer points to another origin or tenant than it must. Nothing was sent there.
    #[error("{service} returned a link to another origin or tenant; it was not followed")]
    ForeignLink {
        /// Who gave it.
        service: Service,
    },
}

/// The code after a space; nothing if there is none.
fn spaced(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" {code}") }
}

/// The text after a colon; nothing if there is none.
fn after_colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl ServiceError {
    /// Whether the same request may succeed later without anybody doing anything: 408, 429, 5xx, AF429, AF50000, connection.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Token(error) => error.fault.is_transient(),
            Self::Answered { status, .. } => {
                matches!(status, 408 | 429 | 500..) || Remedy::of(self) == Some(Remedy::Wait)
            }
            Self::Unreachable { .. } | Self::NoConnection { .. } | Self::Waiting { .. } => true,
            Self::ForeignLink { .. } => false,
        }
    }

    /// The same error without a secret that the service may have repeated.
    #[must_use]
    pub fn without(self, secret: &SecretString) -> Self {
        match self {
            Self::Answered { service, status, code, message, retry_after } => Self::Answered {
                service,
                status,
                code: scrubbed(&code, secret),
                message: scrubbed(&message, secret),
                retry_after,
            },
            other => other,
        }
    }

    /// The service's own code, empty where it gave none.
    pub fn code(&self) -> &str {
        match self {
            Self::Answered { code, .. } => code,
            _ => "",
        }
    }

    /// The HTTP status, when there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Entra gave no token for a tenant.
#[derive(Debug, thiserror::Error)]
#[error("no token for tenant {tenant}: {}", self.what())]
pub struct TokenError {
    /// The tenant the token was for.
    pub tenant: TenantId,
    /// What it means.
    pub fault: TokenFault,
    /// The AADSTS number, when Entra gave one.
    pub aadsts: Option<u32>,
    /// Entra's own text, first line, without ids of traces.
    pub message: String,
}

impl TokenError {
    /// What Entra said and what to do about it: the advice for a known number, else the meaning and Entra's own words.
    fn what(&self) -> String {
        let number = self.aadsts.map(|number| format!(" (AADSTS{number})")).unwrap_or_default();
        match (self.aadsts.and_then(aadsts::find), self.fault) {
            (Some(known), _) => format!("{}{number}. {}", self.fault, known.advice),
            (None, TokenFault::Transient) if !self.message.is_empty() => {
                format!("{}{number}: {}", self.fault, self.message)
            }
            (None, _) => format!("{}{number}", self.fault),
        }
    }
}

/// What a refused token means and who has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenFault {
    /// 7000229, 700016, 65001: the customer has not consented to the app.
    #[error("admin consent for the app is missing in this tenant; an administrator there must open the consent link")]
    ConsentMissing,
    /// 7000112, 53003, 90002, 500011, 500014: disabled, blocked, gone or not licensed.
    #[error(
        "Tenantwatch no longer has access to this tenant: app disabled, Conditional Access, tenant gone or no licence"
    )]
    AccessLost,
    /// 7000215, 7000222, 700027 and other faults of our own credential or configuration.
    #[error(
        "Entra rejected Tenantwatch's credential or configuration; check the app registration's secret or certificate"
    )]
    OurFault,
    /// Anything that may pass by itself.
    #[error("Entra ID could not give a token right now")]
    Transient,
}

impl TokenFault {
    /// Whether trying again may help.
    pub fn is_transient(self) -> bool {
        self == Self::Transient
    }
}
