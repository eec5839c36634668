//! The daily look: every tenant is asked once a day by its ordinary run, after its content, and the coverage row keeps what was found.

use std::time::Duration;

use base::clock::Deadline;
use base::ids::TenantId;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::tables::{CoverageRow, CoverageSession, StoredItem};

use super::{Asked, Item, look};

/// The minutes of a day. Each tenant has its look at one of them.
const MINUTES: i64 = 24 * 60;

/// The longest time that a look may take at the end of a run.
const LOOK_TIMEOUT: Duration = Duration::from_secs(90);

/// Returns whether the look at a tenant is due: its minute of the day has come since the last one. The first look at a tenant waits for
/// that minute as well, so that hundreds of new tenants are not all asked in the same run.
pub fn is_due(row: &CoverageRow, now: DateTime<Utc>) -> bool {
    let slot = last_slot(&row.tenant_id, now);
    match row.readiness.at {
        // A time that lies ahead was written by a wrong clock.
        Some(at) => at < slot || at > now,
        None => row.since <= slot,
    }
}

/// Returns the last time at which the minute of a tenant came.
fn last_slot(tenant: &TenantId, now: DateTime<Utc>) -> DateTime<Utc> {
    let hash =
        Sha256::digest(tenant.as_uuid().as_bytes()).iter().take(7).fold(0, |hash, byte| hash << 8 | i64::from(*byte));
    let midnight = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    let slot = midnight + TimeDelta::minutes(hash % MINUTES);
    if slot <= now { slot } else { slot - TimeDelta::days(1) }
}

/// Looks at the tenant of a session and stores what was found. A look that does not end in time is made up for by the next run.
pub async fn look_and_store(app: &App, session: &CoverageSession<'_>, deadline: &Deadline) {
    let row = session.read(Clone::clone).await;
    // New tokens, because those in the cache may be older than a permission that was granted meanwhile.
    app.tokens.forget(&row.tenant_id);
    let asked = Asked { tenant_id: row.tenant_id, domain: &row.domain, row: Some(&row) };
    let limit = Deadline::after(app.clock.clone(), deadline.left().min(LOOK_TIMEOUT));
    let Some(items) = limit.limit(Box::pin(look(app, &asked))).await else {
        tracing::debug!("the daily look at the tenant did not end in time");
        return;
    };
    store(app, session, &items).await;
}

/// Stores what a look has found.
pub async fn store(app: &App, session: &CoverageSession<'_>, items: &[Item]) {
    let stored = items.iter().map(|item| StoredItem::new(&item.item, item.state.as_str(), &item.detail)).collect();
    let now = app.clock.now();
    session.change(|row| row.readiness.note(stored, now)).await;
    if let Err(error) = session.save().await {
        tracing::warn!("what the daily look found could not be stored: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn slots_of_tenants_are_spread_over_the_day() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(36);
        let slots: BTreeSet<_> = (0..300).map(|n| last_slot(&TenantId::new(uuid::Uuid::from_u128(n)), now)).collect();
        assert!(slots.len() > 200, "{}", slots.len());
        assert!(slots.iter().all(|slot| *slot <= now && *slot > now - TimeDelta::days(1)));
        for hour in 0..24 {
            let from = now - TimeDelta::hours(hour + 1);
            let in_hour = slots.range(from..from + TimeDelta::hours(1)).count();
            assert!((1..40).contains(&in_hour), "{hour}: {in_hour}");
        }
    }
}
