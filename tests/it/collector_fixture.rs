//! Tenantwatch against the simulator: the real functions, a store that counts, and a clock that stands still until it is moved.

mod clock;
mod faults;
pub mod log;
mod observed;
mod records;
mod store;
mod world;

use std::sync::Arc;
use std::time::Duration;

use base::clock::Clock as _;
use base::clock::Deadline;
use base::ids::{RunId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
use clock::StillClock;
use serde_json::Value;
use table_store::{Entity, Store as _, StoreError, Table};
use tenantwatch::app::App;
use tenantwatch::functions::process_audit_log::Report;
use tenantwatch::functions::{FunctionError, TenantMessage, get_domain, process_audit_log};
use tenantwatch::settings::Settings;
use tenantwatch::tables::COVERAGE;
use tenantwatch::tenants::first_row;
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Simulator, Tenant};
use uuid::Uuid;
use world::{add_customer, settings, world};

pub use records::{blank_rule_change, contact_retargeted, forwarding_rule, security_info};
pub use store::{CountingStore, Failure, Operation};

/// The time that the simulator has to be quiet before the clock moves by itself, in ticks of 5 ms.
const QUIET_TICKS: u32 = 12;

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

    /// Writes a row over whatever is there, as another program with write access to the table would.
    pub async fn write(&self, table: Table, entity: &Entity) {
        let store = &self.store.inner;
        match store.get(table, &entity.key).await.unwrap() {
            Some(stored) => store.replace(table, entity, &stored.etag).await.unwrap(),
            None => store.insert(table, entity).await.unwrap(),
        };
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
