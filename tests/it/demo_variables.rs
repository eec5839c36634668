//! The variables that `demo --keep` prints: a shell that has read them works on the simulator.
#![cfg(unix)]

#[path = "../../examples/variables.rs"]
mod variables;

use std::path::Path;

use tenantwatch_simulator::{Simulator, scenario};
use tokio::process::Command;

#[test]
fn value_with_quotes_survives_the_shell() {
    let value = "it's $HOME and \"more\"";
    let text = variables::exports(&[("NAME".to_owned(), value.to_owned())], Path::new("/a folder"));
    let shell = format!("{text}printf '%s|%s' \"$NAME\" \"$PATH\"");
    let output = std::process::Command::new("sh").args(["-c", &shell]).env("PATH", "/bin").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{value}|/a folder:/bin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_guide_work_with_the_printed_variables() {
    let simulator = Simulator::start(scenario::quiet(2)).await.unwrap();
    let exports = variables::exports(&simulator.environment(), &simulator.azure_cli().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let commands = ["run --once", "onboard --all", "check", "status --format json"];
    let lines: String = commands.map(|command| format!("tenantwatch {command} --data rows || exit 1\n")).concat();
    let own = Path::new(env!("CARGO_BIN_EXE_tenantwatch")).parent().unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!("{exports}{lines}")])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", own.display()))
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("Healthy"), "{}", text(&output.stdout));
}
