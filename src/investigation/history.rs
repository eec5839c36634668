//! When an account was first seen from each address, and since when that address is ordinary.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::quarters::Quarters;

/// The first use of an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    pub(super) first: DateTime<Utc>,
    /// The first use on another day.
    ordinary: Option<DateTime<Utc>>,
}

impl Since {
    pub(super) fn is_ordinary_before(self, time: DateTime<Utc>) -> bool {
        self.ordinary.is_some_and(|since| since < time)
    }
}

/// The addresses of one account.
#[derive(Debug, Default)]
pub(super) struct History(BTreeMap<IpAddr, Since>);

impl History {
    /// Uses come in the order of time.
    pub(super) fn add(&mut self, address: IpAddr, time: DateTime<Utc>) {
        let since = self.0.entry(address).or_insert(Since { first: time, ordinary: None });
        if since.ordinary.is_none() && Quarters::of(since.first, time).are_of_several_days() {
            since.ordinary = Some(time);
        }
    }

    pub(super) fn get(&self, address: IpAddr) -> Option<Since> {
        self.0.get(&address).copied()
    }

    /// Returns the addresses that are ordinary, and since when.
    pub(super) fn known(&self) -> impl Iterator<Item = (IpAddr, DateTime<Utc>)> {
        self.0.iter().filter_map(|(address, since)| Some((*address, since.ordinary?)))
    }
}
