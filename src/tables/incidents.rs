//! Incidents: row `incident_<h>` in a tenant's partition of ProcessedAuditLogs, one for each account. Threats of one account that are
//! close in time belong to one incident.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use uuid::Uuid;

use super::columns::{Columns, json_text};
use super::{ProcessedRow, RowVersion, keys, load, update};
use base::clock::Clock;
use base::ids::{Domain, RecordId, TenantId};
use table_store::{Column, Digest, Entity, Key, PartitionKey, Store, StoreError, Stored, cut_text};

/// The longest time between the last event of an incident and another event of it.
const QUIET_PERIOD: TimeDelta = TimeDelta::hours(24);

/// The longest time from the first event of an incident to its last one.
const LONGEST_INCIDENT: TimeDelta = TimeDelta::days(7);

/// The most threats that a row names. Further ones are counted only.
const RECORDS_LIMIT: usize = 500;

/// The longest account in a subject, in UTF-16 units.
const SUBJECT_ACCOUNT_LIMIT: usize = 150;

/// The newest incident of one account.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentRow {
    /// PartitionKey
    pub domain: Domain,
    /// RowKey: the SHA-256 of the account's address in lower case.
    pub account: Digest,
    /// `IncidentId`
    pub incident_id: String,
    /// `FirstEvent`: the event time of its earliest threat.
    pub first_event: DateTime<Utc>,
    /// `LastEvent`: the event time of its latest threat.
    pub last_event: DateTime<Utc>,
    /// `Threats`: the number of its threats.
    pub threats: u32,
    /// `Records`: the log ids of its threats, in the order in which they were stored.
    pub records: Vec<RecordId>,
    /// `Subject`: the subject of the mail about its first threat that is notified. Empty while there is none, and in rows of earlier
    /// versions.
    pub subject: String,
}

/// What becomes of a threat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It is notified.
    Told,
    /// It is stored only.
    Recorded,
    /// It repeats one that was notified. It lasts as long, but is not counted.
    Repeat,
}

/// The incident that a threat belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// `IncidentId`. Empty if the threat names no account.
    pub id: String,
    /// The event times of its earliest and latest threats. `None` if it is not the newest one of its account.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl IncidentRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] =
        &["IncidentId", "FirstEvent", "LastEvent", "Threats", "Records", "Subject"];

    /// The key of the row of an account.
    pub fn key(domain: &Domain, account: &Digest) -> Key {
        Key::new(PartitionKey::domain(domain), keys::incident(account))
    }

    /// The incident that a threat opens.
    fn opened_by(threat: &ProcessedRow, account: &str, part: Part) -> Self {
        let mut opened = Self {
            subject: String::new(),
            domain: threat.domain.clone(),
            account: Digest::of(&[account]),
            incident_id: incident_id(&threat.tenant_id, account, &threat.record_id),
            first_event: threat.event_time,
            last_event: threat.event_time,
            threats: 0,
            records: Vec::new(),
        };
        opened.count(threat, part);
        opened
    }

    /// Returns the incident with the threat, or `None` if the threat is too far away in time to belong to it.
    fn joined_by(mut self, threat: &ProcessedRow, part: Part) -> Option<Self> {
        let event = threat.event_time;
        let (first, last) = (self.first_event.min(event), self.last_event.max(event));
        let is_near = event <= self.last_event + QUIET_PERIOD && event >= self.first_event - QUIET_PERIOD;
        if !is_near || last - first > LONGEST_INCIDENT {
            return None;
        }
        (self.first_event, self.last_event) = (first, last);
        self.count(threat, part);
        Some(self)
    }

    fn count(&mut self, threat: &ProcessedRow, part: Part) {
        if part == Part::Told && self.subject.is_empty() {
            self.subject = subject(threat, &self.incident_id);
        }
        if part != Part::Repeat && !self.records.contains(&threat.record_id) {
            self.threats = self.threats.saturating_add(1);
            if self.records.len() < RECORDS_LIMIT {
                self.records.push(threat.record_id);
            }
        }
    }

    fn joined(&self) -> Joined {
        Joined { id: self.incident_id.clone(), span: Some((self.first_event, self.last_event)) }
    }

    /// Returns the number of threats that were stored before this one.
    pub fn earlier_than(&self, record: &RecordId) -> u32 {
        let position = self.records.iter().position(|known| known == record);
        position.map_or(self.threats.saturating_sub(1), |position| u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key(&self.domain, &self.account));
        entity.set_text("IncidentId", &self.incident_id);
        entity.set("FirstEvent", Column::Time(self.first_event));
        entity.set("LastEvent", Column::Time(self.last_event));
        entity.set("Threats", Column::Int(self.threats.into()));
        entity.set_text("Subject", &self.subject);
        entity.set_whole_text("Records", &json_text(&self.records));
        entity
    }

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let row = Self {
            domain: columns.partition_name("")?,
            account: columns.row_name("incident_")?,
            incident_id: columns.text("IncidentId"),
            first_event: columns.time("FirstEvent")?,
            last_event: columns.time("LastEvent")?,
            threats: columns.count("Threats")?,
            records: columns.json("Records")?,
            subject: columns.text("Subject"),
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

/// UUIDv5 of the account and the first record, in the name space of the tenant.
fn incident_id(tenant: &TenantId, account: &str, first: &RecordId) -> String {
    Uuid::new_v5(tenant.as_uuid(), format!("{account}/{first}").as_bytes()).to_string()
}

/// Returns the subject of a mail, for the rules of ticket systems: severity, domain, account, type, and the first 8 hex digits of the
/// incident or, if there is none, of the log id.
pub fn subject(row: &ProcessedRow, incident_id: &str) -> String {
    let log_id = row.record_id.to_string();
    let id = if incident_id.is_empty() { log_id.as_str() } else { incident_id };
    let id: String = id.chars().take(8).collect();
    let account = account_of(row);
    let account = if account.is_empty() { "-" } else { account.as_str() };
    let account: String = account.split_whitespace().collect::<Vec<_>>().join("_");
    let account = cut_text(&account, SUBJECT_ACCOUNT_LIMIT);
    format!("[Tenantwatch] {} {} {account} {} #{id}", row.severity.as_str(), row.domain, row.kind.as_str())
}

/// Returns whether a finding is about a mailbox and its record does not tell whose: the actor must not be taken for the owner.
pub fn is_owner_unknown(row: &ProcessedRow) -> bool {
    row.kind.is_about_mailbox() && row.source_mailbox.trim().is_empty()
}

/// The account that a threat's incident is about, in lower case: the mailbox owner, or the actor of a finding that is about no mailbox.
/// Empty if the owner is unknown.
pub fn account_of(threat: &ProcessedRow) -> String {
    if is_owner_unknown(threat) {
        return String::new();
    }
    let owner = threat.source_mailbox.trim();
    let account = if owner.is_empty() { threat.actor.trim() } else { owner };
    account.to_lowercase()
}

/// Returns the incident that a threat belongs to, and opens one if there is none. A threat from before the newest incident of its account
/// gets an incident of its own, which is not stored. A threat that has an incident keeps it.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used, or others changed the row at every try.
pub async fn join(
    store: &dyn Store,
    clock: &Arc<dyn Clock>,
    threat: &ProcessedRow,
    part: Part,
) -> Result<Joined, StoreError> {
    let account = account_of(threat);
    if account.is_empty() {
        return Ok(Joined { id: String::new(), span: None });
    }
    let key = IncidentRow::key(&threat.domain, &Digest::of(&[&account]));
    update(store, clock, &key, |stored| joined(stored, threat, &account, part)).await
}

/// Returns what is stored if a threat joins the stored incident, and the incident that it belongs to.
fn joined(
    stored: Option<IncidentRow>,
    threat: &ProcessedRow,
    account: &str,
    part: Part,
) -> (Option<IncidentRow>, Joined) {
    if !threat.incident_id.is_empty() {
        let own = stored.filter(|stored| stored.incident_id == threat.incident_id);
        let counted = own.map(|mut own| {
            own.count(threat, part);
            own
        });
        return (counted, Joined { id: threat.incident_id.clone(), span: None });
    }
    let is_older = stored.as_ref().is_some_and(|stored| threat.event_time < stored.first_event);
    match stored.and_then(|stored| stored.joined_by(threat, part)) {
        Some(row) => {
            let joined = row.joined();
            (Some(row), joined)
        }
        None => {
            let new = IncidentRow::opened_by(threat, account, part);
            let joined = new.joined();
            if is_older { (None, Joined { span: None, ..joined }) } else { (Some(new), joined) }
        }
    }
}

/// Notes that a threat of an incident turned out to be a repeat: what is notified later gives the incident its subject.
///
/// # Errors
/// As [`join`].
pub async fn note_repeat(store: &dyn Store, clock: &Arc<dyn Clock>, repeat: &ProcessedRow) -> Result<(), StoreError> {
    let key = IncidentRow::key(&repeat.domain, &Digest::of(&[&account_of(repeat)]));
    update(store, clock, &key, |stored: Option<IncidentRow>| {
        let alone = stored.filter(|stored| {
            stored.incident_id == repeat.incident_id
                && stored.records == [repeat.record_id]
                && !stored.subject.is_empty()
        });
        (alone.map(|alone| IncidentRow { subject: String::new(), threats: 0, records: Vec::new(), ..alone }), ())
    })
    .await
}

/// Returns the incident of a threat, if it is still the newest one of its account.
///
/// # Errors
/// Returns [`StoreError`] if the store cannot be used or the row is malformed.
pub async fn of(store: &dyn Store, threat: &ProcessedRow) -> Result<Option<IncidentRow>, StoreError> {
    if threat.incident_id.is_empty() {
        return Ok(None);
    }
    let key = IncidentRow::key(&threat.domain, &Digest::of(&[&account_of(threat)]));
    let incident = load::<IncidentRow>(store, &key).await?.map(|(incident, _)| incident);
    Ok(incident.filter(|incident| incident.incident_id == threat.incident_id))
}
