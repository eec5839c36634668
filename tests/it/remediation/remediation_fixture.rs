//! The product against the simulator, with one threat stored: bob of contoso.com and the rule that robs him.

mod clock;
mod store;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clock::TestClock;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use store::TestStore;
use table_store::{Entity, Key, PartitionKey, Query, RowKey, Stored, Table, list_all};
use tenantwatch::app::App;
use tenantwatch::functions::remediate_account::{self, Answer};
use tenantwatch::notify::token::{ActionTokens, Scope};
use tenantwatch::settings::{Needs, Settings};
use tenantwatch::tables::{ACTIONS, ActionRow, COVERAGE, CoverageRow, PROCESSED, ProcessedRow, TenantState};
use tenantwatch_simulator::world::{Mailbox, Tenant, User};
use tenantwatch_simulator::{Service, Simulator};
use uuid::Uuid;

use crate::collector_fixture::log::{Log, secrets_of};
use table_store::Store as _;

pub use world::{threat, world};

pub const CONTOSO: Uuid = Uuid::from_u128(0xc0);
pub const BOB: &str = "bob@contoso.com";
pub const RULE: u64 = 15_394_007_230_974_001_153;

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
        let clock = Arc::new(TestClock::new(now));
        let store = Arc::new(TestStore::new(clock.clone()));
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
