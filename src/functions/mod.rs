//! The three functions. They know no transport: what comes in and goes out is typed, and any host can call them.

pub mod get_domain;
pub mod process_audit_log;
pub mod remediate_account;

use crate::collector::Stop;
use table_store::StoreError;

pub use crate::collector::TenantMessage;

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// May pass: the host should try again.
    #[error("{0}")]
    Passing(String),
    /// Trying again is pointless; it has been stored and told.
    #[error("{0}")]
    Permanent(String),
}

impl From<Stop> for FunctionError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Dark(state, why) => Self::Permanent(format!("{}: {why}", state.as_str())),
            Stop::OutOfTime | Stop::Passing(_) => Self::Passing(stop.to_string()),
        }
    }
}

impl From<StoreError> for FunctionError {
    fn from(error: StoreError) -> Self {
        Self::Passing(error.to_string())
    }
}
