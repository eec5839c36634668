//! Azure tables without a connection string and without a managed identity: the commands use the developer's own sign-in.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use tenantwatch_simulator::{Fault, FaultKind, Service, Simulator, scenario};
use tokio::process::Command;

/// Starts a service over TLS that answers as tables without a row do.
async fn empty_tables() -> Simulator {
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    let headers = [
        ("content-type", "application/json;odata=nometadata"),
        ("server", "Windows-Azure-Table/1.0"),
        ("x-ms-request-id", "7b3f3f3e-0000-4000-8000-000000000001"),
        ("x-ms-version", "2019-12-12"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let absent = r#"{"odata.error":{"code":"ResourceNotFound","message":{"value":""}}}"#.to_owned();
    let no_such_row = FaultKind::Status { status: 404, headers: Vec::new(), body: absent };
    simulator.inject(Fault::new(Service::Graph, "(PartitionKey", no_such_row));
    let no_row = FaultKind::Status { status: 200, headers, body: r#"{"odata.metadata":"","value":[]}"#.to_owned() };
    simulator.inject(Fault::new(Service::Graph, "", no_row));
    simulator
}

/// Writes an Azure CLI that gives this token, or none.
fn azure_cli(folder: &Path, token: Option<&str>) {
    let given = r#"{"accessToken":"TOKEN","expiresOn":"2099-01-01 00:00:00.000000","expires_on":4070908800,"subscription":"s","tenant":"t","tokenType":"Bearer"}"#;
    let script = match token {
        Some(token) => format!("#!/bin/sh\nprintf '%s' '{}'\n", given.replace("TOKEN", token)),
        None => "#!/bin/sh\necho \"Please run 'az login' to setup account.\" >&2\nexit 1\n".to_owned(),
    };
    let path = folder.join("az");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

async fn status(folder: &Path, tables: &Simulator) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["status", "--format", "json"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("AzureWebJobsStorage__accountName", "tenantwatchtest")
        .env("AzureWebJobsStorage__tableServiceUri", &tables.urls().graph)
        .env("SSL_CERT_FILE", tables.ca_path())
        .output()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_read_with_the_sign_in_of_the_azure_cli() {
    let folder = tempfile::tempdir().unwrap();
    azure_cli(folder.path(), Some("developer-token"));
    let tables = empty_tables().await;
    let output = status(folder.path(), &tables).await;
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["Tenants"], serde_json::json!([]));
    for table in ["ProcessedAuditLogs", "AuditLogCoverage"] {
        assert!(tables.count(|request| request.method == "GET" && request.path.contains(table)) > 0, "{table}");
    }
    assert!(!errors.contains("developer-token"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_sign_in_names_az_login() {
    let folder = tempfile::tempdir().unwrap();
    azure_cli(folder.path(), None);
    let tables = empty_tables().await;
    let output = status(folder.path(), &tables).await;
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("run `az login`"), "{errors}");
    assert!(tables.requests().is_empty(), "nothing is asked without a token");
}
