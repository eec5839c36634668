//! Finds out whether auditing is disabled in a tenant that has had no content for a day. Exchange is queried once a day.

use chrono::TimeDelta;

use crate::tables::TenantState;
use base::ids::TenantId;

use crate::app::App;
use crate::tables::CoverageSession;

/// The time without content after which auditing is checked, and the time between two checks.
const SILENCE: TimeDelta = TimeDelta::hours(24);

/// Returns whether auditing is off, as far as is known.
pub async fn auditing_is_off(app: &App, session: &CoverageSession<'_>) -> bool {
    let now = app.clock.now();
    let row = session.read(Clone::clone).await;
    let was_off = row.state == TenantState::AuditingOff;
    // If there never was content, the state in question began with the silence.
    let is_silent = row.last_content.map_or(was_off || now - row.since >= SILENCE, |content| now - content >= SILENCE);
    if !is_silent {
        return false;
    }
    if row.audit_checked.is_some_and(|asked| (now - asked).abs() < SILENCE) {
        return was_off;
    }
    let off = ask_exchange(app, &row.tenant_id).await;
    session.change(|row| row.audit_checked = Some(now)).await;
    off.unwrap_or(was_off)
}

/// Returns whether Exchange says that auditing is off; `None` if it does not say.
async fn ask_exchange(app: &App, tenant: &TenantId) -> Option<bool> {
    match app.exchange.admin_audit_log_config(tenant).await {
        Ok(config) => config.unified_audit_log_ingestion_enabled.map(|enabled| !enabled),
        Err(error) => {
            tracing::info!(%tenant, "whether auditing is on is not known: {error}");
            None
        }
    }
}
