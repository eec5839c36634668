//! One row of each kind, as a test stores it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::clock::{Clock, SystemClock};
use base::ids::{RecordId, RunId, TenantId};
use chrono::{DateTime, TimeZone as _, Utc};
use m365::management_activity::{Content, ContentType};
use table_store::{Digest, ETag, Entity, MemoryStore, Stored};
use tenantwatch::detection::{FindingKind, Reason, ReasonName, Severity};
use tenantwatch::tables::{
    ActionRow, AddedDomainRow, AttackerRow, BreakerRow, BreakerScope, ConsentRow, Containment, CoverageRow,
    DeferredBlob, FindingState, IncidentRow, IndexedRun, InvestigationRow, LockRow, NotifiedFingerprintRow,
    OpenSnapshotsRow, PendingRow, ProcessedRow, RemovedRow, ServiceRow, Span, StoredItem, StoredReadiness, TargetRow,
    TenantState, Unanswered, UserEventRow, VictimAccount, WebhookRow,
};

pub const RECORD: &str = "6a9b6c4e-0d6f-4f1c-8b1e-08d9f3a1b2c3";
pub const TENANT: &str = "9d1f2d3c-4b5a-4c6d-8e7f-001122334455";

pub fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(Arc::new(SystemClock)))
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn hour(number: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(1_700_000_000 / 3_600 * 3_600 + number * 3_600, 0).unwrap()
}

pub fn span(from: i64, to: i64) -> Span {
    Span { from: hour(from), to: hour(to) }
}

pub fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

pub fn record() -> RecordId {
    RECORD.parse().unwrap()
}

pub fn finding() -> ProcessedRow {
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

pub fn action() -> ActionRow {
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

pub fn tenant_row() -> CoverageRow {
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

pub fn content(id: &str) -> Content {
    Content {
        content_uri: format!("https://manage.office.com/api/v1.0/{TENANT}/activity/feed/audit/{id}"),
        content_id: id.to_owned(),
        content_created: hour(1),
        content_expiration: hour(169),
    }
}

pub fn owed(id: &str) -> DeferredBlob {
    DeferredBlob {
        tenant_id: tenant(),
        content_type: ContentType::AzureActiveDirectory,
        content: content(id),
        attempts: 4,
        next_attempt: hour(2),
    }
}

pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

pub fn seen() -> NotifiedFingerprintRow {
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

pub fn pending() -> PendingRow {
    PendingRow {
        tenant_id: tenant(),
        record_id: record(),
        domain: "contoso.com".parse().unwrap(),
        since: hour(1),
        record: Some("{}".to_owned()),
    }
}

pub fn target() -> TargetRow {
    TargetRow {
        target: Digest::of(&["x@evil.example"]),
        tenant_id: tenant(),
        mailbox: "anna@contoso.com".to_owned(),
        record_id: record(),
        first: hour(0),
        seen: hour(1),
    }
}

pub fn consent() -> ConsentRow {
    ConsentRow {
        tenant_id: tenant(),
        consent: Digest::of(&["anna@contoso.com", "app"]),
        record_id: record(),
        event_time: hour(1),
    }
}

pub fn removed() -> RemovedRow {
    RemovedRow { tenant_id: tenant(), object: Digest::of(&["rule"]), event_time: hour(1) }
}

pub fn added() -> AddedDomainRow {
    AddedDomainRow { tenant_id: tenant(), domain: "fabrikam.example".parse().unwrap(), event_time: hour(1) }
}

pub fn near() -> UserEventRow {
    UserEventRow {
        tenant_id: tenant(),
        user: Digest::of(&["anna@contoso.com"]),
        record_id: record(),
        threat: true,
        kind: FindingKind::InboxRule,
        event_time: hour(1),
    }
}

pub fn service() -> ServiceRow {
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

pub fn webhook() -> WebhookRow {
    WebhookRow { off: Digest::of(&["https://hooks.example"]).as_str().to_owned(), since: hour(1) }
}

pub fn lock() -> LockRow {
    let mailbox = Digest::of(&["mailbox"]);
    LockRow { domain: "contoso.com".parse().unwrap(), mailbox, run_id: RunId::random(), leased_until: hour(1) }
}

pub fn breaker(scope: BreakerScope) -> BreakerRow {
    let mut row = BreakerRow::empty(scope);
    row.contained.accounts.insert("mark".to_owned(), hour(1));
    row.contained.open_since = Some(hour(2));
    row.observed.open_since = Some(hour(3));
    row
}

pub fn open_snapshots() -> OpenSnapshotsRow {
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

pub fn stored(entity: Entity) -> Stored {
    Stored { entity, etag: ETag("1".to_owned()), changed: at("2019-07-01T00:00:00Z") }
}

pub fn incident() -> IncidentRow {
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

pub fn investigation() -> InvestigationRow {
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

pub fn attacker() -> AttackerRow {
    let victim = VictimAccount { tenant_id: tenant(), account: "bob@contoso.com".to_owned() };
    AttackerRow {
        address: "203.0.113.5".parse().unwrap(),
        seen: hour(2),
        log_id: RECORD.parse().unwrap(),
        accounts: [victim.clone()].into(),
        told: vec![victim],
    }
}
