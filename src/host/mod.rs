//! The Azure Functions host, as a custom handler meets it: envelopes in and out, and the routes. Knows no product logic.
//!
//! The facts come from the host's source: Azure/azure-functions-host, `src/WebJobs.Script/Workers/Http` (requests, answers)
//! and `Workers/MessageExtensions/ScriptInvocationContextExtensions.cs` (how values are encoded).

mod body;
pub mod envelope;
mod failure;
mod invocation;
mod router;
pub mod standalone;

use async_trait::async_trait;

use crate::functions::remediate_account::Answer;
use crate::functions::{FunctionError, TenantMessage};

pub use invocation::Limits;
pub use router::router;

/// The three functions, without their transport.
///
/// Each is called on a task of its own: it goes on when the caller hangs up, and a panic ends nothing but the call.
#[async_trait]
pub trait Functions: Send + Sync + 'static {
    /// The tenants to be read now; each becomes one queue message.
    ///
    /// # Errors
    /// When the tenants cannot be listed.
    async fn get_domain(&self) -> Result<Vec<TenantMessage>, FunctionError>;

    /// Reads one tenant. What comes back is one line for the log.
    ///
    /// # Errors
    /// `Passing` makes the host deliver the message again, `Permanent` does not.
    async fn process_audit_log(&self, message: &TenantMessage) -> Result<String, FunctionError>;

    /// Answers one POST to RemediateAccount.
    async fn remediate_account(&self, body: &[u8]) -> Answer;
}
