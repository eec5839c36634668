//! Settings of commands: the environment, the named file, and `local.settings.json` of the working folder.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

const TENANT: &str = "11111111-1111-1111-1111-111111111111";

fn write(path: &Path, values: &serde_json::Value) {
    std::fs::write(path, json!({"IsEncrypted": false, "Values": values}).to_string()).unwrap();
}

/// Runs `tenantwatch token` in a folder of its own; it fails, and says why.
fn token(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let Output { status, stderr, stdout } = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["token", TENANT])
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert_eq!(status.code(), Some(2));
    assert!(stdout.is_empty());
    String::from_utf8(stderr).unwrap()
}

#[test]
fn environment_precedes_named_file_and_working_folder() {
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named.json");
    write(&folder.path().join("local.settings.json"), &json!({"COVERAGE_TABLE": "1", "ACTION_KEY": "off"}));
    write(&named, &json!({"COVERAGE_TABLE": "2", "ACTION_TOKEN_HOURS": 0, "ACTION_KEY": ""}));
    let only_folder = token(folder.path(), &[], &[]);
    assert!(only_folder.contains("  COVERAGE_TABLE: ") && !only_folder.contains("ACTION_TOKEN_HOURS"), "{only_folder}");
    let both = token(folder.path(), &["--settings", "named.json"], &[("COVERAGE_TABLE", "Coverage")]);
    assert!(both.contains("  ACTION_TOKEN_HOURS: ") && !both.contains("COVERAGE_TABLE"), "{both}");
    assert!(!both.contains("ACTION_KEY"), "{both}");
}

#[test]
fn command_asks_for_no_setting_that_it_does_not_need() {
    let folder = tempfile::tempdir().unwrap();
    let reference = "@Microsoft.KeyVault(SecretUri=https://vault.example/secrets/hush)";
    let values =
        json!({"FLOW_URL": reference, "CLIENT_SECRET": reference, "LOOKBACK_MINUTES": "many", "ACTION_KEY": reference});
    write(&folder.path().join("local.settings.json"), &values);
    let message = token(folder.path(), &[], &[]);
    assert!(message.contains("2 settings must be corrected"), "{message}");
    assert!(message.contains("  ACTION_KEY: the Key Vault reference was not resolved"), "{message}");
    assert!(message.contains("  AzureWebJobsStorage: is required"), "{message}");
    assert!(!message.contains("hush"), "{message}");
}

#[test]
fn broken_settings_file_is_named_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let texts = [
        r#"{"Values": {"CLIENT_SECRET": "hush""#,
        r#"{"Values": "hush"}"#,
        r#"{"IsEncrypted": true, "Values": {"CLIENT_SECRET": "hush"}}"#,
        r#"{"Values": {"CLIENT_SECRET": ["hush"]}}"#,
    ];
    for text in texts {
        std::fs::write(&file, text).unwrap();
        let message = token(folder.path(), &["--settings", "settings.json"], &[]);
        assert!(message.contains("settings.json") && !message.contains("hush"), "{message}");
    }
    let absent = token(folder.path(), &["--settings", "absent.json"], &[]);
    assert!(absent.contains("absent.json cannot be read"), "{absent}");
}
