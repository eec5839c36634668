//! Rows of the first and of a newer version: known columns are read, unknown ones are written back.

use chrono::{TimeZone as _, Utc};
use table_store::{Column, Entity, Key, PartitionKey, RowKey, StoreError};
use tenantwatch::detection::Severity;
use tenantwatch::tables::{
    ActionRow, COVERAGE, CoverageRow, FindingState, PROCESSED, ProcessedRow, TenantState, coverage, load,
};

use super::row_fixture::{RECORD, at, clock, finding, store, stored, tenant, tenant_row};
use table_store::Store as _;

#[test]
fn columns_of_2019_keep_name_and_form() {
    let entity = finding().to_entity();
    let texts = [
        ("Threat", "True"),
        ("ForwardingExternally", "True"),
        ("AppliesAllMail", "False"),
        ("Delete", "True"),
        ("RuleId", "17293822569102704641"),
        ("SourceMailbox", "anna@contoso.com"),
        ("Organization", "Contoso"),
        ("Type", "InboxRule"),
        ("LogID", RECORD),
        ("ManagementDomain", "contoso.com"),
        ("IP", "203.0.113.7"),
        ("Location", "Lagos, Lagos, Nigeria"),
        ("SetMailboxForwardingStatus", ""),
        ("ForwardingAddress", "x@evil.example"),
    ];
    for (name, text) in texts {
        assert_eq!(entity.text(name), Some(text), "{name}");
    }
    assert_eq!(entity.key.to_string(), format!("contoso.com/{RECORD}"));
    assert_eq!(entity.text("Notified"), Some(r#"{"flow":"2026-11-22T10:00:01Z","teams":null}"#));
}

#[test]
fn the_time_of_processing_is_a_windows_file_time() {
    // 1,000,000,000 seconds after 1970, as FILETIME arithmetic on learn.microsoft.com has it.
    let row = ProcessedRow { processed_at: Utc.timestamp_opt(1_000_000_000, 700).unwrap(), ..finding() };
    let entity = row.to_entity();
    assert_eq!(entity.text("InternalTimeStamp"), Some("126444736000000007"));
    assert_eq!(ProcessedRow::from_stored(&stored(entity)).unwrap().0.processed_at, row.processed_at);
    let early = ProcessedRow { processed_at: at("1969-12-31T23:59:59.9999999Z"), ..finding() };
    let read = ProcessedRow::from_stored(&stored(early.to_entity())).unwrap().0;
    assert_eq!(read.processed_at, early.processed_at);
}

pub fn row_of_2019() -> Entity {
    let mut entity = Entity::new(Key::new(PartitionKey::parse("contoso.com").unwrap(), RowKey::parse(RECORD).unwrap()));
    for (name, text) in [
        ("Threat", "True"),
        ("ForwardingExternally", "False"),
        ("AppliesAllMail", "True"),
        ("Delete", "True"),
        ("Description", "…"),
        ("RuleId", "1"),
        ("SourceMailbox", "anna@contoso.com"),
        ("Organization", "Contoso"),
        ("Type", "InboxRule"),
        ("LogID", RECORD),
        ("InternalTimeStamp", "132064128000000000"),
        ("ManagementDomain", "contoso.com"),
    ] {
        entity.set_text(name, text);
    }
    entity
}

#[test]
fn a_finding_of_2019_is_read_as_closed_and_nobodys_tenant() {
    let (row, _) = ProcessedRow::from_stored(&stored(row_of_2019())).unwrap();
    assert!(row.is_original() && !finding().is_original());
    assert_eq!(row.state, FindingState::Sent);
    assert!(row.threat && row.deletes && row.applies_to_all_mail && !row.forwarding_externally);
    assert_eq!(row.event_time, at("2019-07-01T00:00:00Z"));
    assert_eq!((row.severity, row.score, row.ip.as_str()), (Severity::Medium, 0, ""));
}

#[test]
fn a_run_of_2019_is_read_as_finished() {
    let mut entity = Entity::new(Key::new(PartitionKey::parse("contoso.com").unwrap(), RowKey::parse(RECORD).unwrap()));
    entity.set_text("RanRemediateAccountRunbook", "True");
    entity.set_text("User", "anna@contoso.com");
    let (row, _) = ActionRow::from_stored(&stored(entity)).unwrap();
    assert_eq!((row.action.as_str(), row.user.as_str()), ("Remediate", "anna@contoso.com"));
    assert_eq!(row.finished, Some(at("2019-07-01T00:00:00Z")));
}

#[test]
fn a_column_that_decides_something_is_never_guessed() {
    for (name, wrong) in [
        ("Severity", "Extreme"),
        ("Type", "Tpye"),
        ("TenantId", "contoso"),
        ("ClaimId", "me"),
        ("Notified", "{"),
        ("Reasons", "[{}]"),
        ("Fingerprint", "f"),
        ("RepeatOf", "-"),
    ] {
        let mut entity = finding().to_entity();
        entity.set_text(name, wrong);
        let error = ProcessedRow::from_stored(&stored(entity)).unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt(text) if text.contains(name)), "{name}: {error:?}");
    }
    let mut late = tenant_row().to_entity();
    late.set_text("State", "");
    assert!(matches!(CoverageRow::from_stored(&stored(late)), Err(StoreError::Corrupt(_))));
    let mut negative = finding().to_entity();
    negative.set("Attempts", Column::Int(-1));
    assert!(matches!(ProcessedRow::from_stored(&stored(negative)), Err(StoreError::Corrupt(_))));
}

#[test]
fn tenant_row_without_pending_may_have_unfinished_findings() {
    let whole = tenant_row().to_entity();
    let mut entity = Entity::new(whole.key.clone());
    for (name, value) in whole.columns().iter().filter(|(name, _)| *name != "Pending") {
        entity.set(name.clone(), value.clone());
    }
    let row = CoverageRow { pending: false, ..tenant_row() };
    assert!(!CoverageRow::from_stored(&stored(row.to_entity())).unwrap().0.pending);
    assert!(CoverageRow::from_stored(&stored(entity)).unwrap().0.pending);
}

/// A row as a newer version of the program would have written it.
fn of_newer_version(mut entity: Entity) -> Entity {
    entity.set_text("State", "Quarantined");
    entity.set_text("Verdict", "of a newer version");
    entity.set("Verdicts", Column::Int(3));
    entity
}

#[tokio::test]
async fn unknown_columns_and_words_are_written_back() {
    let store = store();
    let newer = of_newer_version(finding().to_entity());
    store.insert(PROCESSED, &newer).await.unwrap();
    let (mut row, version) = load::<ProcessedRow>(store.as_ref(), &newer.key).await.unwrap().unwrap();
    assert_eq!(row.state, FindingState::Unknown);
    assert!(row.state.is_closed());
    row.description = "changed".to_owned();
    let version = row.replace(store.as_ref(), &version).await.unwrap().unwrap();
    row.description = "changed again".to_owned();
    row.replace(store.as_ref(), &version).await.unwrap().unwrap();
    let stored = store.get(PROCESSED, &newer.key).await.unwrap().unwrap().entity;
    assert_eq!(stored.text("State"), Some("Quarantined"));
    assert_eq!(stored.text("Verdict"), Some("of a newer version"));
    assert_eq!(stored.int("Verdicts"), Some(3));
    assert_eq!(stored.text("Description"), Some("changed again"));
}

#[tokio::test]
async fn unknown_columns_of_a_coverage_row_survive_a_conflict() {
    let store = store();
    let newer = of_newer_version(tenant_row().to_entity());
    store.insert(COVERAGE, &newer).await.unwrap();
    let (row, version) = coverage::read(store.as_ref(), &tenant()).await.unwrap().unwrap();
    assert_eq!(row.state, TenantState::Unknown);
    coverage::write(store.as_ref(), &clock(), row.clone(), Some(version.clone())).await.unwrap();
    coverage::write(store.as_ref(), &clock(), row, Some(version)).await.unwrap();
    let stored = store.get(COVERAGE, &newer.key).await.unwrap().unwrap().entity;
    assert_eq!((stored.text("State"), stored.text("Verdict")), (Some("Quarantined"), Some("of a newer version")));
}
