//! The findings of a scan: related to each other, and those of one fingerprint united.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::organizations::Organization;
use super::{Reading, ScanError};
use crate::detection::{Finding, Knowledge, correlate, judge};
use audit_log::AuditRecord;
use base::ids::{RecordId, TenantId};
use table_store::Digest;

/// Findings of the same fingerprint in one organization. The worst one is shown, and the first one of equal severity.
#[derive(Debug)]
pub(super) struct FindingGroup {
    pub(super) finding: Finding,
    pub(super) first: DateTime<Utc>,
    pub(super) last: DateTime<Utc>,
    /// Of every finding, in the order of time.
    pub(super) log_ids: Vec<RecordId>,
}

impl Reading {
    /// Evaluates every record once, in the order of time. Threats come first, then the worse, then the earlier ones.
    pub(super) fn evaluate(&self) -> Result<Vec<FindingGroup>, ScanError> {
        let mut findings = self.judge()?;
        correlate(&mut findings);
        let mut groups = grouped(findings);
        groups.sort_by_key(|group| {
            let Finding { threat, severity, score, .. } = group.finding;
            (std::cmp::Reverse((threat, severity, score)), group.first, group.finding.record_id)
        });
        Ok(groups)
    }

    /// The findings, without their records: those are in the temporary file.
    fn judge(&self) -> Result<Vec<Finding>, ScanError> {
        let mut findings = Vec::new();
        self.judge_each(&mut |finding| findings.push(finding))?;
        Ok(findings)
    }

    /// Hands on the findings in the order of time, without their records.
    pub(in crate::cli) fn judge_each(&self, sink: &mut dyn FnMut(Finding)) -> Result<(), ScanError> {
        // A copy for each organization: records add what they show of rules.
        let mut known: HashMap<TenantId, Knowledge> = HashMap::new();
        self.kept.in_order(|json| -> Result<(), ScanError> {
            // It parsed before it was kept.
            let Ok(record) = AuditRecord::parse(json) else { return Ok(()) };
            let organization = self.organizations.of(&record);
            let tenant = organization.knowledge.tenant_id;
            let known = known.entry(tenant).or_insert_with(|| organization.knowledge.clone());
            known.forget_old_domains(record.created);
            let finding = judge(&record, known);
            known.note_rule(&record);
            finding.iter().for_each(|finding| known.note_domain(finding));
            if let Some(finding) = finding {
                sink(Finding { record: String::new(), ..finding });
            }
            Ok(())
        })
    }

    /// The organization of a finding.
    pub(super) fn organization(&self, group: &FindingGroup) -> &Organization {
        self.organizations.of_tenant(&group.finding.tenant_id)
    }

    /// The record of a finding as JSON.
    pub(super) fn record(&self, group: &FindingGroup) -> Result<String, ScanError> {
        let text = self.kept.text(&group.finding.record_id)?;
        Ok(text.and_then(|text| AuditRecord::parse(&text).ok()).map(|record| record.json()).unwrap_or_default())
    }
}

fn grouped(findings: Vec<Finding>) -> Vec<FindingGroup> {
    let mut groups: Vec<FindingGroup> = Vec::new();
    let mut places: HashMap<(TenantId, Digest), usize> = HashMap::new();
    for finding in findings {
        let place = *places.entry((finding.tenant_id, finding.fingerprint.clone())).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.add(finding),
            None => groups.push(FindingGroup {
                first: finding.event_time,
                last: finding.event_time,
                log_ids: vec![finding.record_id],
                finding,
            }),
        }
    }
    groups
}

impl FindingGroup {
    fn add(&mut self, finding: Finding) {
        self.first = self.first.min(finding.event_time);
        self.last = self.last.max(finding.event_time);
        self.log_ids.push(finding.record_id);
        let weight = |finding: &Finding| (finding.threat, finding.severity, finding.score);
        if weight(&finding) > weight(&self.finding) {
            self.finding = finding;
        }
    }
}
