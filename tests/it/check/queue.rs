//! `tenantwatch check` looks at the queue of a real storage service.

use std::path::Path;

use serde_json::Value;
use tenantwatch_simulator::functions_host::{FunctionsHost, Options};
use tenantwatch_simulator::{Simulator, scenario};
use tokio::process::Command;
use uuid::Uuid;

use super::state;
use crate::azurite::{Azurite, KEY, azurite};

/// Another key, base64 like the right one.
const WRONG_KEY: &str = "bm90IHRoZSBrZXkgb2YgdGhpcyBhY2NvdW50";

/// Checks with tables of its own in that storage, and returns the exit code and the document.
async fn check(simulator: &Simulator, connection_string: &str) -> (Option<i32>, Value) {
    check_with(simulator, connection_string, &[]).await
}

async fn check_with(simulator: &Simulator, connection_string: &str, changes: &[(&str, &str)]) -> (Option<i32>, Value) {
    let own = Uuid::new_v4().simple().to_string();
    let tables = ["PROCESSED_TABLE", "ACTIONS_TABLE", "COVERAGE_TABLE"];
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["check", "--format", "json"])
        .current_dir(folder.path())
        .env_clear()
        .envs(simulator.environment())
        .envs(tables.map(|name| (name, format!("{}{own}", &name[..4].to_lowercase()))))
        .env("AzureWebJobsStorage", connection_string)
        .envs(changes.iter().copied())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(KEY) && !text.contains(WRONG_KEY), "no key is shown: {text}");
    (output.status.code(), serde_json::from_str(&text).unwrap())
}

fn queue_item(found: &Value) -> &Value {
    found["Ours"].as_array().unwrap().iter().find(|item| item["Item"] == "Queue").unwrap()
}

/// Starts a host over this repository's functions. It makes their queue, as the template does.
async fn host(azurite: &Azurite) -> FunctionsHost {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut options = Options::new(root, azurite.connection_string.clone());
    options.executable = Some(root.join("tests/fixtures/recorder.js"));
    options.environment.insert("RECORD".to_owned(), "/dev/null".to_owned());
    options.environment.insert("GetDomainSchedule".to_owned(), "0 */15 * * * *".to_owned());
    FunctionsHost::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_is_missing_until_the_storage_has_it() {
    let Some(azurite) = azurite().await else { return };
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    let (code, found) = check(&simulator, &azurite.connection_string).await;
    let absent = queue_item(&found);
    assert_eq!((code, &absent["State"]), (Some(1), &"missing".into()), "{found:#}");
    assert_eq!(absent["Detail"], "there is no queue process-audit-log");
    assert_eq!(absent["Mend"], "deploy the template again");

    let _host = host(azurite).await;
    let (_, found) = check(&simulator, &azurite.connection_string).await;
    assert_eq!(state(&found, "Queue"), "ok", "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_account_key_is_named_for_queue_and_tables() {
    let Some(azurite) = azurite().await else { return };
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    let (code, found) = check(&simulator, &azurite.connection_string.replace(KEY, WRONG_KEY)).await;
    assert_eq!(code, Some(1));
    let refused: Vec<&Value> =
        found["Ours"].as_array().unwrap().iter().filter(|item| item["State"] == "missing").collect();
    assert_eq!(refused.len(), 4, "three tables and the queue: {found:#}");
    for item in refused {
        let detail = item["Detail"].as_str().unwrap();
        assert!(detail.contains("403") && detail.contains("is the account key right"), "{item:#}");
        assert!(item["Mend"].as_str().unwrap().contains("connection string"), "{item:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_queue_service_is_unknown_and_the_tables_are_not() {
    let Some(azurite) = azurite().await else { return };
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let account = azurite.queue_url.rsplit('/').next().unwrap();
    let silent = azurite.connection_string.replace(&azurite.queue_url, &format!("http://{nobody}/{account}"));
    let (_, found) = check(&simulator, &silent).await;
    assert_eq!(state(&found, "Queue"), "unknown", "{found:#}");
    let written =
        found["Ours"].as_array().unwrap().iter().filter(|item| item["Detail"] == "a row was written, read and deleted");
    assert_eq!(written.count(), 3, "{found:#}");
}

/// Without tables of Azure a folder has a key of its own.
#[tokio::test(flavor = "multi_thread")]
async fn containment_that_cannot_act_without_a_key_is_missing() {
    let Some(azurite) = azurite().await else { return };
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    for (key, expected) in [("", "missing"), ("off", "ok")] {
        let changes = [("ACTION_KEY", key), ("AUTO_CONTAIN", "*"), ("AUTO_CONTAIN_MODE", "act")];
        let (code, found) = check_with(&simulator, &azurite.connection_string, &changes).await;
        assert_eq!((code, state(&found, "AUTO_CONTAIN")), (Some(1), expected), "{found:#}");
    }
}
