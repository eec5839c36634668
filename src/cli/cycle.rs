//! One cycle without a platform: GetDomain, then ProcessAuditLog for each of its messages, as the queue would do it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;

use crate::app::App;
use crate::functions::process_audit_log::Report;
use crate::functions::{FunctionError, TenantMessage, get_domain, process_audit_log};
use base::clock::Deadline;

/// How many tenants are read at once: what `host.json` allows one instance, `batchSize` and `newBatchThreshold` together.
const TENANTS_AT_ONCE: usize = 12;

/// What one cycle did, tenant by tenant.
#[derive(Debug)]
pub struct Cycle {
    /// In the order in which they ended.
    pub tenants: Vec<(TenantMessage, Result<Report, FunctionError>)>,
}

/// Runs one cycle.
///
/// # Errors
/// When GetDomain fails. A tenant that fails is in the result and harms no other.
pub async fn cycle(app: &App) -> Result<Cycle, FunctionError> {
    let clock = Arc::clone(&app.clock);
    let deadline = move |seconds| Deadline::after(Arc::clone(&clock), Duration::from_secs(seconds));
    let messages = get_domain::run(app, &deadline(get_domain::DEADLINE_SECONDS)).await?;
    let tenants = futures::stream::iter(messages)
        .map(|message| {
            let deadline = deadline(process_audit_log::DEADLINE_SECONDS);
            async move {
                let outcome = process_audit_log::run(app, &message, &deadline).await;
                (message, outcome)
            }
        })
        .buffer_unordered(TENANTS_AT_ONCE)
        .collect()
        .await;
    Ok(Cycle { tenants })
}
