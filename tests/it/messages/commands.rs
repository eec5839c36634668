//! Errors of settings, errors of commands, and what `check` says is missing.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tenantwatch::settings::{Needs, SETTINGS, Settings};
use tenantwatch_simulator::world::{Consent, Tenant};
use tenantwatch_simulator::{Simulator, scenario};

use super::Catalogue;

const ID: &str = "11111111-1111-1111-1111-111111111111";

fn settings_error(changes: &[(&str, &str)]) -> String {
    let minimum = [
        ("PARTNER_TENANT_ID", ID),
        ("CLIENT_ID", ID),
        ("CLIENT_SECRET", "a-client-secret"),
        ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
        ("FLOW_URL", "https://flow.example/triggers/manual/paths/invoke?sig=a-signature"),
    ];
    let variables = minimum.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_environment(variables, Needs::AZURE).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn errors_of_settings_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    catalogue.situation("Nothing is set");
    catalogue.message(&Settings::from_environment([], Needs::AZURE).unwrap_err().to_string());
    for setting in SETTINGS {
        let error = settings_error(&[(setting.name, "not ? a value")]);
        if !error.is_empty() {
            catalogue.situation(&format!("A wrong {}", setting.name));
            catalogue.message(&error);
        }
    }
    catalogue.situation(
        "Storage without a key, a webhook without a secret, mail without recipients, a list without tenants",
    );
    for changes in [
        &[("AzureWebJobsStorage", "AccountName=a")][..],
        &[("WEBHOOK_URL", "https://hooks.example/")],
        &[("MAIL_FROM", "alerts@provider.example")],
        &[("TENANT_SOURCE", "list")],
        &[("FEDERATED_IDENTITY_CLIENT_ID", ID)],
    ] {
        catalogue.message(&settings_error(changes));
    }
    catalogue.compare("settings");
}

fn run(arguments: &[&str], environment: &[(String, String)], folder: &Path) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().cloned())
        .output()
        .unwrap()
}

#[test]
fn errors_of_commands_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no records here").unwrap();
    std::fs::write(folder.path().join("empty.json"), "[]").unwrap();
    for arguments in [
        &["frobnicate"][..],
        &["scan"],
        &["scan", "missing.json"],
        &["scan", "notes.txt"],
        &["scan", "empty.json"],
        &["investigate", "missing.json"],
        &["investigate", "notes.txt", "--account", "bob@contoso.com"],
        &["status", "--data", "nowhere"],
        &["check", "--data", "nowhere"],
        &["token", "not-an-id", "--data", "nowhere"],
        &["token", ID, "--data", "nowhere"],
        &["run", "--data", "notes.txt"],
        &["serve"],
        &["status", "--settings", "missing.json"],
        &["status", "--settings", "notes.txt"],
    ] {
        let output = run(arguments, &[], folder.path());
        catalogue.situation(&format!("tenantwatch {}: exit {}", arguments.join(" "), output.status.code().unwrap()));
        let text = String::from_utf8_lossy(&output.stderr);
        // The usage is that of clap.
        catalogue.message(text.split("\nUsage:").next().unwrap_or_default().trim());
    }
    catalogue.compare("commands");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_items_of_check_are_in_the_catalogue() {
    type Change = fn(&mut Tenant);
    let changes: [(&str, Change); 7] = [
        ("Nothing is missing that a run starts itself", |_| {}),
        ("No consent", |tenant| tenant.consent = Consent::Missing),
        ("No permission and no role in the directory", |tenant| {
            tenant.directory.set("User.RevokeSessions.All", false);
            tenant.directory.roles.clear();
        }),
        ("No subscription to Audit.General", |tenant| tenant.subscriptions.retain(|name, _| name != "Audit.General")),
        ("No role in Exchange", |tenant| tenant.exchange_role = false),
        ("Auditing is disabled", |tenant| tenant.auditing = false),
        ("Mailbox auditing is disabled", |tenant| tenant.oddities.audit_disabled = true),
    ];
    let mut catalogue = Catalogue::default();
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut environment: Vec<(String, String)> = simulator.environment().into_iter().collect();
    environment.push(("ACTION_KEY".to_owned(), String::new()));
    run(&["run", "--once", "--data", "."], &environment, folder.path());
    let before = simulator.world().tenants.clone();
    for (what, change) in changes {
        simulator.world().tenants = before.clone();
        change(simulator.world().tenants.values_mut().next().unwrap());
        let output = run(&["check", "--data", ".", "--format", "json"], &environment, folder.path());
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        catalogue.situation(what);
        let tenants = found["Tenants"].as_array().into_iter().flatten().filter_map(|tenant| tenant["Items"].as_array());
        let items = found["Ours"].as_array().into_iter().chain(tenants).flatten();
        for item in items.filter(|item| item["State"] != "ok") {
            let text = |member: &str| item[member].as_str().unwrap_or_default();
            catalogue.message(&format!("{} {}: {}", text("Item"), text("State"), text("Detail")));
            catalogue.message(&format!("    mend: {}", text("Mend")));
        }
    }
    catalogue.compare("check");
}
