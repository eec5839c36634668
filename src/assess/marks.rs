//! Marks that a finding leaves for later ones: objects that were removed, and domains that were added.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::Assessor;
use crate::detection::Finding;
use crate::tables::{
    AddedDomainRow, FindingState, PROCESSED, ProcessedRow, RemovedRow, added_domains, load, put, update,
};
use base::ids::Domain;
use table_store::{ColumnValue, Digest, Key, PartitionKey, Query, StoreError, Stored};

/// The clocks of the store and of Microsoft differ by less.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::hours(1);

/// The most pages of repeats that one removal looks at.
const PAGES: usize = 10;

impl Assessor<'_> {
    /// Stores the objects that a finding says were removed. Created again, each is a new threat.
    pub(super) async fn mark_removed(&self, finding: &Finding) -> Result<(), StoreError> {
        let mut is_news = false;
        for object in &finding.removed {
            let own = RemovedRow { tenant_id: self.tenant, object: object.clone(), event_time: finding.event_time };
            let key = RemovedRow::key_of(&self.tenant, object);
            is_news |=
                update::<RemovedRow, bool>(self.app.store.as_ref(), &self.app.clock, &key, |stored| match stored {
                    Some(stored) if stored.event_time >= own.event_time => (None, false),
                    _ => (Some(own.clone()), true),
                })
                .await?;
        }
        if is_news {
            self.notified.forget();
            self.revive_repeats(finding).await?;
        }
        Ok(())
    }

    /// Sends threats that were stored as repeats before their object was known to have been removed in the meantime: content does not
    /// arrive in the order of its records.
    async fn revive_repeats(&self, removal: &Finding) -> Result<(), StoreError> {
        let domain = self.session.read(|row| row.domain.clone()).await;
        let mut query = Query::partition(PartitionKey::domain(&domain))
            .changed_since(removal.event_time - CLOCKS_DIFFER)
            .where_any_of([ColumnValue::new("State", FindingState::Repeat.as_str())])
            .with_columns(["EventTime", "Subjects"]);
        for _ in 0..PAGES {
            let page = self.app.store.list(PROCESSED, &query).await?;
            let is_later = |row: &&Stored| row.entity.time("EventTime").is_some_and(|time| time >= removal.event_time);
            for stored in page.rows.iter().filter(is_later).filter(|row| is_about(row, &removal.removed)) {
                self.revive(&stored.entity.key).await?;
            }
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        Ok(())
    }

    async fn revive(&self, key: &Key) -> Result<(), StoreError> {
        match self.stored(key).await? {
            Some((mut row, version)) if row.state == FindingState::Repeat => {
                row.repeat_of = None;
                row.state = FindingState::Recorded;
                self.store_raised(row, version).await
            }
            _ => Ok(()),
        }
    }

    /// Stores the domain that a finding says was added.
    pub(super) async fn mark_added_domain(&self, finding: &Finding) -> Result<(), StoreError> {
        let Some(domain) = finding.added_domain() else { return Ok(()) };
        let row = AddedDomainRow { tenant_id: self.tenant, domain, event_time: finding.event_time };
        put(self.app.store.as_ref(), &self.app.clock, &row).await
    }

    /// The domains that were added to the tenant within the last 30 days.
    pub(super) async fn added_domains(&self) -> Result<BTreeMap<Domain, DateTime<Utc>>, StoreError> {
        added_domains(self.app.store.as_ref(), &self.tenant).await
    }
}

/// Returns whether a stored threat is about one of the objects.
fn is_about(stored: &Stored, objects: &[Digest]) -> bool {
    let subjects = stored.entity.text("Subjects").unwrap_or_default();
    subjects.split(' ').any(|subject| objects.iter().any(|object| object.as_str() == subject))
}

/// Returns the time of the last removal of an object that the threat is about.
pub(super) async fn last_removal(
    store: &dyn table_store::Store,
    threat: &ProcessedRow,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let mut last = None;
    for object in &threat.subjects {
        let removed = load::<RemovedRow>(store, &RemovedRow::key_of(&threat.tenant_id, object)).await?;
        last = last.max(removed.map(|(row, _)| row.event_time));
    }
    Ok(last)
}
