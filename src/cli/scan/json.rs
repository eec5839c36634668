//! Findings as one JSON object, written as they are evaluated.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::cli::output;
use crate::detection::{FindingKind, ReasonName, Severity};
use crate::location::parse_client_ip;
use base::ids::{Domain, RecordId, TenantId};

use super::findings::FindingGroup;
use super::organizations::Organization;
use super::{Reading, ScanError};

/// A finding under the column names of ProcessedAuditLogs. Columns about notifying and storing have no meaning offline.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row<'a> {
    threat: bool,
    forwarding_externally: bool,
    #[serde(rename = "AppliesAllMail")]
    applies_to_all_mail: bool,
    #[serde(rename = "Delete")]
    deletes: bool,
    description: &'a str,
    rule_id: &'a str,
    source_mailbox: &'a str,
    organization: &'a str,
    #[serde(rename = "Type")]
    kind: FindingKind,
    #[serde(rename = "LogID")]
    log_id: RecordId,
    management_domain: &'a Domain,
    #[serde(rename = "IP")]
    ip: String,
    set_mailbox_forwarding_status: &'a str,
    forwarding_address: &'a str,
    tenant_id: TenantId,
    operation: &'a str,
    actor: &'a str,
    event_time: DateTime<Utc>,
    rule_name: &'a str,
    severity: Severity,
    score: u8,
    reasons: Vec<ReasonName>,
    fingerprint: &'a str,
    occurrences: usize,
    first_time: DateTime<Utc>,
    last_time: DateTime<Utc>,
    #[serde(rename = "LogIDs")]
    log_ids: &'a [RecordId],
    record: &'a str,
}

impl<'a> Row<'a> {
    pub(super) fn new(organization: &'a Organization, group: &'a FindingGroup, record: &'a str) -> Self {
        let finding = &group.finding;
        let address = finding.client_ip.as_deref().and_then(parse_client_ip);
        Self {
            threat: finding.threat,
            forwarding_externally: finding.forwarding_externally,
            applies_to_all_mail: finding.applies_to_all_mail,
            deletes: finding.deletes,
            description: &finding.description,
            rule_id: &finding.rule_id,
            source_mailbox: finding.source_mailbox(),
            organization: &organization.name,
            kind: finding.kind,
            log_id: finding.record_id,
            management_domain: &organization.knowledge.domain,
            ip: address.map(|address| address.to_string()).unwrap_or_default(),
            set_mailbox_forwarding_status: &finding.forwarding_status,
            forwarding_address: &finding.forwarding_address,
            tenant_id: organization.knowledge.tenant_id,
            operation: &finding.operation,
            actor: &finding.actor,
            event_time: finding.event_time,
            rule_name: &finding.rule_name,
            severity: finding.severity,
            score: finding.score,
            reasons: finding.reasons.iter().map(|reason| reason.name).collect(),
            fingerprint: finding.fingerprint.as_str(),
            occurrences: group.log_ids.len(),
            first_time: group.first,
            last_time: group.last,
            log_ids: &group.log_ids,
            record,
        }
    }
}

/// Writes all findings.
pub(super) fn write(reading: &Reading, groups: &[FindingGroup], out: &mut dyn Write) -> Result<(), ScanError> {
    write!(out, "{{\"Records\":{},\"Selected\":{},\"Broken\":", reading.records, reading.selected)?;
    put(out, &reading.broken.told())?;
    write!(out, ",\"BrokenCount\":{}", reading.broken.count())?;
    write!(out, ",\"AcceptedDomains\":")?;
    put(out, &reading.organizations.accepted_domains())?;
    write!(out, ",\"Findings\":[")?;
    for (number, group) in groups.iter().enumerate() {
        out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        put(out, &Row::new(reading.organization(group), group, &reading.record(group)?))?;
    }
    writeln!(out, "]}}")?;
    Ok(())
}

fn put(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    output::write_json(out, value)
}
