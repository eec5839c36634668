//! The first version can still read the rows: each has the columns that it reads, with their types, and the words that it knows.

use std::collections::BTreeMap;

use tenantwatch::tables::{FindingState, TenantState};

use super::documented::{documented, documented_name, type_name};

/// The columns of the first version, by row and type. They never change.
const COLUMNS: &[(&str, &str, &[&str])] = &[
    (
        "ProcessedAuditLogs",
        "String",
        &[
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
            "RuleName",
            "Severity",
            "Reasons",
            "Fingerprint",
            "RepeatOf",
            "Record",
            "State",
            "ClaimId",
            "Notified",
        ],
    ),
    ("ProcessedAuditLogs", "DateTime", &["EventTime", "NextAttempt"]),
    ("ProcessedAuditLogs", "Int64", &["Score", "Attempts"]),
    (
        "AuditLogActionsLog",
        "String",
        &["RanRemediateAccountRunbook", "User", "Status", "Action", "Steps", "RunId", "Snapshot", "Reason", "Mailbox"],
    ),
    ("AuditLogActionsLog", "DateTime", &["Started", "Finished"]),
    ("AuditLogActionsLog: `lock_<h>`", "String", &["RunId"]),
    ("AuditLogActionsLog: `lock_<h>`", "DateTime", &["LeasedUntil"]),
    (
        "AuditLogCoverage: a tenant",
        "String",
        &["Domain", "DisplayName", "State", "Ahead", "LastOutcome", "Gaps", "Notified"],
    ),
    ("AuditLogCoverage: a tenant", "DateTime", &["Since", "CoveredUntil", "LastRun", "LastContent", "AuditCheck"]),
    ("AuditLogCoverage: a tenant", "Boolean", &["Pending"]),
    ("AuditLogCoverage: a tenant", "Binary", &["Fetched_"]),
    ("AuditLogCoverage: a tenant", "Int64", &["OwedCount"]),
    ("AuditLogCoverage: `owed_<h>`", "String", &["ContentType", "ContentUri", "ContentId"]),
    ("AuditLogCoverage: `owed_<h>`", "DateTime", &["ContentCreated", "ContentExpiration", "NextAttempt"]),
    ("AuditLogCoverage: `owed_<h>`", "Int64", &["Attempts"]),
    ("AuditLogCoverage: `seen_<h>`", "String", &["RecordId", "Severity"]),
    ("AuditLogCoverage: `seen_<h>`", "DateTime", &["Since"]),
    ("AuditLogCoverage: `seen_<h>`", "Boolean", &["Muted"]),
    ("AuditLogCoverage: `pending_<record id>`", "String", &["Domain", "Record"]),
    ("AuditLogCoverage: `pending_<record id>`", "DateTime", &["Since"]),
    ("AuditLogCoverage: `target_<h>`", "String", &["TenantId", "Mailbox", "RecordId"]),
    ("AuditLogCoverage: `target_<h>`", "DateTime", &["Seen"]),
    ("AuditLogCoverage: `aim_<h>`", "String", &["Target", "Mailbox"]),
    ("AuditLogCoverage: `near_<h>_<record id>`", "Boolean", &["Threat"]),
    ("AuditLogCoverage: `near_<h>_<record id>`", "DateTime", &["EventTime"]),
    ("AuditLogCoverage: the service", "String", &["State", "LastOutcome", "Notified"]),
    ("AuditLogCoverage: the service", "DateTime", &["Since", "LastRun", "LastDigest"]),
];

#[test]
fn rows_keep_the_columns_of_the_first_version() {
    let rows: BTreeMap<&str, BTreeMap<String, &str>> = documented()
        .into_iter()
        .map(|(title, _, entity)| {
            let columns = entity.columns().iter();
            (title, columns.map(|(name, value)| (documented_name(name).to_owned(), type_name(value))).collect())
        })
        .collect();
    for (title, kind, names) in COLUMNS {
        for name in *names {
            assert_eq!(rows[title].get(*name), Some(kind), "{title}: {name}");
        }
    }
}

#[test]
fn states_are_those_of_the_first_version() {
    // The first version does not read a row whose state it does not know.
    let tenants: Vec<&str> = TenantState::ALL.iter().map(|state| state.as_str()).collect();
    let first = ["New", "Healthy", "Late", "AuditingOff", "ConsentMissing", "AccessLost", "NotListed", "OurFault"];
    assert_eq!(tenants, first);
    let findings: Vec<&str> = FindingState::ALL.iter().map(|state| state.as_str()).collect();
    assert_eq!(findings, ["Recorded", "Sending", "Sent", "Repeat", "Rejudge", "Dismissed"]);
}
