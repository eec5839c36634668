//! Does the daily work: the digest of tenants that were never healthy, that of what tenants lack, and the removal of old closed rows.

use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use crate::app::App;
use crate::tables::keys;
use crate::tables::{CoverageRow, CoverageSession, RowVersion, TenantState, retention};
use base::clock::Deadline;
use table_store::{Digest, PartitionKey, StoreError};

use super::customers::Known;
use super::{service, states};
use crate::notify::forget_former_webhook;
use crate::notify::notices::{Notice, Subject};
use crate::notify::outbox::Outbox;

/// A day, less a quarter of an hour, so that a schedule that drifts does not skip one.
const DAY: TimeDelta = TimeDelta::minutes(24 * 60 - 15);

/// The most tenants that one digest of missing items names.
const TENANTS_IN_DIGEST: usize = 40;

/// The longest line about one tenant in a digest, in characters.
const LINE_CHARS: usize = 500;

/// Tenants whose old rows are removed at once.
const TENANTS_AT_ONCE: usize = 8;

/// Sends the digest when the last one is a day old, and removes old rows in the first run of a day.
pub async fn do_once_a_day(
    app: &App,
    deadline: &Deadline,
    outbox: &Outbox<'_>,
    known: &Known,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    forget_former_webhook(app.store.as_ref(), &app.clock, &app.notifier).await?;
    let service = service::read(app).await?;
    if service.last_digest.is_none_or(|last| (now - last).abs() >= DAY) {
        tell_of_tenants_never_healthy(app, outbox, known).await?;
    }
    if service.last_readiness.is_none_or(|last| (now - last).abs() >= DAY) {
        tell_of_missing_items(app, outbox, known).await?;
    }
    if service.last_run.is_none_or(|last| last.date_naive() != now.date_naive()) {
        remove_old_rows(app, deadline, known).await?;
    }
    service::update(app, |row| row.last_run = Some(now)).await
}

/// One digest: what a person has to do about each tenant that could never be read.
async fn tell_of_tenants_never_healthy(app: &App, outbox: &Outbox<'_>, known: &Known) -> Result<(), StoreError> {
    let dark: Vec<&CoverageRow> = known.values().map(|(row, _)| row).filter(|row| is_in_digest(app, row)).collect();
    if dark.is_empty() {
        return Ok(());
    }
    let line = |row: &&CoverageRow| {
        let advice = states::advice(app, row, &row.last_outcome);
        format!("{} ({}), {}: {advice}", row.display_name, row.domain, row.state.as_str())
    };
    let lines: Vec<String> = dark.iter().map(line).collect();
    let now = app.clock.now();
    let notice = Notice {
        subject: Subject::service(app.settings.partner.tenant_id),
        what: "Digest".to_owned(),
        since: now.date_naive().to_string(),
        text: format!("{}\n{}", digest_headline(dark.len()), lines.join("\n")),
        at: now,
    };
    outbox.tell(&notice, None).await?;
    service::update(app, |row| row.last_digest = Some(now)).await
}

fn digest_headline(tenants: usize) -> String {
    let tenants = if tenants == 1 { "1 tenant".to_owned() } else { format!("{tenants} tenants") };
    format!("Tenantwatch has never been able to read the audit log of {tenants}.")
}

/// One digest: what the daily look misses in each tenant and nobody was told of yet. A tenant that finds no room is in the next one.
async fn tell_of_missing_items(app: &App, outbox: &Outbox<'_>, known: &Known) -> Result<(), StoreError> {
    let is_watched = |row: &CoverageRow| {
        row.state != TenantState::NotListed && !app.settings.tenants.excludes(&row.tenant_id, &row.domain)
    };
    let lacks = |(row, _): &&(CoverageRow, RowVersion)| is_watched(row) && row.readiness.untold().next().is_some();
    let lacking: Vec<&(CoverageRow, RowVersion)> = known.values().filter(lacks).take(TENANTS_IN_DIGEST).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = lacking.iter().map(|(row, _)| missing_line(row)).collect();
    let now = app.clock.now();
    let text = format!("{}\n{}", readiness_headline(lacking.len()), lines.join("\n"));
    let notice = Notice {
        subject: Subject::service(app.settings.partner.tenant_id),
        what: "Readiness".to_owned(),
        // The same items are told once; if the run ends before it has noted them, the next one meets its own notice.
        since: format!("{} {}", now.date_naive(), Digest::of(&[&text])),
        text,
        at: now,
    };
    outbox.tell(&notice, None).await?;
    for (row, version) in lacking {
        let session = CoverageSession::new(app.store.as_ref(), app.clock.clone(), row.clone(), version.clone());
        let told: Vec<String> = row.readiness.untold().map(|item| item.item.clone()).collect();
        session.change(|row| row.readiness.told.extend(told)).await;
        session.save().await?;
    }
    service::update(app, |row| row.last_readiness = Some(now)).await
}

fn missing_line(row: &CoverageRow) -> String {
    let items: Vec<String> = row.readiness.untold().map(|item| format!("{} ({})", item.item, item.detail)).collect();
    let line = format!("{} ({}): {}", row.display_name, row.domain, items.join("; "));
    line.chars().take(LINE_CHARS).collect()
}

fn readiness_headline(tenants: usize) -> String {
    let tenants = if tenants == 1 { "1 tenant lacks".to_owned() } else { format!("{tenants} tenants lack") };
    format!(
        "{tenants} something that monitoring or a remediation needs. `tenantwatch check --tenant <domain>` says what mends it."
    )
}

/// One that is still new after two hours has been tried, and whatever is wrong does not pass by itself.
fn is_in_digest(app: &App, row: &CoverageRow) -> bool {
    let is_still_new = row.state == TenantState::New && app.clock.now() - row.since > states::LATE_AFTER;
    let is_excluded = app.settings.tenants.excludes(&row.tenant_id, &row.domain);
    !is_excluded && (was_never_healthy(row) || row.covered_until.is_none() && is_still_new)
}

/// Returns whether a tenant has been tried and could never be read.
pub fn was_never_healthy(row: &CoverageRow) -> bool {
    row.covered_until.is_none() && !matches!(row.state, TenantState::New | TenantState::OurFault | TenantState::Healthy)
}

/// Removes outdated rows, tenant by tenant. Tenants that are not reached in time are left for the next day.
async fn remove_old_rows(app: &App, deadline: &Deadline, known: &Known) -> Result<(), StoreError> {
    let retention = TimeDelta::from_std(app.settings.collection.retention).unwrap_or(TimeDelta::MAX);
    let Some(before) = app.clock.now().checked_sub_signed(retention) else { return Ok(()) };
    let tenants: Vec<_> =
        known.values().map(|(row, _)| remove_old_rows_of(app, deadline, row, before).boxed()).collect();
    let of_tenants: Vec<usize> = stream::iter(tenants).buffer_unordered(TENANTS_AT_ONCE).try_collect().await?;
    let of_service = retention::remove_closed(app.store.as_ref(), &keys::service_partition(), before).await?;
    let of_attackers = match app.settings.investigation.is_on {
        true => retention::remove_attackers(app.store.as_ref(), app.clock.now()).await?,
        false => 0,
    };
    let removed = of_service + of_attackers + of_tenants.iter().sum::<usize>();
    if removed > 0 {
        tracing::info!(removed, "old rows removed");
    }
    Ok(())
}

async fn remove_old_rows_of(
    app: &App,
    deadline: &Deadline,
    row: &CoverageRow,
    before: DateTime<Utc>,
) -> Result<usize, StoreError> {
    if super::stop::stop_in_time(deadline).is_err() {
        return Ok(0);
    }
    let (store, partition) = (app.store.as_ref(), PartitionKey::domain(&row.domain));
    let findings = retention::remove_closed(store, &partition, before).await?;
    let runs = retention::remove_actions(store, &partition, before).await?;
    let related = retention::remove_related(store, &row.tenant_id, app.clock.now()).await?;
    Ok(findings + runs + related)
}

#[cfg(test)]
mod tests {
    use super::digest_headline;

    #[test]
    fn digest_headline_has_singular_and_plural() {
        assert!(digest_headline(1).ends_with(" of 1 tenant."));
        assert!(digest_headline(2).ends_with(" of 2 tenants."));
    }
}
