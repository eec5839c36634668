//! Tracks whether each tenant can be read. Every run ends with a state. An unreadable tenant causes one notice, and another one when
//! it is healthy again. Tenants that were never healthy are in the daily digest instead.

use chrono::{SubsecRound as _, TimeDelta};

use crate::app::App;
use crate::notify::ConsentPage;
use crate::tables::{CoverageRow, CoverageSession, TenantState};
use m365::management_activity::Remedy;
use m365::{ServiceError, TokenFault};
use table_store::StoreError;

use crate::notify::notices::{Notice, Subject, stamp};
use crate::notify::outbox::Outbox;

/// The time without a read after which a healthy tenant is late.
pub const LATE_AFTER: TimeDelta = TimeDelta::hours(2);

/// Returns the state of the tenant that an error of a service shows, or `None` if the error may be transient.
pub fn state_behind(error: &ServiceError) -> Option<TenantState> {
    match error {
        ServiceError::Token(error) => match error.fault {
            TokenFault::ConsentMissing => Some(TenantState::ConsentMissing),
            TokenFault::AccessLost => Some(TenantState::AccessLost),
            TokenFault::OurFault => Some(TenantState::OurFault),
            TokenFault::Transient => None,
        },
        _ if error.is_transient() => None,
        // Without a code of its own a 401 is a token that has just died.
        ServiceError::Answered { code, status: 401, .. } if code.is_empty() => None,
        ServiceError::Answered { .. } => state_behind_code(error),
        ServiceError::NoResponse { .. }
        | ServiceError::NoContent { .. }
        | ServiceError::Unreachable { .. }
        | ServiceError::Waiting { .. }
        | ServiceError::NotAUser { .. }
        | ServiceError::NotAnId { .. }
        | ServiceError::ForeignLink { .. } => None,
    }
}

fn state_behind_code(error: &ServiceError) -> Option<TenantState> {
    match Remedy::of(error) {
        Some(Remedy::Consent) => Some(TenantState::ConsentMissing),
        Some(Remedy::Ours) => Some(TenantState::OurFault),
        Some(Remedy::TenantLost) | None => Some(TenantState::AccessLost),
        // It says nothing of the tenant, or the next run knows better.
        Some(Remedy::Success | Remedy::Subscribe | Remedy::AskAnew | Remedy::Wait | Remedy::ContentLost) => None,
    }
}

/// Ends a run or a check of a tenant with `state`: stores it, and sends the notice that is due.
pub async fn enter(
    app: &App,
    session: &CoverageSession<'_>,
    outbox: &Outbox<'_>,
    state: TenantState,
    why: &str,
) -> Result<(), StoreError> {
    let now = app.clock.now().trunc_subsecs(0);
    session
        .change(|row| {
            if row.state != state {
                row.state = state;
                row.since = now;
            }
        })
        .await;
    session.save().await?;
    // Another run may have stored a different state in the meantime; that run sends its notice.
    let news = session.read(|row| if row.state == state { news(app, row, why) } else { None }).await;
    let Some(notice) = news else { return Ok(()) };
    outbox.tell(&notice, Some(session)).await?;
    session.change(|row| row.notified = if state == TenantState::Healthy { String::new() } else { mark(row) }).await;
    session.save().await
}

/// Returns the notice about the state of the tenant, if one is due.
fn news(app: &App, row: &CoverageRow, why: &str) -> Option<Notice> {
    let text = match row.state {
        TenantState::New | TenantState::OurFault => return None,
        TenantState::Healthy if row.notified.is_empty() => return None,
        TenantState::Healthy => {
            format!("Monitoring of {} resumed at {}. The backlog has been read.", name(row), stamp(row.since))
        }
        // Never healthy: the digest tells.
        _ if row.covered_until.is_none() || row.notified == mark(row) => return None,
        // `Since` is when Tenantwatch noticed it; the tenant was last monitored before.
        TenantState::Late => {
            let covered = row.covered_until.unwrap_or(row.since);
            format!("{} has not been monitored since {}: {}", name(row), stamp(covered), advice(app, row, why))
        }
        _ => format!("{} has not been monitored since {}: {}", name(row), stamp(row.since), advice(app, row, why)),
    };
    Some(Notice {
        subject: Subject::tenant(row),
        what: row.state.as_str().to_owned(),
        since: stamp(row.since),
        text,
        at: row.since,
    })
}

/// Returns what happened and what a person can do about it.
pub fn advice(app: &App, row: &CoverageRow, why: &str) -> String {
    match row.state {
        TenantState::ConsentMissing => format!(
            "admin consent for the app is missing. An administrator of the tenant must open {}",
            ConsentPage::new(&app.settings.hosts, &app.settings.partner).of(&row.tenant_id)
        ),
        TenantState::AuditingOff => "auditing is disabled in the tenant. To enable it, run \
             Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true. If that fails in a new tenant, run \
             Enable-OrganizationCustomization first and wait 2 hours"
            .to_owned(),
        TenantState::New => format!("its audit log has never been read ({why})"),
        TenantState::Late => format!(
            "its audit log has been read only up to {}. Check the ProcessAuditLog errors in the log",
            row.covered_until.map(stamp).unwrap_or_else(|| "never".to_owned())
        ),
        TenantState::NotListed => {
            "it is no longer in the partner's customer list. If that is intended, add it to TENANTS_EXCLUDE".to_owned()
        }
        _ => format!(
            "Tenantwatch no longer has access ({why}). Check the app, Conditional Access and licences in the tenant"
        ),
    }
}

fn mark(row: &CoverageRow) -> String {
    format!("{} {}", row.state.as_str(), stamp(row.since))
}

fn name(row: &CoverageRow) -> String {
    if row.display_name.is_empty() { row.domain.to_string() } else { format!("{} ({})", row.display_name, row.domain) }
}
