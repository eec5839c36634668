//! The product against the simulator, with one threat stored: bob of contoso.com and the rule that robs him.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::Clock;
use base::ids::{RecordId, RunId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use table_store::{
    Digest, ETag, Entity, Key, MemoryStore, Page, PartitionKey, Query, RowKey, Store, StoreError, Stored, Table,
    list_all,
};
use tenantwatch::app::App;
use tenantwatch::detection::{FindingKind, Reason, ReasonName, Severity};
use tenantwatch::functions::remediate_account::{self, Answer};
use tenantwatch::notify::token::{ActionTokens, Scope};
use tenantwatch::settings::{Needs, Settings};
use tenantwatch::tables::{ACTIONS, COVERAGE, CoverageRow, PROCESSED, TenantState};
use tenantwatch::tables::{ActionRow, FindingState, ProcessedRow};
use tenantwatch_simulator::world::{Mailbox, Tenant, User};
use tenantwatch_simulator::{Service, Simulator, World};
use uuid::Uuid;

use crate::collector_fixture::log::{Log, secrets_of};

pub const CONTOSO: Uuid = Uuid::from_u128(0xc0);
pub const BOB: &str = "bob@contoso.com";
pub const RULE: u64 = 15_394_007_230_974_001_153;

/// A clock that stands still until it is moved, or that moves on by itself whenever it is read.
#[derive(Debug)]
pub struct TestClock {
    now: Mutex<DateTime<Utc>>,
    tick: Mutex<TimeDelta>,
    /// The longest real time of a wait on this clock.
    longest_wait: Mutex<Duration>,
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        let mut now = self.now.lock().unwrap();
        *now += *self.tick.lock().unwrap();
        *now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration.min(*self.longest_wait.lock().unwrap())))
    }
}

/// A store that can be lost, and in which a run can come to a stop for ever, as one does that is killed there.
#[derive(Debug)]
pub struct TestStore {
    pub inner: MemoryStore,
    reads: AtomicUsize,
    writes: AtomicUsize,
    /// Number of writes that are carried out. The next one has no effect and never returns.
    stop_after: AtomicUsize,
    /// Number of requests (reads and writes) that are carried out. The next one has no effect and never returns.
    stop_after_requests: AtomicUsize,
    requests: AtomicUsize,
    /// Number of reads that succeed. All later ones fail.
    lose_reads_after: AtomicUsize,
    /// Number of writes that succeed. All later ones fail.
    lose_writes_after: AtomicUsize,
    pub stopped: tokio::sync::Notify,
    /// The listings that were asked for.
    lists: Mutex<Vec<Query>>,
    /// The locks that were taken, in order.
    locks: Mutex<Vec<String>>,
    /// True if a run waits for `go_on` as soon as it has a lock.
    pub waits_with_a_lock: AtomicBool,
    pub has_lock: tokio::sync::Notify,
    pub go_on: tokio::sync::Notify,
}

impl TestStore {
    fn lost() -> StoreError {
        StoreError::Unavailable("gone".to_owned())
    }

    async fn count(&self) {
        let before = self.requests.fetch_add(1, Ordering::SeqCst);
        if before >= self.stop_after_requests.load(Ordering::SeqCst) {
            self.stopped.notify_one();
            std::future::pending::<()>().await;
        }
    }

    async fn read(&self) -> Result<(), StoreError> {
        self.count().await;
        let before = self.reads.fetch_add(1, Ordering::SeqCst);
        if before >= self.lose_reads_after.load(Ordering::SeqCst) { Err(Self::lost()) } else { Ok(()) }
    }

    async fn write(&self) -> Result<(), StoreError> {
        self.count().await;
        let before = self.writes.fetch_add(1, Ordering::SeqCst);
        if before >= self.stop_after.load(Ordering::SeqCst) {
            self.stopped.notify_one();
            std::future::pending::<()>().await;
        }
        if before >= self.lose_writes_after.load(Ordering::SeqCst) { Err(Self::lost()) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for TestStore {
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        self.write().await?;
        let stored = self.inner.insert(table, entity).await;
        let row = entity.key.row.as_str();
        if row.starts_with("lock_") && stored.is_ok() {
            self.locks.lock().unwrap().push(row.to_owned());
            if self.waits_with_a_lock.swap(false, Ordering::SeqCst) {
                self.has_lock.notify_one();
                self.go_on.notified().await;
            }
        }
        stored
    }
    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        self.write().await?;
        self.inner.replace(table, entity, etag).await
    }
    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.read().await?;
        self.inner.get(table, key).await
    }
    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        self.lists.lock().unwrap().push(query.clone());
        self.read().await?;
        self.inner.list(table, query).await
    }
    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        self.write().await?;
        self.inner.delete(table, key, etag).await
    }
    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        self.write().await?;
        self.inner.delete_many(table, partition, rows).await
    }
}

/// Everything that a test of RemediateAccount needs.
pub struct Ward {
    pub sim: Simulator,
    pub app: App,
    pub store: Arc<TestStore>,
    pub clock: Arc<TestClock>,
    pub threat: ProcessedRow,
    pub log: Log,
}

impl Drop for Ward {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.log.assert_no_secret(&secrets_of(&self.app.settings));
        }
    }
}

impl Ward {
    /// The usual settings; requests without a token, as in 2019.
    pub async fn open() -> Self {
        Self::open_with(&[("ACTION_KEY", "off")]).await
    }

    /// With these settings in place of the usual ones.
    pub async fn open_with(settings: &[(&str, &str)]) -> Self {
        let log = Log::start();
        let now: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
        let sim = Simulator::start(world()).await.unwrap();
        let (tick, longest_wait) = (Mutex::new(TimeDelta::zero()), Mutex::new(Duration::MAX));
        let clock = Arc::new(TestClock { now: Mutex::new(now), tick, longest_wait });
        let store = Arc::new(TestStore {
            inner: MemoryStore::new(clock.clone()),
            reads: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            stop_after: AtomicUsize::new(usize::MAX),
            stop_after_requests: AtomicUsize::new(usize::MAX),
            requests: AtomicUsize::new(0),
            lose_reads_after: AtomicUsize::new(usize::MAX),
            lose_writes_after: AtomicUsize::new(usize::MAX),
            stopped: tokio::sync::Notify::new(),
            lists: Mutex::default(),
            locks: Mutex::default(),
            waits_with_a_lock: AtomicBool::new(false),
            has_lock: tokio::sync::Notify::new(),
            go_on: tokio::sync::Notify::new(),
        });
        let mut variables: std::collections::BTreeMap<String, String> = sim.environment().into_iter().collect();
        variables.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = Settings::from_environment(variables, Needs::LOCAL).unwrap();
        let app = App::new(settings, store.clone(), clock.clone()).unwrap();
        let mut threat = threat(1, now);
        threat.seal = app.seals.of_finding(&threat);
        let ward = Self { sim, app, store, clock, threat, log };
        ward.keep(&ward.threat).await;
        ward
    }

    /// Stores a finding.
    pub async fn keep(&self, finding: &ProcessedRow) {
        self.store.inner.insert(PROCESSED, &finding.to_entity()).await.unwrap();
    }

    pub fn now(&self) -> DateTime<Utc> {
        *self.clock.now.lock().unwrap()
    }

    pub fn wait(&self, time: TimeDelta) {
        *self.clock.now.lock().unwrap() += time;
    }

    /// From now on the clock moves on by so much whenever it is read.
    pub fn tick(&self, tick: TimeDelta) {
        *self.clock.tick.lock().unwrap() = tick;
    }

    /// Limits every wait on this clock to 5 ms of real time. Only the time that it shows counts.
    pub fn wait_shortly(&self) {
        *self.clock.longest_wait.lock().unwrap() = Duration::from_millis(5);
    }

    /// Until when the mailbox is leased.
    pub async fn leased_until(&self) -> Option<DateTime<Utc>> {
        let query = Query::partition(PartitionKey::parse("contoso.com").unwrap()).with_prefix("lock_");
        let rows = list_all(&self.store.inner, ACTIONS, query).await.unwrap();
        rows.first().and_then(|row| row.entity.time("LeasedUntil"))
    }

    /// The body of a press on the threat, with further members.
    pub fn body(&self, more: Value) -> Value {
        let mut body = json!({ "Domain": "contoso.com", "User": BOB, "ID": self.threat.record_id });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    pub async fn press(&self, more: Value) -> Answer {
        self.send(&self.body(more)).await
    }

    pub async fn send(&self, body: &Value) -> Answer {
        let answer = remediate_account::run(&self.app, body.to_string().as_bytes()).await;
        self.wait(TimeDelta::seconds(1));
        answer
    }

    /// A token for the threat.
    pub fn token(&self, scope: Scope, life: TimeDelta) -> String {
        self.token_of(&self.threat, scope, life)
    }

    /// A token for another row.
    pub fn token_of(&self, row: &ProcessedRow, scope: Scope, life: TimeDelta) -> String {
        let tokens = ActionTokens::new(&self.app.settings.actions);
        tokens.mint(row, scope, self.now(), life).unwrap().expose_secret().to_owned()
    }

    pub fn contoso<T>(&self, look: impl FnOnce(&mut Tenant) -> T) -> T {
        look(self.sim.world().tenants.get_mut(&CONTOSO).unwrap())
    }

    pub fn mailbox(&self) -> Mailbox {
        self.contoso(|tenant| tenant.mailbox(BOB).unwrap().clone())
    }

    pub fn user(&self, name: &str) -> User {
        self.contoso(|tenant| tenant.user(name).unwrap().clone())
    }

    /// Requests that change something in a tenant.
    pub fn changes(&self) -> usize {
        self.sim.count(|request| match request.service {
            Service::Graph => request.method != "GET",
            Service::Exchange => request.cmdlet.as_deref().is_some_and(|cmdlet| !cmdlet.starts_with("Get-")),
            _ => false,
        })
    }

    /// Everything that an attacker had in his hands is out of them.
    pub fn assert_secured(&self) {
        let (user, mailbox) = (self.user(BOB), self.mailbox());
        assert!(!user.account_enabled, "sign-in is allowed");
        assert!(user.password_resets >= 1, "the password was not reset");
        assert!(user.session_revocations >= 2, "sessions were not revoked before and after");
        assert_eq!((mailbox.forwarding_smtp_address, mailbox.forwarding_address), (None, None));
        assert!(!mailbox.deliver_and_forward);
        let on = |rule: &&tenantwatch_simulator::world::Rule| rule.enabled;
        let left: Vec<String> = mailbox.rules.iter().filter(on).map(|rule| rule.name.clone()).collect();
        assert_eq!(left, ["Junk E-mail Rule"]);
        assert!(mailbox.sweep_rules.iter().all(|rule| !rule.enabled));
        for (switch, value) in &mailbox.client_access {
            assert_eq!(*value, switch == "SmtpClientAuthenticationDisabled", "{switch}");
        }
        assert_eq!(mailbox.auto_reply_state, "Disabled");
    }

    /// The runs in AuditLogActionsLog, in no order.
    pub async fn runs(&self) -> Vec<ActionRow> {
        let query = Query::partition(PartitionKey::parse("contoso.com").unwrap());
        let rows = list_all(&self.store.inner, ACTIONS, query).await.unwrap();
        let own = rows.iter().filter(|row| row.entity.key.row.as_str().matches('_').count() == 1);
        let own = own.filter(|row| row.entity.text("RunId").is_some() && row.entity.text("Action").is_some());
        own.map(|row| ActionRow::from_stored(row).unwrap().0).collect()
    }

    /// The stored steps of a run, with the members that answers show.
    pub fn shown_steps(&self, run: &ActionRow) -> Value {
        let mut steps: Value = serde_json::from_str(&run.steps).unwrap();
        for step in steps.as_array_mut().unwrap() {
            let shown = ["Step", "Outcome", "Detail", "Verified"];
            step.as_object_mut().unwrap().retain(|member, _| shown.contains(&member.as_str()));
        }
        steps
    }

    /// The row under the log id.
    pub async fn newest(&self) -> Option<ActionRow> {
        let key = Key::new(PartitionKey::domain(&self.threat.domain), RowKey::record(&self.threat.record_id));
        let stored = self.store.inner.get(ACTIONS, &key).await.unwrap();
        stored.map(|stored| ActionRow::from_stored(&stored).unwrap().0)
    }

    pub async fn stored_threat(&self) -> ProcessedRow {
        let stored = self.store.inner.get(PROCESSED, &self.threat.key()).await.unwrap().unwrap();
        ProcessedRow::from_stored(&stored).unwrap().0
    }

    pub async fn row(&self, table: Table, key: &Key) -> Option<Stored> {
        self.store.inner.get(table, key).await.unwrap()
    }

    pub async fn put(&self, table: Table, entity: &Entity) {
        self.store.inner.insert(table, entity).await.unwrap();
    }

    /// Replaces a row, as another program with write access to the table would.
    pub async fn overwrite(&self, table: Table, entity: &Entity) {
        let store = &self.store.inner;
        let etag = store.get(table, &entity.key).await.unwrap().unwrap().etag;
        store.replace(table, entity, &etag).await.unwrap();
    }

    /// Stores the row of the tenant, as GetDomain does.
    pub async fn monitor(&self) {
        let (tenant, domain) = (self.threat.tenant_id, self.threat.domain.clone());
        let first = CoverageRow::first(tenant, domain, "Contoso".to_owned(), self.now());
        let coverage = CoverageRow { state: TenantState::Healthy, ..first };
        self.put(COVERAGE, &coverage.to_entity()).await;
    }

    /// The listings that were asked for so far.
    pub fn lists(&self) -> Vec<Query> {
        self.store.lists.lock().unwrap().clone()
    }

    /// The row keys of the locks that were taken, in order.
    pub fn locks(&self) -> Vec<String> {
        self.store.locks.lock().unwrap().clone()
    }

    pub fn reads(&self) -> usize {
        self.store.reads.load(Ordering::SeqCst)
    }

    /// A run comes to a stop for ever before its write number `after`, counted from here. `None`: runs go on.
    pub fn stop_after(&self, after: Option<usize>) {
        self.store.writes.store(0, Ordering::SeqCst);
        self.store.stop_after.store(after.unwrap_or(usize::MAX), Ordering::SeqCst);
    }

    /// The store stops for ever before its request number `after`, counted from here.
    pub fn stop_after_requests(&self, after: usize) {
        self.store.requests.store(0, Ordering::SeqCst);
        self.store.stop_after_requests.store(after, Ordering::SeqCst);
    }

    pub fn lose_reads(&self) {
        self.store.lose_reads_after.store(0, Ordering::SeqCst);
    }

    /// Makes writes fail after this number of further ones.
    pub fn lose_writes_after(&self, writes: usize) {
        self.store.writes.store(0, Ordering::SeqCst);
        self.store.lose_writes_after.store(writes, Ordering::SeqCst);
    }
}

/// The outcome of a step.
pub fn outcome<'a>(answer: &'a Answer, step: &str) -> &'a str {
    find(answer, step)["Outcome"].as_str().unwrap()
}

/// The detail of a step.
pub fn detail<'a>(answer: &'a Answer, step: &str) -> &'a str {
    find(answer, step)["Detail"].as_str().unwrap()
}

pub fn find<'a>(answer: &'a Answer, step: &str) -> &'a Value {
    let steps = answer.body["Steps"].as_array().unwrap_or_else(|| panic!("no steps: {}", answer.body));
    steps.iter().find(|one| one["Step"] == step).unwrap_or_else(|| panic!("no {step}: {}", answer.body))
}

/// contoso.com with bob, who was robbed, and harry of the helpdesk.
pub fn world() -> World {
    let mut world = World::new(Uuid::from_u128(0x99), Uuid::from_u128(0xc1));
    let tenant = world.add(Tenant::new(CONTOSO, "contoso.com", "Contoso"));
    tenant.add_person("harry", "Harry Helpdesk");
    let bob = tenant.add_person("bob", "Bob Baker");
    bob.other_addresses = vec!["robert@contoso.com".to_owned()];
    bob.forwarding_smtp_address = Some("smtp:eve@evil.example".to_owned());
    bob.forwarding_address = Some("Eve".to_owned());
    bob.deliver_and_forward = true;
    bob.auto_reply_state = "Enabled".to_owned();
    bob.add_rule(RULE, ".", json!({ "ForwardTo": ["eve@evil.example"], "DeleteMessage": true }));
    bob.add_rule(7, "Newsletters", json!({ "MoveToFolder": "News" }));
    bob.add_rule(8, "Hidden thief", json!({ "RedirectTo": ["eve@evil.example"] })).hidden = true;
    bob.add_rule(9, "Junk E-mail Rule", json!({})).hidden = true;
    bob.add_rule(10, "Microsoft.Exchange.OOF.KnownExternalSenders.Global", json!({ "DeleteMessage": true })).hidden =
        true;
    bob.sweep_rules = vec![tenantwatch_simulator::world::Rule {
        id: 11,
        name: "Sweep".to_owned(),
        enabled: true,
        hidden: false,
        properties: serde_json::Map::new(),
        description: String::new(),
    }];
    world
}

/// A threat of bob's mailbox, made by bob's account.
pub fn threat(id: u128, at: DateTime<Utc>) -> ProcessedRow {
    let record_id = RecordId::new(Uuid::from_u128(id));
    ProcessedRow {
        domain: "contoso.com".parse().unwrap(),
        record_id,
        tenant_id: TenantId::new(CONTOSO),
        organization: "Contoso".to_owned(),
        kind: FindingKind::InboxRule,
        threat: true,
        forwarding_externally: true,
        applies_to_all_mail: true,
        deletes: true,
        description: "Take the following actions: forward the message to 'eve@evil.example'".to_owned(),
        rule_id: RULE.to_string(),
        rule_name: ".".to_owned(),
        source_mailbox: BOB.to_owned(),
        actor: BOB.to_owned(),
        operation: "New-InboxRule".to_owned(),
        event_time: at - TimeDelta::minutes(30),
        content_created: Some(at - TimeDelta::minutes(5)),
        processed_at: at - TimeDelta::minutes(5),
        ip: "203.0.113.7".to_owned(),
        location: "Lagos, Lagos, Nigeria".to_owned(),
        forwarding_status: String::new(),
        forwarding_address: "eve@evil.example".to_owned(),
        severity: Severity::High,
        score: 95,
        reasons: vec![Reason {
            name: ReasonName::ForwardsExternally,
            sentence: "The rule sends mail to eve@evil.example, outside the organization.".to_owned(),
        }],
        fingerprint: Digest::of(&["fingerprint", &id.to_string()]),
        subjects: Vec::new(),
        scopes: Vec::new(),
        undone_at: None,
        repeat_of: None,
        record: "{}".to_owned(),
        state: FindingState::Sent,
        claim_id: RunId::new(Uuid::from_u128(5)),
        attempts: 0,
        next_attempt: None,
        notified: Default::default(),
        unanswered: Default::default(),
        incident_id: String::new(),
        containment: None,
        containment_detail: String::new(),
        seal: String::new(),
    }
}
