//! `tenantwatch onboard` through the built binary, against a simulated Microsoft 365 that keeps what was changed.
#![cfg(unix)]

mod auditing;
mod many;
mod refusals;
mod sign_in;

use std::path::PathBuf;
use std::process::Output;

use base64::Engine as _;
use serde_json::Value;
use tenantwatch_simulator::world::Tenant;
use tenantwatch_simulator::{Service, Simulator, World};
use tokio::process::Command;
use uuid::Uuid;

/// A simulated Microsoft 365 with a technician, and an empty data folder.
struct OnboardFixture {
    simulator: Simulator,
    data: tempfile::TempDir,
    az: PathBuf,
}

fn world(tenants: usize) -> World {
    let mut world = World::new(Uuid::from_u128(0xA), Uuid::from_u128(0xB));
    for number in 0..tenants {
        let id = Uuid::from_u128(0x100 + number as u128);
        world.tenants.insert(id, Tenant::new(id, &format!("c{number:03}.example"), "Customer").unknown_to_app());
    }
    world
}

impl OnboardFixture {
    async fn start(world: World) -> Self {
        let simulator = Simulator::start(world).await.unwrap();
        let az = simulator.azure_cli().unwrap();
        Self { simulator, data: tempfile::tempdir().unwrap(), az }
    }

    /// Starts with one tenant that has never heard of the app.
    async fn with_one() -> Self {
        Self::start(world(1)).await
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
        command
            .args(arguments)
            .args(["--data", self.data.path().join("rows").to_str().unwrap()])
            .current_dir(self.data.path())
            .env_clear()
            .envs(self.simulator.environment())
            .env("PATH", format!("{}:/usr/bin:/bin", self.az.display()));
        command
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }

    /// Onboards all tenants with a device code, and returns the exit code and the document.
    async fn onboard(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let base = ["onboard", "--all", "--sign-in", "device", "--format", "json"];
        document(&self.run(&[&base, arguments].concat()).await)
    }

    fn tenant<T>(&self, change: impl FnOnce(&mut Tenant) -> T) -> T {
        change(self.simulator.world().tenants.values_mut().next().unwrap())
    }

    /// The number of requests that change something in Microsoft 365.
    fn writes(&self) -> usize {
        self.simulator.count(|request| match request.service {
            Service::Graph | Service::Activity => request.method != "GET",
            Service::Exchange => request.cmdlet.as_ref().is_some_and(|cmdlet| !cmdlet.starts_with("Get-")),
            _ => false,
        })
    }
}

fn document(output: &Output) -> (Option<i32>, Value) {
    let found = serde_json::from_slice(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), found.unwrap_or_else(|_| panic!("no document: {error}")))
}

/// The state and the detail of a step of the first tenant.
fn step<'a>(found: &'a Value, name: &str) -> (&'a str, &'a str) {
    let steps = found["Tenants"][0]["Steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["Step"] == name);
    step.map_or(("absent", ""), |step| (step["State"].as_str().unwrap(), step["Detail"].as_str().unwrap()))
}

/// The distinct states of the steps of the first tenant.
fn states(found: &Value) -> Vec<&str> {
    let steps = found["Tenants"][0]["Steps"].as_array().unwrap();
    let mut states: Vec<&str> = steps.iter().map(|step| step["State"].as_str().unwrap()).collect();
    states.sort_unstable();
    states.dedup();
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_tenant_is_onboarded_and_a_second_run_writes_nothing() {
    let fixture = OnboardFixture::with_one().await;
    let (code, found) = fixture.onboard(&[]).await;
    assert_eq!((code, states(&found)), (Some(0), vec!["already there", "done"]), "{found:#}");
    assert_eq!(step(&found, "Service principal of Office 365 Management APIs").0, "done");
    assert_eq!(step(&found, "Service principal of Microsoft Graph").0, "already there");
    assert_eq!(step(&found, "Verification"), ("done", "Exchange accepts a new directory role within half an hour"));
    fixture.tenant(|tenant| {
        let held: Vec<_> = ["ActivityFeed.Read", "AuditLogsQuery.Read.All", "User.RevokeSessions.All"].into();
        assert!(held.iter().all(|permission| tenant.directory.holds(permission)));
        assert!(!tenant.directory.holds("DelegatedAdminRelationship.Read.All"), "the partner's tenant only");
        assert!(!tenant.directory.holds("Mail.Send"));
        assert_eq!((tenant.directory.roles.len(), tenant.subscriptions.len()), (2, 4));
    });
    fixture.simulator.forget_requests();
    let (code, again) = fixture.onboard(&[]).await;
    assert_eq!((code, states(&again)), (Some(0), vec!["already there"]), "{again:#}");
    assert_eq!(fixture.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_says_what_it_would_do_and_changes_nothing() {
    let fixture = OnboardFixture::with_one().await;
    let (code, found) = fixture.onboard(&["--dry-run", "--enable-mailbox-auditing"]).await;
    assert_eq!((code, states(&found)), (Some(0), vec!["already there", "would do"]), "{found:#}");
    for name in ["Service principal", "User.Read.All", "Exchange Administrator", "Audit.General", "Verification"] {
        assert_eq!(step(&found, name).0, "would do", "{name}: {found:#}");
    }
    assert_eq!(fixture.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn password_role_of_another_name_counts() {
    use tenantwatch_simulator::world::applications::SOC_IDENTITY_RESPONDER;
    let fixture = OnboardFixture::with_one().await;
    fixture.onboard(&[]).await;
    fixture.tenant(|tenant| tenant.directory.roles[1].0 = SOC_IDENTITY_RESPONDER);
    let (code, found) = fixture.onboard(&[]).await;
    assert_eq!((code, step(&found, "User Administrator").0), (Some(0), "already there"), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_have_a_random_state_and_ask_nobody_to_sign_in() {
    let fixture = OnboardFixture::start(world(2)).await;
    let link =
        |found: &Value, tenant: usize| found["Tenants"][tenant]["Steps"][0]["Detail"].as_str().unwrap().to_owned();
    let output = fixture.run(&["onboard", "--all", "--links", "--format", "json"]).await;
    let (code, found) = document(&output);
    assert_eq!((code, step(&found, "Consent link").0), (Some(0), "would do"));
    let (one, other) = (link(&found, 0), link(&found, 1));
    assert!(one.contains("/adminconsent?client_id=") && one.contains("&state="), "{one}");
    assert_ne!(one.split("&state=").nth(1), other.split("&state=").nth(1));
    assert_eq!(fixture.writes(), 0);
    let table = fixture.run(&["onboard", "--tenant", "c001.example", "--links"]).await;
    let table = String::from_utf8(table.stdout).unwrap();
    let [line] = table.lines().collect::<Vec<_>>()[..] else { panic!("one line for the one tenant: {table}") };
    assert!(line.starts_with("c001.example: https://") && line.contains("/adminconsent?client_id="), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_goes_to_the_named_file() {
    let fixture = OnboardFixture::with_one().await;
    let file = fixture.data.path().join("report.csv");
    let arguments = ["onboard", "--all", "--sign-in", "device", "--format", "csv", "--output", file.to_str().unwrap()];
    let output = fixture.run(&arguments).await;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("Tenant,Domain,Step,State,Detail\r\n"), "{text}");
    assert!(text.contains(",c000.example,User.Read.All,done,"), "{text}");
    let nowhere = fixture.run(&["onboard", "--all", "--links", "--output", "/nowhere/report.csv"]).await;
    assert_eq!(nowhere.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn token_of_the_technician_is_in_no_log_and_on_no_disk() {
    let fixture = OnboardFixture::with_one().await;
    let mut command = fixture.command(&["onboard", "--all", "--sign-in", "device"]);
    let output = command.env("RUST_LOG", "trace").output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let mut written = [output.stdout, output.stderr].concat();
    for entry in std::fs::read_dir(fixture.data.path().join("rows")).unwrap() {
        written.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains("outbound request"), "nothing was logged");
    let header = base64::engine::general_purpose::STANDARD_NO_PAD.encode(r#"{"typ":"#);
    assert!(!text.contains(&header[..8]), "a token was written");
    assert!(!text.contains("refresh_token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn onboarding_makes_its_tenants_due_and_their_readiness_current() {
    let mut world = world(1);
    let tenant = world.tenants.values_mut().next().unwrap();
    tenant.mailboxes.clear();
    let fixture = OnboardFixture::start(world).await;
    assert_eq!(fixture.run(&["run", "--once"]).await.status.code(), Some(1), "it has not consented");
    let status = async || document(&fixture.run(&["status", "--format", "json"]).await).1["Tenants"][0].clone();
    assert_eq!(status().await["State"], "ConsentMissing");
    fixture.tenant(|tenant| tenant.oddities.audit_disabled = true);
    let (code, found) = fixture.onboard(&[]).await;
    assert_eq!(code, Some(0), "{found:#}");
    fixture.run(&["run", "--once"]).await;
    let tenant = status().await;
    assert_eq!(tenant["State"], "Healthy", "it was due at once: {tenant:#}");
    let missing = tenant["Missing"].as_array().unwrap();
    assert!(missing.iter().any(|item| item == "Exchange") && missing.len() == 1, "{tenant:#}");
}
