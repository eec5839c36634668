//! The ordinary places of an account: addresses and sessions of earlier days.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::activity::Activity;
use super::contexts::{Context, Contexts};
use super::networks::{is_microsoft, is_public};
use super::quarters::Quarters;

/// Returns whether an address can tell one person from another.
pub(super) fn is_usable(address: IpAddr) -> bool {
    is_public(address) && !is_microsoft(address)
}

/// The threat's own address and session, which must not excuse themselves.
#[derive(Debug, Clone, Default)]
pub(super) struct OfThreat {
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) sessions: BTreeSet<String>,
}

/// The ordinary places of one account.
#[derive(Debug, Clone, Default)]
pub(super) struct Baseline {
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) sessions: BTreeSet<String>,
    /// Sessions and tokens that hold an ordinary address other than the threat's own: the owner and the attacker may both use them.
    pub(super) shared_sessions: BTreeSet<String>,
    pub(super) shared_tokens: BTreeSet<String>,
}

impl Baseline {
    pub(super) fn new(contexts: &Contexts, threat: &OfThreat) -> Self {
        let mut baseline = Self { addresses: addresses(contexts, threat), ..Self::default() };
        let at_home = |context: &Context| context.address.is_some_and(|address| baseline.addresses.contains(&address));
        let is_elsewhere = |context: &Context| context.address.is_some_and(|own| !threat.addresses.contains(&own));
        for context in contexts.iter().filter(|context| context.is_inside && at_home(context)) {
            if is_elsewhere(context) {
                baseline.shared_sessions.extend(contexts.sessions(context).map(str::to_owned));
                baseline.shared_tokens.extend(contexts.token(context).map(str::to_owned));
            }
            if context.has_device && contexts.sessions(context).all(|session| !threat.sessions.contains(session)) {
                baseline.sessions.extend(contexts.sessions(context).map(str::to_owned));
            }
        }
        let ordinary = ordinary(contexts, |context| contexts.sessions(context).collect());
        let not_of_threat = ordinary.into_iter().filter(|session| !threat.sessions.contains(*session));
        baseline.sessions.extend(not_of_threat.map(str::to_owned));
        let of_threat = threat.sessions.intersection(&baseline.shared_sessions).cloned();
        baseline.sessions.extend(of_threat);
        baseline
    }

    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    pub(super) fn has_session(&self, sessions: &[String]) -> bool {
        sessions.iter().any(|session| self.sessions.contains(session))
    }
}

/// The threat's own address counts only where the account was active from it in another session.
fn addresses(contexts: &Contexts, threat: &OfThreat) -> BTreeSet<IpAddr> {
    ordinary(contexts, |context| {
        let is_own = |address: &IpAddr| threat.addresses.contains(address);
        let is_other = context.has_session() && contexts.sessions(context).all(|s| !threat.sessions.contains(s));
        context.address.filter(|address| is_other || !is_own(address)).into_iter().collect()
    })
}

/// Returns the keys with which the account was active on several days before the threat.
fn ordinary<'a, K: Ord>(contexts: &'a Contexts, keys: impl Fn(&'a Context) -> Vec<K>) -> BTreeSet<K> {
    let mut seen: BTreeMap<K, Quarters> = BTreeMap::new();
    for (context, quarters) in contexts.with_quarters().filter(|(context, _)| context.is_earlier) {
        for key in keys(context) {
            seen.entry(key).or_default().join(quarters);
        }
    }
    seen.into_iter().filter(|(_, quarters)| quarters.are_of_several_days()).map(|(key, _)| key).collect()
}

/// Finds the exits of offices and VPNs among addresses: several other accounts use them ordinarily.
#[derive(Debug, Default)]
pub(super) struct Exits {
    seen: BTreeMap<IpAddr, BTreeMap<String, Quarters>>,
}

impl Exits {
    /// Other accounts that use an exit ordinarily.
    const ACCOUNTS: usize = 3;

    pub(super) fn add(&mut self, activity: &Activity, alarm: DateTime<Utc>) {
        let Some(address) = activity.address.filter(|address| is_usable(*address)) else { return };
        if activity.time >= alarm || !activity.is_inside() || !activity.is_by_person() {
            return;
        }
        let accounts = self.seen.entry(address).or_default();
        if Self::is_exit(accounts) {
            return;
        }
        accounts.entry(activity.account.clone()).or_default().add(activity.time);
    }

    pub(super) fn found(self) -> BTreeSet<IpAddr> {
        self.seen.into_iter().filter(|(_, accounts)| Self::is_exit(accounts)).map(|(address, _)| address).collect()
    }

    fn is_exit(accounts: &BTreeMap<String, Quarters>) -> bool {
        accounts.values().filter(|quarters| quarters.are_of_several_days()).count() >= Self::ACCOUNTS
    }
}
