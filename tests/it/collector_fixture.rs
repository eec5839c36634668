//! Tenantwatch against the simulator: the real functions, a store that counts, and a clock that stands still until it is moved.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::{Clock, Deadline};
use base::ids::{RunId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use m365::{AppCredential, AppRegistration, Cloud, Hosts};
use serde_json::{Value, json};
use table_store::{
    ETag, Entity, Key, MemoryStore, Page, PartitionKey, Query, RowKey, Store, StoreError, Stored, Table, list_all,
};
use tenantwatch::app::App;
use tenantwatch::detection::FindingKind;
use tenantwatch::functions::process_audit_log::Report;
use tenantwatch::functions::{FunctionError, TenantMessage, get_domain, process_audit_log};
use tenantwatch::settings::{
    ActionKey, ActionSettings, ChannelSettings, CollectionSettings, LocationSettings, Settings, TableNames,
    TenantSettings, TenantSource, TrustSettings,
};
use tenantwatch::tables::{COVERAGE, PROCESSED};
use tenantwatch::tables::{CoverageRow, ProcessedRow};
use tenantwatch::tenants::first_row;
use tenantwatch_simulator::world::{BlobBody, Consent};
use tenantwatch_simulator::{Fault, FaultKind, Service, Simulator, Tenant, World};
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
    /// After so many operations the store is gone, as it is for a run that is killed there.
    gone_after: AtomicUsize,
}

impl CountingStore {
    fn count(&self) -> Result<&MemoryStore, StoreError> {
        let before = self.operations.fetch_add(1, Ordering::Relaxed);
        if before >= self.gone_after.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("gone".to_owned()));
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl Store for CountingStore {
    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        self.count()?.insert(table, entity).await
    }
    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        self.count()?.replace(table, entity, etag).await
    }
    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.count()?.get(table, key).await
    }
    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        self.count()?.list(table, query).await
    }
    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        self.count()?.delete(table, key, etag).await
    }
    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        self.count()?.delete_many(table, partition, rows).await
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
    clock: Arc<StillClock>,
    store: Arc<CountingStore>,
}

impl CollectorFixture {
    /// One customer, `contoso.com`, with a mailbox for victor@contoso.com; both channels are set.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// As [`CollectorFixture::start`], with other settings.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let now: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
        let sim = Simulator::start(world()).await.unwrap();
        sim.set_now(now);
        let clock = Arc::new(StillClock(Mutex::new(now)));
        let store = Arc::new(CountingStore {
            inner: MemoryStore::new(clock.clone()),
            operations: AtomicUsize::new(0),
            gone_after: AtomicUsize::new(usize::MAX),
        });
        let mut settings = settings(&sim);
        change(&mut settings);
        let app = App::new(settings, store.clone(), clock.clone()).unwrap();
        Self { sim, app, clock, store }
    }

    /// The settings change, and the product starts again on the same store.
    pub fn set_up_again(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = settings(&self.sim);
        change(&mut settings);
        self.app = App::new(settings, self.store.clone(), self.clock.clone()).unwrap();
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

    /// Time passes, much faster than it does elsewhere, for as long as something hangs.
    pub async fn run_clock(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.wait(TimeDelta::milliseconds(250));
        }
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
        self.deliver_within(message, Duration::from_secs(process_audit_log::DEADLINE_SECONDS)).await
    }

    /// Delivers a message to a run that has only so much time.
    pub async fn deliver_within(&self, message: &TenantMessage, time: Duration) -> Result<Report, FunctionError> {
        self.list(message).await;
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
        let key = CoverageRow::key(&TenantId::new(CONTOSO));
        let stored = self.store.inner.get(COVERAGE, &key).await.unwrap().unwrap();
        CoverageRow::from_stored(&stored).unwrap().0
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

    /// What was asked of the store since this was last called.
    pub fn store_operations(&self) -> usize {
        self.store.operations.swap(0, Ordering::Relaxed)
    }

    /// The store answers so many more operations and then none, until it is told otherwise.
    pub fn lose_store_after(&self, operations: Option<usize>) {
        self.store.operations.store(0, Ordering::Relaxed);
        self.store.gone_after.store(operations.unwrap_or(usize::MAX), Ordering::Relaxed);
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

    /// Calls of a cmdlet, but for those whose token had died.
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

    /// Which customers the partner has, by contract.
    pub fn list_customers(&self, tenants: &[Uuid]) {
        for (id, tenant) in &mut self.sim.world().tenants {
            tenant.contract = tenants.contains(id);
        }
    }
}

fn world() -> World {
    let mut world = World::new(PARTNER, Uuid::from_u128(0xc1));
    for (id, domain, name) in [(CONTOSO, "contoso.com", "Contoso"), (FABRIKAM, "fabrikam.com", "Fabrikam")] {
        let tenant = world.add(Tenant::new(id, domain, name));
        tenant.add_person("victor", "Victor");
        tenant.contract = id == CONTOSO;
        for content_type in ["Audit.Exchange", "Audit.AzureActiveDirectory"] {
            tenant.subscriptions.insert(content_type.to_owned(), true);
        }
    }
    world
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
        partner: AppRegistration {
            tenant_id: TenantId::new(PARTNER),
            client_id: Uuid::from_u128(0xc1),
            credential: AppCredential::Secret(secret("CLIENT_SECRET").unwrap()),
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
        location: LocationSettings::default(),
        root_certificates: Some(sim.ca_path()),
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

/// Victor registers another way to sign in.
pub fn security_info(id: u128, created: DateTime<Utc>) -> Value {
    json!({
        "CreationTime": created.format("%Y-%m-%dT%H:%M:%S").to_string(),
        "Id": Uuid::from_u128(id),
        "Operation": "User registered security info",
        "OrganizationId": CONTOSO,
        "RecordType": 8,
        "ResultStatus": "Success",
        "UserKey": "10032000A1B2C3D4",
        "UserType": 0,
        "Version": 1,
        "Workload": "AzureActiveDirectory",
        "ClientIP": "203.0.113.7",
        "ObjectId": "victor@contoso.com",
        "UserId": "victor@contoso.com",
        "ExtendedProperties": [],
        "ModifiedProperties": [],
        "Target": [{ "ID": "victor@contoso.com", "Type": 5 }],
    })
}

/// The administrator gives a contact another address.
pub fn contact_retargeted(id: u128, contact: &str, target: &str, created: DateTime<Utc>) -> Value {
    let mut record = forwarding_rule(id, "", "", created);
    record["Operation"] = json!("Set-MailContact");
    record["ObjectId"] = json!(contact);
    record["UserId"] = json!("admin@contoso.com");
    record["Parameters"] = json!([
        { "Name": "Identity", "Value": contact },
        { "Name": "ExternalEmailAddress", "Value": format!("SMTP:{target}") },
    ]);
    record
}
