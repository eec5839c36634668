//! A finding as it is sent, with its place among the threats of its incident.

use chrono::{DateTime, TimeDelta, Utc};

use super::defang::defang_except;
use crate::detection::FindingKind;
use crate::tables::incidents::is_owner_unknown;
use crate::tables::{IncidentRow, ProcessedRow};
use base::ids::Domain;

/// A finding and what only the time of sending knows about it.
#[derive(Debug, Clone, Copy)]
pub struct Notification<'a> {
    /// The finding.
    pub row: &'a ProcessedRow,
    /// The number of threats that its incident had before it.
    pub earlier: u32,
    /// The number of further threats of the same account for which this notification stands.
    pub further: u32,
    /// Domains of the tenant itself: addresses under them are shown as they are.
    pub own_domains: &'a [Domain],
    /// The subject of the mail about its incident's first threat; empty if it is not known.
    pub subject: &'a str,
    /// The owner of the network of the finding's address; empty if it is not known.
    pub network: &'a str,
    /// The time of sending.
    pub sent_at: Option<DateTime<Utc>>,
}

impl<'a> From<&'a ProcessedRow> for Notification<'a> {
    fn from(row: &'a ProcessedRow) -> Self {
        Self {
            row,
            earlier: 0,
            further: 0,
            own_domains: std::slice::from_ref(&row.domain),
            subject: "",
            network: "",
            sent_at: None,
        }
    }
}

impl<'a> Notification<'a> {
    /// The notification of a finding of this incident.
    pub fn of_incident(row: &'a ProcessedRow, incident: Option<&'a IncidentRow>, further: u32) -> Self {
        let earlier = incident.map_or(0, |incident| incident.earlier_than(&row.record_id));
        let subject = incident.map_or("", |incident| incident.subject.as_str());
        // A notice has no place among the threats.
        let earlier = if row.threat { earlier } else { 0 };
        Self { earlier, further, subject, ..Self::from(row) }
    }

    /// Returns a text as it may be shown: an attacker may have chosen it.
    pub(super) fn safe(&self, text: &str) -> String {
        defang_except(text, self.own_domains)
    }

    /// Returns the address, and in brackets its place and the owner of its network. Empty if nothing is known.
    pub(super) fn place(&self) -> String {
        let known = [self.row.location.as_str(), self.network].into_iter().filter(|text| !text.is_empty());
        match (self.row.ip.as_str(), known.collect::<Vec<_>>().join("; ")) {
            (ip, place) if place.is_empty() => ip.to_owned(),
            ("", place) => place,
            (ip, place) => format!("{ip} ({place})"),
        }
    }

    /// Returns how long ago the event was at the time of sending, as `12 minutes ago`. Empty if the time of sending is not known.
    pub(super) fn age(&self) -> String {
        let Some(age) = self.sent_at.map(|now| now - self.row.event_time) else { return String::new() };
        let counted = |count: i64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
        match age {
            age if age < TimeDelta::zero() => String::new(),
            age if age < TimeDelta::minutes(1) => "less than a minute ago".to_owned(),
            age if age < TimeDelta::hours(1) => counted(age.num_minutes(), "minute"),
            age if age < TimeDelta::days(2) => counted(age.num_hours(), "hour"),
            age => counted(age.num_days(), "day"),
        }
    }

    /// One sentence about the other threats of the incident. Empty if there are none.
    pub fn others(&self) -> String {
        let earlier = match self.earlier {
            0 => String::new(),
            1 => "One earlier threat belongs to this incident.".to_owned(),
            earlier => format!("{earlier} earlier threats belong to this incident."),
        };
        let is_address = self.row.kind == FindingKind::KnownAttackerAddress;
        let whose = if is_owner_unknown(self.row) { "" } else { " to this account" };
        let further = match self.further {
            0 => String::new(),
            1 if is_address => "One further sign-in from this address is not sent by itself.".to_owned(),
            further if is_address => format!(
                "Sign-ins of {further} further accounts from this address are not sent one by one; tenantwatch status lists them."
            ),
            1 => format!("One further threat{whose} is not sent by itself. This is the worse of them."),
            further => format!("{further} further threats{whose} are not sent one by one. This is the worst of them."),
        };
        [earlier, further].into_iter().filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join(" ")
    }
}
