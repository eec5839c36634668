//! Threats that are the account's own habit: a rule that the owner made at home some days before the attack.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::activity::Activity;
use super::attribution::Attribution;
use super::baseline::is_usable;
use super::history::History;
use super::start::{Acts, Origin, SetAside, Start};
use super::store::Activities;
use super::subject::Subject;

/// The places of an account that did what is a threat.
#[derive(Debug, Default)]
struct Places {
    all: History,
    /// In other sessions than those of the threats.
    elsewhere: History,
}

impl Places {
    fn add(&mut self, activity: &Activity, of_threats: &BTreeSet<String>) {
        let Some(address) = activity.address.filter(|address| is_usable(*address) && activity.is_inside()) else {
            return;
        };
        self.all.add(address, activity.time);
        if !activity.sessions.is_empty() && activity.sessions.iter().all(|session| !of_threats.contains(session)) {
            self.elsewhere.add(address, activity.time);
        }
    }

    /// Returns whose the threats from an address are, with those of another place at `other`: `Some(true)` if the address was the
    /// account's own already, `Some(false)` if that was seen only later, and `None` if they are the attacker's.
    ///
    /// A stranger comes when other places are ordinary already. Before anything is ordinary nobody is a stranger.
    fn own(&self, address: IpAddr, acts: &Acts, other: DateTime<Utc>) -> Option<bool> {
        let since = self.all.get(address).filter(|since| since.is_ordinary_before(other))?;
        let in_other_session = self.elsewhere.get(address).is_some_and(|since| since.is_ordinary_before(acts.first));
        let others = self.all.known_since(|other| other != address);
        let is_first = others.is_none_or(|known| known > since.first);
        (in_other_session || is_first).then(|| since.is_ordinary_before(acts.first))
    }
}

/// Sets aside those threats that are the account's own, if others remain. Of the others those that have no place, such as a consent, are
/// no alarm while nothing is ordinary yet: nobody could be told from the owner.
pub(super) fn set_aside<A: Activities>(activities: &A, subject: &Subject, start: &mut Start) -> Result<(), A::Error> {
    if start.acts.len() + start.consents.len() < 2 {
        return Ok(());
    }
    let own = places(activities, subject, &subject.name, start)?;
    let accounts: BTreeSet<String> = start.acts.keys().map(|(account, _)| account.clone()).collect();
    let mut set_aside: Vec<(Origin, SetAside)> = Vec::new();
    for account in accounts {
        let of_other = match subject.names.contains(&account) {
            true => None,
            false => Some(places(activities, subject, &account, start)?),
        };
        let places = of_other.as_ref().unwrap_or(&own);
        let of_account = start.acts.iter().filter(|((other, _), _)| *other == account);
        set_aside.extend(of_account.filter_map(|(origin, acts)| {
            let address = origin.1?;
            let is_owners = places.own(address, acts, latest_other(start, address)?)?;
            Some((origin.clone(), SetAside { address, first: acts.first, account: account.clone(), is_owners }))
        }));
    }
    if set_aside.len() == start.acts.len() && start.consent_ids.is_empty() {
        return Ok(());
    }
    for (origin, _) in &set_aside {
        start.acts.remove(origin);
    }
    start.set_aside = set_aside.into_iter().map(|(_, own)| own).collect();
    note_alarm(start, own.all.known_since(|_| true));
    Ok(())
}

/// The time of the latest threat from anywhere else.
fn latest_other(start: &Start, address: IpAddr) -> Option<DateTime<Utc>> {
    let others = start.acts.iter().filter(|((_, other), _)| *other != Some(address)).map(|(_, acts)| acts.last);
    others.chain(start.consents.iter().map(|consent| consent.time)).max()
}

fn note_alarm(start: &mut Start, known: Option<DateTime<Utc>>) {
    let has_place = |origin: &Origin| origin.1.is_some_and(is_usable);
    let (placed, placeless): (Vec<_>, Vec<_>) = start.acts.iter().partition(|(origin, _)| has_place(origin));
    let placeless = placeless.iter().map(|(_, acts)| acts.first).chain(start.consents.iter().map(|act| act.time));
    let all: Vec<DateTime<Utc>> = placeless.collect();
    let is_known = |time: &&DateTime<Utc>| known.is_some_and(|known| known < **time);
    let certain = placed.iter().map(|(_, acts)| acts.first).chain(all.iter().filter(is_known).copied()).min();
    start.alarm = certain.or(all.iter().min().copied()).unwrap_or(start.alarm);
}

/// The most places that a report names.
const NAMED: usize = 20;

/// Returns what the report says of places that may be the owner's.
pub(super) fn remarks(attribution: &Attribution) -> Vec<String> {
    let set_aside = attribution.set_aside.iter().take(NAMED).map(|own| {
        let whose = match own.is_owners {
            true => format!("The address is ordinary for {}, so it is taken for an own act.", own.account),
            false => "The address is ordinary later, so nothing tells whose act it is.".to_owned(),
        };
        format!(
            "There was a threat from {} at {} UTC as well. {whose} If it is the attacker's, give --log-id of both.",
            own.address,
            own.first.format("%Y-%m-%d %H:%M")
        )
    });
    let is_set_aside = |address: &&IpAddr| attribution.set_aside.iter().any(|own| own.address == **address);
    let contested = attribution.baseline.contested.iter().filter(|address| !is_set_aside(address)).take(NAMED);
    let contested = contested.map(|address| {
        format!(
            "The record of the threat has no session, and the account used its address {address} on earlier days: what came from there may be \
             the owner's or the attacker's, and is unclear. If it is the attacker's, give --ip {address}."
        )
    });
    set_aside.chain(contested).collect()
}

fn places<A: Activities>(activities: &A, subject: &Subject, account: &str, start: &Start) -> Result<Places, A::Error> {
    let of_threats: BTreeSet<String> = start.acts.values().flat_map(|acts| acts.sessions.iter().cloned()).collect();
    let (mut places, is_subject) = (Places::default(), subject.names.contains(account));
    let mut add = |activity: &Activity| {
        if !is_subject || subject.did(activity) {
            places.add(activity, &of_threats);
        }
    };
    match is_subject {
        true => activities.concerning(subject, &mut add)?,
        false => activities.of_account(account, &mut add)?,
    }
    Ok(places)
}
