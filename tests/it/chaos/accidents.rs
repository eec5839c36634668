//! Living through a plan.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use base::clock::SystemClock;
use chrono::{DateTime, Utc};
use table_store::{PartitionKey, Query, TablesStore, list_all};
use table_store::{StorageAccess, StorageAccount};
use tenantwatch::settings::TableNames;
use tenantwatch::tables::keys;
use tenantwatch::tables::{self, ACTIONS, ActionRow, CoverageRow};
use tenantwatch_simulator::functions_host::{FunctionsHost, Options};
use tenantwatch_simulator::scenario::{self, Eventful};
use tenantwatch_simulator::steps::Steps;
use tenantwatch_simulator::storage_proxy::StorageProxy;
use tenantwatch_simulator::world::Consent;
use tenantwatch_simulator::{Service, Simulator, Trouble};
use uuid::Uuid;

use super::plan::{Kill, Oddity, Outage, Plan, Round};
use super::story::{Published, Story};
use super::time::Time;
use crate::azurite::{ACCOUNT, Azurite, KEY};

/// Long enough for any machine; nothing waits for it unless something is broken.
const LONG: Duration = Duration::from_secs(180);

/// The answer time of a slow service: 20 s of the app's time.
const SLOWNESS: Duration = Duration::from_secs(1);

/// The span of content that is published before the first run. It is shorter than the span that the first run reads.
const BEFORE: chrono::TimeDelta = chrono::TimeDelta::minutes(100);

struct Days {
    simulator: Arc<Simulator>,
    tables: StorageProxy,
    names: TableNames,
    hosts: Vec<FunctionsHost>,
    customers: Vec<Eventful>,
    /// The customer whose administrator is an attacker.
    hostile: Option<Uuid>,
    time: Time,
    steps: Arc<Steps>,
    /// The most steps that a cycle has had.
    cycle_steps: u64,
    kills: Vec<u64>,
    _folder: tempfile::TempDir,
}

/// Runs everything that is planned, and then enough quiet time to deliver and read all that was deferred.
pub async fn live_through(azurite: &Azurite, plan: &Plan) -> Story {
    let mut days = Days::begin(azurite, plan).await;
    let mut published = days.time.now();
    days.publish(published - BEFORE, published);
    days.cycle(&[]).await;
    if plan.contains {
        // Until a tenant has been read for a day without a gap nobody is contained.
        for minutes in [800, 700] {
            days.time.leap(chrono::TimeDelta::minutes(minutes));
            published = days.time.now();
            days.cycle(&[]).await;
        }
    }
    days.make_trouble(plan);
    for round in &plan.rounds {
        published = days.live_round(round, published).await;
    }
    days.simulator.set_trouble(None);
    days.tables.set_trouble(None);
    days.set_outage(Outage::None);
    days.set_oddity(Oddity::None);
    // A deferred blob waits 6 hours at most, a re-evaluation 160 minutes, a claim a quarter of an hour. The last wait is for
    // another search for missing content.
    for minutes in [20, 400, 400, 200] {
        days.time.leap(chrono::TimeDelta::minutes(minutes));
        days.cycle(&[]).await;
    }
    days.end().await
}

impl Days {
    async fn begin(azurite: &Azurite, plan: &Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start: DateTime<Utc> = "2026-03-02T06:00:00Z".parse().unwrap();
        let time = Time::start(start, folder.path(), &plan.skews);
        let (world, customers) = scenario::eventful(plan.tenants, plan.seed);
        let hostile = customers.last().filter(|_| plan.is_unkind).map(Eventful::tenant);
        let simulator = Arc::new(Simulator::start(world).await.unwrap());
        let clock = time.clone();
        simulator.run_clock(move || clock.now());
        let steps = simulator.steps();
        let tables = StorageProxy::start(&azurite.table_url, Arc::clone(&steps)).await.unwrap();
        let own = Uuid::new_v4().simple().to_string();
        let name = |letter| format!("{letter}{own}");
        let names = TableNames { processed: name('p'), actions: name('a'), coverage: name('c') };
        let mut hosts = Vec::new();
        for instance in 0..plan.skews.len() {
            let mut options = options(azurite, &tables, &simulator, &names, &own);
            if plan.contains {
                let settings = [
                    ("AUTO_CONTAIN", "*"),
                    ("AUTO_CONTAIN_MODE", "act"),
                    ("AUTO_CONTAIN_LIMIT", "1000"),
                    ("ACTION_KEY", "off"),
                ];
                options.environment.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
            options.environment.insert("TEST_CLOCK".to_owned(), time.setting(instance));
            hosts.push(FunctionsHost::start(options).await.unwrap());
        }
        Self {
            simulator,
            tables,
            names,
            hosts,
            customers,
            hostile,
            time,
            steps,
            cycle_steps: 0,
            kills: Vec::new(),
            _folder: folder,
        }
    }

    fn make_trouble(&self, plan: &Plan) {
        let mut trouble = Trouble::new(plan.seed, plan.faults);
        if plan.is_unkind {
            trouble = trouble.with_hangs().with_empty_answers().with_slow_answers(SLOWNESS);
        }
        if let Some(hostile) = self.hostile {
            trouble = trouble.with_hostile_tenant(hostile);
        }
        self.simulator.set_trouble(Some(trouble));
        self.tables.set_trouble(Some(Trouble::new(plan.seed, plan.faults / 2)));
    }

    /// Publishes what happens up to the next cycle, and lets that be now.
    async fn live_round(&mut self, round: &Round, published: DateTime<Utc>) -> DateTime<Utc> {
        self.set_outage(round.outage);
        self.set_oddity(round.oddity);
        self.time.leap(round.passes);
        let now = self.time.now();
        self.publish(published, now);
        self.cycle(&round.kills).await;
        now
    }

    fn publish(&mut self, from: DateTime<Utc>, to: DateTime<Utc>) {
        let mut world = self.simulator.world();
        for customer in &mut self.customers {
            customer.publish(&mut world, from, to);
        }
    }

    fn set_outage(&self, outage: Outage) {
        for (number, tenant) in self.simulator.world().tenants.values_mut().enumerate() {
            let is_dark = outage == Outage::OfAll || outage == Outage::OfOne && number == 0;
            tenant.consent = if is_dark { Consent::Blocked } else { Consent::Granted };
        }
        // A token that was given before does not help.
        if outage != Outage::None {
            self.simulator.revoke_tokens();
        }
    }

    fn set_oddity(&self, oddity: Oddity) {
        for service in [Service::Activity, Service::Graph] {
            let hours = match oddity {
                Oddity::WrongDate { of_graph, hours } if of_graph == (service == Service::Graph) => hours,
                _ => 0,
            };
            self.simulator.set_date_error(service, chrono::TimeDelta::hours(hours));
        }
        if oddity == Oddity::StaleTokens {
            self.simulator.make_tokens_stale(None);
        }
    }

    /// Runs one cycle and carries out the planned kills of instances in it.
    async fn cycle(&mut self, kills: &[Kill]) {
        let before = self.steps.count();
        let mut left = kills.iter();
        {
            let mut work = pin!(fire_and_drain(&self.hosts));
            loop {
                let kill = left.next();
                if let Some(kill) = kill {
                    self.steps.hold_after(kill.at * self.cycle_steps / 100, kill.moment);
                }
                tokio::select! {
                    () = &mut work => break,
                    () = self.steps.held() => {
                        if let Some(kill) = kill {
                            kill_instances(&self.hosts, kill).await;
                        }
                        self.kills.push(self.steps.order());
                        self.steps.release();
                    }
                }
            }
        }
        self.steps.release();
        self.cycle_steps = self.cycle_steps.max(self.steps.count() - before);
    }

    async fn end(self) -> Story {
        let requests = self.simulator.requests();
        let fetched = |tenant: Uuid, id: &str| {
            requests.iter().any(|request| {
                request.service == Service::Activity
                    && request.status == 200
                    && !request.faulted
                    && request.tenant == Some(tenant)
                    && request.path.contains(id)
            })
        };
        let mut blobs: Vec<Published> = Vec::new();
        for tenant in self.simulator.world().tenants.values() {
            for blob in &tenant.content {
                if blobs.iter().all(|known| known.id != blob.id || known.tenant != tenant.id) {
                    let (id, created) = (blob.id.clone(), blob.created);
                    blobs.push(Published { tenant: tenant.id, was_read: fetched(tenant.id, &id), id, created });
                }
            }
        }
        let bodies = self.simulator.notifications().into_iter();
        Story {
            shown: self.customers.iter().flat_map(|customer| customer.shown.clone()).collect(),
            hostile: self.hostile,
            blobs,
            accepted: self.simulator.accepted(),
            bodies: bodies.map(|body| (body["LogID"].as_str().unwrap_or_default().to_owned(), body)).collect(),
            marks: self.tables.written().into_iter().filter(|row| row.columns["Notified"].is_string()).collect(),
            kills: self.kills.clone(),
            failures: self.tables.failed(),
            coverage: self.coverage().await,
            containments: self.containments().await,
            blocked: self.blocked(),
            faults: requests.iter().filter(|request| request.faulted).count() as u64
                + self.tables.failed().len() as u64,
            lines: self.bad_lines(),
        }
    }

    /// The accounts that cannot sign in, in lower case; without those of a tenant that chooses what is read of it.
    fn blocked(&self) -> BTreeSet<String> {
        let world = self.simulator.world();
        let honest = world.tenants.values().filter(|tenant| Some(tenant.id) != self.hostile);
        let users = honest.flat_map(|tenant| &tenant.users);
        users.filter(|user| !user.account_enabled).map(|user| user.upn.to_lowercase()).collect()
    }

    /// The runs of containment.
    async fn containments(&self) -> Vec<ActionRow> {
        let store = self.store();
        let mut runs = Vec::new();
        for row in self.coverage().await {
            let query = Query::partition(PartitionKey::domain(&row.domain));
            let rows = list_all(&store, ACTIONS, query).await.unwrap();
            let own = rows.iter().filter(|row| row.entity.key.row.as_str().matches('_').count() == 1);
            let own = own.filter(|row| row.entity.text("Action") == Some("Contain"));
            runs.extend(own.map(|row| ActionRow::from_stored(row).unwrap().0));
        }
        runs
    }

    async fn coverage(&self) -> Vec<CoverageRow> {
        let rows = tables::list::<CoverageRow>(&self.store(), Query::partition(keys::tenants())).await.unwrap();
        rows.into_iter().map(|(row, _)| row).collect()
    }

    fn store(&self) -> TablesStore {
        let storage = StorageAccount {
            table_endpoint: self.tables.url().parse().unwrap(),
            account: ACCOUNT.to_owned(),
            access: StorageAccess::SharedKey(KEY.into()),
        };
        let (http, clock) = (reqwest::Client::new(), Arc::new(SystemClock));
        TablesStore::new(&storage, self.names.clone(), http, clock).unwrap()
    }

    /// Returns the log lines with a panic or a secret.
    fn bad_lines(&self) -> Vec<String> {
        let secret = self.simulator.world().client_secret.clone();
        let lines = self.hosts.iter().flat_map(FunctionsHost::logs).map(|line| line.text);
        lines.filter(|line| line.contains("panicked") || line.contains(&secret) || line.contains("sig=")).collect()
    }
}

/// Fires the timer of the first instance and lets all instances take the messages.
async fn fire_and_drain(hosts: &[FunctionsHost]) {
    hosts[0].fire_timer().await.unwrap();
    for host in hosts {
        host.drain(LONG).await.unwrap();
    }
}

/// With `SIGKILL`, while a request of one of them is held.
async fn kill_instances(hosts: &[FunctionsHost], kill: &Kill) {
    for (number, host) in hosts.iter().enumerate() {
        if kill.instance == number || kill.instance >= hosts.len() {
            host.kill_handler().await;
        }
    }
}

/// Returns the app of this repository with the binary just built, over tables and queues that no other test uses.
fn options(azurite: &Azurite, tables: &StorageProxy, simulator: &Simulator, names: &TableNames, own: &str) -> Options {
    let connection_string = azurite.connection_string.replace(&azurite.table_url, tables.url());
    let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")), connection_string);
    options.executable = Some(PathBuf::from(env!("CARGO_BIN_EXE_tenantwatch")));
    options.queue_suffix = format!("-{own}");
    options.visibility_timeout = Some(Duration::ZERO);
    options.crashes_that_stop = usize::MAX;
    options.environment = simulator.environment().into_iter().collect();
    let settings = [
        ("GetDomainSchedule", "0 */15 * * * *"),
        ("INVESTIGATE", "off"),
        ("PROCESSED_TABLE", &names.processed),
        ("ACTIONS_TABLE", &names.actions),
        ("COVERAGE_TABLE", &names.coverage),
    ];
    options.environment.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    options
}
