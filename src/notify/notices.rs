//! Notifications that are about watching, not about a record: they are rows of ProcessedAuditLogs like any finding, so they
//! are claimed, sent, owed and found again in the same way.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::Channel;
use crate::detection::{FindingKind, Severity};
use crate::tables::claim::CLAIM_HOLDS;
use crate::tables::{CoverageRow, FindingState, ProcessedRow};
use base::ids::{Domain, RecordId, RunId, TenantId};
use table_store::Digest;

/// The tenant or the service that a notice is about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The tenant, or the provider's own for notices about the service as a whole. Unfinished notices are noted there.
    pub tenant_id: TenantId,
    /// The partition of the row.
    pub domain: Domain,
    /// The name people know.
    pub organization: String,
}

impl Subject {
    /// One watched tenant.
    pub fn tenant(row: &CoverageRow) -> Self {
        Self { tenant_id: row.tenant_id, domain: row.domain.clone(), organization: row.display_name.clone() }
    }

    /// The service as a whole. Its rows are kept in partition `service`.
    pub fn service(partner: TenantId) -> Self {
        Self { tenant_id: partner, domain: service_domain(), organization: "Tenantwatch".to_owned() }
    }
}

/// The partition of notices about the service as a whole.
#[expect(clippy::expect_used, reason = "`service` is a single sound label")]
fn service_domain() -> Domain {
    "service".parse().expect("a sound label")
}

/// One thing to be told.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The tenant or the service that it is about.
    pub subject: Subject,
    /// Its kind, in one word: the state, `Gap`, `Digest`, `Channel`.
    pub what: String,
    /// Equal for the same notice told again: its id is made of `what` and this.
    pub since: String,
    /// The text for people: cause and action.
    pub text: String,
    /// When it happened.
    pub at: DateTime<Utc>,
}

impl Notice {
    /// The row key: UUIDv5 in the name space of the tenant.
    pub fn id(&self) -> RecordId {
        let name = format!("{} {}", self.what, self.since);
        RecordId::new(Uuid::new_v5(self.subject.tenant_id.as_uuid(), name.as_bytes()))
    }

    /// The row that is stored and sent, born claimed by whoever inserts it.
    pub fn to_row(&self, channels: &[Channel], now: DateTime<Utc>) -> ProcessedRow {
        ProcessedRow {
            domain: self.subject.domain.clone(),
            record_id: self.id(),
            tenant_id: self.subject.tenant_id,
            organization: self.subject.organization.clone(),
            kind: FindingKind::Coverage,
            threat: false,
            forwarding_externally: false,
            applies_to_all_mail: false,
            deletes: false,
            description: self.text.clone(),
            rule_id: String::new(),
            rule_name: String::new(),
            source_mailbox: String::new(),
            actor: String::new(),
            operation: self.what.clone(),
            event_time: self.at,
            content_created: None,
            processed_at: now,
            ip: String::new(),
            location: String::new(),
            forwarding_status: String::new(),
            forwarding_address: String::new(),
            severity: Severity::Medium,
            score: 0,
            reasons: Vec::new(),
            fingerprint: Digest::of(&[self.id().to_string()]),
            subjects: Vec::new(),
            scopes: Vec::new(),
            undone_at: None,
            repeat_of: None,
            record: String::new(),
            state: FindingState::Sending,
            claim_id: RunId::random(),
            attempts: 1,
            next_attempt: Some(now + CLAIM_HOLDS),
            notified: channels.iter().map(|channel| (channel.as_str().to_owned(), None)).collect(),
            unanswered: BTreeMap::new(),
            incident_id: String::new(),
            containment: None,
            containment_detail: String::new(),
            seal: String::new(),
        }
    }
}

/// A time as it is written in notices and in their ids: whole seconds, UTC.
pub fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
