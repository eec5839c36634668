//! The three functions. They do not know their transport: input and output are typed, and any host can call them.

pub mod get_domain;
pub mod process_audit_log;
pub mod remediate_account;

use crate::tenants::Stop;
use base::ids::{Domain, TenantId};
use table_store::StoreError;

pub use crate::tenants::{MessageError, TenantMessage};

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// A transient error: the host should try again.
    #[error("{0}")]
    Transient(String),
    /// Another attempt is pointless; the reason was stored and notified.
    #[error("{0}")]
    Permanent(String),
}

impl FunctionError {
    /// Names the tenant that the error is about.
    #[must_use]
    pub fn about(self, tenant: &str) -> Self {
        match self {
            Self::Transient(reason) => Self::Transient(format!("{tenant}: {reason}")),
            Self::Permanent(reason) => Self::Permanent(format!("{tenant}: {reason}")),
        }
    }
}

impl From<Stop> for FunctionError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::AccessBlocked(state, why) => Self::Permanent(format!("{}: {why}", state.as_str())),
            Stop::OutOfTime | Stop::Starting(_) | Stop::Transient(_) => Self::Transient(stop.to_string()),
        }
    }
}

impl From<StoreError> for FunctionError {
    fn from(error: StoreError) -> Self {
        Self::Transient(error.to_string())
    }
}

/// Creates the span of the work for one tenant, so that every line in it names the tenant by id, domain and name. It has the
/// highest level so that no filter removes it.
pub(crate) fn tenant_span(id: &TenantId, domain: &Domain, name: &str) -> tracing::Span {
    tracing::error_span!("tenant", %id, %domain, name)
}
