//! Puts the attribution together: passes over the activities, and never holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, Utc};

use super::activity::Activity;
use super::attribution::{Attribution, Victim, program};
use super::baseline::{Baseline, Exits, OfThreat, is_usable};
use super::contexts::Contexts;
use super::habits;
use super::links::{Barriers, Links};
use super::networks::household;
use super::start::Start;
use super::store::{Activities, Reach};
use super::subject::Subject;
use super::threat::FixedPoints;

/// Attributes the activities around an account. `None` where neither a record nor an address of the fixed points is there.
///
/// # Errors
/// Returns the error of the store.
pub fn attribute<A: Activities>(
    activities: &A,
    subject: Subject,
    points: &FixedPoints,
) -> Result<Option<Attribution>, A::Error> {
    let Some(mut start) = Start::find(activities, &subject, points)? else { return Ok(None) };
    if points.are_found {
        habits::set_aside(activities, &subject, &mut start)?;
    }
    let siblings = start.siblings(activities, &subject)?;
    let contexts = contexts(activities, &subject, start.alarm)?;
    let exits = exits(activities, &subject, contexts.addresses(), start.alarm)?;
    let of_threat = of_threat(&start, points);
    let others = others(activities, &subject, &start, &of_threat, &exits)?;
    let baseline = Baseline::new(&contexts, &of_threat_and_contested(&of_threat, &start, &subject), &exits);
    let barriers = Barriers { baseline: &baseline, exits: &exits };
    let links = links(&start, &siblings, points, barriers, &others, &contexts);
    let sibling_ids = siblings.iter().filter(|sibling| is_proven_sibling(sibling, &links)).map(|sibling| sibling.id);
    let mut attribution = Attribution {
        alarm: start.alarm,
        threats: start.ids(),
        siblings: sibling_ids.collect(),
        households: attackers_households(&links, &baseline),
        elsewhere: BTreeSet::new(),
        victims: BTreeMap::new(),
        set_aside: start.set_aside,
        admitted: BTreeMap::new(),
        programs: BTreeSet::new(),
        first_use: BTreeMap::new(),
        period: None,
        own_app: points.own_app.as_ref().map(|app| app.to_lowercase()),
        subject,
        links,
        baseline,
        exits,
    };
    attribution.note_attacks(activities)?;
    (attribution.elsewhere, attribution.victims) = elsewhere(activities, &attribution, &of_threat)?;
    Ok(Some(attribution))
}

fn contexts<A: Activities>(activities: &A, subject: &Subject, alarm: DateTime<Utc>) -> Result<Contexts, A::Error> {
    let mut contexts = Contexts::default();
    activities.concerning(subject, &mut |activity| {
        if subject.did(activity) {
            contexts.add(activity, alarm);
        }
    })?;
    Ok(contexts)
}

fn exits<A: Activities>(
    activities: &A,
    subject: &Subject,
    addresses: BTreeSet<IpAddr>,
    alarm: DateTime<Utc>,
) -> Result<BTreeSet<IpAddr>, A::Error> {
    let (mut exits, reach) = (Exits::default(), Reach { addresses, ..Reach::default() });
    activities.in_quarters(subject, &reach, alarm, &mut |activity| exits.add(activity, alarm))?;
    Ok(exits.found())
}

/// In a network where the account is at home, the next address is most likely the owner's.
fn attackers_households(links: &Links, baseline: &Baseline) -> BTreeSet<Ipv6Addr> {
    let networks = links.addresses.keys().filter_map(|address| household(*address));
    networks.filter(|network| !baseline.households.contains(network)).collect()
}

/// A consent has the browser of the person who was led to it, so it gives no address of its own.
fn of_threat(start: &Start, points: &FixedPoints) -> OfThreat {
    let at = || start.acts.iter().filter_map(|((_, address), acts)| Some(((*address)?, acts)));
    let lacking = at().filter(|(address, acts)| acts.lacks_session && !points.addresses.contains(address));
    let addresses = at().map(|(address, _)| address).chain(points.addresses.iter().copied());
    OfThreat {
        addresses: addresses.filter(|address| is_usable(*address)).collect(),
        sessions: start.acts.values().flat_map(|acts| acts.sessions.iter().cloned()).collect(),
        without_session: lacking.map(|(address, _)| address).collect(),
        named: if points.are_found { BTreeSet::new() } else { points.addresses.clone() },
        contested: BTreeSet::new(),
    }
}

/// Threats that were set aside for the account under investigation say nothing of other accounts.
fn of_threat_and_contested(of_threat: &OfThreat, start: &Start, subject: &Subject) -> OfThreat {
    let unsure = start.set_aside.iter().filter(|own| !own.is_owners && subject.names.contains(&own.account));
    OfThreat { contested: unsure.map(|own| own.address).collect(), ..of_threat.clone() }
}

/// The ordinary places of other accounts that did what is a threat to this one, such as a delegate.
fn others<A: Activities>(
    activities: &A,
    subject: &Subject,
    start: &Start,
    of_threat: &OfThreat,
    exits: &BTreeSet<IpAddr>,
) -> Result<BTreeMap<String, Baseline>, A::Error> {
    let mut others = BTreeMap::new();
    let by_consent = start.consents.iter().map(|consent| &consent.account);
    let accounts: BTreeSet<&String> = start.acts.keys().map(|(account, _)| account).chain(by_consent).collect();
    for account in accounts.into_iter().filter(|account| !subject.names.contains(*account)) {
        let mut contexts = Contexts::default();
        activities.of_account(account, &mut |activity| contexts.add(activity, start.alarm))?;
        others.insert(account.clone(), Baseline::new(&contexts, of_threat, exits));
    }
    Ok(others)
}

fn links(
    start: &Start,
    siblings: &[Activity],
    points: &FixedPoints,
    barriers: Barriers<'_>,
    others: &BTreeMap<String, Baseline>,
    contexts: &Contexts,
) -> Links {
    let mut links = Links::default();
    for address in &points.addresses {
        links.prove_address(Some(*address), barriers);
    }
    for ((account, address), acts) in &start.acts {
        match others.get(account) {
            Some(baseline) => links.prove_acts(*address, acts, Barriers { baseline, ..barriers }),
            None => links.prove_acts(*address, acts, barriers),
        }
    }
    for record in start.consents.iter().chain(siblings) {
        if barriers.pass(record.address).is_some() && !barriers.baseline.has_session(&record.sessions) {
            links.prove(record, barriers);
        }
    }
    links.follow(contexts, barriers);
    links
}

/// The directory records of a consent are proven; its sign-ins only from the attacker's address.
fn is_proven_sibling(sibling: &Activity, links: &Links) -> bool {
    !sibling.is_sign_in() || sibling.address.is_some_and(|address| links.addresses.contains_key(&address))
}

impl Attribution {
    /// Learns from what is proven and linked: the time of the attack, the programs, the admitted applications.
    fn note_attacks<A: Activities>(&mut self, activities: &A) -> Result<(), A::Error> {
        let (mut period, mut programs) = (None::<(DateTime<Utc>, DateTime<Utc>)>, BTreeSet::new());
        let (mut first_use, mut admitted) = (BTreeMap::new(), BTreeMap::new());
        activities.concerning(&self.subject, &mut |activity| {
            let judged = self.proven_or_linked(activity);
            if !judged.is_some_and(|judged| judged.attributed.is_attacker()) {
                return;
            }
            let (first, last) = period.unwrap_or((activity.time, activity.time));
            period = Some((first.min(activity.time), last.max(activity.time)));
            programs.extend(program(&activity.client));
            if let Some(address) = activity.address {
                first_use.entry(address).or_insert(activity.time);
            }
            for app in &activity.consented {
                admitted.entry(app.clone()).or_insert(activity.time);
            }
        })?;
        (self.period, self.programs, self.first_use, self.admitted) = (period, programs, first_use, admitted);
        Ok(())
    }
}

/// The sessions of other accounts from the attacker's addresses, and those accounts.
type Elsewhere = (BTreeSet<String>, BTreeMap<String, Victim>);

/// Returns the sessions of other accounts from the attacker's addresses, without those that are ordinary for their account.
fn elsewhere<A: Activities>(
    activities: &A,
    attribution: &Attribution,
    of_threat: &OfThreat,
) -> Result<Elsewhere, A::Error> {
    let addresses: BTreeSet<IpAddr> = attribution.attacker_addresses().collect();
    let sessions: BTreeSet<String> = attribution.links.sessions.keys().cloned().collect();
    let reach = Reach { addresses: addresses.clone(), sessions: sessions.clone() };
    let mut found: BTreeMap<String, (DateTime<Utc>, BTreeSet<String>)> = BTreeMap::new();
    activities.elsewhere(&attribution.subject, &reach, &mut |activity| {
        if activity.is_by_person() && activity.is_inside() {
            let at_address = activity.address.is_some_and(|address| addresses.contains(&address));
            let of_session = activity.sessions.iter().filter(|session| at_address || sessions.contains(*session));
            let new = || (activity.time, BTreeSet::new());
            found.entry(activity.account.clone()).or_insert_with(new).1.extend(of_session.cloned());
        }
    })?;
    let threat = OfThreat { addresses, ..of_threat.clone() };
    let (mut linked, mut victims) = (BTreeSet::new(), BTreeMap::new());
    for (account, (since, sessions)) in found {
        let mut contexts = Contexts::default();
        activities.of_account(&account, &mut |activity| contexts.add(activity, attribution.alarm))?;
        let baseline = Baseline::new(&contexts, &threat, &attribution.exits);
        linked.extend(sessions.into_iter().filter(|session| !baseline.is_owners_session(session)));
        let places = baseline.addresses.difference(&threat.addresses).copied().collect();
        victims.insert(account, Victim { since, places });
    }
    Ok((linked, victims))
}
