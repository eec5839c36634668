//! The ordinary places of an account: addresses and sessions of earlier days.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, Utc};

use super::activity::Activity;
use super::contexts::{Context, Contexts, Use};
use super::networks::{household, is_microsoft, is_public};
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
    /// Those of its addresses from which a record has no session.
    pub(super) without_session: BTreeSet<IpAddr>,
    /// Addresses that a person named: nothing excuses them.
    pub(super) named: BTreeSet<IpAddr>,
    /// Addresses of which nothing tells whether they are the account's own.
    pub(super) contested: BTreeSet<IpAddr>,
}

/// The ordinary places of one account.
#[derive(Debug, Clone, Default)]
pub(super) struct Baseline {
    pub(super) addresses: BTreeSet<IpAddr>,
    /// Networks of 64 bits: a person at home has another address in one of them every day.
    pub(super) households: BTreeSet<Ipv6Addr>,
    /// Those of the addresses that may be the attacker's as well as the owner's. They link nothing, and nothing is anybody's by them.
    pub(super) contested: BTreeSet<IpAddr>,
    pub(super) sessions: BTreeSet<String>,
    /// Sessions and tokens that hold an ordinary address other than the threat's own: the owner and the attacker may both use them.
    pub(super) shared_sessions: BTreeSet<String>,
    pub(super) shared_tokens: BTreeSet<String>,
}

impl Baseline {
    pub(super) fn new(contexts: &Contexts, threat: &OfThreat, exits: &BTreeSet<IpAddr>) -> Self {
        let by_letter = addresses(contexts, threat, &BTreeSet::new());
        let strangers = strangers(contexts, threat, |address| {
            threat.addresses.contains(&address) && !by_letter.contains(&address) && !exits.contains(&address)
        });
        let mut baseline = Self { addresses: addresses(contexts, threat, &strangers), ..Self::default() };
        baseline.note_households(contexts, threat, &strangers);
        baseline.note_contested(contexts, threat);
        baseline.note_sessions(contexts, threat, &strangers);
        baseline
    }

    /// In an ordinary network every address of the account is ordinary, unless the threat came from there.
    fn note_households(&mut self, contexts: &Contexts, threat: &OfThreat, strangers: &BTreeSet<&str>) {
        let of_threat: BTreeSet<Ipv6Addr> = threat.addresses.iter().copied().filter_map(household).collect();
        self.households = ordinary(contexts, |context| {
            let network = context.address.and_then(household);
            let counts =
                |network: &Ipv6Addr| may_count(contexts, context, threat, strangers, of_threat.contains(network));
            network.filter(counts).into_iter().collect()
        });
        let is_at_home = |address: &IpAddr| {
            household(*address).is_some_and(|own| self.households.contains(&own) && !of_threat.contains(&own))
        };
        self.addresses.extend(contexts.addresses().into_iter().filter(is_at_home));
    }

    /// If a record of the threat has no session, it may be of any that was seen at its address. So the address has to be ordinary without any
    /// one of them.
    fn note_contested(&mut self, contexts: &Contexts, threat: &OfThreat) {
        let mut at: BTreeMap<IpAddr, Vec<(&Context, Use)>> = BTreeMap::new();
        let earlier =
            contexts.with_use().filter(|(context, _)| context.is_earlier && is_other(contexts, context, threat));
        for (context, of_context) in earlier {
            let address = context.address.filter(|address| threat.without_session.contains(address));
            if let Some(address) = address.filter(|address| self.addresses.contains(address)) {
                at.entry(address).or_default().push((context, of_context));
            }
        }
        let unsure = at.into_iter().filter(|(_, uses)| !is_ordinary_without_any(contexts, uses));
        let unsure = unsure.map(|(address, _)| address);
        self.contested = unsure.chain(threat.contested.iter().copied()).collect();
        self.addresses.extend(&self.contested);
    }

    fn note_sessions(&mut self, contexts: &Contexts, threat: &OfThreat, strangers: &BTreeSet<&str>) {
        let at_home = |context: &Context| context.address.is_some_and(|address| self.addresses.contains(&address));
        let is_elsewhere = |context: &Context| context.address.is_some_and(|own| !threat.addresses.contains(&own));
        let (mut sessions, mut shared_sessions, mut shared_tokens) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for context in contexts.iter().filter(|context| context.is_inside && at_home(context)) {
            if is_elsewhere(context) {
                shared_sessions.extend(contexts.sessions(context).map(str::to_owned));
                shared_tokens.extend(contexts.token(context).map(str::to_owned));
            }
            if context.has_device && contexts.sessions(context).all(|session| !threat.sessions.contains(session)) {
                sessions.extend(contexts.sessions(context).map(str::to_owned));
            }
        }
        let ordinary = ordinary(contexts, |context| match threat.is_named(context) {
            true => Vec::new(),
            false => contexts.sessions(context).collect(),
        });
        let is_own = |session: &&str| !threat.sessions.contains(*session) && !strangers.contains(*session);
        sessions.extend(ordinary.into_iter().filter(is_own).map(str::to_owned));
        sessions.extend(threat.sessions.intersection(&shared_sessions).cloned());
        (self.sessions, self.shared_sessions, self.shared_tokens) = (sessions, shared_sessions, shared_tokens);
    }

    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// Returns whether the address is ordinary for the owner, and not perhaps the attacker's.
    pub(super) fn is_owners(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) && !self.contested.contains(&address)
    }

    pub(super) fn has_session(&self, sessions: &[String]) -> bool {
        sessions.iter().any(|session| self.sessions.contains(session))
    }

    /// Returns whether the owner uses the session.
    pub(super) fn is_owners_session(&self, session: &str) -> bool {
        self.sessions.contains(session) || self.shared_sessions.contains(session)
    }
}

impl OfThreat {
    fn is_named(&self, context: &Context) -> bool {
        context.address.is_some_and(|address| self.named.contains(&address))
    }
}

/// The threat's own address counts only where the account was active from it in another session.
fn addresses(contexts: &Contexts, threat: &OfThreat, strangers: &BTreeSet<&str>) -> BTreeSet<IpAddr> {
    ordinary(contexts, |context| {
        let address = context.address.filter(|_| !threat.is_named(context));
        let counts =
            |address: &IpAddr| may_count(contexts, context, threat, strangers, threat.addresses.contains(address));
        address.filter(counts).into_iter().collect()
    })
}

/// Returns whether a use may make its place ordinary: in no stranger's session, and at a place of the threat only in another session.
fn may_count(
    contexts: &Contexts,
    context: &Context,
    threat: &OfThreat,
    strangers: &BTreeSet<&str>,
    is_of_threat: bool,
) -> bool {
    let is_strangers = contexts.sessions(context).any(|session| strangers.contains(session));
    !is_strangers && (!is_of_threat || is_other(contexts, context, threat))
}

/// Returns the sessions that began at the attacker's address when other places were ordinary already. They make nothing ordinary.
fn strangers<'a>(
    contexts: &'a Contexts,
    threat: &OfThreat,
    is_attackers: impl Fn(IpAddr) -> bool,
) -> BTreeSet<&'a str> {
    let mut begin: BTreeMap<&str, (DateTime<Utc>, IpAddr)> = BTreeMap::new();
    for (context, of_context) in contexts.with_use().filter(|(context, _)| context.is_inside) {
        let Some(address) = context.address else { continue };
        for session in contexts.sessions(context) {
            let first = begin.entry(session).or_insert((of_context.first, address));
            *first = (of_context.first, address).min(*first);
        }
    }
    let others = contexts.history.known().filter(|(address, _)| !threat.addresses.contains(address));
    let Some(known) = others.map(|(_, since)| since).min() else { return BTreeSet::new() };
    let is_strangers = |(time, address): (DateTime<Utc>, IpAddr)| time > known && is_attackers(address);
    begin.into_iter().filter(|(_, first)| is_strangers(*first)).map(|(session, _)| session).collect()
}

/// Returns whether the context has a session, and none of the threat's.
fn is_other(contexts: &Contexts, context: &Context, threat: &OfThreat) -> bool {
    context.has_session() && contexts.sessions(context).all(|session| !threat.sessions.contains(session))
}

/// Returns whether the uses of an address are of several days whichever one of the sessions is left out. Only a session of the first or the
/// last use matters.
fn is_ordinary_without_any(contexts: &Contexts, uses: &[(&Context, Use)]) -> bool {
    let first = uses.iter().min_by_key(|(_, of_context)| of_context.quarters.first());
    let last = uses.iter().max_by_key(|(_, of_context)| of_context.quarters.last());
    let mut sessions = first.into_iter().chain(last).flat_map(|(context, _)| contexts.sessions(context));
    sessions.all(|left_out| {
        let mut rest = Quarters::default();
        for (context, of_context) in uses {
            if contexts.sessions(context).all(|session| session != left_out) {
                rest.join(of_context.quarters);
            }
        }
        rest.are_of_several_days()
    })
}

/// Returns the keys with which the account was active on several days before the threat.
fn ordinary<'a, K: Ord>(contexts: &'a Contexts, keys: impl Fn(&'a Context) -> Vec<K>) -> BTreeSet<K> {
    let mut seen: BTreeMap<K, Quarters> = BTreeMap::new();
    for (context, of_context) in contexts.with_use().filter(|(context, _)| context.is_earlier) {
        for key in keys(context) {
            seen.entry(key).or_default().join(of_context.quarters);
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
