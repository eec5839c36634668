//! Kinds of rules that attackers make, each with variations and with its ordinary counterparts.

mod conditions;
mod fingerprints;
mod folders;
mod forms;
mod identities;
mod names;
mod owners;
mod parameters;
mod targets;
mod words;

use audit_log::AuditRecord;
use serde_json::{Value, json};
use tenantwatch::detection::{Answer, Finding, Knowledge, Question, Severity, judge, questions};

use super::fixtures::tenant;

pub type Parameters<'a> = &'a [(&'a str, &'a str)];

/// A rule that Grady makes with Outlook on the web.
pub fn rule(name: &str, parameters: Parameters<'_>) -> Value {
    let mut list: Vec<Value> = parameters.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    list.push(json!({"Name": "Name", "Value": name}));
    record("New-InboxRule", &json!({"ObjectId": format!("grady\\{name}"), "Parameters": list}))
}

/// A rule that Outlook writes, as mailbox auditing records it.
pub fn outlook_rule(name: &str, condition: &str, actions: &str) -> Value {
    let list = json!([
        {"Name": "RuleOperation", "Value": "AddMailboxRule"}, {"Name": "RuleId", "Value": "-3052736842735550463"},
        {"Name": "RuleState", "Value": "Enabled"}, {"Name": "RuleCondition", "Value": condition},
        {"Name": "RuleName", "Value": name}, {"Name": "RuleActions", "Value": actions},
    ]);
    record(
        "UpdateInboxRules",
        &json!({"MailboxOwnerUPN": "grady@contoso.com", "LogonType": 0, "OperationProperties": list}),
    )
}

pub fn record(operation: &str, members: &Value) -> Value {
    let mut record = json!({
        "CreationTime": "2026-11-20T08:15:30", "Id": "10000000-0000-4000-8000-00000000c0de", "Operation": operation,
        "OrganizationId": "11111111-2222-4333-8444-555555555555", "ResultStatus": "True", "UserType": 0,
        "UserId": "grady@contoso.com",
    });
    record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    record
}

pub fn parsed(record: &Value) -> AuditRecord {
    AuditRecord::parse(record.to_string().as_bytes()).unwrap()
}

/// The finding of a record alone, as `scan` gives it.
pub fn offline(record: &Value) -> Finding {
    let mut known = tenant();
    known.offline = true;
    judge(&parsed(record), &known).unwrap_or_else(|| panic!("nothing was found: {record}"))
}

/// The finding once every question has the answer that `answer` gives; what it does not know is unknown.
pub fn online(record: &Value, answer: impl Fn(&Question, &mut Knowledge)) -> Finding {
    let record = parsed(record);
    let mut known = tenant();
    for _ in 0..12 {
        let asked = questions(&record, &known);
        if asked.is_empty() {
            return judge(&record, &known).unwrap();
        }
        for question in asked {
            match &question {
                Question::Mailbox(text) => drop(known.mailboxes.insert(text.clone(), Answer::Unknown)),
                Question::LiveRules(text) => drop(known.live.insert(text.clone(), Answer::Unknown)),
                Question::Recipient(text) => drop(known.recipients.insert(text.clone(), Answer::Unknown)),
                Question::GroupMembers { identity, .. } => drop(known.groups.insert(identity.clone(), Answer::Unknown)),
            }
            answer(&question, &mut known);
        }
    }
    panic!("the same is asked again and again")
}

pub fn reasons(finding: &Finding) -> Vec<&'static str> {
    finding.reasons.iter().map(|reason| reason.name.as_str()).collect()
}

pub fn has(finding: &Finding, reason: &str) -> bool {
    reasons(finding).contains(&reason)
}

/// Every row is a rule: its name, its parameters, and the severity that it should have.
pub fn check(rows: &[(&str, Parameters<'_>, Severity)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(name, parameters, severity)| {
            let found = offline(&rule(name, parameters));
            (found.severity != *severity || found.threat != (*severity > Severity::Low)).then(|| {
                format!("{name:?} {parameters:?}: {:?} {:?}, not {severity:?}", found.severity, reasons(&found))
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
