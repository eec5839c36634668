//! The threat as it is known before anything is attributed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use base::ids::RecordId;

use super::activity::Activity;

/// From where the investigation starts.
#[derive(Debug, Clone, Default)]
pub struct FixedPoints {
    /// Records that are the attacker's.
    pub records: BTreeSet<RecordId>,
    /// `true` if nobody named the records and addresses: some may be the account's own.
    pub are_found: bool,
    /// Addresses that are the attacker's.
    pub addresses: BTreeSet<IpAddr>,
    /// The application of Tenantwatch.
    pub own_app: Option<String>,
}

/// The threat's records of one account from one address. There may be hundreds of thousands of records.
#[derive(Debug)]
pub(super) struct Acts {
    pub(super) ids: BTreeSet<RecordId>,
    pub(super) sessions: BTreeSet<String>,
    pub(super) tokens: BTreeSet<String>,
    /// `true` if a record names no session.
    pub(super) lacks_session: bool,
    pub(super) first: DateTime<Utc>,
    pub(super) last: DateTime<Utc>,
}

impl Acts {
    pub(super) fn new(time: DateTime<Utc>) -> Self {
        let (sessions, tokens) = Default::default();
        Self { ids: BTreeSet::new(), sessions, tokens, lacks_session: false, first: time, last: time }
    }

    pub(super) fn add(&mut self, activity: &Activity) {
        self.ids.insert(activity.id);
        (self.first, self.last) = (self.first.min(activity.time), self.last.max(activity.time));
        self.lacks_session |= activity.sessions.is_empty();
        for session in &activity.sessions {
            if !self.sessions.contains(session) {
                self.sessions.insert(session.clone());
            }
        }
        if let Some(token) = activity.token.as_ref().filter(|token| !self.tokens.contains(*token)) {
            self.tokens.insert(token.clone());
        }
    }
}

/// An account and an address.
pub(super) type Origin = (String, Option<IpAddr>);

/// Threats from an address that are taken for the account's own.
#[derive(Debug, Clone)]
pub(super) struct SetAside {
    pub(super) address: IpAddr,
    pub(super) first: DateTime<Utc>,
    /// The account whose place the address is.
    pub(super) account: String,
    /// `false` if the address became ordinary only later, so that nothing tells whose it is.
    pub(super) is_owners: bool,
}
