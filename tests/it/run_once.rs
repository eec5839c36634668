//! `tenantwatch run --once`: its exit code and what it says about customers, tenants and channels.

use std::process::Output;

use chrono::Utc;
use serde_json::json;
use tenantwatch_simulator::world::Consent;
use tenantwatch_simulator::{Fault, FaultKind, Service, Simulator, World, scenario};
use tokio::process::Command;

/// A simulated Microsoft 365 and the data folder of the runs.
struct Runs {
    simulator: Simulator,
    data: tempfile::TempDir,
}

impl Runs {
    async fn of(world: World) -> Self {
        Self { simulator: Simulator::start(world).await.unwrap(), data: tempfile::tempdir().unwrap() }
    }

    /// Runs one cycle `minutes_from_now`, and returns the exit code and the log.
    async fn once(&self, minutes_from_now: u32) -> (Option<i32>, String) {
        self.once_with(minutes_from_now, &[]).await
    }

    async fn once_with(&self, minutes_from_now: u32, changes: &[(&str, &str)]) -> (Option<i32>, String) {
        let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
            .args(["run", "--once", "--data", self.data.path().to_str().unwrap()])
            .env_clear()
            .envs(self.simulator.environment())
            .env_remove("TEAMS_WEBHOOK_URL")
            .env("INVESTIGATE", "off")
            .env("TEST_CLOCK", format!("{},1", minutes_from_now * 60_000))
            .envs(changes.iter().copied())
            .output()
            .await
            .unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    }

    fn first_tenant(&self) -> (uuid::Uuid, String) {
        let world = self.simulator.world();
        let tenant = world.tenants.values().next().unwrap();
        (tenant.id, tenant.default_domain.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_healthy_tenants_exit_0_without_a_line() {
    let runs = Runs::of(scenario::quiet(2)).await;
    for _ in 0..2 {
        assert_eq!(runs.once(0).await, (Some(0), String::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_tenant_exits_1_whether_it_was_due_or_not() {
    let runs = Runs::of(scenario::quiet(2)).await;
    let (id, domain) = runs.first_tenant();
    runs.simulator.world().tenants.get_mut(&id).unwrap().consent = Consent::Missing;
    let (code, log) = runs.once(0).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&format!("({domain}) has been ConsentMissing since ")), "{log}");

    runs.simulator.forget_requests();
    let (code, log) = runs.once(5).await;
    let tried = runs.simulator.count(|request| request.path.contains(&id.to_string()));
    assert_eq!(tried, 0, "a tenant that was never healthy is tried hourly");
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&domain), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_unread_in_this_run_exits_1_new_or_healthy() {
    let runs = Runs::of(scenario::quiet(1)).await;
    let body = json!({ "error": { "code": "AF20031", "message": "Invalid nextPage Input" } }).to_string();
    let transient = FaultKind::Status { status: 400, headers: Vec::new(), body };
    let (_, domain) = runs.first_tenant();
    for minutes in [0, 60, 121] {
        runs.simulator.inject(Fault::new(Service::Activity, "/subscriptions/content", transient.clone()));
        let (code, log) = runs.once(minutes).await;
        assert_eq!(code, Some(1), "after {minutes} minutes: {log}");
        assert!(log.contains(&format!("the audit log of Customer 0 ({domain}) could not be read")), "{log}");
        runs.simulator.clear_faults();
        let (code, log) = runs.once(minutes + 1).await;
        assert_eq!(code, Some(0), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn start_of_a_subscription_that_lists_nothing_yet_exits_0() {
    let mut world = scenario::quiet(1);
    world.unkindness.first_start_lag = chrono::TimeDelta::minutes(5);
    world.tenants.values_mut().for_each(|tenant| tenant.subscriptions.clear());
    let runs = Runs::of(world).await;
    let (code, log) = runs.once(0).await;
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_of_which_nothing_can_be_read_exits_1() {
    let (world, _) = scenario::one_threat_each(1, Utc::now());
    let runs = Runs::of(world).await;
    let empty = FaultKind::Status { status: 200, headers: Vec::new(), body: String::new() };
    runs.simulator.inject(Fault::new(Service::Activity, "/audit/", empty));
    let (code, log) = runs.once(0).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("could be read: 1 blobs are deferred"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lone_webhook_that_is_gone_exits_1_in_every_run() {
    let (world, _) = scenario::one_threat_each(1, Utc::now());
    let runs = Runs::of(world).await;
    let gone = FaultKind::Status { status: 410, headers: Vec::new(), body: String::new() };
    runs.simulator.inject(Fault::new(Service::Webhook, "", gone));
    let url = runs.simulator.urls().webhook.clone();
    let lone = [
        ("FLOW_URL", ""),
        ("WEBHOOK_URL", url.as_str()),
        ("WEBHOOK_SECRET", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
        ("WEBHOOK_ALLOW_PRIVATE", "true"),
    ];
    for minutes in 0..2 {
        let (code, log) = runs.once_with(minutes, &lone).await;
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("channel webhook: its receiver answered 410"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_customer_list_exits_1_until_it_is_read_again() {
    let runs = Runs::of(scenario::quiet(1)).await;
    assert_eq!(runs.once(0).await.0, Some(0));
    runs.simulator.inject(Fault::status(Service::Graph, "/contracts", 403));
    for _ in 0..2 {
        let (code, log) = runs.once(0).await;
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("customers"), "{log}");
    }
    runs.simulator.clear_faults();
    let (code, log) = runs.once(0).await;
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_customer_list_exits_1_and_names_its_source() {
    let runs = Runs::of(World::new(uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2))).await;
    let (code, log) = runs.once(0).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("no customers found by contracts"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_channel_exits_1_until_everything_is_delivered() {
    let (world, planted) = scenario::one_threat_each(1, Utc::now());
    let runs = Runs::of(world).await;
    runs.simulator.inject(Fault::status(Service::Flow, "", 404));
    let (code, log) = runs.once(0).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("channel flow: 1 notification has not been accepted"), "{log}");

    runs.simulator.forget_requests();
    let (code, log) = runs.once(1).await;
    assert_eq!(runs.simulator.count(|request| request.service == Service::Flow), 0, "its next attempt is later");
    assert_eq!(code, Some(1), "{log}");

    runs.simulator.clear_faults();
    let (code, log) = runs.once(9).await;
    assert_eq!((code, runs.simulator.notifications().len()), (Some(0), planted.len()), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn most_verbose_log_contains_no_secret_and_no_library_detail() {
    let (world, _) = scenario::one_threat_each(1, Utc::now());
    let runs = Runs::of(world).await;
    let (code, log) = runs.once_with(0, &[("RUST_LOG", "trace")]).await;
    assert_eq!(code, Some(0), "{log}");
    let secret = runs.simulator.world().client_secret.clone();
    let action_token = runs.simulator.notifications()[0]["ActionToken"].as_str().unwrap().to_owned();
    for secret in [secret.as_str(), &action_token, "sig=", "Bearer ", "eyJ"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    // Libraries write URLs and headers at these levels, so only the program itself does.
    let foreign = ["hyper", "h2::", "rustls", "reqwest", "azsdk", "url: ", "headers", "http://", "https://"];
    for line in log.lines() {
        assert!(!foreign.iter().any(|name| line.contains(name)), "{line}");
    }
    assert!(log.contains("audit log read"), "{log}");
    let outbound: Vec<&str> = log.lines().filter(|line| line.contains("outbound request")).collect();
    assert_eq!(outbound.len(), runs.simulator.requests().len(), "one line for each request");
    let members = ["method=", "host=", "route=", "status=", "milliseconds=", "attempt="];
    assert!(outbound.iter().all(|line| members.iter().all(|member| line.contains(member))), "{outbound:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_first_list_says_what_the_other_source_lists() {
    let mut world = scenario::quiet(3);
    world.lists_contracts = false;
    let runs = Runs::of(world).await;
    let (code, log) = runs.once(0).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("no customers found by contracts; gdap lists 3"), "{log}");
    assert!(runs.simulator.count(|request| request.service == Service::Flow) > 0, "nobody was told");

    runs.simulator.inject(Fault::status(Service::Graph, "/delegatedAdminRelationships", 403));
    let (_, log) = runs.once(1).await;
    assert!(log.contains("no customers found by contracts; gdap cannot be listed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cycle_sends_one_heartbeat() {
    let runs = Runs::of(scenario::quiet(1)).await;
    let url = format!("{}/ping/hush?create=1", runs.simulator.urls().graph);
    let pings = || runs.simulator.count(|request| request.path == "/ping/hush" && request.query == "create=1");
    let failures = || runs.simulator.count(|request| request.path == "/ping/hush/fail" && request.query == "create=1");
    let (_, log) = runs.once_with(0, &[("HEARTBEAT_URL", &url)]).await;
    assert_eq!((pings(), failures()), (1, 0));
    assert!(!log.contains("hush"), "{log}");

    runs.simulator.inject(Fault::status(Service::Graph, "/contracts", 403));
    runs.once_with(1, &[("HEARTBEAT_URL", &url), ("HEARTBEAT_STYLE", "plain")]).await;
    assert_eq!((pings(), failures()), (1, 0));
    runs.once_with(2, &[("HEARTBEAT_URL", &url)]).await;
    assert_eq!((pings(), failures()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_heartbeat_fails_no_cycle() {
    let runs = Runs::of(scenario::quiet(1)).await;
    let (code, log) = runs.once_with(0, &[("HEARTBEAT_URL", "https://127.0.0.1:1/hush")]).await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("HEARTBEAT_URL could not be reached") && !log.contains("hush"), "{log}");
}
