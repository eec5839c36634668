//! Resident memory of the built binary while it reads content: bounded, whatever there is to read.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use base::clock::{Clock, SystemClock};
use base::ids::RecordId;
use chrono::{TimeDelta, Utc};
use table_store::{SqliteStore, Store as _};
use tenantwatch::tables::PROCESSED;
use tenantwatch_simulator::records::{Envelope, MadeWith, Seeded, forwarding_to, new_inbox_rule, ordinary_json_lines};
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Simulator, World, scenario};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::remediation::remediation_fixture::{self, BOB, threat};

/// The most memory that one run may take, in KiB.
const LIMIT: u64 = 64 * 1024;

/// The most resident memory so far, in KiB. `None` once the process has ended.
fn peak_memory(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Some hundred ordinary records, separated by commas.
fn ordinary(seed: u64) -> Vec<u8> {
    let mut lines = Vec::new();
    ordinary_json_lines(seed, 300_000, &mut lines).unwrap();
    let text = String::from_utf8(lines).unwrap();
    text.trim_end().replace('\n', ",").into_bytes()
}

/// Returns a customer with `blobs` blobs of `megabytes` in all, a threat at the end of each.
fn world(blobs: u64, megabytes: u64) -> World {
    let mut world = World::new(Uuid::new_v4(), Uuid::new_v4());
    let mut tenant = scenario::tenant(0, "huber.example");
    let (now, mut seeded) = (Utc::now(), Seeded::new(blobs));
    let piece = ordinary(7);
    let times = megabytes * 1_000_000 / blobs / piece.len() as u64;
    for number in 0..blobs {
        let mailbox = tenant.mailboxes[number as usize % 8].clone();
        let created = now - TimeDelta::minutes(5 + number as i64);
        let envelope = Envelope::new(&tenant, &mailbox.upn, created, &mut seeded).from_ip("203.0.113.66");
        let threat = forwarding_to(&envelope, &mailbox, &format!("box{number}@freepost.example"), false);
        let last = threat.to_string().into_bytes().into();
        let body = BlobBody::Repeated { piece: piece.clone().into(), times, last };
        tenant.publish_body("Audit.Exchange", created, created + TimeDelta::days(7), body);
    }
    world.add(tenant);
    world
}

fn threats(simulator: &Simulator) -> usize {
    simulator.notifications().iter().filter(|body| body["Threat"] == "True").count()
}

/// Runs one cycle; gives the most memory that it took, in KiB.
async fn cycle(simulator: &Simulator) -> u64 {
    let data = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["run", "--once", "--data", data.path().to_str().unwrap()])
        .env_clear()
        .envs(simulator.environment())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut peak = 0;
    loop {
        peak = peak_memory(&child).unwrap_or_default().max(peak);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return peak;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn memory_does_not_grow_with_the_size_of_blobs_or_their_number() {
    for (blobs, megabytes) in [(1, 100), (40, 60)] {
        let simulator = Simulator::start(world(blobs, megabytes)).await.unwrap();
        let peak = cycle(&simulator).await;
        assert_eq!(threats(&simulator) as u64, blobs, "every threat is told, and investigated meanwhile");
        assert!((1..LIMIT).contains(&peak), "{blobs} blobs of {megabytes} MB in all took {peak} KiB");
    }
}

/// Returns a customer with blobs in which one rule each has a name of this number of megabytes.
fn world_of_large_records(blobs: u64, megabytes: usize) -> World {
    let mut world = World::new(Uuid::new_v4(), Uuid::new_v4());
    let mut tenant = scenario::tenant(0, "huber.example");
    let (now, mut seeded) = (Utc::now(), Seeded::new(blobs));
    for number in 0..blobs {
        let mailbox = tenant.mailboxes[number as usize % 8].clone();
        let created = now - TimeDelta::minutes(5 + number as i64);
        let envelope = Envelope::new(&tenant, &mailbox.upn, created, &mut seeded).from_ip("203.0.113.66");
        let name = "x".repeat(megabytes * 1_000_000);
        let target = format!("box{number}@freepost.example");
        let parameters = [("Name", name.as_str()), ("ForwardTo", target.as_str())];
        let record = new_inbox_rule(&envelope, &mailbox, "large", &parameters, MadeWith::PowerShell);
        tenant.publish_at("Audit.Exchange", created, &[record]);
    }
    world.add(tenant);
    world
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn large_records_are_read_one_at_a_time() {
    let simulator = Simulator::start(world_of_large_records(6, 3)).await.unwrap();
    let peak = cycle(&simulator).await;
    assert_eq!(threats(&simulator), 6, "every threat is told, and investigated meanwhile");
    // A record of 3 MB takes a multiple of that while it is parsed and its words are compared; one after the other, six take no more.
    assert!((1..3 * LIMIT).contains(&peak), "{peak} KiB");
}

/// Stores `number` findings about bob's mailbox, each with a record of 61 KB.
async fn store_findings(data: &std::path::Path, number: u128) -> RecordId {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = SqliteStore::open(&data.join("tenantwatch.db"), Arc::clone(&clock)).unwrap();
    for id in 1..=number {
        let mut row = threat(id, clock.now());
        row.record = "x".repeat(61_000);
        store.insert(PROCESSED, &row.to_entity()).await.unwrap();
    }
    let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(data.join("tenantwatch.db"), only_owner).unwrap();
    threat(1, clock.now()).record_id
}

/// Starts the product, which listens on a port of its choice; gives the process and the address.
async fn listening(simulator: &Simulator, data: &std::path::Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["run", "--port", "0", "--data", data.to_str().unwrap()])
        .env_clear()
        .envs(simulator.environment())
        .env("ACTION_KEY", "off")
        .env("RUST_LOG", "info")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = String::new();
    let line = loop {
        let line = lines.next_line().await.unwrap();
        let line = line.unwrap_or_else(|| panic!("the product ended before it listened: {told}"));
        told.push_str(&line);
        if line.contains("RemediateAccount listens") {
            break line;
        }
    };
    // The pipe stays read, or the product would wait for room in it.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let (_, rest) = line.split_once("127.0.0.1:").unwrap();
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (child, format!("http://127.0.0.1:{port}/api/RemediateAccount"))
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn a_press_among_6000_stored_records_takes_little_memory() {
    let simulator = Simulator::start(remediation_fixture::world()).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let id = store_findings(data.path(), 6_000).await;
    let (child, url) = listening(&simulator, data.path()).await;
    let idle = peak_memory(&child).unwrap();
    let body = serde_json::json!({ "Domain": "contoso.com", "User": BOB, "ID": id });
    let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let peak = peak_memory(&child).unwrap();
    assert!(peak - idle < LIMIT, "idle {idle} KiB, then {peak} KiB");
}
