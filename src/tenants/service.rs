//! Tracks the state of the service as a whole: its own problems, with one notice for all tenants, and the time of the last daily
//! work.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use crate::app::App;
use crate::tables::COVERAGE;
use crate::tables::RowVersion;
use crate::tables::{ServiceRow, TenantState};
use table_store::StoreError;

use super::states::LATE_AFTER;
use crate::notify::notices::{Notice, Subject, stamp};
use crate::notify::outbox::Outbox;

/// Changes the row of the service; `change` is applied again if another run was faster.
pub async fn update<T>(app: &App, change: impl Fn(&mut ServiceRow) -> T + Send) -> Result<T, StoreError> {
    crate::tables::update(app.store.as_ref(), &app.clock, &ServiceRow::key(), |found| {
        let mut row = found.unwrap_or_else(|| first_row(app.clock.now()));
        let answer = change(&mut row);
        (Some(row), answer)
    })
    .await
}

/// The row of the service.
pub async fn read(app: &App) -> Result<ServiceRow, StoreError> {
    Ok(find(app).await?.map_or_else(|| first_row(app.clock.now()), |(row, _)| row))
}

async fn find(app: &App) -> Result<Option<(ServiceRow, RowVersion)>, StoreError> {
    match app.store.get(COVERAGE, &ServiceRow::key()).await? {
        Some(stored) => ServiceRow::from_stored(&stored).map(Some),
        None => Ok(None),
    }
}

fn first_row(now: DateTime<Utc>) -> ServiceRow {
    ServiceRow::first(now.trunc_subsecs(0))
}

/// Sends one notice for all tenants if no tenant was listed for longer than a tenant may stay unread, because then nothing has
/// run. Returns whether that is the case.
pub async fn notice_standstill(app: &App, outbox: &Outbox<'_>) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let Some(last) = read(app).await?.last_run.filter(|last| now - *last > LATE_AFTER) else { return Ok(false) };
    let text = format!(
        "Tenantwatch did not run from {} to {}, so no tenant was monitored. It is now reading the backlog. Check whether \
         the Function App was stopped or its timer was disabled.",
        stamp(last),
        stamp(now)
    );
    let subject = Subject::service(app.settings.partner.tenant_id);
    let notice = Notice { subject, what: "Standstill".to_owned(), since: stamp(last), text, at: last };
    outbox.tell(&notice, None).await?;
    Ok(true)
}

/// Sends one notice that RemediateAccount rejects every request because `ACTION_KEY` is not set. The notice has a fixed id, so
/// further starts send nothing.
///
/// # Errors
/// Returns [`StoreError`] if the notice cannot be stored.
pub async fn notice_missing_action_key(app: &App, outbox: &Outbox<'_>) -> Result<(), StoreError> {
    let text = "RemediateAccount rejects every request because ACTION_KEY is not set. Tenantwatch monitors and notifies, but \
                no button works. Set ACTION_KEY to base64 of at least 32 random bytes.";
    // With its own id, so that it is sent to those who got the other one before.
    let (text, since) = match app.settings.containment.warning(&app.settings.actions.key) {
        Some(warning) => (format!("{text} {warning}."), "unset, so nothing is contained"),
        None => (text.to_owned(), "unset"),
    };
    let subject = Subject::service(app.settings.partner.tenant_id);
    let notice = Notice { subject, what: "ActionKey".to_owned(), since: since.to_owned(), text, at: app.clock.now() };
    outbox.tell(&notice, None).await
}

/// Stores a problem of Tenantwatch itself and sends one notice for all tenants.
pub async fn our_fault(app: &App, outbox: &Outbox<'_>, why: &str) -> Result<(), StoreError> {
    tracing::error!("Tenantwatch problem: {why}");
    let row = enter(app, TenantState::OurFault, why).await?;
    if row.notified == mark(&row) {
        return Ok(());
    }
    let since = stamp(row.since);
    let text = format!("Tenantwatch itself has had a problem since {since} that affects all tenants: {why}");
    outbox.tell(&notice(app, &row, text), None).await?;
    update(app, |row| row.notified = mark(row)).await
}

/// Ends a problem of Tenantwatch itself. A notice says so if the problem was notified.
pub async fn works(app: &App, outbox: &Outbox<'_>) -> Result<(), StoreError> {
    let before = read(app).await?;
    if before.state != TenantState::OurFault && before.notified.is_empty() {
        return Ok(());
    }
    let row = enter(app, TenantState::Healthy, "").await?;
    if !row.notified.is_empty() {
        let text =
            format!("Tenantwatch has been working again since {}. It is now reading the backlog.", stamp(row.since));
        outbox.tell(&notice(app, &row, text), None).await?;
    }
    update(app, |row| row.notified.clear()).await
}

async fn enter(app: &App, state: TenantState, why: &str) -> Result<ServiceRow, StoreError> {
    let now = app.clock.now().trunc_subsecs(0);
    update(app, |row| {
        if row.state != state {
            row.state = state;
            row.since = now;
        }
        row.last_outcome = why.to_owned();
        row.clone()
    })
    .await
}

fn mark(row: &ServiceRow) -> String {
    format!("{} {}", row.state.as_str(), stamp(row.since))
}

fn notice(app: &App, row: &ServiceRow, text: String) -> Notice {
    Notice {
        subject: Subject::service(app.settings.partner.tenant_id),
        what: row.state.as_str().to_owned(),
        since: stamp(row.since),
        text,
        at: row.since,
    }
}

/// Sends one notice a day if the clocks of this machine, of the audit API and of the store are far apart.
pub async fn notice_clocks(app: &App, outbox: &Outbox<'_>, apart: TimeDelta) -> Result<(), StoreError> {
    let now = app.clock.now();
    let text = format!(
        "The clock of this machine, the time of the Management Activity API and the time of the store are {} apart. \
         Tenantwatch uses the middle one. Check the time synchronization of this machine.",
        in_words(apart)
    );
    let subject = Subject::service(app.settings.partner.tenant_id);
    let since = now.date_naive().to_string();
    let notice = Notice { subject, what: "Clock".to_owned(), since, text, at: now };
    outbox.tell(&notice, None).await
}

/// Returns a time in minutes, or in days if it is that long.
fn in_words(time: TimeDelta) -> String {
    match time.num_days() {
        0..=2 => format!("{} minutes", time.num_minutes()),
        days => format!("{days} days"),
    }
}
