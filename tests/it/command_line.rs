//! The built binary on the command line: usage, settings, exit codes, and RemediateAccount under `run`.

use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tenantwatch_simulator::{Simulator, scenario};
use tokio::process::{Child, Command};

use crate::background_run;

const MARKER: &str = "c2VjcmV0LW1hcmtlci1uZXZlci1zaG93bg";

fn tenantwatch(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn unknown_or_missing_subcommand_prints_the_usage() {
    for arguments in [&["frobnicate"][..], &[]] {
        let output = tenantwatch(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("Usage:"), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_and_version_exit_0() {
    for argument in ["--help", "--version"] {
        let output = tenantwatch(&[argument], &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("tenantwatch") || text(&output.stdout).contains("Usage"));
    }
}

#[test]
fn all_setting_problems_are_reported_without_secrets() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let environment = [
        ("CLIENT_SECRET", MARKER),
        ("CLIENT_CERTIFICATE", MARKER),
        ("GRAPH_URL", "http://graph.microsoft.com"),
        ("FLOW_URL", "ftp://c2VjcmV0LW1hcmtlci1uZXZlci1zaG93bg"),
        ("LOOKBACK_MINUTES", "soon"),
        ("ACTION_KEY", "dG9vIHNob3J0"),
        ("TENANT_SOURCE", "list"),
        (
            "TENANTS",
            "contoso.com=1,contoso.com=11111111-1111-1111-1111-111111111111,contoso.com=11111111-1111-1111-1111-111111111111",
        ),
    ];
    let output = tenantwatch(&["run", "--once", "--data", folder], &environment);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    for setting in [
        "PARTNER_TENANT_ID",
        "CLIENT_ID",
        "CLIENT_SECRET",
        "GRAPH_URL",
        "FLOW_URL",
        "LOOKBACK_MINUTES",
        "ACTION_KEY",
        "TENANTS",
    ] {
        assert!(message.contains(&format!("  {setting}: ")), "{setting} is missing in:\n{message}");
    }
    assert!(message.contains("more than once"), "{message}");
    assert!(!message.contains(MARKER), "{message}");
    assert!(output.stdout.is_empty());
}

#[test]
fn unreadable_values_are_not_taken_for_unset() {
    use std::os::unix::ffi::OsStringExt as _;
    let data = tempfile::tempdir().unwrap();
    let no_text = std::ffi::OsString::from_vec(b"break.glass@contoso.com,\xff".to_vec());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["run", "--once", "--data", data.path().to_str().unwrap()])
        .env_clear()
        .env("ACTION_KEY", ",")
        .env("PROTECTED_USERS", no_text)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    for setting in ["ACTION_KEY", "PROTECTED_USERS"] {
        assert!(message.contains(&format!("  {setting}: ")), "{setting} is missing in:\n{message}");
    }
}

#[tokio::test]
async fn token_command_rejects_a_folder_without_a_database() {
    let simulator =
        Simulator::start(tenantwatch_simulator::World::new(uuid::Uuid::nil(), uuid::Uuid::nil())).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let typo = folder.path().join("typo");
    let id = uuid::Uuid::nil().to_string();
    let arguments = ["token", &id, "--scope", "act", "--data", typo.to_str().unwrap()];
    let environment = simulator.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    let output = tenantwatch(&arguments, &environment);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("tenantwatch.db"), "{}", text(&output.stderr));
    assert!(!typo.exists());
}

/// `tenantwatch run` against a simulator, and the URL of RemediateAccount.
struct Running {
    child: Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Running {
    async fn start(simulator: &Simulator) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
        command.args(["run", "--port", "0", "--data", data.path().to_str().unwrap()]);
        let (child, url) = background_run::start(command.env_clear().envs(simulator.environment())).await;
        Self { child, url, _data: data }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_reads_all_tenants_and_accepts_no_web_page() {
    let (world, planted) = scenario::one_threat_each(3, chrono::Utc::now());
    let simulator = Arc::new(Simulator::start(world).await.unwrap());
    let mut running = Running::start(&simulator).await;
    while simulator.notifications().len() < planted.len() {
        assert!(running.child.try_wait().unwrap().is_none(), "it must keep running");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let notification = simulator.notifications().remove(0);
    let body = json!({"Domain": notification["ManagementDomain"], "User": notification["SourceMailbox"],
        "ID": notification["LogID"], "Token": notification["ActionToken"]});
    let http = reqwest::Client::new();
    let press = || http.post(&running.url).json(&body);

    let refusals = [
        (press().header("host", "evil.example"), 403),
        (http.get(&running.url), 405),
        (http.post(&running.url).header("content-type", "text/plain").body(body.to_string()), 415),
        (http.post(&running.url).header("content-type", "application/json").body(" ".repeat(70_000)), 413),
        (http.post(&running.url).header("content-type", "application/json").body("{"), 400),
        (
            http.post(&running.url)
                .json(&json!({"Domain": "a.example", "User": "b@a.example", "ID": notification["LogID"]})),
            403,
        ),
    ];
    for (request, status) in refusals {
        assert_eq!(request.send().await.unwrap().status().as_u16(), status);
    }
    let user = notification["SourceMailbox"].as_str().unwrap().to_owned();
    let enabled = || simulator.world().tenants.values().find_map(|tenant| tenant.user(&user)).unwrap().account_enabled;
    assert!(enabled(), "a rejected request changes nothing");

    let answer: Value = press().send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["Status"], "Completed", "{answer}");
    assert!(!enabled());

    let process = running.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().await.unwrap().success());
    assert!(running.child.wait().await.unwrap().success(), "being stopped by a service manager is not a failure");
}
