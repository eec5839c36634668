//! Threats that are the account's own habit: a rule that the owner made at home some days before the attack.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::activity::Activity;
use super::attribution::Attribution;
use super::baseline::is_usable;
use super::history::History;
use super::start::Start;
use super::store::Activities;
use super::subject::Subject;
use super::threat::{Acts, Origin, SetAside};

/// The places of an account that did what is a threat.
#[derive(Debug, Default)]
struct Places {
    all: History,
    /// In other sessions than those of the threats.
    elsewhere: History,
    /// The sessions of threats that were seen at an address.
    of_threats: BTreeMap<IpAddr, BTreeSet<String>>,
    /// The first places that became ordinary, and when.
    known: Ends<DateTime<Utc>>,
}

impl Places {
    fn add(&mut self, activity: &Activity, of_threats: &BTreeSet<String>) {
        let Some(address) = activity.address.filter(|address| is_usable(*address) && activity.is_inside()) else {
            return;
        };
        self.all.add(address, activity.time);
        let seen = activity.sessions.iter().filter(|session| of_threats.contains(*session));
        for session in seen {
            self.of_threats.entry(address).or_default().insert(session.clone());
        }
        if !activity.sessions.is_empty() && activity.sessions.iter().all(|session| !of_threats.contains(session)) {
            self.elsewhere.add(address, activity.time);
        }
    }

    /// Returns whether the account was at home at the address when the threats came from it.
    ///
    /// A stranger comes when other places are ordinary already. Before anything is ordinary nobody is a stranger.
    fn is_home(&self, address: IpAddr, acts: &Acts) -> bool {
        let Some(since) = self.all.get(address) else { return false };
        let in_other_session = self.elsewhere.get(address).is_some_and(|since| since.is_ordinary_before(acts.first));
        let others = elsewhere(&self.known, address);
        in_other_session || others.is_none_or(|known| known > since.first)
    }

    /// Returns whether a session of a threat from elsewhere was seen at the address as well.
    fn is_linked(&self, address: IpAddr, acts: &Acts, of_several: &BTreeSet<String>) -> bool {
        let is_others = |session: &String| of_several.contains(session) || !acts.sessions.contains(session);
        self.of_threats.get(&address).is_some_and(|sessions| sessions.iter().any(is_others))
    }
}

/// The first two of these times that are of different places.
type Ends<T> = Vec<(T, Option<IpAddr>)>;

fn ends<T: Ord>(times: impl Iterator<Item = (T, Option<IpAddr>)>) -> Ends<T> {
    let mut times: Ends<T> = times.collect();
    times.sort();
    times.dedup_by_key(|(_, address)| *address);
    times.truncate(2);
    times
}

/// The first of the times that is of another place.
fn elsewhere<T: Copy>(ends: &Ends<T>, address: IpAddr) -> Option<T> {
    ends.iter().find(|(_, other)| *other != Some(address)).map(|(time, _)| *time)
}

/// Sets aside those threats that are the account's own, if others remain. Of the others those that have no place, such as a consent, are
/// no alarm while nothing is ordinary yet: nobody could be told from the owner.
pub(super) fn set_aside<A: Activities>(activities: &A, subject: &Subject, start: &mut Start) -> Result<(), A::Error> {
    if start.acts.len() + start.consents.len() < 2 {
        return Ok(());
    }
    let of_acts = start.acts.iter().map(|((_, address), acts)| (Reverse(acts.last), *address));
    let latest = ends(of_acts.chain(start.consents.iter().map(|consent| (Reverse(consent.time), None))));
    let of_several = sessions_of_several(start);
    let own = places(activities, subject, &subject.name, start)?;
    let (mut account, mut of_other) = ("", None);
    let mut set_aside: Vec<(Origin, SetAside)> = Vec::new();
    for (origin, acts) in &start.acts {
        if origin.0 != account {
            account = &origin.0;
            let is_subject = subject.names.contains(account);
            of_other = if is_subject { None } else { Some(places(activities, subject, account, start)?) };
        }
        let places = of_other.as_ref().unwrap_or(&own);
        let other = origin.1.and_then(|address| Some((address, elsewhere(&latest, address)?.0)));
        let Some((address, other)) = other else { continue };
        let since = places.all.get(address).filter(|since| since.is_ordinary_before(other));
        let is_home = places.is_home(address, acts);
        let Some(since) = since.filter(|_| is_home || !places.is_linked(address, acts, &of_several)) else { continue };
        let is_owners = is_home && since.is_ordinary_before(acts.first) && acts.sessions.is_disjoint(&of_several);
        let own = SetAside { address, first: acts.first, account: account.to_owned(), is_owners };
        set_aside.push((origin.clone(), own));
    }
    if set_aside.len() == start.acts.len() && start.consent_ids.is_empty() {
        return Ok(());
    }
    for (origin, _) in &set_aside {
        start.acts.remove(origin);
    }
    start.set_aside = set_aside.into_iter().map(|(_, own)| own).collect();
    note_alarm(start, own.known.first().map(|(known, _)| *known));
    Ok(())
}

/// The sessions in which there are threats from several addresses: they may be those of an attacker who moves.
fn sessions_of_several(start: &Start) -> BTreeSet<String> {
    let (mut once, mut several) = (BTreeMap::new(), BTreeSet::new());
    for ((_, address), acts) in &start.acts {
        for session in &acts.sessions {
            if once.insert(session, *address).is_some_and(|other| other != *address) {
                several.insert(session.clone());
            }
        }
    }
    several
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
            false => {
                "The address is ordinary, but nothing tells whose it was then: what came from it is unclear.".to_owned()
            }
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
    places.known = ends(places.all.known().map(|(address, since)| (since, Some(address))));
    Ok(places)
}
