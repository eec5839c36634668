//! Options, settings and files.

use super::*;
use crate::azurite::azurite;
use table_store::{Table, TablesStore};

#[tokio::test]
async fn missing_folder_exits_2_and_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("typo");
    let answer = status_with(&["--data", missing.to_str().unwrap()], &[], folder.path()).await;
    assert_eq!(answer.code, Some(2), "{}", answer.err);
    assert!(answer.err.contains("typo") && answer.out.is_empty(), "{}", answer.err);
    assert!(!missing.exists());
}

#[tokio::test]
async fn wrong_periods_and_tenants_exit_2() {
    let data = Data::empty();
    let cases: [(&[&str], &str); 5] = [
        (&["--since", "2026-11-23", "--until", "2026-11-22"], "is after --until"),
        (&["--since", "2999-01-01"], "is after --until"),
        (&["--since", "last week"], "2026-11-22"),
        (&["--tenant", "nobody.example"], "nobody.example"),
        (&["--format", "xml"], "xml"),
    ];
    for (arguments, expected) in cases {
        let answer = data.status(arguments).await;
        assert_eq!(answer.code, Some(2), "{arguments:?}");
        assert!(answer.err.contains(expected) && answer.out.is_empty(), "{arguments:?}: {}", answer.err);
    }
}

#[tokio::test]
async fn empty_tables_give_an_empty_report() {
    let data = Data::empty();
    let report = data.json(&["--since", "2026-11-01", "--until", "2026-11-22"]).await;
    assert_eq!((&report["From"], &report["To"]), (&json!("2026-11-01T00:00:00Z"), &json!("2026-11-22T23:59:59Z")));
    assert_eq!((&report["Tenants"], &report["Threats"]), (&json!([]), &json!([])));
    assert_eq!(report["Medians"], json!({"Available": null, "Told": null, "Secured": null}));
    assert!(data.status(&[]).await.out.contains("No tenant is stored."));
    let page = data.status(&["--format", "html"]).await;
    assert_eq!(page.code, Some(0));
    assert!(page.out.contains("No threats were found in this period."));
}

#[tokio::test]
async fn report_is_written_to_the_output_file() {
    let data = Data::empty();
    let file = data.0.path().join("report.json");
    let answer = data.status(&["--format", "json", "--output", file.to_str().unwrap()]).await;
    assert_eq!((answer.code, answer.out.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(report["Tenants"].is_array());
    let folder = data.0.path().join("none/report.json");
    let answer = data.status(&["--output", folder.to_str().unwrap()]).await;
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("report.json"), "{}", answer.err);
}

#[tokio::test]
async fn narrow_terminal_gets_lines_instead_of_broken_words() {
    let data = Data::empty();
    data.store().insert(COVERAGE, &super::rows::tenant(1, "contoso.com", &[])).await.unwrap();
    let arguments = ["--data", data.path()];
    let answer = status_with(&arguments, &[("COLUMNS", "60")], data.0.path()).await;
    assert!(answer.out.starts_with("contoso.com\n  State: Healthy\n"), "{}", answer.out);
    assert!(!answer.out.contains("Gaps"), "nothing is wrong: {}", answer.out);
    let wide = status_with(&arguments, &[("COLUMNS", "130")], data.0.path()).await;
    assert!(wide.out.contains("│ contoso.com"), "{}", wide.out);
}

#[tokio::test]
async fn only_settings_of_the_tables_are_required() {
    let folder = tempfile::tempdir().unwrap();
    let wrong_elsewhere =
        [("GRAPH_URL", "nonsense"), ("ACTION_KEY", "short"), ("CLIENT_SECRET", "@Microsoft.KeyVault(x)")];
    let answer = status_with(&[], &wrong_elsewhere, folder.path()).await;
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("1 setting must be corrected:\n  AzureWebJobsStorage: is required"), "{}", answer.err);
}

#[tokio::test]
async fn unusable_settings_files_are_named_without_their_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("customer.json");
    let path = file.to_str().unwrap();
    let arguments = ["--settings", path];
    let missing = status_with(&arguments, &[], folder.path()).await;
    let mut answers = vec![missing];
    for contents in [
        "{\"Values\": {\"CLIENT_SECRET\": \"hidden\", }",
        "{\"IsEncrypted\": true, \"Values\": {\"A\": \"hidden\"}}",
        "[\"hidden\"]",
    ] {
        std::fs::write(&file, contents).unwrap();
        answers.push(status_with(&arguments, &[], folder.path()).await);
    }
    for answer in answers {
        assert_eq!(answer.code, Some(2));
        assert!(answer.err.contains("customer.json") && !answer.err.contains("hidden"), "{}", answer.err);
    }
    std::fs::rename(&file, folder.path().join("local.settings.json")).unwrap();
    let answer = status_with(&[], &[], folder.path()).await;
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("local.settings.json"), "{}", answer.err);
}

#[tokio::test]
async fn key_vault_reference_in_a_file_is_named_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let values = json!({"Values": {"AzureWebJobsStorage": "@Microsoft.KeyVault(SecretUri=https://v.example/s)"}});
    std::fs::write(folder.path().join("local.settings.json"), values.to_string()).unwrap();
    let answer = status_with(&[], &[], folder.path()).await;
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("AzureWebJobsStorage: the Key Vault reference"), "{}", answer.err);
}

#[tokio::test]
async fn environment_overrides_file_and_file_overrides_local() {
    let Some(azurite) = azurite().await else { return };
    let mut names = std::collections::BTreeMap::new();
    for (table, prefix) in [(PROCESSED, "StatusP"), (ACTIONS, "StatusA"), (COVERAGE, "StatusC")] {
        names.insert(table, format!("{prefix}{}", uuid::Uuid::new_v4().simple()));
    }
    fill_coverage(azurite, &names).await;
    let folder = tempfile::tempdir().unwrap();
    let local = json!({"IsEncrypted": false, "Values": {"AzureWebJobsStorage": azurite.connection_string,
        "COVERAGE_TABLE": "NotThisOne", "ACTIONS_TABLE": "NorThisOne", "PROCESSED_TABLE": names[&PROCESSED]}});
    std::fs::write(folder.path().join("local.settings.json"), format!("\u{feff}{local}")).unwrap();
    let named = json!({"Values": {"COVERAGE_TABLE": "NeitherThis", "ACTIONS_TABLE": names[&ACTIONS]}});
    let file = folder.path().join("named.json");
    std::fs::write(&file, named.to_string()).unwrap();
    let arguments = ["--format", "json", "--settings", file.to_str().unwrap()];
    let answer = status_with(&arguments, &[("COVERAGE_TABLE", &names[&COVERAGE])], folder.path()).await;
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let report: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(report["Tenants"][0]["Domain"], "contoso.com");
}

async fn fill_coverage(azurite: &crate::azurite::Azurite, names: &std::collections::BTreeMap<Table, String>) {
    let account = table_store::StorageAccount {
        queue_endpoint: None,
        table_endpoint: azurite.table_url.parse().unwrap(),
        account: crate::azurite::ACCOUNT.to_owned(),
        access: table_store::StorageAccess::SharedKey(crate::azurite::KEY.to_owned().into()),
    };
    let names: table_store::TableNames = names.clone().into_iter().collect();
    let store = TablesStore::new(&account, names, reqwest::Client::new(), Arc::new(SystemClock)).unwrap();
    let row = super::rows::tenant(1, "contoso.com", &[]);
    store.insert(COVERAGE, &row).await.unwrap();
}
