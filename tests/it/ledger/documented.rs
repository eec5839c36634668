//! docs/tables.md lists the columns that are written, with their types.

use std::collections::{BTreeMap, BTreeSet};

use table_store::{Column, Entity};
use tenantwatch::tables::{
    ActionRow, AddedDomainRow, AttackerRow, BreakerRow, BreakerScope, ConsentRow, CoverageRow, DeferredBlob,
    IncidentRow, InvestigationRow, LockRow, NotifiedFingerprintRow, OpenSnapshotsRow, PendingRow, ProcessedRow,
    RemovedRow, ServiceRow, TargetIndexRow, TargetRow, UserEventRow, WebhookRow,
};

use super::row_fixture::{
    action, added, attacker, breaker, consent, finding, incident, investigation, lock, near, open_snapshots, owed,
    pending, removed, seen, service, target, tenant_row, webhook,
};

/// The rows of docs/tables.md, and what the code writes.
pub fn documented() -> Vec<(&'static str, &'static [&'static str], Entity)> {
    vec![
        ("ProcessedAuditLogs", ProcessedRow::COLUMNS, finding().to_entity()),
        ("ProcessedAuditLogs: `incident_<h>`", IncidentRow::COLUMNS, incident().to_entity()),
        ("AuditLogActionsLog", ActionRow::COLUMNS, action().to_entity(true)),
        ("AuditLogActionsLog: `snapshot_<h>`", OpenSnapshotsRow::COLUMNS, open_snapshots().to_entity()),
        ("AuditLogActionsLog: `lock_<h>`", LockRow::COLUMNS, lock().to_entity()),
        ("AuditLogActionsLog: `investigation_<log id>`", InvestigationRow::COLUMNS, investigation().to_entity()),
        ("AuditLogCoverage: `attackers`", AttackerRow::COLUMNS, attacker().to_entity()),
        ("AuditLogCoverage: a tenant", CoverageRow::COLUMNS, tenant_row().to_entity()),
        ("AuditLogCoverage: `owed_<h>`", DeferredBlob::COLUMNS, owed("a").to_entity()),
        ("AuditLogCoverage: `seen_<h>`", NotifiedFingerprintRow::COLUMNS, seen().to_entity()),
        ("AuditLogCoverage: `pending_<record id>`", PendingRow::COLUMNS, pending().to_entity()),
        ("AuditLogCoverage: `target_<h>`", TargetRow::COLUMNS, target().to_entity()),
        ("AuditLogCoverage: `aim_<h>`", TargetIndexRow::COLUMNS, TargetIndexRow::to(&target()).to_entity()),
        ("AuditLogCoverage: `near_<h>_<record id>`", UserEventRow::COLUMNS, near().to_entity()),
        ("AuditLogCoverage: `consent_<h>`", ConsentRow::COLUMNS, consent().to_entity()),
        ("AuditLogCoverage: `removed_<h>`", RemovedRow::COLUMNS, removed().to_entity()),
        ("AuditLogCoverage: `added_<h>`", AddedDomainRow::COLUMNS, added().to_entity()),
        ("AuditLogCoverage: `breaker`", BreakerRow::COLUMNS, breaker(BreakerScope::All).to_entity()),
        ("AuditLogCoverage: `channel`", WebhookRow::COLUMNS, webhook().to_entity()),
        ("AuditLogCoverage: the service", ServiceRow::COLUMNS, service().to_entity()),
    ]
}

/// The name and the type that the documentation gives each column, by section.
fn documentation() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut section = String::new();
    for line in include_str!("../../../docs/tables.md").lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_owned();
        } else if let Some(row) = line.strip_prefix("| `") {
            let (name, rest) = row.split_once("` |").unwrap();
            let kind = rest.split('|').next().unwrap().trim();
            sections.entry(section.clone()).or_default().insert(name.to_owned(), kind.to_owned());
        }
    }
    sections
}

/// Numbered columns and the hours of `Fetched_` go under one name.
pub fn documented_name(column: &str) -> &str {
    match column.split_once('_') {
        Some(("Fetched", _)) => "Fetched_",
        Some((name, _)) => name,
        None => column,
    }
}

pub fn type_name(value: &Column) -> &'static str {
    match value {
        Column::Text(_) => "String",
        Column::Bool(_) => "Boolean",
        Column::Int(_) => "Int64",
        Column::Binary(_) => "Binary",
        Column::Time(_) => "DateTime",
    }
}

#[test]
fn tables_page_lists_exactly_the_written_columns() {
    let documentation = documentation();
    let titles: BTreeSet<&str> = documented().iter().map(|(title, ..)| *title).collect();
    assert_eq!(documentation.keys().map(String::as_str).collect::<BTreeSet<_>>(), titles);
    for (title, columns, entity) in documented() {
        let section = &documentation[title];
        let expected: BTreeSet<&str> = columns.iter().copied().collect();
        assert_eq!(section.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{title}");
        let written: BTreeSet<&str> = entity.columns().keys().map(|name| documented_name(name)).collect();
        assert_eq!(written, expected, "{title}");
        for (name, value) in entity.columns() {
            assert_eq!(section[documented_name(name)], type_name(value), "{title}: {name}");
        }
    }
}
