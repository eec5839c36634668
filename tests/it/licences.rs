//! Checks the dependencies against `deny.toml`: licences, and crates that are not allowed. `cargo deny check` looks for known
//! vulnerabilities as well, if it is installed and its database can be reached.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// The first text on each line of the list that follows `name = [` in `deny.toml`.
fn listed(name: &str) -> BTreeSet<String> {
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap();
    let (_, list) = file.split_once(&format!("\n{name} = [")).unwrap();
    let (list, _) = list.split_once("\n]").unwrap();
    list.lines().filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

fn packages() -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["name"]), text(&package["license"])))
        .collect()
}

/// `A OR B` needs one of them, `A AND B` both; `A/B` is the older way to write OR.
fn is_allowed(licence: &str, allowed: &BTreeSet<String>) -> bool {
    let one = |licence: &str| allowed.contains(licence.trim().trim_matches(['(', ')']).trim());
    licence.replace('/', " OR ").split(" AND ").all(|part| part.split(" OR ").any(one))
}

#[test]
fn every_crate_has_a_licence_that_is_allowed() {
    let allowed = listed("allow");
    assert!(allowed.contains("MIT"), "{allowed:?}");
    let packages = packages();
    assert!(packages.len() > 100);
    let refused: Vec<_> = packages.into_iter().filter(|(_, licence)| !is_allowed(licence, &allowed)).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn no_crate_that_must_not_come_in_has_come_in() {
    let denied = listed("deny");
    assert!(denied.contains("native-tls") && denied.len() == 3, "{denied:?}");
    let found: Vec<_> = packages().into_iter().filter(|(name, _)| denied.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}");
}
