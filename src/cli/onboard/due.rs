//! Makes a tenant due: one that could never be read is otherwise tried once an hour.

use super::tenant::Onboarding;
use crate::tables::{CoverageSession, coverage};
use crate::tenants::housekeeping::was_never_healthy;

impl Onboarding<'_> {
    /// Lets the next GetDomain queue the tenant. One without a row is due anyway.
    pub(super) async fn make_due(&mut self) {
        let store = self.app.store.as_ref();
        let known = coverage::read(store, &self.customer.tenant_id).await;
        let Ok(Some((row, version))) = known else { return };
        if !was_never_healthy(&row) || row.last_run.is_none() {
            return;
        }
        let session = CoverageSession::new(store, self.app.clock.clone(), row, version);
        session.change(|row| row.last_run = None).await;
        if let Err(error) = session.save().await {
            tracing::warn!(domain = %self.customer.domain, "the tenant is tried within the hour, not at once: {error}");
        }
    }
}
