//! Many tenants: one cycle of GetDomain and ProcessAuditLog over all of them, twelve at once, as `host.json` allows one instance.

use std::path::Path;
use std::time::Duration;

use chrono::Utc;
use tenantwatch_simulator::{Fault, Service, Simulator, scenario};

use super::process::{Taken, run_logged, run_once};
use super::{Row, Size};

const LATENCY: Duration = Duration::from_millis(100);

const SERVICES: [Service; 6] =
    [Service::Entra, Service::Activity, Service::Graph, Service::Exchange, Service::Flow, Service::Teams];

/// Tenants where nothing happens: their first cycle, one when they are known, one with the latency of the real services.
pub async fn quiet(size: Size) -> Vec<Row> {
    let mut world = scenario::quiet(size.tenants);
    world.tenants.values_mut().for_each(|tenant| tenant.subscriptions.clear());
    let simulator = Simulator::start(world).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let first =
        cycle("quiet tenants, first cycle, which starts their subscriptions", &simulator, data.path(), size).await;
    let known = cycle("quiet tenants, known", &simulator, data.path(), size).await;
    be_late(&simulator);
    let late = cycle("quiet tenants, known, 100 ms latency", &simulator, data.path(), size).await;
    vec![first, known, late]
}

/// A first cycle that takes longer has stood still: one of 60 s was seen once among those of one to seven.
const STOOD_STILL: Duration = Duration::from_secs(15);

/// Repeats the first cycle over quiet tenants, each time with a new simulator and data folder, and with a log line for each request.
/// The log of a cycle that stood still is kept, and its file is named.
pub async fn first_cycles(size: Size, times: usize) -> Vec<Row> {
    let logs = std::env::temp_dir();
    let (mut walls, mut kept) = (Vec::new(), Vec::new());
    for number in 1..=times {
        let mut world = scenario::quiet(size.tenants);
        world.tenants.values_mut().for_each(|tenant| tenant.subscriptions.clear());
        let simulator = Simulator::start(world).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut environment = simulator.environment();
        environment.push(("RUST_LOG".to_owned(), "debug".to_owned()));
        let log = logs.join(format!("first-cycle-{number}.log"));
        let wall = run_logged(environment, data.path(), &log).await.wall;
        println!("cycle {number}: {:.1} s", wall.as_secs_f64());
        if wall > STOOD_STILL {
            kept.push(log.display().to_string());
        } else {
            std::fs::remove_file(log).unwrap();
        }
        walls.push(wall);
    }
    walls.sort();
    let [least, median, most] = [0, times / 2, times - 1].map(|at| walls[at].as_secs_f64());
    let stood = format!("{} above {} s {}", kept.len(), STOOD_STILL.as_secs(), kept.join(" "));
    let told = format!("{least:.1} s at least, {median:.1} s in the median, {most:.1} s at most, {}", stood.trim_end());
    vec![Row::new(format!("{times} first cycles over {} quiet tenants", size.tenants), told)]
}

/// Measures tenants with one threat each, all of them found and notified: without latency and with it.
pub async fn one_threat_each(size: Size) -> Vec<Row> {
    let mut rows = Vec::new();
    for is_late in [false, true] {
        let (world, planted) = scenario::one_threat_each(size.tenants, Utc::now());
        let simulator = Simulator::start(world).await.unwrap();
        if is_late {
            be_late(&simulator);
        }
        let data = tempfile::tempdir().unwrap();
        let what = if is_late { "tenants with a threat each, 100 ms latency" } else { "tenants with a threat each" };
        rows.push(cycle(what, &simulator, data.path(), size).await);
        assert_eq!(simulator.notifications().len(), planted.len(), "every threat is told once");
    }
    rows
}

fn be_late(simulator: &Simulator) {
    for service in SERVICES {
        simulator.inject(Fault::new(service, "", tenantwatch_simulator::FaultKind::Delay(LATENCY)));
    }
}

async fn cycle(what: &str, simulator: &Simulator, data: &Path, size: Size) -> Row {
    simulator.forget_requests();
    let mut environment = simulator.environment();
    // `investigate` measures the reports. They would be told as well, and hide how many threats were.
    environment.push(("INVESTIGATE".to_owned(), "off".to_owned()));
    let taken = run_once(environment, data).await;
    let requests =
        |of: &[Service]| simulator.count(|request| of.contains(&request.service)) as f64 / size.tenants as f64;
    let told = [
        per_tenant(taken, size),
        format!("{:.1} requests a tenant ({:.1} of them for tokens)", requests(&SERVICES), requests(&[Service::Entra])),
        format!("{} TLS connections in all", simulator.handshakes()),
    ];
    Row::new(format!("{} {what}", size.tenants), told.join(", "))
}

fn per_tenant(taken: Taken, size: Size) -> String {
    format!(
        "{:.1} s, {:.1} ms of CPU a tenant, {:.1} MiB at most",
        taken.wall.as_secs_f64(),
        taken.cpu.as_secs_f64() * 1_000.0 / size.tenants as f64,
        taken.mebibytes()
    )
}
