//! Hundreds of customers, some of whom fail in ways of their own.

use std::collections::BTreeMap;

use serde_json::Value;
use tenantwatch_simulator::world::applications::{CLOUD_APPLICATION_ADMINISTRATOR, EXCHANGE};
use tenantwatch_simulator::world::{Consent, Tenant};

use super::{OnboardFixture, document, world};

/// The customers, and how many of them fail.
const TENANTS: usize = 300;
const FAILING: usize = 20;

/// The ways in which tenants fail, in turn.
const WAYS: [fn(&mut Tenant); 8] = [
    |tenant| tenant.technician.roles.clear(),
    |tenant| tenant.technician.roles = [CLOUD_APPLICATION_ADMINISTRATOR].into(),
    |tenant| tenant.technician.cannot_write = true,
    |tenant| tenant.consent = Consent::Gone,
    |tenant| tenant.technician.refused = Some(53_003),
    |tenant| tenant.technician.refused = Some(50_020),
    |tenant| {
        tenant.directory.service_principals.retain(|principal| principal.app_id != EXCHANGE);
        tenant.directory.unlicensed.insert(EXCHANGE);
    },
    |tenant| *tenant = tenant.clone().brand_new(),
];

fn failing(found: &Value) -> Vec<&str> {
    let tenants = found["Tenants"].as_array().unwrap().iter();
    let has_failed = |tenant: &&Value| tenant["Steps"].as_array().unwrap().iter().any(|step| step["State"] == "failed");
    tenants.filter(has_failed).map(|tenant| tenant["Domain"].as_str().unwrap()).collect()
}

/// The states of tenants after a cycle, and how many have each.
async fn states(fixture: &OnboardFixture) -> BTreeMap<String, usize> {
    let (_, report) = document(&fixture.run(&["status", "--format", "json"]).await);
    let mut states = BTreeMap::new();
    for tenant in report["Tenants"].as_array().unwrap() {
        *states.entry(tenant["State"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_tenants_are_onboarded_and_failures_named() {
    let mut world = world(TENANTS);
    world.unkindness.replication_misses = 0;
    world.unkindness.cli_adds_role_members = true;
    for (tenant, way) in world.tenants.values_mut().step_by(TENANTS / FAILING).zip(WAYS.iter().cycle()) {
        way(tenant);
    }
    let fixture = OnboardFixture::start(world).await;
    let arguments = ["onboard", "--all", "--format", "json"];
    let (code, found) = document(&fixture.run(&arguments).await);
    let failed = failing(&found);
    assert_eq!((code, failed.len()), (Some(1), FAILING), "{failed:?}");
    let table = fixture.run(&["onboard", "--all", "--dry-run"]).await;
    let table = String::from_utf8(table.stdout).unwrap();
    for domain in &failed {
        assert_eq!(table.matches(domain).count(), 1, "{domain}: {table}");
    }
    fixture.simulator.forget_requests();
    let (code, again) = document(&fixture.run(&arguments).await);
    assert_eq!((code, failing(&again)), (Some(1), failed.clone()));
    for tenant in again["Tenants"].as_array().unwrap() {
        let is_failing = failed.contains(&tenant["Domain"].as_str().unwrap());
        let steps = tenant["Steps"].as_array().unwrap();
        assert!(is_failing || steps.iter().all(|step| step["State"] == "already there"), "{tenant:#}");
    }
    fixture.run(&["run", "--once"]).await;
    let states = states(&fixture).await;
    let healthy = states.get("Healthy").copied().unwrap_or_default();
    // A tenant may be read although the technician could not do everything in it.
    assert!((TENANTS - FAILING..TENANTS).contains(&healthy), "{states:?}");
    let not_healthy: usize = states.values().sum::<usize>() - healthy;
    assert!(not_healthy <= FAILING, "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_new_tenants_need_one_command_and_one_run() {
    let mut world = world(TENANTS);
    world.unkindness.replication_misses = 0;
    let fixture = OnboardFixture::start(world).await;
    let (code, found) = fixture.onboard(&[]).await;
    assert_eq!((code, failing(&found)), (Some(0), Vec::new()));
    assert_eq!(found["Tenants"].as_array().map(Vec::len), Some(TENANTS));
    fixture.simulator.forget_requests();
    let (code, again) = fixture.onboard(&[]).await;
    assert_eq!((code, failing(&again), fixture.writes()), (Some(0), Vec::new(), 0));
    assert_eq!(fixture.run(&["run", "--once"]).await.status.code(), Some(0));
    assert_eq!(states(&fixture).await, BTreeMap::from([("Healthy".to_owned(), TENANTS)]));
}
