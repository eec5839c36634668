//! GetDomain: lists the customer tenants, one message each.

use crate::app::App;
use crate::clock::Deadline;

use super::{FunctionError, TenantMessage};

/// How long one run may take, in seconds. Below `functionTimeout` of `host.json`.
pub const DEADLINE_SECONDS: u64 = 5 * 60;

/// Lists the tenants to read now.
pub async fn run(app: &App, deadline: &Deadline) -> Result<Vec<TenantMessage>, FunctionError> {
    let _ = (app, deadline);
    todo!()
}
