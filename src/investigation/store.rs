//! Looks up activities by account, address and session. The attribution reads them several times and holds none in memory.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::activity::Activity;
use super::subject::Subject;

/// Activities in the order of their time and id, with object ids resolved to names.
pub trait Activities {
    /// Why they cannot be read.
    type Error;

    /// Hands on what the account did, and what was done to it or its mailbox.
    ///
    /// # Errors
    /// Returns the error of the store.
    fn concerning(&self, subject: &Subject, sink: &mut dyn FnMut(&Activity)) -> Result<(), Self::Error>;

    /// Hands on what other accounts did from these addresses or in these sessions.
    ///
    /// # Errors
    /// Returns the error of the store.
    fn elsewhere(&self, subject: &Subject, reach: &Reach, sink: &mut dyn FnMut(&Activity)) -> Result<(), Self::Error>;

    /// Hands on what other accounts did from these addresses before a time: of each account, address and quarter of a day at least one act inside,
    /// if there is one.
    ///
    /// # Errors
    /// Returns the error of the store.
    fn in_quarters(
        &self,
        subject: &Subject,
        reach: &Reach,
        _before: DateTime<Utc>,
        sink: &mut dyn FnMut(&Activity),
    ) -> Result<(), Self::Error> {
        self.elsewhere(subject, reach, sink)
    }

    /// Hands on everything that one account did.
    ///
    /// # Errors
    /// Returns the error of the store.
    fn of_account(&self, account: &str, sink: &mut dyn FnMut(&Activity)) -> Result<(), Self::Error>;
}

/// Addresses and sessions in which other accounts are looked for.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// Sessions.
    pub sessions: BTreeSet<String>,
}

impl Reach {
    /// Returns whether the activity comes from one of the addresses or is in one of the sessions.
    pub fn has(&self, activity: &Activity) -> bool {
        activity.address.is_some_and(|address| self.addresses.contains(&address))
            || activity.sessions.iter().any(|session| self.sessions.contains(session))
    }
}
