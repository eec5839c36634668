//! ProcessedAuditLogs: one row for every evaluated record, threat or not.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::detection::{FindingKind, Judged, Judgement, Reason, Severity};
use base::ids::{Domain, RecordId, RunId, TenantId};
use table_store::{Column, Digest, Entity, Key, PartitionKey, RowKey, Store, StoreError, Stored, cut_text};

use super::columns::{Columns, filetime, filetime_text, flag_text, json_text};
use super::finding_state::SEVERITIES;
use super::{Containment, FindingState, Notified, RowVersion, UnansweredChannels};

/// The tenant of rows that the runbooks of 2019 wrote.
const NO_TENANT: TenantId = TenantId::new(Uuid::nil());

/// The longest sentence of one reason, in UTF-16 units.
const SENTENCE_LIMIT: usize = 1_000;

/// A row of ProcessedAuditLogs. Texts are as stored: cut at the column limit on the way in.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessedRow {
    /// PartitionKey and `ManagementDomain`.
    pub domain: Domain,
    /// RowKey and `LogID`.
    pub record_id: RecordId,
    /// `TenantId`. The nil GUID in rows that the runbooks of 2019 wrote, see [`ProcessedRow::is_original`].
    pub tenant_id: TenantId,
    /// `Organization`: the tenant's display name.
    pub organization: String,
    /// `Type`
    pub kind: FindingKind,
    /// `Threat`
    pub threat: bool,
    /// `ForwardingExternally`
    pub forwarding_externally: bool,
    /// `AppliesAllMail`
    pub applies_to_all_mail: bool,
    /// `Delete`
    pub deletes: bool,
    /// `Description`
    pub description: String,
    /// `RuleId`
    pub rule_id: String,
    /// `RuleName`
    pub rule_name: String,
    /// `SourceMailbox`: the mailbox that was changed.
    pub source_mailbox: String,
    /// `Actor`: who changed it.
    pub actor: String,
    /// `Operation`
    pub operation: String,
    /// `EventTime`, as Edm.DateTime.
    pub event_time: DateTime<Utc>,
    /// `ContentCreated`: the time when Microsoft made the record available. `None` for notices and rows of earlier versions.
    pub content_created: Option<DateTime<Utc>>,
    /// `InternalTimeStamp`: when it was evaluated; stored as a Windows FILETIME in decimal text.
    pub processed_at: DateTime<Utc>,
    /// `IP`: the address alone, empty where there is none.
    pub ip: String,
    /// `Location`: `city, region, country`, or the original's failure texts.
    pub location: String,
    /// `SetMailboxForwardingStatus`
    pub forwarding_status: String,
    /// `ForwardingAddress`
    pub forwarding_address: String,
    /// `Severity`
    pub severity: Severity,
    /// `Score`
    pub score: u8,
    /// `Reasons`: JSON array of name and sentence.
    pub reasons: Vec<Reason>,
    /// `Fingerprint`
    pub fingerprint: Digest,
    /// `Subjects`: the digests of the objects that a threat is about. A later removal of one of them makes the threat news again.
    pub subjects: Vec<Digest>,
    /// `Scopes`: the permissions of a consent, of all its records.
    pub scopes: Vec<String>,
    /// `UndoneAt`: the end of the last finished Undo. Action tokens that were created before it are void.
    pub undone_at: Option<DateTime<Utc>>,
    /// `RepeatOf`: the record whose threat this repeats.
    pub repeat_of: Option<RecordId>,
    /// `Record`: the audit record as JSON, cut.
    pub record: String,
    /// `State`
    pub state: FindingState,
    /// `ClaimId`: who inserted it or took it over, and alone may send.
    pub claim_id: RunId,
    /// `Attempts`: how often sending or judging again was tried.
    pub attempts: u32,
    /// `NextAttempt`: before this time, no other run may take it over.
    pub next_attempt: Option<DateTime<Utc>>,
    /// `Notified`
    pub notified: Notified,
    /// `Unknown`
    pub unanswered: UnansweredChannels,
    /// `IncidentId`: the incident that the threat belongs to; empty for rows of the first version and for what is no threat.
    pub incident_id: String,
    /// `Containment`: the result of the automatic containment. `None` if there was none, or none yet.
    pub containment: Option<Containment>,
    /// `ContainmentDetail`: what the containment did, for readers.
    pub containment_detail: String,
    /// `Seal`: the keyed mark of what was judged. Empty in rows of earlier versions.
    pub seal: String,
}

impl Judged for ProcessedRow {
    fn judgement(&mut self) -> Judgement<'_> {
        Judgement {
            kind: self.kind,
            threat: &mut self.threat,
            severity: &mut self.severity,
            score: &mut self.score,
            reasons: &mut self.reasons,
        }
    }
}

impl ProcessedRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &[
        "Threat",
        "ForwardingExternally",
        "AppliesAllMail",
        "Delete",
        "Description",
        "RuleId",
        "SourceMailbox",
        "Organization",
        "Type",
        "LogID",
        "InternalTimeStamp",
        "ManagementDomain",
        "IP",
        "Location",
        "SetMailboxForwardingStatus",
        "ForwardingAddress",
        "TenantId",
        "Operation",
        "Actor",
        "EventTime",
        "RuleName",
        "Severity",
        "Score",
        "Reasons",
        "Fingerprint",
        "Subjects",
        "Scopes",
        "UndoneAt",
        "RepeatOf",
        "Record",
        "State",
        "ClaimId",
        "Attempts",
        "NextAttempt",
        "Notified",
        "Unknown",
        "IncidentId",
        "ContentCreated",
        "Containment",
        "ContainmentDetail",
        "Seal",
    ];

    /// Returns the key of the row.
    pub fn key(&self) -> Key {
        Key::new(PartitionKey::domain(&self.domain), RowKey::record(&self.record_id))
    }

    /// Writes the row over the version that was read. Returns `None` if another run has written it in the meantime: the row is
    /// that run's now.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the store cannot be used.
    pub async fn replace(&self, store: &dyn Store, version: &RowVersion) -> Result<Option<RowVersion>, StoreError> {
        match super::save(store, self, Some(version)).await {
            Ok(newer) => Ok(Some(newer)),
            Err(StoreError::Changed(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(self.key());
        self.set_original_columns(&mut entity);
        self.set_finding_columns(&mut entity);
        self.set_progress_columns(&mut entity);
        // The first ones are what an attacker or Exchange can make long; the rest is long only by malice.
        entity.cut_to_fit(
            &["Record", "Description", "RuleName", "ForwardingAddress", "SetMailboxForwardingStatus"],
            4_000,
        );
        entity.cut_to_fit(&["RuleId", "Operation", "Actor", "SourceMailbox", "Organization", "IP", "Location"], 4_000);
        entity
    }

    /// Sets the columns that the runbooks of 2019 wrote, all of them as text.
    fn set_original_columns(&self, entity: &mut Entity) {
        entity.set_text("Threat", flag_text(self.threat));
        entity.set_text("ForwardingExternally", flag_text(self.forwarding_externally));
        entity.set_text("AppliesAllMail", flag_text(self.applies_to_all_mail));
        entity.set_text("Delete", flag_text(self.deletes));
        entity.set_text("Description", &self.description);
        entity.set_text("RuleId", &self.rule_id);
        entity.set_text("SourceMailbox", &self.source_mailbox);
        entity.set_text("Organization", &self.organization);
        entity.set_text("Type", self.kind.as_str());
        entity.set_text("LogID", &self.record_id.to_string());
        entity.set_text("InternalTimeStamp", &filetime_text(self.processed_at));
        entity.set_text("ManagementDomain", self.domain.as_str());
        entity.set_text("IP", &self.ip);
        entity.set_text("Location", &self.location);
        entity.set_text("SetMailboxForwardingStatus", &self.forwarding_status);
        entity.set_text("ForwardingAddress", &self.forwarding_address);
    }

    fn set_finding_columns(&self, entity: &mut Entity) {
        entity.set_text("TenantId", &self.tenant_id.to_string());
        entity.set_text("Operation", &self.operation);
        entity.set_text("Actor", &self.actor);
        entity.set("EventTime", Column::Time(self.event_time));
        if let Some(time) = self.content_created {
            entity.set("ContentCreated", Column::Time(time));
        }
        entity.set_text("RuleName", &self.rule_name);
        entity.set_text("Severity", self.severity.as_str());
        entity.set("Score", Column::Int(self.score.into()));
        entity.set_whole_text("Reasons", &json_text(&short_reasons(&self.reasons)));
        entity.set_text("Fingerprint", self.fingerprint.as_str());
        let subjects: Vec<&str> = self.subjects.iter().map(Digest::as_str).collect();
        entity.set_text("Subjects", &subjects.join(" "));
        entity.set_whole_text("Scopes", &json_text(&self.scopes));
        if let Some(time) = self.undone_at {
            entity.set("UndoneAt", Column::Time(time));
        }
        entity.set_text("RepeatOf", &self.repeat_of.map(|id| id.to_string()).unwrap_or_default());
        entity.set_text("Record", &self.record);
    }

    fn set_progress_columns(&self, entity: &mut Entity) {
        if self.state != FindingState::Unknown {
            entity.set_text("State", self.state.as_str());
        }
        entity.set_text("ClaimId", &self.claim_id.to_string());
        entity.set("Attempts", Column::Int(self.attempts.into()));
        if let Some(time) = self.next_attempt {
            entity.set("NextAttempt", Column::Time(time));
        }
        entity.set_whole_text("Notified", &json_text(&self.notified));
        entity.set_whole_text("Unknown", &json_text(&self.unanswered));
        entity.set_text("IncidentId", &self.incident_id);
        if !self.seal.is_empty() {
            entity.set_text("Seal", &self.seal);
        }
        if let Some(containment) = &self.containment {
            entity.set_text("Containment", &containment.to_string());
            entity.set_text("ContainmentDetail", &self.containment_detail);
        }
    }

    /// Reads the row from the store. Columns that the runbooks of 2019 did not write get defaults if nothing depends on them;
    /// such a row is closed, and its tenant is the nil GUID, which no tenant has (see [`ProcessedRow::is_original`]).
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if a column that decides something is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let record_id: RecordId = columns.row_name("")?;
        let threat = columns.flag("Threat");
        let processed_at = filetime(&columns.text("InternalTimeStamp")).unwrap_or(stored.changed);
        let state_of_original = if threat { FindingState::Sent } else { FindingState::Recorded };
        let severity_of_original = if threat { Severity::Medium } else { Severity::Low };
        let row = Self {
            domain: columns.partition_name("")?,
            record_id,
            tenant_id: columns.parsed("TenantId")?.unwrap_or(NO_TENANT),
            organization: columns.text("Organization"),
            kind: columns.required("Type")?,
            threat,
            forwarding_externally: columns.flag("ForwardingExternally"),
            applies_to_all_mail: columns.flag("AppliesAllMail"),
            deletes: columns.flag("Delete"),
            description: columns.text("Description"),
            rule_id: columns.text("RuleId"),
            rule_name: columns.text("RuleName"),
            source_mailbox: columns.text("SourceMailbox"),
            actor: columns.text("Actor"),
            operation: columns.text("Operation"),
            event_time: stored.entity.time("EventTime").unwrap_or(processed_at),
            content_created: stored.entity.time("ContentCreated"),
            processed_at,
            ip: columns.text("IP"),
            location: columns.text("Location"),
            forwarding_status: columns.text("SetMailboxForwardingStatus"),
            forwarding_address: columns.text("ForwardingAddress"),
            severity: columns.word("Severity", SEVERITIES, Severity::as_str)?.unwrap_or(severity_of_original),
            score: columns.count("Score")?,
            reasons: columns.json("Reasons")?,
            fingerprint: columns.parsed("Fingerprint")?.unwrap_or_else(|| Digest::of(&[record_id.to_string()])),
            subjects: columns.text("Subjects").split_whitespace().filter_map(|text| text.parse().ok()).collect(),
            scopes: columns.json("Scopes")?,
            undone_at: stored.entity.time("UndoneAt"),
            repeat_of: columns.parsed("RepeatOf")?,
            record: columns.text("Record"),
            state: columns
                .word_or("State", FindingState::ALL, FindingState::as_str, FindingState::Unknown)
                .unwrap_or(state_of_original),
            claim_id: columns.parsed("ClaimId")?.unwrap_or(RunId::new(Uuid::nil())),
            attempts: columns.count("Attempts")?,
            next_attempt: stored.entity.time("NextAttempt"),
            notified: columns.json("Notified")?,
            unanswered: columns.json("Unknown")?,
            incident_id: columns.text("IncidentId"),
            containment: columns.parsed("Containment")?,
            containment_detail: columns.text("ContainmentDetail"),
            seal: columns.text("Seal"),
        };
        let version = RowVersion::of(stored, Self::COLUMNS);
        let is_unknown = row.state == FindingState::Unknown;
        Ok((row, if is_unknown { version.keeping(stored, "State") } else { version }))
    }

    /// Returns whether the runbooks of 2019 wrote it. Such a row names no tenant, so Tenantwatch can do nothing about it.
    pub fn is_original(&self) -> bool {
        self.tenant_id == NO_TENANT
    }
}

/// Reasons are kept whole as JSON, so each sentence is bounded on its own.
fn short_reasons(reasons: &[Reason]) -> Vec<Reason> {
    let short = |reason: &Reason| Reason { name: reason.name, sentence: cut_text(&reason.sentence, SENTENCE_LIMIT) };
    reasons.iter().map(short).collect()
}

/// Returns whether the account of a finding is contained if every condition is met: a rule or forwarding of severity High. A sign-in from
/// a known attacker's address is told, and a person decides.
pub fn is_containable(row: &ProcessedRow) -> bool {
    row.threat
        && row.severity == Severity::High
        && matches!(row.kind, FindingKind::InboxRule | FindingKind::InboxForward)
}
