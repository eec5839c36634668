//! Does the daily work: the digest of tenants that were never healthy, and the removal of old closed rows.

use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use crate::app::App;
use crate::tables::keys;
use crate::tables::{CoverageRow, TenantState, retention};
use base::clock::Deadline;
use table_store::{PartitionKey, StoreError};

use super::customers::Known;
use super::{service, states};
use crate::notify::notices::{Notice, Subject};
use crate::notify::outbox::Outbox;

/// A day, less a quarter of an hour, so that a schedule that drifts does not skip one.
const DAY: TimeDelta = TimeDelta::minutes(24 * 60 - 15);

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
    let service = service::read(app).await?;
    if service.last_digest.is_none_or(|last| (now - last).abs() >= DAY) {
        tell_of_tenants_never_healthy(app, outbox, known).await?;
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
