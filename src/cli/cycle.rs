//! Runs one cycle without a platform: GetDomain, then ProcessAuditLog for each of its messages, as the queue would do it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::app::App;
use crate::functions::process_audit_log::Report;
use crate::functions::{FunctionError, TenantMessage, get_domain, process_audit_log};
use base::clock::Deadline;
use base::ids::TenantId;

/// The number of tenants that are read concurrently: as many as `host.json` allows one instance, `batchSize` and
/// `newBatchThreshold` together.
pub const MAX_CONCURRENT_TENANTS: usize = 12;

/// The outcome of one cycle.
#[derive(Debug)]
pub struct Cycle {
    /// Every monitored tenant, whether it was due in this cycle or not.
    pub monitored: BTreeSet<TenantId>,
    /// Why the customer list could not be read. The known tenants were read anyway.
    pub listing_failure: Option<String>,
    /// The tenants that were due, in the order in which their runs ended.
    pub tenants: Vec<(TenantMessage, Result<Report, FunctionError>)>,
}

impl Cycle {
    /// Returns one sentence for each tenant that could not be read in this cycle. A run that was cut short, and one that waits for
    /// Microsoft after the start of a subscription, are no failures.
    pub fn unread(&self) -> Vec<String> {
        let unread = |message: &TenantMessage, outcome: &Result<Report, FunctionError>| match outcome {
            Err(error) => Some(format!("the audit log of {} could not be read: {error}", message.tenant_name())),
            Ok(report) if report.blobs == 0 && report.owed > 0 => Some(format!(
                "none of the content of {} could be read: {} blobs are deferred",
                message.tenant_name(),
                report.owed
            )),
            Ok(_) => None,
        };
        self.tenants.iter().filter_map(|(message, outcome)| unread(message, outcome)).collect()
    }
}

/// Runs one cycle.
///
/// # Errors
/// Returns the error of GetDomain. A tenant that fails is part of the result and does not affect other tenants.
pub async fn cycle(app: &App) -> Result<Cycle, FunctionError> {
    let clock = Arc::clone(&app.clock);
    let deadline = move |seconds| Deadline::after(Arc::clone(&clock), Duration::from_secs(seconds));
    let (limit, span) = (deadline(get_domain::DEADLINE_SECONDS), invocation("GetDomain"));
    let customers = get_domain::list(app, &limit).instrument(span).await?;
    let tenants = futures::stream::iter(customers.messages)
        .map(|message| {
            let deadline = deadline(process_audit_log::DEADLINE_SECONDS);
            async move {
                let span = invocation("ProcessAuditLog");
                let outcome = process_audit_log::run(app, &message, &deadline).instrument(span).await;
                (message, outcome)
            }
        })
        .buffer_unordered(MAX_CONCURRENT_TENANTS)
        .collect()
        .await;
    Ok(Cycle { monitored: customers.monitored, listing_failure: customers.failure, tenants })
}

/// Creates the span of one invocation, with an id as the Functions host would give it.
fn invocation(function: &'static str) -> tracing::Span {
    tracing::error_span!("invocation", function, id = %Uuid::new_v4())
}
