//! The fixed points as the records show them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use base::ids::RecordId;

use super::activity::Activity;
use super::reduce::is_consent;
use super::store::{Activities, Reach};
use super::subject::Subject;
use super::threat::{Acts, FixedPoints, Origin, SetAside};

/// The time around a consent in which its other records and its sign-ins are.
const CONSENT_TIME: TimeDelta = TimeDelta::minutes(5);

/// The time within which directory records of one actor are one consent even if they name no id in common.
const CONSENT_MOMENT: TimeDelta = TimeDelta::seconds(30);

/// The most consents whose other records are looked for, and the most records that are looked at for it.
const CONSENTS: usize = 1_000;
const NEARBY: usize = 10_000;

/// The records from which the attribution starts.
#[derive(Debug)]
pub(super) struct Start {
    /// The time of the first one.
    pub(super) alarm: DateTime<Utc>,
    /// All but the consents.
    pub(super) acts: BTreeMap<Origin, Acts>,
    pub(super) consent_ids: BTreeSet<RecordId>,
    pub(super) consents: Vec<Activity>,
    /// Threats that are taken for the account's own.
    pub(super) set_aside: Vec<SetAside>,
}

/// The first acts from the addresses of the fixed points.
#[derive(Debug, Default)]
struct AtAddress {
    inside: Option<DateTime<Utc>>,
    any: Option<DateTime<Utc>>,
}

impl AtAddress {
    fn add(&mut self, activity: &Activity) {
        let earlier =
            |first: Option<DateTime<Utc>>| Some(first.map_or(activity.time, |first| first.min(activity.time)));
        self.any = earlier(self.any);
        if activity.is_inside() {
            self.inside = earlier(self.inside);
        }
    }

    /// An attempt that failed may be years before the attack.
    fn first(&self) -> Option<DateTime<Utc>> {
        self.inside.or(self.any)
    }
}

impl Default for Start {
    fn default() -> Self {
        let (acts, consent_ids, consents) = Default::default();
        Self { alarm: DateTime::<Utc>::MAX_UTC, acts, consent_ids, consents, set_aside: Vec::new() }
    }
}

impl Start {
    /// `None` where neither a record nor an address of the fixed points is there.
    pub(super) fn find<A: Activities>(
        activities: &A,
        subject: &Subject,
        points: &FixedPoints,
    ) -> Result<Option<Self>, A::Error> {
        let (mut start, mut at_address) = (Self::default(), AtAddress::default());
        activities.concerning(subject, &mut |activity| {
            if points.records.contains(&activity.id) {
                start.add(activity);
            }
            if activity.address.is_some_and(|address| points.addresses.contains(&address)) {
                at_address.add(activity);
            }
        })?;
        if !start.has_records() && at_address.any.is_none() && !points.addresses.is_empty() {
            // The account was left alone; the report says so and names the others.
            let reach = Reach { addresses: points.addresses.clone(), ..Reach::default() };
            activities.elsewhere(subject, &reach, &mut |activity| at_address.add(activity))?;
        }
        if !start.has_records() {
            return Ok(at_address.first().map(|alarm| Self { alarm, ..start }));
        }
        start.alarm = start.alarm.min(at_address.inside.unwrap_or(start.alarm));
        Ok(Some(start))
    }

    fn has_records(&self) -> bool {
        !self.acts.is_empty() || !self.consent_ids.is_empty()
    }

    /// Returns the records of the threat.
    pub(super) fn ids(&self) -> BTreeSet<RecordId> {
        self.acts.values().flat_map(|acts| &acts.ids).chain(&self.consent_ids).copied().collect()
    }

    fn add(&mut self, activity: &Activity) {
        self.alarm = self.alarm.min(activity.time);
        if !is_consent(&activity.operation) {
            let origin = (activity.account.clone(), activity.address);
            self.acts.entry(origin).or_insert_with(|| Acts::new(activity.time)).add(activity);
            return;
        }
        self.consent_ids.insert(activity.id);
        if self.consents.len() < CONSENTS {
            self.consents.push(activity.clone());
        }
    }

    /// The other records of the consents: directory records of the same actor, and sign-ins to the application.
    pub(super) fn siblings<A: Activities>(&self, activities: &A, subject: &Subject) -> Result<Vec<Activity>, A::Error> {
        if self.consents.is_empty() {
            return Ok(Vec::new());
        }
        let (ids, mut nearby) = (self.ids(), Vec::new());
        activities.concerning(subject, &mut |activity| {
            let is_near = |consent: &Activity| {
                consent.account == activity.account && (activity.time - consent.time).abs() <= CONSENT_TIME
            };
            let is_kind = is_consent(&activity.operation) || activity.is_sign_in();
            let may_belong = is_kind && nearby.len() < NEARBY && !ids.contains(&activity.id);
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
