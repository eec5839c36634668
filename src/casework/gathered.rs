//! Records as they are gathered: each becomes an activity, with the names and kinds that were seen on the way.

use std::collections::BTreeMap;

use audit_log::AnyRecord;
use base::ids::TenantId;

use super::spill::Spill;
use crate::investigation::{Activity, Names, Seen, reduce};

/// The activities of one investigation, and what was seen among them.
#[derive(Debug)]
pub struct Gathered {
    /// The activities.
    pub spill: Spill,
    /// The names of accounts.
    pub names: Names,
    seen: BTreeMap<Option<TenantId>, Seen>,
}

impl Gathered {
    /// Nothing is gathered yet.
    ///
    /// # Errors
    /// Returns an error if the temporary database cannot be made.
    pub fn new(account: &str) -> rusqlite::Result<Self> {
        Ok(Self { spill: Spill::new(account)?, names: Names::default(), seen: BTreeMap::new() })
    }

    /// Keeps a record.
    ///
    /// # Errors
    /// Returns an error if the temporary database cannot be written.
    pub fn keep(&mut self, activity: &Activity, json: &[u8]) -> rusqlite::Result<()> {
        self.names.note(activity);
        self.seen.entry(activity.tenant).or_default().note(activity);
        self.spill.keep(activity, json)
    }

    /// Returns the kinds of records of a tenant; records that name none count for each.
    pub fn seen(&self, tenant: Option<TenantId>) -> Seen {
        let mut seen = Seen::default();
        for of_tenant in [None, tenant].iter().filter_map(|tenant| self.seen.get(tenant)) {
            seen.join(of_tenant);
        }
        seen
    }
}

/// Reduces a record to its activity; `None` if it is no audit record.
pub fn activity(json: &[u8]) -> Option<Activity> {
    AnyRecord::read(json, reduce).ok().flatten()
}
