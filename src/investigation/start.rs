//! The fixed points as the records show them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use base::ids::RecordId;

use super::activity::Activity;
use super::investigate::FixedPoints;
use super::reduce::is_consent;
use super::store::{Activities, Reach};
use super::subject::Subject;

/// The time around a consent in which its other records and its sign-ins are.
const CONSENT_TIME: TimeDelta = TimeDelta::minutes(5);

/// The time within which directory records of one actor are one consent even if they name no id in common.
const CONSENT_MOMENT: TimeDelta = TimeDelta::seconds(30);

/// The most consents whose other records are looked for, and the most records that are looked at for it.
const CONSENTS: usize = 1_000;
const NEARBY: usize = 10_000;

/// Addresses, sessions and tokens of the threat's records of one account. There may be hundreds of thousands of records.
#[derive(Debug, Default)]
pub(super) struct Acts {
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) sessions: BTreeSet<String>,
    pub(super) tokens: BTreeSet<String>,
}

impl Acts {
    fn add(&mut self, activity: &Activity) {
        self.addresses.extend(activity.address);
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

/// The records from which the attribution starts.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) ids: BTreeSet<RecordId>,
    /// The time of the first one.
    pub(super) alarm: DateTime<Utc>,
    /// All but the consents, by account.
    pub(super) acts: BTreeMap<String, Acts>,
    pub(super) consents: Vec<Activity>,
}

impl Start {
    /// `None` where neither a record nor an address of the fixed points is there.
    pub(super) fn find<A: Activities>(
        activities: &A,
        subject: &Subject,
        points: &FixedPoints,
    ) -> Result<Option<Self>, A::Error> {
        let mut start =
            Self { ids: BTreeSet::new(), alarm: DateTime::<Utc>::MAX_UTC, acts: BTreeMap::new(), consents: Vec::new() };
        let mut first_at_address = None::<DateTime<Utc>>;
        let earlier = |first: Option<DateTime<Utc>>, time| Some(first.map_or(time, |first| first.min(time)));
        activities.concerning(subject, &mut |activity| {
            if points.records.contains(&activity.id) {
                start.add(activity);
            }
            if activity.address.is_some_and(|address| points.addresses.contains(&address)) {
                first_at_address = earlier(first_at_address, activity.time);
            }
        })?;
        if !start.ids.is_empty() {
            return Ok(Some(start));
        }
        if first_at_address.is_none() && !points.addresses.is_empty() {
            // The account was left alone; the report says so and names the others.
            let reach = Reach { addresses: points.addresses.clone(), ..Reach::default() };
            activities.elsewhere(subject, &reach, &mut |activity| {
                first_at_address = earlier(first_at_address, activity.time);
            })?;
        }
        Ok(first_at_address.map(|alarm| Self { alarm, ..start }))
    }

    fn add(&mut self, activity: &Activity) {
        self.ids.insert(activity.id);
        self.alarm = self.alarm.min(activity.time);
        if !is_consent(&activity.operation) {
            self.acts.entry(activity.account.clone()).or_default().add(activity);
        } else if self.consents.len() < CONSENTS {
            self.consents.push(activity.clone());
        }
    }

    /// The other records of the consents: directory records of the same actor, and sign-ins to the application.
    pub(super) fn siblings<A: Activities>(&self, activities: &A, subject: &Subject) -> Result<Vec<Activity>, A::Error> {
        if self.consents.is_empty() {
            return Ok(Vec::new());
        }
        let mut nearby = Vec::new();
        activities.concerning(subject, &mut |activity| {
            let is_near = |consent: &Activity| {
                consent.account == activity.account && (activity.time - consent.time).abs() <= CONSENT_TIME
            };
            let is_kind = is_consent(&activity.operation) || activity.is_sign_in();
            let may_belong = is_kind && nearby.len() < NEARBY && !self.ids.contains(&activity.id);
            if may_belong && self.consents.iter().any(is_near) {
                nearby.push(activity.clone());
            }
        })?;
        Ok(self.joined(nearby))
    }

    /// Keeps those records that have an id of the application in common with the consent or with each other.
    fn joined(&self, nearby: Vec<Activity>) -> Vec<Activity> {
        let mut keys: BTreeSet<String> = self.consents.iter().flat_map(|consent| consent.consented.clone()).collect();
        let at_once = |activity: &Activity| {
            self.consents.iter().any(|consent| (activity.time - consent.time).abs() <= CONSENT_MOMENT)
        };
        let belongs = |activity: &Activity, keys: &BTreeSet<String>| {
            let ids = if activity.is_sign_in() { &activity.apps } else { &activity.consented };
            ids.iter().any(|id| keys.contains(id)) || (!activity.is_sign_in() && at_once(activity))
        };
        loop {
            let of_joined = nearby.iter().filter(|activity| belongs(activity, &keys));
            let more: BTreeSet<String> = of_joined.flat_map(|activity| activity.consented.clone()).collect();
            if more.is_subset(&keys) {
                break;
            }
            keys.extend(more);
        }
        nearby.into_iter().filter(|activity| belongs(activity, &keys)).collect()
    }
}
