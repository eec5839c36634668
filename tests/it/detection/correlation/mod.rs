//! Relations between the findings of a scan: near a threat, shared targets, repeats, removals, and records of one consent.

mod consents;
mod near;
mod repeats;
mod targets;

use std::collections::BTreeSet;

use audit_log::AuditRecord;
use serde_json::{Value, json};
use tenantwatch::detection::{Finding, Knowledge, ReasonName, correlate, judge};
use uuid::Uuid;

use super::fixtures::tenant;

const APP: &str = "7a1e0f6e-2bb4-4b36-8a5d-0000000000aa";

fn offline() -> Knowledge {
    Knowledge { offline: true, ..tenant() }
}

/// One record after another; `minute` counts from the first day at midnight.
struct Log {
    known: Knowledge,
    findings: Vec<Finding>,
}

impl Log {
    fn new() -> Self {
        Self { known: offline(), findings: Vec::new() }
    }

    fn add(&mut self, minute: i64, actor: &str, operation: &str, more: Value) {
        let begin: chrono::DateTime<chrono::Utc> = "2026-11-20T00:00:00Z".parse().unwrap();
        let number = self.findings.len() as u128 + 1;
        let mut record = json!({
            "Id": Uuid::from_u128(number), "CreationTime": begin + chrono::TimeDelta::minutes(minute),
            "Operation": operation, "UserId": actor, "UserType": 2, "RecordType": 1, "ResultStatus": "True",
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let record = AuditRecord::parse(record.to_string().as_bytes()).unwrap();
        self.findings.extend(judge(&record, &self.known));
    }

    fn cmdlet(&mut self, minute: i64, actor: &str, operation: &str, parameters: &[(&str, &str)]) {
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        self.add(minute, actor, operation, json!({ "Parameters": parameters }));
    }

    fn forward(&mut self, minute: i64, mailbox: &str, target: &str) {
        let parameters = [("Identity", mailbox), ("ForwardingSmtpAddress", target)];
        self.cmdlet(minute, mailbox, "Set-Mailbox", &parameters);
    }

    fn consent(&mut self, minute: i64, actor: &str, operation: &str, scope: &str) {
        let changed = match operation {
            "Consent to application." => json!([
                {"Name": "ConsentAction.Permissions", "OldValue": "", "NewValue": format!("[] => [[ClientId: {APP}, Scope: {scope}]]")},
            ]),
            _ => json!([
                {"Name": "DelegatedPermissionGrant.Scope", "OldValue": "", "NewValue": scope},
                {"Name": "ServicePrincipal.ObjectID", "OldValue": "", "NewValue": APP},
            ]),
        };
        self.add(
            minute,
            actor,
            operation,
            json!({"ModifiedProperties": changed, "Target": [{"ID": "Tool", "Type": 1}]}),
        );
    }

    fn correlated(mut self) -> Vec<Finding> {
        correlate(&mut self.findings);
        self.findings
    }
}

fn names(finding: &Finding) -> BTreeSet<ReasonName> {
    finding.reasons.iter().map(|reason| reason.name).collect()
}

fn has(finding: &Finding, name: ReasonName) -> bool {
    names(finding).contains(&name)
}
