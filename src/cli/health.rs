//! Finds what keeps a cycle from counting as successful: reads that failed in it, and stored states, so that a tenant that was not due
//! in this cycle counts like one that was.

use std::collections::BTreeMap;

use crate::app::App;
use crate::notify;
use crate::tables::{CoverageRow, TenantState};
use crate::tenants::{LATE_AFTER, customers, undelivered};
use table_store::StoreError;

use super::Cycle;

/// Returns one sentence for each problem: the customer list, every tenant that could not be read in this cycle, every monitored tenant
/// that is neither `Healthy` nor `New` for less than two hours, the notifications that a channel has not accepted, and a webhook that is
/// off. Empty if all is well.
///
/// # Errors
/// Returns [`StoreError`] if the stored states cannot be read.
pub async fn problems(app: &App, cycle: &Cycle) -> Result<Vec<String>, StoreError> {
    let mut problems: Vec<String> = cycle.listing_failure.iter().cloned().collect();
    if cycle.listing_failure.is_none() && cycle.monitored.is_empty() {
        problems.push(format!(
            "no customers found by {}; TENANT_SOURCE chooses the list",
            customers::source_name(&app.settings.tenants.source)
        ));
    }
    problems.extend(cycle.unread());
    let (known, unreadable) = customers::known(app).await?;
    problems.extend(unreadable.iter().map(|error| format!("the coverage row of a tenant is unusable: {error}")));
    problems.extend(cycle.monitored.iter().filter_map(|id| match known.get(id) {
        Some((row, _)) => tenant_problem(app, row),
        None => Some(format!("{id}: nothing is stored about this tenant, so it has not been read")),
    }));
    problems.extend(undelivered_problems(app).await?);
    problems.extend(
        notify::webhook_is_off(app.store.as_ref(), &app.notifier).await?.then(|| notify::WEBHOOK_OFF.to_owned()),
    );
    Ok(problems)
}

fn tenant_problem(app: &App, row: &CoverageRow) -> Option<String> {
    let is_fresh = row.state == TenantState::New && app.clock.now() - row.since < LATE_AFTER;
    if row.state == TenantState::Healthy || is_fresh {
        return None;
    }
    let (domain, state) = (&row.domain, row.state.as_str());
    let name =
        if row.display_name.is_empty() { domain.to_string() } else { format!("{} ({domain})", row.display_name) };
    let since = row.since.format("%Y-%m-%dT%H:%M:%SZ");
    let outcome = if row.last_outcome.is_empty() { String::new() } else { format!(": {}", row.last_outcome) };
    Some(format!("{name} has been {state} since {since}{outcome}"))
}

/// Returns one sentence for each channel that has not accepted everything.
async fn undelivered_problems(app: &App) -> Result<Vec<String>, StoreError> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in undelivered(app).await? {
        for (channel, _) in row.notified.iter().filter(|(_, accepted)| accepted.is_none()) {
            *counts.entry(channel.clone()).or_default() += 1;
        }
    }
    let sentence = |(channel, count)| match count {
        1 => format!("channel {channel}: 1 notification has not been accepted"),
        _ => format!("channel {channel}: {count} notifications have not been accepted"),
    };
    Ok(counts.into_iter().map(sentence).collect())
}
