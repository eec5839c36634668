//! What a service answers when it does not do what was asked.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use base::ids::TenantId;

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
    #[error("{service} answered {status} {code}: {message}")]
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
    /// The service asked not to be called again before that time. Nothing was sent.
    #[error("{service} wants no request of this tenant before {}", until.format("%Y-%m-%dT%H:%M:%SZ"))]
    Waiting {
        /// Who asked.
        service: Service,
        /// Until when.
        until: DateTime<Utc>,
    },
    /// A link in an answer points to another origin or tenant than it must. Nothing was sent there.
    #[error("{service} gave a link outside its own origin or tenant; it was not followed")]
    ForeignLink {
        /// Who gave it.
        service: Service,
    },
}

impl ServiceError {
    /// Whether the same request may succeed later without anybody doing anything: 408, 429, 5xx, AF429, AF50000, connection.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Token(error) => error.fault.is_passing(),
            Self::Answered { status, .. } => {
                matches!(status, 408 | 429 | 500..) || Remedy::of(self) == Some(Remedy::Wait)
            }
            Self::Unreachable { .. } | Self::Waiting { .. } => true,
            Self::ForeignLink { .. } => false,
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
#[error("no token for tenant {tenant}: {fault}{}", aadsts.map(|n| format!(" (AADSTS{n})")).unwrap_or_default())]
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

/// What a refused token means and who has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenFault {
    /// 7000229, 700016, 65001: the customer has not consented to the app.
    #[error("the app is not consented to in this tenant; an administrator there has to follow the consent link")]
    ConsentMissing,
    /// 7000112, 53003, 90002, 500011, 500014: disabled, blocked, gone or not licensed.
    #[error("access to this tenant is lost: app disabled, conditional access, tenant gone or no licence")]
    AccessLost,
    /// 7000215, 7000222, 700027 and other faults of our own credential or configuration.
    #[error("our own credential or configuration is refused; check the app registration's secret or certificate")]
    OurFault,
    /// Anything that may pass by itself.
    #[error("Entra ID could not give a token right now")]
    Passing,
}

impl TokenFault {
    /// Whether trying again may help.
    pub fn is_passing(self) -> bool {
        self == Self::Passing
    }
}
