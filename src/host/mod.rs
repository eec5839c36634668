//! The interface to the Azure Functions host as a custom handler: envelopes in and out, and the routes. It knows no product
//! logic.
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
/// Each call runs on its own task: it continues if the caller disconnects, and a panic ends only the call. Each function logs
/// its own outcome; under the host every line costs money, so there is no second one.
#[async_trait]
pub trait Functions: Send + Sync + 'static {
    /// Returns the tenants to read now; each becomes one queue message.
    ///
    /// # Errors
    /// Returns [`FunctionError`] if the tenants cannot be listed.
    async fn get_domain(&self) -> Result<Vec<TenantMessage>, FunctionError>;

    /// Reads one tenant.
    ///
    /// # Errors
    /// `Transient` makes the host deliver the message again, `Permanent` does not.
    async fn process_audit_log(&self, message: &TenantMessage) -> Result<(), FunctionError>;

    /// Answers one POST to RemediateAccount.
    async fn remediate_account(&self, body: &[u8]) -> Answer;
}
