//! The data folder of `tenantwatch run`: private to its owner, and explained if it cannot be used.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use tenantwatch_simulator::{Simulator, scenario};
use tokio::process::Command;

async fn run_once(simulator: &Simulator, data: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["run", "--once", "--data", data.to_str().unwrap()])
        .env_clear()
        .envs(simulator.environment())
        .env_remove("ACTION_KEY")
        .output()
        .await
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A data folder in which one cycle has run.
async fn used_folder() -> (Simulator, tempfile::TempDir, std::path::PathBuf) {
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let (code, log) = run_once(&simulator, &data).await;
    assert_eq!(code, Some(0), "{log}");
    (simulator, folder, data)
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_and_files_are_created_for_their_owner_alone() {
    let (simulator, _folder, data) = used_folder().await;
    let mode = |name: &str| std::fs::metadata(data.join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("."), mode("action-key"), mode("tenantwatch.db")), (0o700, 0o600, 0o600));
    let key = std::fs::read_to_string(data.join("action-key")).unwrap();
    assert_eq!(run_once(&simulator, &data).await.0, Some(0));
    assert_eq!(std::fs::read_to_string(data.join("action-key")).unwrap(), key, "the key stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_or_file_open_to_others_is_rejected_with_the_remedy() {
    let (simulator, _folder, data) = used_folder().await;
    for (name, open, private) in [("", 0o770, 0o700), ("action-key", 0o640, 0o600), ("tenantwatch.db", 0o604, 0o600)] {
        let path = if name.is_empty() { data.clone() } else { data.join(name) };
        set_mode(&path, open);
        let (code, log) = run_once(&simulator, &data).await;
        assert_eq!(code, Some(2), "{log}");
        let remedy = format!("run `chmod {private:o} {}`", path.display());
        assert!(log.contains(&remedy) && log.contains(&format!("mode {open:o}")), "{log}");
        set_mode(&path, private);
        assert_eq!(run_once(&simulator, &data).await.0, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_not_a_database_is_named_with_the_remedy() {
    let (simulator, _folder, data) = used_folder().await;
    let database = data.join("tenantwatch.db");
    for name in ["tenantwatch.db-wal", "tenantwatch.db-shm"] {
        let _ = std::fs::remove_file(data.join(name));
    }
    std::fs::write(&database, "a note that somebody saved under this name").unwrap();
    let (code, log) = run_once(&simulator, &data).await;
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains(&format!("{} is not an SQLite database; ", database.display())), "{log}");
    assert!(!log.contains("row"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_key_file_is_not_taken_for_a_key() {
    let (simulator, _folder, data) = used_folder().await;
    std::fs::write(data.join("action-key"), "\n").unwrap();
    let (code, log) = run_once(&simulator, &data).await;
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("action-key is empty; delete it"), "{log}");
}
