//! Tenantwatch against the simulator: the real functions, a store that counts, and a clock that stands still until it is moved.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tenantwatch::app::App;
use tenantwatch::clock::{Clock, Deadline};
use tenantwatch::functions::process_audit_log::Report;
use tenantwatch::functions::{FunctionError, TenantMessage, get_domain, process_audit_log};
use tenantwatch::ledger::{CoverageRow, ProcessedRow};
use tenantwatch::names::{Domain, RunId, TenantId};
use tenantwatch::settings::{
    ActionSettings, ChannelSettings, Cloud, CollectionSettings, CredentialSettings, Hosts, LocationSettings,
    PartnerSettings, Settings, TableNames, TenantSettings, TenantSource, TrustSettings,
};
use tenantwatch::store::{
    ETag, Entity, Key, MemoryStore, Page, PartitionKey, Query, RowKey, Store, StoreError, Stored, Table, list_all,
};
use tenantwatch_simulator::Simulator;
use uuid::Uuid;

/// A clock that moves only when told to. Whoever waits on it really waits, but not for long.
#[derive(Debug)]
pub struct StillClock(Mutex<DateTime<Utc>>);

impl Clock for StillClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration.min(Duration::from_millis(20))))
    }
}

/// A store that counts what is asked of it.
#[derive(Debug)]
pub struct CountingStore {
    inner: MemoryStore,
    operations: AtomicUsize,
}

impl CountingStore {
    fn count(&self) -> &MemoryStore {
        self.operations.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

#[async_trait]
impl Store for CountingStore {
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        self.count().insert(table, entity).await
    }
    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        self.count().replace(table, entity, etag).await
    }
    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.count().get(table, key).await
    }
    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        self.count().list(table, query).await
    }
    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        self.count().delete(table, key, etag).await
    }
    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        self.count().delete_many(table, partition, rows).await
    }
}

/// The tenant that most tests watch.
pub const CONTOSO: Uuid = Uuid::from_u128(0xc0);
/// Another customer.
pub const FABRIKAM: Uuid = Uuid::from_u128(0xfa);
/// The provider.
pub const PARTNER: Uuid = Uuid::from_u128(0x99);

/// The product against the simulator.
pub struct Watch {
    pub sim: Simulator,
    pub app: App,
    clock: Arc<StillClock>,
    store: Arc<CountingStore>,
}

impl Watch {
    /// One customer, `contoso.com`, with a mailbox for victor@contoso.com; both channels are set.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// As [`Watch::start`], with other settings.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let now: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
        let sim = Simulator::start(crate::world::world()).await.unwrap();
        sim.set_now(now);
        let clock = Arc::new(StillClock(Mutex::new(now)));
        let store = Arc::new(CountingStore { inner: MemoryStore::new(clock.clone()), operations: AtomicUsize::new(0) });
        let mut settings = settings(&sim);
        change(&mut settings);
        let app = App::new(settings, store.clone(), clock.clone()).unwrap();
        Self { sim, app, clock, store }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Moves both clocks.
    pub fn wait(&self, time: TimeDelta) {
        let mut now = self.clock.0.lock().unwrap();
        *now += time;
        self.sim.set_now(*now);
    }

    /// A queue message for contoso, queued now.
    pub fn message(&self) -> TenantMessage {
        TenantMessage {
            tenant_id: TenantId::new(CONTOSO),
            domain: "contoso.com".parse().unwrap(),
            display_name: "Contoso".to_owned(),
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
        let time = Duration::from_secs(process_audit_log::DEADLINE_SECONDS);
        process_audit_log::run(&self.app, message, &Deadline::after(self.clock.clone(), time)).await
    }

    pub async fn get_domain(&self) -> Vec<TenantMessage> {
        let time = Duration::from_secs(get_domain::DEADLINE_SECONDS);
        get_domain::run(&self.app, &Deadline::after(self.clock.clone(), time)).await.unwrap()
    }

    /// Content of contoso that becomes available now.
    pub fn publish(&self, records: Vec<Value>) {
        let mut world = self.sim.world();
        let tenant = world.tenants.get_mut(&CONTOSO).unwrap();
        tenant.publish("Audit.Exchange", records);
    }

    /// Every finding of contoso.
    pub async fn findings(&self) -> Vec<ProcessedRow> {
        self.rows("contoso.com").await
    }

    /// Every row of ProcessedAuditLogs in a partition.
    pub async fn rows(&self, partition: &str) -> Vec<ProcessedRow> {
        let query = Query::partition(PartitionKey::parse(partition).unwrap());
        let rows = list_all(self.store.as_ref(), Table::Processed, query).await.unwrap();
        rows.iter().map(|row| ProcessedRow::from_stored(row).unwrap().0).collect()
    }

    pub async fn coverage(&self) -> CoverageRow {
        let key = CoverageRow::key(&TenantId::new(CONTOSO));
        let stored = self.store.inner.get(Table::Coverage, &key).await.unwrap().unwrap();
        CoverageRow::from_stored(&stored).unwrap().0
    }

    /// The bodies that the flow accepted whose member `Type` is this.
    pub fn told(&self, kind: &str) -> Vec<Value> {
        self.sim.notifications().into_iter().filter(|body| body["Type"] == kind).collect()
    }

    /// What was asked of the store since this was last called.
    pub fn store_operations(&self) -> usize {
        self.store.operations.swap(0, Ordering::Relaxed)
    }
}

fn settings(sim: &Simulator) -> Settings {
    let urls = sim.urls();
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let secret = |name: &str| {
        let found = sim.environment().into_iter().find(|(known, _)| known == name);
        found.map(|(_, value)| secrecy::SecretString::from(value))
    };
    Settings {
        partner: PartnerSettings {
            tenant_id: TenantId::new(PARTNER),
            client_id: Uuid::from_u128(0xc1),
            credential: CredentialSettings::Secret(secret("CLIENT_SECRET").unwrap()),
        },
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
        channels: ChannelSettings { flow_url: secret("FLOW_URL"), teams_url: secret("TEAMS_WEBHOOK_URL") },
        actions: todo_actions(),
        trust: TrustSettings::default(),
        location: LocationSettings::default(),
        root_certificates: Some(sim.ca_path().to_owned()),
    }
}

/// A rule of victor's that sends everything to an outside address, as Outlook on the web writes it.
pub fn forwarding_rule(id: u128, name: &str, target: &str, created: DateTime<Utc>) -> Value {
    json!({
        "CreationTime": created.format("%Y-%m-%dT%H:%M:%S").to_string(),
        "Id": Uuid::from_u128(id),
        "Operation": "New-InboxRule",
        "OrganizationId": CONTOSO,
        "RecordType": 1,
        "ResultStatus": "True",
        "UserKey": "10032000A1B2C3D4",
        "UserType": 2,
        "Version": 1,
        "Workload": "Exchange",
        "ClientIP": "203.0.113.7:52378",
        "ObjectId": format!("EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/victor\\{name}"),
        "UserId": "victor@contoso.com",
        "AppId": "00000002-0000-0ff1-ce00-000000000000",
        "ExternalAccess": false,
        "OrganizationName": "contoso.onmicrosoft.com",
        "Parameters": [
            { "Name": "AlwaysDeleteOutlookRulesBlob", "Value": "False" },
            { "Name": "Force", "Value": "False" },
            { "Name": "Name", "Value": name },
            { "Name": "ForwardTo", "Value": target },
            { "Name": "StopProcessingRules", "Value": "True" },
        ],
        "SessionId": "3f9d5f1a-0000-0000-0000-000000000001",
    })
}

/// A blank record of an Outlook re-sync.
pub fn blank_rule_change(id: u128, created: DateTime<Utc>) -> Value {
    json!({
        "CreationTime": created.format("%Y-%m-%dT%H:%M:%S").to_string(),
        "Id": Uuid::from_u128(id),
        "Operation": "UpdateInboxRules",
        "OrganizationId": CONTOSO,
        "RecordType": 2,
        "ResultStatus": "Succeeded",
        "UserKey": "10032000A1B2C3D4",
        "UserType": 0,
        "Version": 1,
        "Workload": "Exchange",
        "ClientIP": "203.0.113.7",
        "UserId": "victor@contoso.com",
        "LogonType": 0,
        "MailboxOwnerUPN": "victor@contoso.com",
        "MailboxGuid": Uuid::from_u128(0x3a11),
        "ClientInfoString": "Client=MSExchangeRPC",
        "OriginatingServer": "AM0PR04MB0001 (15.20.0000.000)\r\n",
        "OperationProperties": [
            { "Name": "RuleOperation", "Value": "ModifyMailboxRule" },
            { "Name": "RuleId", "Value": "-3052736742778398463" },
            { "Name": "RuleState", "Value": "Enabled" },
            { "Name": "RuleCondition", "Value": "{}" },
            { "Name": "RuleName" },
            { "Name": "RuleProvider", "Value": "RuleOrganizer" },
            { "Name": "RuleActions", "Value": "[]" },
        ],
    })
}
