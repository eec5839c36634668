//! `tenantwatch status`, the built binary: after real runs against the simulator, and over rows as other versions have written them.

pub mod layout;
mod page;
mod rows;
mod usage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base::clock::SystemClock;
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use serde_json::{Value, json};
use table_store::{Column, Entity, Key, PartitionKey, RowKey, SqliteStore, Store as _};
use tenantwatch::tables::{ACTIONS, ActionRow, COVERAGE, PROCESSED};
use tenantwatch_simulator::world::Consent;
use tenantwatch_simulator::{Fault, Service, Simulator, World, scenario};
use tokio::process::Command;

use crate::background_run;

/// The exit code and the output of the command.
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the command in a folder without settings.
async fn status_with(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Answer {
    let output = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .arg("status")
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(folder)
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A data folder.
struct Data(tempfile::TempDir);

impl Data {
    /// A folder with empty tables.
    fn empty() -> Self {
        let data = Self(tempfile::tempdir().unwrap());
        drop(data.store());
        data.make_private();
        data
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.database(), Arc::new(SystemClock)).unwrap()
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("tenantwatch.db")
    }

    fn make_private(&self) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(self.database(), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    async fn status(&self, arguments: &[&str]) -> Answer {
        status_with(&[&["--data", self.path()], arguments].concat(), &[], self.0.path()).await
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let answer = self.status(&[&["--format", "json"], arguments].concat()).await;
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        serde_json::from_str(&answer.out).unwrap()
    }
}

fn entity(partition: &str, row: &str, columns: &[(&str, Column)]) -> Entity {
    let mut entity = Entity::new(Key::new(PartitionKey::parse(partition).unwrap(), RowKey::parse(row).unwrap()));
    for (name, value) in columns {
        entity.set(*name, value.clone());
    }
    entity
}

fn text(value: &str) -> Column {
    Column::Text(value.to_owned())
}

/// The present, to the second.
fn now() -> DateTime<Utc> {
    Utc::now().with_nanosecond(0).unwrap()
}

fn hours_ago(hours: i64) -> DateTime<Utc> {
    now() - TimeDelta::hours(hours)
}

fn stamp(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn find<'a>(list: &'a Value, member: &str, value: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|one| one[member] == value);
    found.unwrap_or_else(|| panic!("no {value} in {list:#}"))
}

/// A simulated Microsoft 365, and the data folder of `tenantwatch run`.
struct Runs {
    simulator: Simulator,
    data: Data,
    /// By mailbox.
    undo_tokens: Mutex<BTreeMap<String, Value>>,
}

impl Runs {
    async fn of(world: World) -> Self {
        Self {
            simulator: Simulator::start(world).await.unwrap(),
            data: Data(tempfile::tempdir().unwrap()),
            undo_tokens: Mutex::default(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
        command.arg("run").args(arguments).args(["--data", self.data.path()]);
        command.env_clear().envs(self.simulator.environment()).env_remove("TEAMS_WEBHOOK_URL");
        command
    }

    async fn once(&self) {
        let output = self.command(&["--once"]).output().await.unwrap();
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Requests actions about the notifications of these mailboxes, one after the other, and returns the responses.
    async fn press(&self, requests: &[(&str, &str)]) -> Vec<Value> {
        let (mut child, url) = background_run::start(&mut self.command(&["--port", "0"])).await;
        let mut responses: Vec<Value> = Vec::new();
        for (mailbox, action) in requests {
            let sent = self.simulator.notifications();
            let notification = sent.iter().find(|body| body["SourceMailbox"] == *mailbox).unwrap();
            let undo_token = self.undo_tokens.lock().unwrap().get(*mailbox).cloned().unwrap_or_default();
            let body = json!({"Domain": notification["ManagementDomain"], "User": mailbox, "ID": notification["LogID"],
                "Token": if *action == "Undo" { undo_token } else { notification["ActionToken"].clone() },
                "Action": action, "Reason": "Requested by tess@msp.example"});
            let response = reqwest::Client::new().post(&url).json(&body).send().await.unwrap();
            let response: Value = response.json().await.unwrap();
            // Only the run that did the work returns one.
            if let Some(token) = response["UndoToken"].as_str().filter(|token| !token.is_empty()) {
                self.undo_tokens.lock().unwrap().insert((*mailbox).to_owned(), json!(token));
            }
            responses.push(response);
        }
        child.kill().await.unwrap();
        responses
    }
}

/// Three customers with one threat each, after one cycle.
async fn three_threats() -> (Runs, Vec<scenario::Planted>) {
    let (world, planted) = scenario::one_threat_each(3, Utc::now());
    let runs = Runs::of(world).await;
    runs.once().await;
    (runs, planted)
}

#[tokio::test(flavor = "multi_thread")]
async fn new_threats_are_open_with_the_times_of_their_way() {
    let (runs, planted) = three_threats().await;
    let report = runs.data.json(&[]).await;
    let threats = report["Threats"].as_array().unwrap();
    assert_eq!(threats.len(), planted.len());
    for planted in &planted {
        let threat = find(&report["Threats"], "LogID", &planted.record_id.to_string());
        assert_eq!((&threat["User"], &threat["Domain"]), (&json!(planted.mailbox), &json!(planted.tenant_domain)));
        assert_eq!((&threat["Status"], &threat["Secured"]), (&json!("Open"), &Value::Null));
        let time = |member: &str| threat[member].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        assert!(time("EventTime") <= time("Available") && time("Available") <= time("Told"), "{threat}");
    }
    let all: Vec<i64> = threats
        .iter()
        .map(|threat| {
            let time = |member: &str| threat[member].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
            (time("Available") - time("EventTime")).num_seconds()
        })
        .collect();
    let median = report["Medians"]["Available"].as_i64().unwrap();
    assert!(all.iter().min().unwrap() <= &median && &median <= all.iter().max().unwrap(), "{median} of {all:?}");
    assert!(report["Medians"]["Told"].is_i64());
    assert_eq!(report["Medians"]["Secured"], Value::Null);
    for tenant in report["Tenants"].as_array().unwrap() {
        assert_eq!((&tenant["State"], &tenant["OpenThreats"]), (&json!("Healthy"), &json!(1)), "{tenant}");
        assert!(tenant["Coverage"]["Read"].as_i64().unwrap() > 0, "{tenant}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_other_programs_read_have_their_names() {
    let (runs, _) = three_threats().await;
    let report = runs.data.json(&[]).await;
    assert_eq!(members(&report), ["From", "Medians", "Presses", "Tenants", "Threats", "To"]);
    let tenant = [
        "Contained",
        "Coverage",
        "Domain",
        "Gaps",
        "Missing",
        "OpenThreats",
        "ReadUpTo",
        "Retry",
        "Since",
        "State",
        "Tenant",
    ];
    assert_eq!(members(&report["Tenants"][0]), tenant);
    assert_eq!(members(&report["Tenants"][0]["Contained"]), ["Done", "Partly", "Refused", "WouldBe"]);
    let threat = [
        "Available",
        "Domain",
        "EventTime",
        "LogID",
        "Secured",
        "Severity",
        "Status",
        "Tenant",
        "Told",
        "Type",
        "User",
    ];
    assert_eq!(members(&report["Threats"][0]), threat);
    assert_eq!(members(&report["Medians"]), ["Available", "Secured", "Told"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_decide_the_status_of_a_threat() {
    let (runs, planted) = three_threats().await;
    let mailboxes: Vec<&str> = planted.iter().map(|planted| planted.mailbox.as_str()).collect();
    let responses =
        runs.press(&[(mailboxes[0], "Remediate"), (mailboxes[1], "Dismiss"), (mailboxes[2], "Preview")]).await;
    assert_eq!(responses[0]["Status"], "Completed", "{}", responses[0]);
    let report = runs.data.json(&[]).await;
    let status = |at: usize| find(&report["Threats"], "User", mailboxes[at]);
    assert_eq!([0, 1, 2].map(|at| status(at)["Status"].as_str().unwrap()), ["Secured", "Dismissed", "Open"]);
    assert!(status(0)["Secured"].is_string() && status(1)["Secured"].is_null());
    assert!(report["Medians"]["Secured"].is_i64());
    let open: Vec<&Value> = report["Tenants"].as_array().unwrap().iter().map(|tenant| &tenant["OpenThreats"]).collect();
    assert_eq!(open, [&json!(1), &json!(0), &json!(0)], "the tenant with the open threat is first");
    let presses = report["Presses"].as_array().unwrap();
    assert_eq!(presses.len(), 3, "each run once: {presses:#?}");
    assert!(presses.iter().all(|press| press["Reason"] == "Requested by tess@msp.example"));

    let table = runs.data.status(&[]).await.out;
    assert!(table.contains(mailboxes[2]) && !table.contains(mailboxes[0]), "only open threats are listed:\n{table}");

    let responses = runs.press(&[(mailboxes[0], "Remediate"), (mailboxes[0], "Undo")]).await;
    assert_eq!(responses[1]["Status"], "Undone", "{}", responses[1]);
    let report = runs.data.json(&[]).await;
    let undone = find(&report["Threats"], "User", mailboxes[0]);
    assert_eq!((&undone["Status"], &undone["Secured"]), (&json!("Open"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn remediation_with_a_failed_step_is_partly() {
    let (runs, planted) = three_threats().await;
    runs.simulator.inject(Fault::status(Service::Graph, "/revokeSignInSessions", 403));
    let mailbox = planted[0].mailbox.as_str();
    let responses = runs.press(&[(mailbox, "Remediate")]).await;
    assert_eq!(responses[0]["Status"], "CompletedWithErrors", "{}", responses[0]);
    let report = runs.data.json(&[]).await;
    let threat = find(&report["Threats"], "User", mailbox);
    assert_eq!((&threat["Status"], &threat["Secured"]), (&json!("Partly"), &Value::Null));
    let tenant = find(&report["Tenants"], "Domain", &planted[0].tenant_domain);
    assert_eq!(tenant["OpenThreats"], 1, "a technician has to act");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_tenant_comes_first_and_was_never_read() {
    let runs = Runs::of(scenario::quiet(3)).await;
    let (id, domain) = {
        let mut world = runs.simulator.world();
        let tenant = world.tenants.values_mut().last().unwrap();
        tenant.consent = Consent::Missing;
        (tenant.id.to_string(), tenant.default_domain.clone())
    };
    runs.once().await;
    let report = runs.data.json(&[]).await;
    let first = &report["Tenants"][0];
    assert_eq!((&first["Tenant"], &first["State"]), (&json!(id), &json!("ConsentMissing")));
    assert_eq!(first["ReadUpTo"], Value::Null);
    let table = runs.data.status(&["--tenant", &domain]).await.out;
    assert!(table.contains("ConsentMissing") && table.contains("never") && !table.contains("Healthy"), "{table}");
    let one = runs.data.json(&["--tenant", &id]).await;
    assert_eq!(one["Tenants"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_changes_no_row_and_asks_no_service() {
    let (runs, _) = three_threats().await;
    let contents = || {
        let connection = rusqlite::Connection::open(runs.data.database()).unwrap();
        let mut statement = connection.prepare("SELECT name, pk, rk, version FROM entity ORDER BY 1, 2, 3").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        rows.collect::<Result<Vec<(String, String, String, i64)>, _>>().unwrap()
    };
    let before = contents();
    runs.simulator.forget_requests();
    for format in ["table", "json", "html"] {
        let arguments = ["--data", runs.data.path(), "--format", format];
        let environment = runs.simulator.environment();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        assert_eq!(status_with(&arguments, &environment, runs.data.0.path()).await.code, Some(0));
    }
    assert_eq!(runs.simulator.requests().len(), 0);
    assert!(before.len() > 6 && before == contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_that_is_off_is_named_with_what_to_do() {
    let (world, _) = scenario::one_threat_each(1, Utc::now());
    let runs = Runs::of(world).await;
    runs.simulator.inject(Fault::status(Service::Webhook, "", 410));
    let once = async |url: String| {
        let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let mut command = runs.command(&["--once"]);
        command.envs([("FLOW_URL", ""), ("WEBHOOK_SECRET", secret), ("WEBHOOK_ALLOW_PRIVATE", "true")]);
        let output = command.env("WEBHOOK_URL", url).output().await.unwrap();
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let url = runs.simulator.urls().webhook.clone();
    once(url.clone()).await;
    let table = runs.data.status(&[]).await.out;
    for part in
        ["The webhook has been off since ", "Set WEBHOOK_URL to a new URL.", "never", "Notified `never`: no channel"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(!table.contains("://") && !table.contains("not yet"), "{table}");
    let page = runs.data.status(&["--format", "html"]).await.out;
    assert!(
        page.contains("The webhook has been off since") && page.contains("Set WEBHOOK_URL to a new URL."),
        "{page}"
    );

    once(format!("{url}&v=2")).await;
    let table = runs.data.status(&[]).await.out;
    assert!(!table.contains("The webhook is off"), "another address is set: {table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_that_no_channel_has_accepted_yet_says_so() {
    let (world, _) = scenario::one_threat_each(1, Utc::now());
    let runs = Runs::of(world).await;
    runs.simulator.inject(Fault::status(Service::Flow, "", 404));
    runs.once().await;
    let table = runs.data.status(&[]).await.out;
    assert!(table.contains("Notified `not yet`: no channel has accepted the notification so far"), "{table}");
    runs.simulator.clear_faults();
}
