//! The address of the threat, and when the account was seen from it first.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

/// When the account, or somebody on its mailbox, was seen from an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenFrom {
    /// First, also with an attempt.
    pub(super) first: DateTime<Utc>,
    /// First inside, with an act that is not the attacker's.
    pub(super) by_others: Option<DateTime<Utc>>,
}

/// The address of the first record of the threat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) ip: IpAddr,
    pub(super) seen: SeenFrom,
    /// The time of the record.
    pub(super) threat: DateTime<Utc>,
}
