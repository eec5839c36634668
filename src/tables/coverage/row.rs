//! AuditLogCoverage: stores how far each tenant's log has been read without a gap, and the number of deferred blobs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, Utc};
use sha2::{Digest as _, Sha256};

use crate::tables::keys;
use base::ids::{Domain, TenantId};
use m365::management_activity::Content;
use table_store::{BINARY_LIMIT, Column, Entity, Key, RowKey, StoreError, Stored};

use crate::tables::columns::{Columns, json_text};
use crate::tables::{RowVersion, Span, StoredReadiness, merge, without};

/// The most spans in `Ahead`.
const AHEAD_LIMIT: usize = 50;

/// The most spans in `Gaps`.
pub(super) const GAPS_LIMIT: usize = 50;

/// The bytes of one hash of a content id.
const HASH_SIZE: usize = 8;

/// The most hashes in one row, 640 KB, so that the row stays within what a store takes.
const FETCHED_LIMIT: usize = 80_000;

/// The days before the newest for which records of mailbox auditing stay counted.
const EXCHANGE_ITEM_DAYS: u64 = 8;

/// Column `State`: whether the tenant can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TenantState {
    /// Never read.
    New,
    /// Read up to now.
    Healthy,
    /// `CoveredUntil` is older than 2 h.
    Late,
    /// Auditing is disabled in the tenant.
    AuditingOff,
    /// The customer has not consented to the app.
    ConsentMissing,
    /// App disabled, conditional access, tenant gone, no licence.
    AccessLost,
    /// Known, but no longer among the partner's customers.
    NotListed,
    /// Tenantwatch's own secret, configuration or customer list has a problem.
    OurFault,
    /// A state that a newer version of the program wrote. It is left alone and written back.
    Unknown,
}

/// A tenant's row in partition `tenant`.
#[derive(Debug, Clone, PartialEq)]
pub struct CoverageRow {
    /// RowKey
    pub tenant_id: TenantId,
    /// `Domain`: first seen, then fixed; the ManagementDomain for ever.
    pub domain: Domain,
    /// `DisplayName`: may change.
    pub display_name: String,
    /// `State`
    pub state: TenantState,
    /// `Since`: when the state began.
    pub since: DateTime<Utc>,
    /// `CoveredUntil`: everything before has been listed. `None` until the first run.
    pub covered_until: Option<DateTime<Utc>>,
    /// `ReadFrom`: where the first run began to list. In rows of earlier versions, where the first run of this version continued.
    pub read_from: Option<DateTime<Utc>>,
    /// `ReadSince`: since when the tenant has been read without a gap. A run that comes late does not restart it; a gap does.
    pub read_since: Option<DateTime<Utc>>,
    /// `Ahead`: spans read beyond it, at most 50.
    pub ahead: Vec<Span>,
    /// `LastRun`: when the last complete run ended.
    pub last_run: Option<DateTime<Utc>>,
    /// `LastOutcome`: one line.
    pub last_outcome: String,
    /// `Gaps`: the permanently lost spans, newest last, at most 50.
    pub gaps: Vec<Span>,
    /// `Pending`: `true` if findings may be unfinished.
    pub pending: bool,
    /// Fetched content ids as 8-byte hashes, by the hour of `contentCreated` (hours since 1970): columns `Fetched_<hour>`.
    pub fetched: BTreeMap<i64, BTreeSet<u64>>,
    /// `OwedCount`: the number of deferred blobs, so that a quiet tenant needs no query for them.
    pub owed: u32,
    /// `LastContent`: when content was last listed.
    pub last_content: Option<DateTime<Utc>>,
    /// `AuditCheck`: when `Get-AdminAuditLogConfig` was last run.
    pub audit_checked: Option<DateTime<Utc>>,
    /// `Notified`: the state and its `since` about which a notice was sent.
    pub notified: String,
    /// `Subscriptions`: when each content type's subscription was last started.
    pub subscriptions: BTreeMap<String, DateTime<Utc>>,
    /// `MissedListings`: in how many complete listings of the partner's customers the tenant was missing, one after the other.
    pub missed_listings: u32,
    /// `LastRunStarted`: when the last complete run began. A message that was queued before is outdated.
    pub last_run_started: Option<DateTime<Utc>>,
    /// `Readiness`, `ReadinessAt`, `ReadinessTold`: what the daily look at the tenant found.
    pub readiness: StoredReadiness,
    /// `ExchangeItems`: how many records of mailbox auditing passed by, by the day on which they became available.
    pub exchange_items: BTreeMap<NaiveDate, u64>,
}

impl TenantState {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::New,
        Self::Healthy,
        Self::Late,
        Self::AuditingOff,
        Self::ConsentMissing,
        Self::AccessLost,
        Self::NotListed,
        Self::OurFault,
    ];

    /// The text in the column `State`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Healthy => "Healthy",
            Self::Late => "Late",
            Self::AuditingOff => "AuditingOff",
            Self::ConsentMissing => "ConsentMissing",
            Self::AccessLost => "AccessLost",
            Self::NotListed => "NotListed",
            Self::OurFault => "OurFault",
            Self::Unknown => "",
        }
    }
}

impl CoverageRow {
    /// Returns the row of a tenant that was never read.
    pub fn first(tenant_id: TenantId, domain: Domain, display_name: String, since: DateTime<Utc>) -> Self {
        Self {
            tenant_id,
            domain,
            display_name,
            state: TenantState::New,
            since,
            covered_until: None,
            read_from: None,
            read_since: None,
            ahead: Vec::new(),
            last_run: None,
            last_outcome: String::new(),
            gaps: Vec::new(),
            pending: false,
            fetched: BTreeMap::new(),
            owed: 0,
            last_content: None,
            audit_checked: None,
            notified: String::new(),
            subscriptions: BTreeMap::new(),
            missed_listings: 0,
            last_run_started: None,
            readiness: Default::default(),
            exchange_items: Default::default(),
        }
    }

    /// The columns, as docs/tables.md lists them. `Fetched_` stands for all columns `Fetched_<hour>`.
    pub const COLUMNS: &'static [&'static str] = &[
        "Domain",
        "DisplayName",
        "State",
        "Since",
        "CoveredUntil",
        "ReadFrom",
        "ReadSince",
        "Ahead",
        "LastRun",
        "LastOutcome",
        "Gaps",
        "Pending",
        "Fetched_",
        "OwedCount",
        "LastContent",
        "AuditCheck",
        "Notified",
        "Subscriptions",
        "MissedListings",
        "LastRunStarted",
        "Readiness",
        "ReadinessAt",
        "ReadinessTold",
        "ExchangeItems",
    ];

    /// Returns the key of a tenant's row.
    pub fn key(tenant: &TenantId) -> Key {
        Key::new(keys::tenants(), RowKey::tenant(tenant))
    }

    /// Notes that a span was listed without a failure. The first run sets `covered_until` to where it begins.
    pub fn cover(&mut self, span: Span) {
        self.ahead.push(span);
        self.settle();
    }

    /// Returns the spans before `until` that have not been listed yet. Before the first run has set the beginning, there are
    /// none.
    pub fn uncovered(&self, until: DateTime<Utc>) -> Vec<Span> {
        let from = self.covered_until.unwrap_or(until);
        without(Span { from, to: until }, &self.ahead)
    }

    /// Notes that a span is permanently lost.
    pub fn add_gap(&mut self, gap: Span) {
        self.gaps.push(gap);
        self.gaps = newest(merge(std::mem::take(&mut self.gaps)), GAPS_LIMIT);
    }

    /// Moves `covered_until` over the spans that touch it, and drops the shortest of the others beyond the limit. A dropped span
    /// is listed again.
    pub(super) fn settle(&mut self) {
        self.ahead = merge(std::mem::take(&mut self.ahead));
        if let Some(until) = &mut self.covered_until {
            self.ahead.retain(|span| {
                let touches = span.from <= *until;
                if touches {
                    *until = span.to.max(*until);
                }
                !touches
            });
        }
        while self.ahead.len() > AHEAD_LIMIT {
            let shortest = self.ahead.iter().enumerate().min_by_key(|(_, span)| span.to - span.from);
            if let Some((at, _)) = shortest {
                self.ahead.remove(at);
            }
        }
    }

    /// Returns whether a blob was fetched, as far as its hash is still stored.
    pub fn has_fetched(&self, content: &Content) -> bool {
        let hashes = self.fetched.get(&hour_of(content.content_created));
        hashes.is_some_and(|hashes| hashes.contains(&hash_of(&content.content_id)))
    }

    /// Notes that every selected record of a blob is stored.
    pub fn note_fetched(&mut self, content: &Content) {
        self.fetched.entry(hour_of(content.content_created)).or_default().insert(hash_of(&content.content_id));
    }

    /// Forgets the blobs of hours that ended before `time`: they are listed no more.
    pub fn forget_fetched_before(&mut self, time: DateTime<Utc>) {
        self.fetched = self.fetched.split_off(&hour_of(time));
    }

    /// Notes how many records of mailbox auditing a blob held. Days that nobody asks about any more are forgotten.
    pub fn note_exchange_items(&mut self, day: NaiveDate, count: u64) {
        if count > 0 {
            *self.exchange_items.entry(day).or_default() += count;
        }
        let newest = self.exchange_items.keys().next_back().copied();
        if let Some(oldest) = newest.and_then(|newest| newest.checked_sub_days(Days::new(EXCHANGE_ITEM_DAYS))) {
            self.exchange_items = self.exchange_items.split_off(&oldest);
        }
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key(&self.tenant_id));
        entity.set_text("Domain", self.domain.as_str());
        entity.set_text("DisplayName", &self.display_name);
        if self.state != TenantState::Unknown {
            entity.set_text("State", self.state.as_str());
        }
        entity.set("Since", Column::Time(self.since));
        entity.set_whole_text("Ahead", &json_text(&self.ahead));
        entity.set_text("LastOutcome", &self.last_outcome);
        entity.set_whole_text("Gaps", &json_text(&self.gaps));
        entity.set("Pending", Column::Bool(self.pending));
        entity.set("OwedCount", Column::Int(self.owed.into()));
        entity.set_text("Notified", &self.notified);
        entity.set_text("Subscriptions", &json_text(&self.subscriptions));
        entity.set("MissedListings", Column::Int(self.missed_listings.into()));
        let times = [
            ("CoveredUntil", self.covered_until),
            ("ReadFrom", self.read_from),
            ("ReadSince", self.read_since),
            ("LastRun", self.last_run),
            ("LastContent", self.last_content),
            ("AuditCheck", self.audit_checked),
            ("LastRunStarted", self.last_run_started),
            ("ReadinessAt", self.readiness.at),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                entity.set(name, Column::Time(time));
            }
        }
        self.readiness.set(&mut entity);
        if !self.exchange_items.is_empty() {
            entity.set_text("ExchangeItems", &json_text(&self.exchange_items));
        }
        set_fetched(&mut entity, &self.fetched);
        entity
    }

    /// Reads the row from the store.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column that decides something is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let row = Self {
            tenant_id: columns.row_name("")?,
            domain: columns.required("Domain")?,
            display_name: columns.text("DisplayName"),
            state: tenant_state(columns)?,
            since: columns.time("Since")?,
            covered_until: stored.entity.time("CoveredUntil"),
            read_from: stored.entity.time("ReadFrom"),
            read_since: stored.entity.time("ReadSince"),
            ahead: columns.json("Ahead")?,
            last_run: stored.entity.time("LastRun"),
            last_outcome: columns.text("LastOutcome"),
            gaps: columns.json("Gaps")?,
            // Asking once too often costs little; not asking loses a notification.
            pending: stored.entity.bool("Pending").unwrap_or(true),
            fetched: fetched(columns)?,
            owed: columns.count("OwedCount")?,
            last_content: stored.entity.time("LastContent"),
            audit_checked: stored.entity.time("AuditCheck"),
            notified: columns.text("Notified"),
            subscriptions: columns.json("Subscriptions")?,
            missed_listings: columns.count("MissedListings")?,
            last_run_started: stored.entity.time("LastRunStarted"),
            readiness: StoredReadiness::of(stored),
            exchange_items: columns.json("ExchangeItems")?,
        };
        let version = RowVersion::of(stored, Self::COLUMNS);
        let is_unknown = row.state == TenantState::Unknown;
        Ok((row, if is_unknown { version.keeping(stored, "State") } else { version }))
    }
}

/// The hours since 1970, the last of which has begun.
fn hour_of(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(3_600)
}

/// The first 8 bytes of the digest of a content id.
fn hash_of(content_id: &str) -> u64 {
    Sha256::digest(content_id).iter().take(HASH_SIZE).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// The last `limit` of some spans in order.
pub(super) fn newest(mut spans: Vec<Span>, limit: usize) -> Vec<Span> {
    spans.split_off(spans.len().saturating_sub(limit))
}

pub(in crate::tables) fn tenant_state(columns: Columns<'_>) -> Result<TenantState, StoreError> {
    let state = columns.word_or("State", TenantState::ALL, TenantState::as_str, TenantState::Unknown);
    state.ok_or_else(|| columns.corrupt("State", "it is missing"))
}

/// One column an hour, going on in `Fetched_<hour>_2` beyond what a column holds. The newest hours come first: what is
/// beyond [`FETCHED_LIMIT`] is forgotten, which costs a second fetch and nothing else.
fn set_fetched(entity: &mut Entity, fetched: &BTreeMap<i64, BTreeSet<u64>>) {
    let mut room = FETCHED_LIMIT;
    for (hour, hashes) in fetched.iter().rev().filter(|(hour, _)| **hour >= 0) {
        let kept: Vec<[u8; HASH_SIZE]> = hashes.iter().take(room).map(|hash| hash.to_be_bytes()).collect();
        room -= kept.len();
        for (at, part) in kept.chunks(BINARY_LIMIT / HASH_SIZE).enumerate() {
            let name = if at == 0 { format!("Fetched_{hour}") } else { format!("Fetched_{hour}_{}", at + 1) };
            entity.set(name, Column::Binary(part.concat()));
        }
    }
}

fn fetched(columns: Columns<'_>) -> Result<BTreeMap<i64, BTreeSet<u64>>, StoreError> {
    let mut fetched: BTreeMap<i64, BTreeSet<u64>> = BTreeMap::new();
    for (name, value) in columns.0.columns() {
        let (Some(rest), Column::Binary(bytes)) = (name.strip_prefix("Fetched_"), value) else {
            continue;
        };
        let hour = rest.split_once('_').map_or(rest, |(hour, _)| hour);
        let hour = hour.parse().map_err(|error| columns.corrupt(name, error))?;
        let (hashes, rest) = bytes.as_chunks::<HASH_SIZE>();
        if !rest.is_empty() {
            return Err(columns.corrupt(name, "it is cut within a hash"));
        }
        fetched.entry(hour).or_default().extend(hashes.iter().map(|hash| u64::from_be_bytes(*hash)));
    }
    Ok(fetched)
}
