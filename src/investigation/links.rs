//! The fixed point: from the threat's address, session and token to everything that is linked to them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::activity::Activity;
use super::baseline::{Baseline, is_usable};
use super::contexts::{Context, Contexts};
use super::threat::Acts;

/// The reason why an address, a session or a token is the attacker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Basis {
    /// The threat's own.
    Proven,
    /// Linked to a proven one.
    Linked,
}

/// The attacker's addresses, sessions and tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    pub(super) addresses: BTreeMap<IpAddr, Basis>,
    pub(super) sessions: BTreeMap<String, Basis>,
    pub(super) tokens: BTreeMap<String, Basis>,
    /// Sessions of the owner that were used from an attacker's address: nothing is linked by them.
    pub(super) entered: BTreeSet<String>,
}

/// Places across which nothing is linked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Barriers<'a> {
    pub(super) baseline: &'a Baseline,
    pub(super) exits: &'a BTreeSet<IpAddr>,
}

impl Barriers<'_> {
    /// Returns the address if it proves something.
    pub(super) fn pass(&self, address: Option<IpAddr>) -> Option<IpAddr> {
        address.filter(|address| {
            is_usable(*address) && !self.baseline.has_address(*address) && !self.exits.contains(address)
        })
    }
}

impl Links {
    /// Adds the address, sessions and token of a record of the threat.
    pub(super) fn prove(&mut self, activity: &Activity, barriers: Barriers<'_>) {
        self.prove_address(activity.address, barriers);
        for session in &activity.sessions {
            // Shared sessions too: the address distinguishes the attacker from the owner in them.
            self.sessions.insert(session.clone(), Basis::Proven);
        }
        if let Some(token) = &activity.token {
            self.tokens.insert(token.clone(), Basis::Proven);
        }
    }

    /// Adds the addresses, sessions and tokens of one account's records of the threat from one address.
    pub(super) fn prove_acts(&mut self, address: Option<IpAddr>, acts: &Acts, barriers: Barriers<'_>) {
        self.prove_address(address, barriers);
        self.sessions.extend(acts.sessions.iter().map(|session| (session.clone(), Basis::Proven)));
        self.tokens.extend(acts.tokens.iter().map(|token| (token.clone(), Basis::Proven)));
    }

    /// Adds an address of the threat.
    pub(super) fn prove_address(&mut self, address: Option<IpAddr>, barriers: Barriers<'_>) {
        if let Some(address) = barriers.pass(address) {
            self.addresses.insert(address, Basis::Proven);
        }
    }

    /// Follows the contexts of the account until nothing is added.
    pub(super) fn follow(&mut self, contexts: &Contexts, barriers: Barriers<'_>) {
        loop {
            let before = self.len();
            for context in contexts.iter() {
                self.follow_one(context, contexts, barriers);
            }
            if self.len() == before {
                return;
            }
        }
    }

    fn len(&self) -> usize {
        self.addresses.len() + self.sessions.len() + self.tokens.len()
    }

    fn follow_one(&mut self, context: &Context, contexts: &Contexts, barriers: Barriers<'_>) {
        let token = contexts.token(context);
        let is_linked = self.session_of(contexts.sessions(context), barriers.baseline).is_some()
            || self.token_of(token, barriers.baseline).is_some();
        if let Some(address) = barriers.pass(context.address).filter(|_| is_linked) {
            self.addresses.entry(address).or_insert(Basis::Linked);
        }
        if context.address.is_some_and(|address| self.addresses.contains_key(&address)) {
            self.follow_address(contexts.sessions(context), token, barriers);
        }
    }

    /// Adds the sessions and the token of a record from one of the attacker's addresses.
    fn follow_address<'a>(
        &mut self,
        sessions: impl Iterator<Item = &'a str>,
        token: Option<&str>,
        barriers: Barriers<'_>,
    ) {
        for session in sessions {
            if barriers.baseline.is_owners_session(session) {
                self.entered.insert(session.to_owned());
            } else if !self.sessions.contains_key(session) {
                self.sessions.insert(session.to_owned(), Basis::Linked);
            }
        }
        if let Some(token) = token.filter(|token| !barriers.baseline.shared_tokens.contains(*token))
            && !self.tokens.contains_key(token)
        {
            self.tokens.insert(token.to_owned(), Basis::Linked);
        }
    }

    /// Returns whether the owner and the attacker use a session.
    pub(super) fn is_shared(&self, session: &str, baseline: &Baseline) -> bool {
        self.entered.contains(session)
            || (self.sessions.contains_key(session) && baseline.shared_sessions.contains(session))
    }

    /// Returns how one of these sessions is the attacker's alone.
    pub(super) fn session_of<'a>(&self, sessions: impl Iterator<Item = &'a str>, baseline: &Baseline) -> Option<Basis> {
        let alone = sessions.filter(|session| !baseline.shared_sessions.contains(*session));
        alone.filter_map(|session| self.sessions.get(session)).min().copied()
    }

    /// Returns how this token is the attacker's alone.
    pub(super) fn token_of(&self, token: Option<&str>, baseline: &Baseline) -> Option<Basis> {
        let token = token.filter(|token| !baseline.shared_tokens.contains(*token))?;
        self.tokens.get(token).copied()
    }
}
