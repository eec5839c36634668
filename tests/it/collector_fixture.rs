//! Tenantwatch against the simulator: the real functions, a store that counts, and a clock that stands still until it is moved.

pub mod log;
mod records;
mod store;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::clock::{Clock, Deadline};
use base::ids::{RunId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use m365::{AppCredential, AppRegistration, Cloud, Hosts};
use serde_json::{Value, json};
use table_store::{Entity, PartitionKey, Query, Store as _, StoreError, Stored, Table, list_all};
use tenantwatch::app::App;
use tenantwatch::detection::FindingKind;
use tenantwatch::functions::process_audit_log::Report;
use tenantwatch::functions::{FunctionError, TenantMessage, get_domain, process_audit_log};
use tenantwatch::settings::{
    ActionKey, ActionSettings, ChannelSettings, CollectionSettings, InvestigationSettings, LocationSettings, Settings,
    TableNames, TenantSettings, TenantSource, TrustSettings,
};
use tenantwatch::tables::{COVERAGE, PROCESSED};
use tenantwatch::tables::{CoverageRow, ProcessedRow};
use tenantwatch::tenants::first_row;
use tenantwatch_simulator::world::{BlobBody, Consent};
use tenantwatch_simulator::{Fault, FaultKind, Service, Simulator, Tenant, World};
use uuid::Uuid;

pub use records::{blank_rule_change, contact_retargeted, forwarding_rule, security_info};
pub use store::{CountingStore, Failure, Operation};

/// The time that the simulator has to be quiet before the clock moves by itself, in ticks of 5 ms.
const QUIET_TICKS: u32 = 12;

/// A clock that moves only when a test moves it, and that may be wrong. A wait on it is real, but short.
#[derive(Debug)]
pub struct StillClock {
    start: DateTime<Utc>,
    passed: Mutex<TimeDelta>,
    error: Mutex<TimeDelta>,
}

impl StillClock {
    fn new(start: DateTime<Utc>) -> Self {
        Self { start, passed: Mutex::default(), error: Mutex::default() }
    }

    /// The time that everybody else has.
    fn right_time(&self) -> DateTime<Utc> {
        self.start + *self.passed.lock().unwrap()
    }
}

impl Clock for StillClock {
    fn now(&self) -> DateTime<Utc> {
        self.right_time() + *self.error.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.passed.lock().unwrap().to_std().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration.min(Duration::from_millis(20))))
    }
}

/// The tenant of most tests.
pub const CONTOSO: Uuid = Uuid::from_u128(0xc0);
/// Another customer.
pub const FABRIKAM: Uuid = Uuid::from_u128(0xfa);
/// The provider.
pub const PARTNER: Uuid = Uuid::from_u128(0x99);

/// The product against the simulator.
pub struct CollectorFixture {
    pub sim: Simulator,
    pub app: App,
    pub store: Arc<CountingStore>,
    clock: Arc<StillClock>,
    log: log::Log,
}

impl Drop for CollectorFixture {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.log.assert_no_secret(&log::secrets_of(&self.app.settings));
        }
    }
}

impl CollectorFixture {
    /// One customer, `contoso.com`, with a mailbox for victor@contoso.com; both channels are set.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// As [`CollectorFixture::start`], with other settings.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let log = log::Log::start();
        let now: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
        let sim = Simulator::start(world()).await.unwrap();
        sim.set_now(now);
        let clock = Arc::new(StillClock::new(now));
        let store = Arc::new(CountingStore::new(clock.clone()));
        let mut settings = settings(&sim);
        change(&mut settings);
        let app = App::new(settings, store.clone(), clock.clone()).unwrap();
        Self { sim, app, store, clock, log }
    }

    /// The settings change, and the product starts again on the same store.
    pub fn set_up_again(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = settings(&self.sim);
        change(&mut settings);
        self.app = App::new(settings, self.store.clone(), self.clock.clone()).unwrap();
    }

    /// Everything that was logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Moves both clocks.
    pub fn wait(&self, time: TimeDelta) {
        *self.clock.passed.lock().unwrap() += time;
        self.sim.set_now(self.clock.right_time());
    }

    /// Makes the clock of this machine wrong, and no other.
    pub fn set_clock_error(&self, error: TimeDelta) {
        *self.clock.error.lock().unwrap() = error;
    }

    /// Returns the outcome of work that meets requests without an answer: time passes while no other request arrives.
    pub async fn while_hanging<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            outcome = work => outcome,
            () = self.run_clock() => unreachable!("the clock runs for ever"),
        }
    }

    /// Moves time on as long as the simulator is quiet: a request that is answered must not look late on a slow machine.
    async fn run_clock(&self) {
        let activity = || (self.sim.steps().count(), self.sim.handshakes());
        let (mut before, mut quiet) = (activity(), 0);
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let now = activity();
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
            match quiet {
                0..QUIET_TICKS => {}
                QUIET_TICKS..200 => self.wait(TimeDelta::milliseconds(100)),
                _ => self.wait(TimeDelta::seconds(1)),
            }
        }
    }

    /// A queue message for contoso, queued now.
    pub fn message(&self) -> TenantMessage {
        self.message_for(CONTOSO)
    }

    /// A queue message for any customer, queued now.
    pub fn message_for(&self, tenant: Uuid) -> TenantMessage {
        let world = self.sim.world();
        let customer = &world.tenants[&tenant];
        TenantMessage {
            tenant_id: TenantId::new(tenant),
            domain: customer.default_domain.parse().unwrap(),
            display_name: customer.display_name.clone(),
            run_id: RunId::random(),
            queued_at: self.now(),
        }
    }

    /// Reads contoso, a minute after whatever was before.
    pub async fn read(&self) -> Result<Report, FunctionError> {
        self.wait(TimeDelta::minutes(1));
        self.deliver(&self.message()).await
    }

    pub async fn deliver(&self, message: &TenantMessage) -> Result<Report, FunctionError> {
        self.deliver_within(message, Duration::from_secs(process_audit_log::DEADLINE_SECONDS)).await
    }

    /// Delivers a message to a run that has only so much time.
    pub async fn deliver_within(&self, message: &TenantMessage, time: Duration) -> Result<Report, FunctionError> {
        self.list(message).await;
        process_audit_log::run(&self.app, message, &Deadline::after(self.clock.clone(), time)).await
    }

    /// Delivers a message of a tenant that GetDomain has not listed.
    pub async fn deliver_unlisted(&self, message: &TenantMessage) -> Result<Report, FunctionError> {
        let time = Duration::from_secs(process_audit_log::DEADLINE_SECONDS);
        process_audit_log::run(&self.app, message, &Deadline::after(self.clock.clone(), time)).await
    }

    /// Stores the row of a tenant that GetDomain stores before it queues the tenant for the first time.
    async fn list(&self, message: &TenantMessage) {
        let row = first_row(&self.app, message);
        match self.store.inner.insert(COVERAGE, &row.to_entity()).await {
            Ok(_) | Err(StoreError::Exists(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn get_domain(&self) -> Vec<TenantMessage> {
        let time = Duration::from_secs(get_domain::DEADLINE_SECONDS);
        get_domain::run(&self.app, &Deadline::after(self.clock.clone(), time)).await.unwrap()
    }

    /// Content of contoso that becomes available now.
    pub fn publish(&self, records: Vec<Value>) {
        self.publish_at(self.now(), self.now() + TimeDelta::days(7), records);
    }

    /// Content of contoso that became available at a time, and until when it can be fetched.
    pub fn publish_at(&self, created: DateTime<Utc>, expires: DateTime<Utc>, records: Vec<Value>) {
        self.publish_bytes(created, expires, Value::from(records).to_string().into_bytes());
    }

    /// Content of contoso of any bytes that becomes available now.
    pub fn publish_body(&self, body: Vec<u8>) {
        self.publish_bytes(self.now(), self.now() + TimeDelta::days(7), body);
    }

    fn publish_bytes(&self, created: DateTime<Utc>, expires: DateTime<Utc>, body: Vec<u8>) {
        self.contoso(|tenant| {
            tenant.publish_body("Audit.Exchange", created, expires, BlobBody::Whole(body.into()));
        });
    }

    pub fn contoso<T>(&self, change: impl FnOnce(&mut Tenant) -> T) -> T {
        change(self.sim.world().tenants.get_mut(&CONTOSO).unwrap())
    }

    /// Every finding of contoso that comes from a record.
    pub async fn findings(&self) -> Vec<ProcessedRow> {
        let mut rows = self.rows("contoso.com").await;
        rows.retain(|row| row.kind != FindingKind::Coverage);
        rows
    }

    /// Every row of ProcessedAuditLogs in a partition.
    pub async fn rows(&self, partition: &str) -> Vec<ProcessedRow> {
        let query = Query::partition(PartitionKey::parse(partition).unwrap());
        let rows = list_all(self.store.as_ref(), PROCESSED, query).await.unwrap();
        let is_finding = |row: &&Stored| !row.entity.key.row.as_str().starts_with("incident_");
        rows.iter().filter(is_finding).map(|row| ProcessedRow::from_stored(row).unwrap().0).collect()
    }

    pub async fn coverage(&self) -> CoverageRow {
        self.coverage_of(CONTOSO).await
    }

    pub async fn coverage_of(&self, tenant: Uuid) -> CoverageRow {
        let key = CoverageRow::key(&TenantId::new(tenant));
        let stored = self.store.inner.get(COVERAGE, &key).await.unwrap().unwrap();
        CoverageRow::from_stored(&stored).unwrap().0
    }

    /// Every row of a table in a partition, as it is stored.
    pub async fn stored(&self, table: Table, partition: &str) -> Vec<Stored> {
        let query = Query::partition(PartitionKey::parse(partition).unwrap());
        list_all(&self.store.inner, table, query).await.unwrap()
    }

    /// Writes a row over whatever is there, as another program with write access to the table would.
    pub async fn write(&self, table: Table, entity: &Entity) {
        let store = &self.store.inner;
        match store.get(table, &entity.key).await.unwrap() {
            Some(stored) => store.replace(table, entity, &stored.etag).await.unwrap(),
            None => store.insert(table, entity).await.unwrap(),
        };
    }

    /// The bodies that the flow accepted whose member `Type` is this.
    pub fn notified(&self, kind: &str) -> Vec<Value> {
        self.sim.notifications().into_iter().filter(|body| body["Type"] == kind).collect()
    }

    /// The texts of the notices that the flow accepted.
    pub fn notice_texts(&self) -> Vec<String> {
        self.notified("Coverage").iter().map(|body| body["Description"].as_str().unwrap().to_owned()).collect()
    }

    pub fn teams_messages(&self) -> usize {
        self.sim.teams_messages().len()
    }

    /// Returns the number of store operations since the previous call of this function.
    pub fn store_operations(&self) -> usize {
        self.store.take_operations()
    }

    /// Lets the store carry out this number of operations and fail all later ones. `None` removes the limit.
    pub fn lose_store_after(&self, operations: Option<usize>) {
        self.store.lose_after(operations);
    }

    pub fn refuse_flow(&self, refuse: bool) {
        self.fault(
            refuse,
            Service::Flow,
            "",
            FaultKind::Status { status: 401, headers: vec![], body: String::new() },
            None,
        );
    }

    pub fn set_consent(&self, granted: bool) {
        self.contoso(|tenant| tenant.consent = if granted { Consent::Granted } else { Consent::Missing });
        // Tokens that were given out end as well, else it would show only when the last of them does.
        self.sim.revoke_tokens();
    }

    /// Entra refuses our own secret: AADSTS7000222.
    pub fn break_credential(&self, broken: bool) {
        self.sim.revoke_tokens();
        let body = json!({ "error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired.", "error_codes": [7_000_222] });
        self.fault(
            broken,
            Service::Entra,
            "token",
            FaultKind::Status { status: 401, headers: vec![], body: body.to_string() },
            None,
        );
    }

    pub fn cut_blobs(&self, times: u32) {
        self.fault(true, Service::Activity, "/activity/feed/audit/", FaultKind::Cut, Some(times));
    }

    pub fn deny_blobs(&self) {
        let body = json!({ "error": { "code": "AF20051", "message": "Content requested has already expired." } });
        self.fault(
            true,
            Service::Activity,
            "/activity/feed/audit/",
            FaultKind::Status { status: 400, headers: vec![], body: body.to_string() },
            None,
        );
    }

    pub fn fail_listing(&self, fail: bool) {
        self.fault(fail, Service::Activity, "subscriptions/content", FaultKind::Drop, None);
    }

    pub fn exchange_down(&self, down: bool) {
        self.fault(down, Service::Exchange, "Get-InboxRule", FaultKind::Drop, None);
    }

    pub fn fail_customers(&self, fail: bool) {
        let body = json!({ "error": { "code": "Authorization_RequestDenied", "message": "Insufficient privileges." } });
        self.fault(
            fail,
            Service::Graph,
            "/contracts",
            FaultKind::Status { status: 403, headers: vec![], body: body.to_string() },
            None,
        );
    }

    fn fault(&self, on: bool, service: Service, route: &str, kind: FaultKind, times: Option<u32>) {
        if on {
            self.sim.inject(Fault { times, ..Fault::new(service, route, kind) });
        } else {
            self.sim.clear_faults();
        }
    }

    /// The windows that were listed since this was last called, in order.
    pub fn listings(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let requests = self.sim.requests();
        let listings =
            requests.iter().filter(|request| request.path.ends_with("/subscriptions/content") && request.status == 200);
        let windows =
            listings.map(|request| (time(&request.query, "startTime"), time(&request.query, "endTime"))).collect();
        self.sim.forget_requests();
        windows
    }

    pub fn fetches(&self) -> usize {
        self.sim.count(|request| request.path.contains("/activity/feed/audit/"))
    }

    /// Returns the number of calls of a cmdlet, except those with an expired token.
    pub fn calls(&self, cmdlet: &str) -> usize {
        self.sim.count(|request| request.cmdlet.as_deref() == Some(cmdlet) && request.status != 401)
    }

    /// The one rule that victor's mailbox has now.
    pub fn set_rule(&self, id: u64, name: &str, properties: Value) {
        self.contoso(|tenant| {
            let mailbox = tenant.mailbox_mut("victor@contoso.com").unwrap();
            mailbox.rules.clear();
            mailbox.add_rule(id, name, properties);
        });
    }

    /// Sets the customers with which the partner has a contract.
    pub fn list_customers(&self, tenants: &[Uuid]) {
        for (id, tenant) in &mut self.sim.world().tenants {
            tenant.contract = tenants.contains(id);
        }
    }

    /// Adds a customer that has been monitored before, with a mailbox for victor.
    pub fn add_customer(&self, id: Uuid, domain: &str, name: &str) {
        add_customer(&mut self.sim.world(), id, domain, name);
    }

    /// Publishes content of any customer that becomes available now.
    pub fn publish_for(&self, tenant: Uuid, records: &[Value]) {
        let now = self.now();
        self.sim.world().tenants.get_mut(&tenant).unwrap().publish_at("Audit.Exchange", now, records);
    }
}

fn world() -> World {
    let mut world = World::new(PARTNER, Uuid::from_u128(0xc1));
    add_customer(&mut world, CONTOSO, "contoso.com", "Contoso");
    add_customer(&mut world, FABRIKAM, "fabrikam.com", "Fabrikam").contract = false;
    world
}

fn add_customer<'w>(world: &'w mut World, id: Uuid, domain: &str, name: &str) -> &'w mut Tenant {
    let tenant = world.add(Tenant::new(id, domain, name));
    tenant.add_person("victor", "Victor");
    for content_type in ["Audit.Exchange", "Audit.AzureActiveDirectory"] {
        tenant.subscriptions.insert(content_type.to_owned(), true);
    }
    tenant
}

/// The value of a time in a query, which has no zone.
fn time(query: &str, name: &str) -> DateTime<Utc> {
    let value = url::form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).unwrap().1.into_owned();
    chrono::NaiveDateTime::parse_from_str(&value, "%Y-%m-%dT%H:%M:%S").unwrap().and_utc()
}

fn settings(sim: &Simulator) -> Settings {
    let urls = sim.urls();
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let secret = |name: &str| {
        let found = sim.environment().into_iter().find(|(known, _)| known == name);
        found.map(|(_, value)| secrecy::SecretString::from(value))
    };
    Settings {
        heartbeat: Default::default(),
        containment: Default::default(),
        partner: AppRegistration {
            tenant_id: TenantId::new(PARTNER),
            client_id: Uuid::from_u128(0xc1),
            credential: AppCredential::Secret(secret("CLIENT_SECRET").unwrap()),
        },
        onboard_client_id: None,
        hosts: Hosts {
            cloud: Cloud::Worldwide,
            authority: urls.authority.parse().unwrap(),
            management: urls.management.parse().unwrap(),
            graph: urls.graph.parse().unwrap(),
            exchange: urls.exchange.parse().unwrap(),
        },
        tenants: TenantSettings {
            source: TenantSource::Contracts,
            excluded_domains: BTreeSet::new(),
            excluded_ids: BTreeSet::new(),
        },
        collection: CollectionSettings {
            schedule: "0 */15 * * * *".parse().unwrap(),
            lookback: minutes(180),
            overlap: minutes(120),
            retention: minutes(365 * 24 * 60),
        },
        storage: None,
        tables: TableNames::default(),
        channels: ChannelSettings {
            flow_url: secret("FLOW_URL"),
            teams_url: secret("TEAMS_WEBHOOK_URL"),
            ..ChannelSettings::default()
        },
        actions: ActionSettings {
            key: ActionKey::Unset,
            token_life: minutes(72 * 60),
            protected_users: Vec::new(),
            remove_signin_methods: false,
        },
        trust: TrustSettings::default(),
        investigation: InvestigationSettings { is_on: false, ..InvestigationSettings::default() },
        location: LocationSettings::default(),
        root_certificates: Some(sim.ca_path()),
    }
}
