//! Whether a tenant can be seen. Every run ends with a state; a dark tenant is told once, and once more when it is healthy
//! again. Tenants that never were healthy are told by the daily digest instead.

use chrono::{SubsecRound as _, TimeDelta};

use crate::app::App;
use crate::notify::ConsentPage;
use crate::tables::{CoverageRow, TenantState};
use m365::management_activity::Remedy;
use m365::{ServiceError, TokenFault};
use table_store::StoreError;

use super::kept::Kept;
use super::notices::{Notice, Subject, stamp};
use super::sending::Outbox;

/// A healthy tenant that was not read for so long is late.
pub const LATE_AFTER: TimeDelta = TimeDelta::hours(2);

/// What an error of a service says about the tenant; `None` when it may pass by itself.
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
        ServiceError::Unreachable { .. }
        | ServiceError::NoConnection { .. }
        | ServiceError::Waiting { .. }
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

/// Ends a run, or a look at a tenant, with `state`: stores it, and tells whoever has to know.
pub async fn enter(
    app: &App,
    kept: &Kept<'_>,
    outbox: &Outbox<'_>,
    state: TenantState,
    why: &str,
) -> Result<(), StoreError> {
    let now = app.clock.now().trunc_subsecs(0);
    kept.change(|row| {
        if row.state != state {
            row.state = state;
            row.since = now;
        }
    })
    .await;
    kept.save().await?;
    // What is stored now may be what somebody else has found meanwhile: that is theirs to tell.
    let news = kept.read(|row| if row.state == state { news(app, row, why) } else { None }).await;
    let Some(notice) = news else { return Ok(()) };
    outbox.tell(&notice, Some(kept)).await?;
    kept.change(|row| row.notified = if state == TenantState::Healthy { String::new() } else { mark(row) }).await;
    kept.save().await
}

/// What has to be told about the state of the tenant, if anything.
fn news(app: &App, row: &CoverageRow, why: &str) -> Option<Notice> {
    let text = match row.state {
        TenantState::New | TenantState::OurFault => return None,
        TenantState::Healthy if row.notified.is_empty() => return None,
        TenantState::Healthy => {
            format!("{} is read again since {}. What was missed is caught up.", name(row), stamp(row.since))
        }
        // Never healthy: the digest tells.
        _ if row.covered_until.is_none() || row.notified == mark(row) => return None,
        _ => format!("{} is not watched since {}: {}", name(row), stamp(row.since), advice(app, row, why)),
    };
    Some(Notice {
        subject: Subject::tenant(row),
        what: row.state.as_str().to_owned(),
        since: stamp(row.since),
        text,
        at: row.since,
    })
}

/// What happened and what a person can do about it.
pub fn advice(app: &App, row: &CoverageRow, why: &str) -> String {
    match row.state {
        TenantState::ConsentMissing => format!(
            "the app is not consented to. An administrator of the tenant has to open {}",
            ConsentPage::new(&app.settings.hosts, &app.settings.partner).of(&row.tenant_id)
        ),
        TenantState::AuditingOff => "auditing is switched off in the tenant. Switch it on with \
             Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true"
            .to_owned(),
        TenantState::New => format!("it could not be read yet ({why})"),
        TenantState::Late => format!(
            "its audit log was last read up to {}; see the errors of ProcessAuditLog",
            row.covered_until.map(stamp).unwrap_or_else(|| "never".to_owned())
        ),
        TenantState::NotListed => {
            "it is no longer among the partner's customers. Exclude it with TENANTS_EXCLUDE if that is right".to_owned()
        }
        _ => format!("access to it is lost ({why}). Check the app, conditional access and licences in the tenant"),
    }
}

fn mark(row: &CoverageRow) -> String {
    format!("{} {}", row.state.as_str(), stamp(row.since))
}

fn name(row: &CoverageRow) -> String {
    if row.display_name.is_empty() { row.domain.to_string() } else { format!("{} ({})", row.display_name, row.domain) }
}
