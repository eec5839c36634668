//! Rows as types: what is stored comes back, and two writers never undo each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use base::clock::{Clock, SystemClock};
use base::ids::{RecordId, RunId, TenantId};
use chrono::{DateTime, SubsecRound as _, TimeDelta, TimeZone as _, Utc};
use m365::management_activity::{Content, ContentType};
use proptest::prelude::*;
use table_store::{
    Column, Digest, ENTITY_LIMIT, ETag, Entity, Key, MemoryStore, Page, PartitionKey, Query, RowKey, Store, StoreError,
    Stored, Table,
};
use tenantwatch::detection::{FindingKind, Reason, ReasonName, Severity};
use tenantwatch::tables::claim::{self, Claimed, TakenOver};
use tenantwatch::tables::{
    ActionRow, AddedDomainRow, AttackerRow, BreakerRow, BreakerScope, ConsentRow, Containment, CoverageRow,
    DeferredBlob, FindingState, IncidentRow, IndexedRun, InvestigationRow, LockRow, NotifiedFingerprintRow,
    OpenSnapshotsRow, PendingRow, ProcessedRow, RemovedRow, ServiceRow, Span, StoredItem, StoredReadiness, TableRow,
    TargetIndexRow, TargetRow, TenantState, Unanswered, UserEventRow, VictimAccount, WebhookRow, coverage, list, load,
    merge, put, retention, save, without,
};
use tenantwatch::tables::{COVERAGE, PROCESSED};
use uuid::Uuid;

const RECORD: &str = "6a9b6c4e-0d6f-4f1c-8b1e-08d9f3a1b2c3";
const TENANT: &str = "9d1f2d3c-4b5a-4c6d-8e7f-001122334455";

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(Arc::new(SystemClock)))
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn hour(number: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(1_700_000_000 / 3_600 * 3_600 + number * 3_600, 0).unwrap()
}

fn span(from: i64, to: i64) -> Span {
    Span { from: hour(from), to: hour(to) }
}

fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

fn record() -> RecordId {
    RECORD.parse().unwrap()
}

fn finding() -> ProcessedRow {
    ProcessedRow {
        domain: "contoso.com".parse().unwrap(),
        record_id: record(),
        tenant_id: tenant(),
        organization: "Contoso".to_owned(),
        kind: FindingKind::InboxRule,
        threat: true,
        forwarding_externally: true,
        applies_to_all_mail: false,
        deletes: true,
        description: "If the message: …\r\nforward it to 'x'".to_owned(),
        rule_id: "17293822569102704641".to_owned(),
        rule_name: "..".to_owned(),
        source_mailbox: "anna@contoso.com".to_owned(),
        actor: "helpdesk@contoso.com".to_owned(),
        operation: "New-InboxRule".to_owned(),
        event_time: at("2026-11-22T09:58:01Z"),
        content_created: Some(at("2026-11-22T09:59:30Z")),
        processed_at: at("2026-11-22T10:00:00.1234567Z"),
        ip: "203.0.113.7".to_owned(),
        location: "Lagos, Lagos, Nigeria".to_owned(),
        forwarding_status: String::new(),
        forwarding_address: "x@evil.example".to_owned(),
        severity: Severity::High,
        score: 100,
        reasons: vec![Reason {
            name: ReasonName::ForwardsExternally,
            sentence: "Sends mail to x@evil.example.".to_owned(),
        }],
        fingerprint: Digest::of(&["fingerprint"]),
        subjects: vec![Digest::of(&["rule"]), Digest::of(&["name"])],
        scopes: vec!["Mail.Read".to_owned()],
        undone_at: Some(at("2026-11-22T11:00:00Z")),
        repeat_of: Some(RECORD.parse().unwrap()),
        record: r#"{"Id":"…"}"#.to_owned(),
        state: FindingState::Sending,
        claim_id: RunId::random(),
        attempts: 3,
        next_attempt: Some(at("2026-11-22T10:15:00Z")),
        notified: BTreeMap::from([("flow".to_owned(), Some(at("2026-11-22T10:00:01Z"))), ("teams".to_owned(), None)]),
        unanswered: BTreeMap::from([(
            "teams".to_owned(),
            Unanswered { requests: 1, last: at("2026-11-22T10:00:31Z") },
        )]),
        incident_id: "incident".to_owned(),
        containment: Some(Containment::Refused("the record is older than 24 hours".to_owned())),
        containment_detail: "BlockSignIn: anna@contoso.com: sign-in is blocked.".to_owned(),
        seal: "c2VhbA".to_owned(),
    }
}

fn action() -> ActionRow {
    ActionRow {
        domain: "contoso.com".parse().unwrap(),
        record_id: record(),
        run_id: RunId::random(),
        user: "anna@contoso.com".to_owned(),
        action: "Remediate".to_owned(),
        status: "Completed".to_owned(),
        started: at("2026-11-22T10:00:00Z"),
        finished: Some(at("2026-11-22T10:01:00Z")),
        steps: format!("[{}]", "\"😀\",".repeat(30_000)),
        snapshot: "{}".to_owned(),
        reason: "pressed".to_owned(),
        mailbox: "object".to_owned(),
        account_ids: "0000-owner;0000-actor".to_owned(),
        incident_id: "incident".to_owned(),
        seal: "c2VhbA".to_owned(),
    }
}

fn tenant_row() -> CoverageRow {
    CoverageRow {
        tenant_id: tenant(),
        domain: "contoso.com".parse().unwrap(),
        display_name: "Contoso".to_owned(),
        state: TenantState::Healthy,
        since: hour(0),
        covered_until: Some(hour(10)),
        read_from: Some(hour(0)),
        read_since: Some(hour(1)),
        ahead: vec![span(12, 13), span(15, 16)],
        last_run: Some(hour(10)),
        last_outcome: "12 records, 1 finding".to_owned(),
        gaps: vec![span(2, 3)],
        pending: true,
        fetched: BTreeMap::from([(480_000, BTreeSet::from([0, 1, u64::MAX])), (480_001, (0..20_000).collect())]),
        owed: 2,
        last_content: Some(hour(9)),
        audit_checked: Some(hour(8)),
        notified: "Late 2026-11-22T10:00:00Z".to_owned(),
        subscriptions: BTreeMap::from([("Audit.Exchange".to_owned(), "2026-11-22T10:00:00Z".parse().unwrap())]),
        missed_listings: 1,
        last_run_started: Some("2026-11-22T09:59:00Z".parse().unwrap()),
        readiness: StoredReadiness {
            items: vec![StoredItem::new("Exchange", "missing", "Exchange denies access")],
            at: Some(hour(7)),
            told: ["Exchange".to_owned()].into(),
        },
        exchange_items: BTreeMap::from([(hour(7).date_naive(), 17)]),
    }
}

fn content(id: &str) -> Content {
    Content {
        content_uri: format!("https://manage.office.com/api/v1.0/{TENANT}/activity/feed/audit/{id}"),
        content_id: id.to_owned(),
        content_created: hour(1),
        content_expiration: hour(169),
    }
}

fn owed(id: &str) -> DeferredBlob {
    DeferredBlob {
        tenant_id: tenant(),
        content_type: ContentType::AzureActiveDirectory,
        content: content(id),
        attempts: 4,
        next_attempt: hour(2),
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn seen() -> NotifiedFingerprintRow {
    NotifiedFingerprintRow {
        tenant_id: tenant(),
        fingerprint: Digest::of(&["seen"]),
        record_id: record(),
        severity: Severity::Medium,
        since: hour(1),
        event_time: Some(hour(0)),
        scopes: vec!["Mail.Read".to_owned()],
        muted: true,
    }
}

fn pending() -> PendingRow {
    PendingRow {
        tenant_id: tenant(),
        record_id: record(),
        domain: "contoso.com".parse().unwrap(),
        since: hour(1),
        record: Some("{}".to_owned()),
    }
}

fn target() -> TargetRow {
    TargetRow {
        target: Digest::of(&["x@evil.example"]),
        tenant_id: tenant(),
        mailbox: "anna@contoso.com".to_owned(),
        record_id: record(),
        first: hour(0),
        seen: hour(1),
    }
}

fn consent() -> ConsentRow {
    ConsentRow {
        tenant_id: tenant(),
        consent: Digest::of(&["anna@contoso.com", "app"]),
        record_id: record(),
        event_time: hour(1),
    }
}

fn removed() -> RemovedRow {
    RemovedRow { tenant_id: tenant(), object: Digest::of(&["rule"]), event_time: hour(1) }
}

fn added() -> AddedDomainRow {
    AddedDomainRow { tenant_id: tenant(), domain: "fabrikam.example".parse().unwrap(), event_time: hour(1) }
}

fn near() -> UserEventRow {
    UserEventRow {
        tenant_id: tenant(),
        user: Digest::of(&["anna@contoso.com"]),
        record_id: record(),
        threat: true,
        kind: FindingKind::InboxRule,
        event_time: hour(1),
    }
}

#[tokio::test]
async fn rows_of_findings_are_read_as_stored() {
    let store = store();
    let (aim, near) = (TargetIndexRow::to(&target()), near());
    put(store.as_ref(), &clock(), &aim).await.unwrap();
    put(store.as_ref(), &clock(), &near).await.unwrap();
    let of = |prefix: &str| Query::partition(PartitionKey::tenant(&tenant())).with_prefix(prefix);
    let aims = list::<TargetIndexRow>(store.as_ref(), of(TargetIndexRow::ROW_PREFIX)).await.unwrap();
    assert_eq!((aims.len(), &aims[0].0, aims[0].0.target_key()), (1, &aim, target().key()));
    let nears = list::<UserEventRow>(store.as_ref(), of(&UserEventRow::prefix_of(&near.user))).await.unwrap();
    assert_eq!((nears.len(), &nears[0].0), (1, &near));
}

fn service() -> ServiceRow {
    ServiceRow {
        state: TenantState::OurFault,
        since: hour(1),
        last_run: Some(hour(2)),
        last_outcome: "the secret has expired".to_owned(),
        last_readiness: Some(hour(5)),
        last_digest: Some(hour(0)),
        notified: String::new(),
    }
}

fn webhook() -> WebhookRow {
    WebhookRow { off: Digest::of(&["https://hooks.example"]).as_str().to_owned(), since: hour(1) }
}

fn lock() -> LockRow {
    let mailbox = Digest::of(&["mailbox"]);
    LockRow { domain: "contoso.com".parse().unwrap(), mailbox, run_id: RunId::random(), leased_until: hour(1) }
}

fn breaker(scope: BreakerScope) -> BreakerRow {
    let mut row = BreakerRow::empty(scope);
    row.contained.accounts.insert("mark".to_owned(), hour(1));
    row.contained.open_since = Some(hour(2));
    row.observed.open_since = Some(hour(3));
    row
}

fn open_snapshots() -> OpenSnapshotsRow {
    let mut row = OpenSnapshotsRow::empty(&"contoso.com".parse().unwrap(), Digest::of(&["account"]));
    row.add(IndexedRun {
        record_id: record(),
        run_id: RunId::random(),
        incident_id: "incident".to_owned(),
        action: "Remediate".to_owned(),
        started: hour(1),
    });
    row
}

fn stored(entity: Entity) -> Stored {
    Stored { entity, etag: ETag("1".to_owned()), changed: at("2019-07-01T00:00:00Z") }
}

async fn comes_back<R: TableRow + PartialEq + std::fmt::Debug>(row: R) {
    let store = store();
    let etag = save(store.as_ref(), &row, None).await.unwrap();
    assert_eq!(load(store.as_ref(), &row.entity().key).await.unwrap(), Some((row, etag)));
}

#[tokio::test]
async fn every_row_comes_back_as_it_was_saved() {
    comes_back(finding()).await;
    comes_back(tenant_row()).await;
    comes_back(owed("a$b$audit_exchange$emea")).await;
    comes_back(seen()).await;
    comes_back(pending()).await;
    comes_back(target()).await;
    comes_back(service()).await;
    comes_back(webhook()).await;
    comes_back(lock()).await;
    comes_back(open_snapshots()).await;
    comes_back(breaker(BreakerScope::All)).await;
    comes_back(breaker(BreakerScope::Tenant(tenant()))).await;
}

#[test]
fn a_run_comes_back_from_its_own_row_and_from_the_newest() {
    let run = action();
    for newest in [true, false] {
        assert_eq!(ActionRow::from_stored(&stored(run.to_entity(newest))).unwrap().0, run);
    }
    assert_eq!(run.key(true).row.as_str(), RECORD);
    assert_eq!(run.key(false).row.as_str(), format!("{RECORD}_{}", run.run_id));
    assert_eq!(run.to_entity(true).text("RanRemediateAccountRunbook"), Some("True"));
}

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

fn row_of_2019() -> Entity {
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

#[tokio::test]
async fn oversized_finding_fits_and_numbered_columns_are_complete() {
    let long = "😀\"\\\u{0}\u{1f}'".repeat(20_000);
    let row = ProcessedRow {
        organization: long.clone(),
        description: long.clone(),
        rule_id: long.clone(),
        rule_name: long.clone(),
        source_mailbox: long.clone(),
        actor: long.clone(),
        operation: long.clone(),
        ip: long.clone(),
        location: long.clone(),
        forwarding_status: long.clone(),
        forwarding_address: long.clone(),
        record: long.clone(),
        reasons: ReasonName::ALL.iter().map(|name| Reason { name: *name, sentence: long.clone() }).collect(),
        ..finding()
    };
    assert!(row.to_entity().size() <= ENTITY_LIMIT);
    let store = store();
    save(store.as_ref(), &row, None).await.unwrap();
    let (read, _) = load::<ProcessedRow>(store.as_ref(), &row.key()).await.unwrap().unwrap();
    assert!(read.record.ends_with("[cut]") && long.starts_with(read.record.trim_end_matches(" … [cut]")));
    assert_eq!(read.reasons.len(), ReasonName::ALL.len());
    assert_eq!((read.state, read.claim_id, read.notified), (row.state, row.claim_id, row.notified));
}

#[tokio::test]
async fn a_tenant_with_very_many_blobs_keeps_the_newest_in_mind() {
    let fetched: BTreeMap<i64, BTreeSet<u64>> = (0..10).map(|hour| (480_000 + hour, (0..30_000).collect())).collect();
    let row = CoverageRow { fetched, ..tenant_row() };
    let store = store();
    save(store.as_ref(), &row, None).await.unwrap();
    let (read, _) = coverage::read(store.as_ref(), &tenant()).await.unwrap().unwrap();
    assert_eq!(read.fetched.get(&480_009), row.fetched.get(&480_009));
    assert_eq!(read.fetched.get(&480_008), row.fetched.get(&480_008));
    assert_eq!(read.fetched.values().map(BTreeSet::len).sum::<usize>(), 80_000);
}

#[test]
fn fetched_blob_id_is_stored_until_its_hour_is_over() {
    let mut row = CoverageRow { fetched: BTreeMap::new(), ..tenant_row() };
    row.note_fetched(&content("a"));
    assert!(row.has_fetched(&content("a")) && !row.has_fetched(&content("b")));
    assert_eq!(coverage::still_owed(vec![owed("a"), owed("b")], &row), [owed("b")]);
    row.forget_fetched_before(hour(1) + TimeDelta::minutes(59));
    assert!(row.has_fetched(&content("a")));
    row.forget_fetched_before(hour(2));
    assert!(!row.has_fetched(&content("a")));
}

/// A store that does what it is asked and, once, says that it cannot be reached.
#[derive(Debug)]
struct LosesOneAnswer {
    inner: Arc<MemoryStore>,
    lose: AtomicBool,
}

impl LosesOneAnswer {
    fn over(inner: &Arc<MemoryStore>) -> Self {
        Self { inner: inner.clone(), lose: AtomicBool::new(true) }
    }

    fn answer<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.lose.swap(false, Ordering::SeqCst) { Err(StoreError::Unavailable("lost".to_owned())) } else { answer }
    }
}

#[async_trait]
impl Store for LosesOneAnswer {
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        self.answer(self.inner.insert(table, entity).await)
    }

    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        self.answer(self.inner.replace(table, entity, etag).await)
    }

    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.inner.get(table, key).await
    }

    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        self.inner.list(table, query).await
    }

    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        self.inner.delete(table, key, etag).await
    }

    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        self.inner.delete_many(table, partition, rows).await
    }
}

#[tokio::test]
async fn a_row_is_claimed_by_whoever_inserts_it_first() {
    let store = store();
    let (first, second) = (finding(), finding());
    let ours = claim::insert(store.as_ref(), PROCESSED, &first.to_entity()).await.unwrap();
    assert!(matches!(ours, Claimed::Ours(_)));
    let theirs = claim::insert(store.as_ref(), PROCESSED, &second.to_entity()).await.unwrap();
    let Claimed::Theirs(stored) = theirs else { panic!("{theirs:?}") };
    assert_eq!(ProcessedRow::from_stored(&stored).unwrap().0.claim_id, first.claim_id);
}

#[tokio::test]
async fn an_insert_whose_answer_was_lost_is_known_again_by_its_claim() {
    let inner = store();
    let row = finding();
    let claimed = claim::insert(&LosesOneAnswer::over(&inner), PROCESSED, &row.to_entity()).await.unwrap();
    let (_, etag) = load::<ProcessedRow>(inner.as_ref(), &row.key()).await.unwrap().unwrap();
    assert_eq!(claimed, Claimed::Ours(etag));
    let again = claim::insert(inner.as_ref(), PROCESSED, &row.to_entity()).await.unwrap();
    assert!(matches!(again, Claimed::Ours(_)));
}

#[tokio::test]
async fn a_claim_can_be_taken_over_when_it_has_run_out_and_not_before() {
    let store = store();
    let row = finding();
    let etag = save(store.as_ref(), &row, None).await.unwrap();
    let until = row.next_attempt.unwrap();
    let early = until - TimeDelta::seconds(1);
    let taken =
        claim::take_over(store.as_ref(), &row, &etag, RunId::random(), early, claim::CLAIM_HOLDS).await.unwrap();
    assert_eq!(taken, TakenOver::NotYet(until));

    let claim_id = RunId::random();
    let taken = claim::take_over(store.as_ref(), &row, &etag, claim_id, until, claim::CLAIM_HOLDS).await.unwrap();
    let TakenOver::Ours(ours, ours_etag) = taken else { panic!("{taken:?}") };
    let stored = load::<ProcessedRow>(store.as_ref(), &row.key()).await.unwrap().unwrap();
    assert_eq!(stored, (*ours.clone(), ours_etag));
    assert_eq!((ours.claim_id, ours.attempts), (claim_id, row.attempts + 1));
    assert_eq!(ours.next_attempt, Some(until + TimeDelta::minutes(15)));
    assert_eq!(ours.notified, row.notified);

    let late = claim::take_over(store.as_ref(), &row, &etag, RunId::random(), until, claim::CLAIM_HOLDS).await.unwrap();
    assert_eq!(late, TakenOver::Theirs);
}

#[tokio::test]
async fn a_take_over_whose_answer_was_lost_is_ours() {
    let inner = store();
    let row = finding();
    let etag = save(inner.as_ref(), &row, None).await.unwrap();
    let now = row.next_attempt.unwrap();
    let taken = claim::take_over(&LosesOneAnswer::over(&inner), &row, &etag, RunId::random(), now, claim::CLAIM_HOLDS)
        .await
        .unwrap();
    assert!(matches!(taken, TakenOver::Ours(..)), "{taken:?}");
}

#[tokio::test]
async fn two_runs_that_write_coverage_at_once_lose_nothing_of_either() {
    let store = store();
    let start = CoverageRow {
        fetched: BTreeMap::new(),
        ahead: Vec::new(),
        gaps: Vec::new(),
        pending: false,
        owed: 0,
        ..tenant_row()
    };
    let (row, etag) = coverage::write(store.as_ref(), &clock(), start, None).await.unwrap();

    let mut first = CoverageRow { pending: true, owed: 1, last_run: Some(hour(11)), ..row.clone() };
    first.note_fetched(&content("first"));
    first.cover(span(10, 12));
    first.add_gap(span(3, 4));
    coverage::write(store.as_ref(), &clock(), first, Some(etag.clone())).await.unwrap();

    let mut second = CoverageRow { last_run: Some(hour(12)), last_outcome: "second".to_owned(), ..row };
    second.note_fetched(&content("second"));
    second.cover(span(13, 14));
    second.add_gap(span(1, 2));
    let (written, newest) = coverage::write(store.as_ref(), &clock(), second, Some(etag)).await.unwrap();

    let (stored, stored_etag) = coverage::read(store.as_ref(), &tenant()).await.unwrap().unwrap();
    assert_eq!((&stored, &stored_etag), (&written, &newest));
    assert!(stored.has_fetched(&content("first")) && stored.has_fetched(&content("second")));
    assert_eq!((stored.covered_until, stored.ahead), (Some(hour(12)), vec![span(13, 14)]));
    assert_eq!(stored.gaps, [span(1, 2), span(3, 4)]);
    assert_eq!((stored.pending, stored.owed, stored.last_outcome.as_str()), (true, 1, "second"));
}

#[tokio::test]
async fn concurrent_first_runs_keep_the_domain_stored_first() {
    let store = store();
    coverage::write(store.as_ref(), &clock(), tenant_row(), None).await.unwrap();
    let renamed =
        CoverageRow { domain: "renamed.example".parse().unwrap(), display_name: "Renamed".to_owned(), ..tenant_row() };
    let (written, _) = coverage::write(store.as_ref(), &clock(), renamed, None).await.unwrap();
    assert_eq!((written.domain.as_str(), written.display_name.as_str()), ("contoso.com", "Renamed"));
}

#[test]
fn concurrent_states_keep_the_earlier_beginning() {
    let dark = CoverageRow { state: TenantState::ConsentMissing, notified: String::new(), ..tenant_row() };
    let theirs = CoverageRow { since: hour(1), notified: "told".to_owned(), ..dark.clone() };
    let ours = CoverageRow { since: hour(2), ..dark };
    let united = coverage::merge_concurrent(&ours, &theirs);
    assert_eq!((united.state, united.since, united.notified.as_str()), (TenantState::ConsentMissing, hour(1), "told"));
}

#[test]
fn complete_run_wins_over_a_stopped_run() {
    let stopped = CoverageRow { state: TenantState::AccessLost, last_run: Some(hour(9)), ..tenant_row() };
    let complete = CoverageRow { last_run: Some(hour(10)), ..tenant_row() };
    assert_eq!(coverage::merge_concurrent(&stopped, &complete).state, TenantState::Healthy);
    assert_eq!(coverage::merge_concurrent(&complete, &stopped).state, TenantState::Healthy);
}

#[test]
fn coverage_advances_only_without_a_missing_span() {
    let mut row = CoverageRow { ahead: Vec::new(), ..tenant_row() };
    row.cover(span(12, 13));
    assert_eq!((row.covered_until, row.ahead.as_slice()), (Some(hour(10)), [span(12, 13)].as_slice()));
    assert_eq!(row.uncovered(hour(14)), [span(10, 12), span(13, 14)]);
    row.cover(span(9, 12));
    assert_eq!((row.covered_until, row.ahead.len()), (Some(hour(13)), 0));
    row.cover(span(1, 2));
    assert_eq!(row.covered_until, Some(hour(13)));
    let mut new = CoverageRow { covered_until: None, ahead: Vec::new(), ..tenant_row() };
    new.cover(span(12, 13));
    assert_eq!((new.covered_until, new.ahead.len()), (None, 1));
}

#[test]
fn spans_ahead_are_limited_to_fifty() {
    let mut row = CoverageRow { ahead: Vec::new(), ..tenant_row() };
    for number in 0..60 {
        let from = hour(20 + number * 2);
        row.cover(Span { from, to: from + TimeDelta::minutes(number + 1) });
    }
    assert_eq!(row.ahead.len(), 50);
    let missing = row.uncovered(hour(200));
    assert!(missing.iter().any(|span| span.from <= hour(20) && span.to >= hour(20) + TimeDelta::minutes(1)));
}

#[tokio::test]
async fn only_old_and_closed_findings_are_removed() {
    let store = store();
    let partition = PartitionKey::parse("contoso.com").unwrap();
    store.insert(PROCESSED, &row_of_2019()).await.unwrap();
    for state in FindingState::ALL {
        let row = ProcessedRow { record_id: RecordId::new(Uuid::new_v4()), state: *state, ..finding() };
        save(store.as_ref(), &row, None).await.unwrap();
    }
    let hour = TimeDelta::hours(1);
    assert_eq!(retention::remove_closed(store.as_ref(), &partition, Utc::now() - hour).await.unwrap(), 0);
    assert_eq!(retention::remove_closed(store.as_ref(), &partition, Utc::now() + hour).await.unwrap(), 5);
    let left = list::<ProcessedRow>(store.as_ref(), Query::partition(partition)).await.unwrap();
    let states: BTreeSet<&str> = left.iter().map(|(row, _)| row.state.as_str()).collect();
    assert_eq!(states, BTreeSet::from(["Sending", "Rejudge"]));
}

#[tokio::test]
async fn a_row_is_put_whatever_was_there_before() {
    let store = store();
    put(store.as_ref(), &clock(), &seen()).await.unwrap();
    let later = NotifiedFingerprintRow { since: hour(9), ..seen() };
    put(store.as_ref(), &clock(), &later).await.unwrap();
    let query = Query::partition(PartitionKey::tenant(&tenant())).with_prefix(NotifiedFingerprintRow::ROW_PREFIX);
    put(store.as_ref(), &clock(), &pending()).await.unwrap();
    let rows = list::<NotifiedFingerprintRow>(store.as_ref(), query).await.unwrap();
    assert_eq!(rows.into_iter().map(|(row, _)| row).collect::<Vec<_>>(), [later]);
}

fn incident() -> IncidentRow {
    IncidentRow {
        domain: "contoso.com".parse().unwrap(),
        account: Digest::of(&["bob@contoso.com"]),
        incident_id: "11111111-1111-1111-1111-111111111111".to_owned(),
        first_event: hour(0),
        last_event: hour(1),
        threats: 1,
        records: vec![RECORD.parse().unwrap()],
        subject: "[Tenantwatch] High contoso.com bob@contoso.com InboxRule #11111111".to_owned(),
    }
}

fn investigation() -> InvestigationRow {
    InvestigationRow {
        domain: "contoso.com".parse().unwrap(),
        log_id: RECORD.parse().unwrap(),
        number: 2,
        task: RECORD.parse().unwrap(),
        tenant_id: tenant(),
        incident_id: "11111111-1111-1111-1111-111111111111".to_owned(),
        account: "bob@contoso.com".to_owned(),
        written: hour(2),
        verdict: "An attacker was in bob@contoso.com.".to_owned(),
        report: "{\"Account\":\"bob@contoso.com\"}".repeat(2_000),
        activities: "[]".to_owned(),
        omitted: String::new(),
        outcome: Digest::of(&["acts"]),
    }
}

fn attacker() -> AttackerRow {
    let victim = VictimAccount { tenant_id: tenant(), account: "bob@contoso.com".to_owned() };
    AttackerRow {
        address: "203.0.113.5".parse().unwrap(),
        seen: hour(2),
        log_id: RECORD.parse().unwrap(),
        accounts: [victim.clone()].into(),
        told: vec![victim],
    }
}

#[tokio::test]
async fn reports_and_addresses_come_back_as_they_were_stored() {
    let store = store();
    put(store.as_ref(), &clock(), &investigation()).await.unwrap();
    put(store.as_ref(), &clock(), &attacker()).await.unwrap();
    let key = InvestigationRow::key(&investigation().domain, &investigation().log_id);
    assert_eq!(load::<InvestigationRow>(store.as_ref(), &key).await.unwrap().unwrap().0, investigation());
    let rows = list::<AttackerRow>(store.as_ref(), Query::partition(PartitionKey::parse("attackers").unwrap())).await;
    assert_eq!(rows.unwrap().into_iter().map(|(row, _)| row).collect::<Vec<_>>(), [attacker()]);
    assert_eq!(retention::remove_attackers(store.as_ref(), Utc::now()).await.unwrap(), 0);
    assert_eq!(retention::remove_attackers(store.as_ref(), Utc::now() + TimeDelta::days(32)).await.unwrap(), 1);
}

/// The rows of docs/tables.md, and what the code writes.
fn documented() -> Vec<(&'static str, &'static [&'static str], Entity)> {
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
    for line in include_str!("../../docs/tables.md").lines() {
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
fn documented_name(column: &str) -> &str {
    match column.split_once('_') {
        Some(("Fetched", _)) => "Fetched_",
        Some((name, _)) => name,
        None => column,
    }
}

fn type_name(value: &Column) -> &'static str {
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

fn minutes() -> impl Strategy<Value = Vec<Span>> {
    let time = |minute: i64| hour(0) + TimeDelta::minutes(minute);
    let span = (0i64..60, -3i64..20).prop_map(move |(from, length)| Span { from: time(from), to: time(from + length) });
    proptest::collection::vec(span, 0..12)
}

fn covered(spans: &[Span]) -> BTreeSet<i64> {
    (0..100).filter(|minute| spans.iter().any(|span| has(span, *minute))).collect()
}

fn has(span: &Span, minute: i64) -> bool {
    let time = hour(0) + TimeDelta::minutes(minute);
    span.from <= time && time < span.to
}

proptest! {
    #[test]
    fn merged_spans_hold_the_same_time_in_order_and_apart(spans in minutes()) {
        let merged = merge(spans.clone());
        prop_assert_eq!(covered(&merged), covered(&spans));
        prop_assert!(merged.iter().all(|span| !span.is_empty()));
        prop_assert!(merged.windows(2).all(|pair| pair[0].to < pair[1].from));
    }

    #[test]
    fn span_difference_is_the_time_outside_the_others(spans in minutes(), from in 0i64..60, length in 0i64..40) {
        let whole = Span { from: hour(0) + TimeDelta::minutes(from), to: hour(0) + TimeDelta::minutes(from + length) };
        let left = without(whole, &spans);
        let expected: BTreeSet<i64> = covered(&[whole]).difference(&covered(&spans)).copied().collect();
        prop_assert_eq!(covered(&left), expected);
        prop_assert!(left.iter().all(|span| !span.is_empty()));
    }

    #[test]
    fn united_coverage_holds_what_either_holds_and_no_more(a in minutes(), b in minutes(), x in 0i64..30, y in 0i64..30) {
        let time = |minute| Some(hour(0) + TimeDelta::minutes(minute));
        let mut ours = CoverageRow { covered_until: time(x), ahead: a.clone(), ..tenant_row() };
        let theirs = CoverageRow { covered_until: time(y), ahead: b.clone(), ..tenant_row() };
        let before = Span { from: hour(0), to: hour(0) + TimeDelta::minutes(x.max(y)) };
        let united = coverage::merge_concurrent(&ours, &theirs);
        let until = Span { from: hour(0), to: united.covered_until.unwrap() };
        let both = [a.as_slice(), &b, &[before]].concat();
        prop_assert_eq!(covered(&[united.ahead.as_slice(), &[until]].concat()), covered(&both));
        ours = coverage::merge_concurrent(&united, &theirs);
        prop_assert_eq!((ours.covered_until, ours.ahead), (united.covered_until, united.ahead));
    }

    #[test]
    fn any_text_in_a_finding_comes_back(texts in proptest::collection::vec(any::<String>(), 6), score in 0u8..=100) {
        let [description, rule_name, source_mailbox, actor, ip, sentence] = texts.try_into().unwrap();
        let row = ProcessedRow {
            reasons: vec![Reason { name: ReasonName::NamelessRule, sentence }],
            description, rule_name, source_mailbox, actor, ip, score,
            ..finding()
        };
        prop_assert_eq!(ProcessedRow::from_stored(&stored(row.to_entity())).unwrap().0, row);
    }

    #[test]
    fn any_time_of_this_millennium_survives_as_a_file_time(nanoseconds in 0i64..4_000_000_000_000_000_000) {
        let processed_at = Utc.timestamp_nanos(nanoseconds).trunc_subsecs(7);
        let row = ProcessedRow { processed_at, ..finding() };
        prop_assert_eq!(ProcessedRow::from_stored(&stored(row.to_entity())).unwrap().0.processed_at, processed_at);
    }
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
