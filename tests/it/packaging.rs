//! The published package, the example settings and the infrastructure template.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flate2::read::DeflateDecoder;
use tenantwatch::settings::SETTINGS;
use tenantwatch_simulator::functions_host::{FunctionsHost, Level, Options};

use crate::azurite::azurite;

/// The oldest C library that the package must run with: the one of CentOS 7.
const OLDEST_GLIBC: (u32, u32) = (2, 17);

/// The folder in which Debian's `libc6-arm64-cross` has the libraries of 64-bit ARM.
const ARM_LIBRARIES: &str = "/usr/aarch64-linux-gnu";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns whether a prerequisite is present. Reports a missing one on standard error, and fails if `CI` is set.
fn have(what: &str, is_there: bool) -> bool {
    assert!(is_there || std::env::var_os("CI").is_none(), "{what} is missing");
    have_optional(what, is_there)
}

/// Returns whether a prerequisite is present that no machine must have. Reports a missing one on standard error.
fn have_optional(what: &str, is_there: bool) -> bool {
    if !is_there {
        // Not with eprintln, whose output a successful test hides.
        let _ = writeln!(std::io::stderr(), "\n*** LEFT OUT: the package was not tested: {what} is missing ***\n");
    }
    is_there
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn is_installed(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok()
}

fn has_target(target: &str) -> bool {
    let libraries = output_of("rustc", &["--print", "target-libdir", "--target", target]);
    libraries.is_some_and(|folder| Path::new(folder.trim()).is_dir())
}

fn can_build() -> bool {
    have("cargo-zigbuild", is_installed("cargo-zigbuild", "--version")) && have("zip", is_installed("zip", "-v"))
}

fn can_run_arm() -> bool {
    have_optional("qemu-aarch64", is_installed("qemu-aarch64", "--version"))
        && have_optional("libc6-arm64-cross", Path::new(ARM_LIBRARIES).is_dir())
        && have_optional("the Rust target aarch64-unknown-linux-gnu", has_target("aarch64-unknown-linux-gnu"))
}

/// Returns whether the package is built exactly as it is shipped, which takes minutes more than everything else that it is tested for.
fn as_shipped() -> bool {
    std::env::var_os("CI").is_some()
}

fn package(arguments: &[&str]) {
    let mut script = Command::new(root().join("scripts/package"));
    if !as_shipped() {
        let soon = [("OPT_LEVEL", "0"), ("LTO", "off"), ("CODEGEN_UNITS", "256")];
        script.envs(soon.map(|(name, value)| (format!("CARGO_PROFILE_DIST_{name}"), value)));
    }
    let built = script.args(arguments).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// One file of the archive.
struct Packed {
    mode: u32,
    bytes: Vec<u8>,
}

/// Reads the central directory of a ZIP file and its entries (APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12, 4.3.16).
fn unpacked(zip: &[u8]) -> BTreeMap<String, Packed> {
    let number = |at: usize, length: usize| {
        zip[at..at + length].iter().rev().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte))
    };
    let end = zip.windows(4).rposition(|window| window == b"PK\x05\x06").expect("no end of the central directory");
    let mut at = number(end + 16, 4);
    let mut files = BTreeMap::new();
    for _ in 0..number(end + 10, 2) {
        assert_eq!(&zip[at..at + 4], b"PK\x01\x02");
        let (method, packed, length) = (number(at + 10, 2), number(at + 20, 4), number(at + 24, 4));
        let (name, extra, comment) = (number(at + 28, 2), number(at + 30, 2), number(at + 32, 2));
        let mode = u32::try_from(number(at + 38, 4) >> 16).unwrap();
        let local = number(at + 42, 4);
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        let content = &zip[start..start + packed];
        let mut bytes = Vec::with_capacity(length);
        match method {
            0 => bytes.extend_from_slice(content),
            8 => drop(DeflateDecoder::new(content).read_to_end(&mut bytes).unwrap()),
            other => panic!("method {other}"),
        }
        assert_eq!(bytes.len(), length);
        files.insert(String::from_utf8(zip[at + 46..at + 46 + name].to_vec()).unwrap(), Packed { mode, bytes });
        at += 46 + name + extra + comment;
    }
    files
}

/// Returns the machine of a program (elf(5): 62 is x86_64, 183 is 64-bit ARM).
fn machine(elf: &[u8]) -> u8 {
    assert_eq!(&elf[..5], b"\x7fELF\x02", "a 64-bit ELF file");
    elf[18]
}

/// Returns the newest version of the C library that a program names, such as `GLIBC_2.17`.
fn newest_glibc(elf: &[u8]) -> (u32, u32) {
    const NAME: &[u8] = b"GLIBC_";
    let number = |text: &[u8]| {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let named = elf.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    let versions = named.map(|(at, _)| &elf[at + NAME.len()..]).filter(|rest| rest.get(1) == Some(&b'.'));
    versions.map(|rest| (number(rest), number(&rest[2..]))).max().expect("it names no version of glibc")
}

#[tokio::test]
async fn package_contains_the_app_and_starts_under_the_host() {
    if !can_build() {
        return;
    }
    package(&[]);
    let files = unpacked(&std::fs::read(root().join("target/tenantwatch.zip")).unwrap());

    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let functions = ["GetDomain/function.json", "ProcessAuditLog/function.json", "RemediateAccount/function.json"];
    assert_eq!(names, [&functions[..], &["host.json", "tenantwatch"]].concat());
    for name in functions.iter().chain(&["host.json"]) {
        assert_eq!(files[*name].bytes, std::fs::read(root().join(name)).unwrap(), "{name}");
    }
    let binary = &files["tenantwatch"];
    assert_eq!(binary.mode & 0o777, 0o755, "the execute bit");
    assert_eq!(machine(&binary.bytes), 62);
    assert!(newest_glibc(&binary.bytes) <= OLDEST_GLIBC, "{:?}", newest_glibc(&binary.bytes));
    // The host unpacks it at every cold start. A larger binary contains a dependency that was added unintentionally.
    let limit = if as_shipped() { 32_000_000 } else { 100_000_000 };
    assert!(binary.bytes.len() < limit, "{} bytes", binary.bytes.len());
    let has = |text: &str| binary.bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("ACTION_KEY") && !has("TEST_CLOCK"), "a release reads no test clock");

    let folder = tempfile::tempdir().unwrap();
    unpack(&files, folder.path());
    starts_under_the_host(folder.path()).await;
}

#[test]
fn package_for_arm_finds_a_threat_under_qemu() {
    if !can_run_arm() || !can_build() {
        return;
    }
    package(&["aarch64"]);
    let binary = root().join("target/package-aarch64/tenantwatch");
    let bytes = std::fs::read(&binary).unwrap();
    assert_eq!(machine(&bytes), 183);
    assert!(newest_glibc(&bytes) <= OLDEST_GLIBC, "{:?}", newest_glibc(&bytes));
    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().join("export.jsonl");
    let record = serde_json::json!({
        "Id": "f9d3b8e1-6c1c-4a3f-9f0e-000000000001", "CreationTime": "2026-11-20T10:00:00", "UserType": 2,
        "Operation": "New-InboxRule", "UserId": "joey@contoso.com", "OrganizationName": "contoso.com",
        "Parameters": [{"Name": "ForwardTo", "Value": "thief@evil.example"}],
    });
    std::fs::write(&export, record.to_string()).unwrap();
    let output = Command::new("qemu-aarch64")
        .args(["-L", ARM_LIBRARIES, binary.to_str().unwrap(), "scan", "--format", "json", export.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["Findings"][0]["Threat"], true, "{result}");
}

fn unpack(files: &BTreeMap<String, Packed>, folder: &Path) {
    for (name, file) in files {
        let path: PathBuf = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &file.bytes).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(file.mode)).unwrap();
    }
}

/// Starts the package without settings: it lists what is missing on standard error and exits with 2 until the host stops.
async fn starts_under_the_host(folder: &Path) {
    let Some(azurite) = azurite().await else { return };
    let mut options = Options::new(folder, azurite.connection_string.clone());
    options.queue_suffix = format!("-{}", uuid::Uuid::new_v4().simple());
    options.environment.insert("GetDomainSchedule".to_owned(), "0 */15 * * * *".to_owned());
    let why = match FunctionsHost::start(options).await {
        Ok(host) => {
            let why = host.stopped(Duration::from_secs(60)).await.unwrap();
            let named = |line: &str| host.logs().iter().any(|log| log.level == Level::Error && log.text.contains(line));
            assert!(named("PARTNER_TENANT_ID") && named("CLIENT_ID"), "{:?}", host.logs());
            why
        }
        // The host may have stopped before the first response.
        Err(error) => error.to_string(),
    };
    assert!(why.contains("exit status: 2"), "{why}");
}

#[test]
fn funcignore_leaves_the_files_of_the_package() {
    let tracked = output_of("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
    if !have("git with the repository", tracked.is_some()) {
        return;
    }
    let arguments = ["ls-files", "--cached", "--others", "--ignored", "--exclude-from=.funcignore"];
    let ignored = output_of("git", &arguments).unwrap();
    let ignored: Vec<&str> = ignored.lines().collect();
    let tracked = tracked.unwrap();
    let mut left: Vec<&str> = tracked.lines().filter(|file| !ignored.contains(file)).collect();
    left.sort_unstable();
    // The binary is not in the repository; a copy in this folder would be published.
    let wanted =
        ["GetDomain/function.json", "ProcessAuditLog/function.json", "RemediateAccount/function.json", "host.json"];
    assert_eq!(left, wanted);
}

#[test]
fn example_settings_name_every_setting() {
    let values = example_values();
    assert_eq!(values["FUNCTIONS_WORKER_RUNTIME"], "custom");
    let settings: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    for setting in &settings {
        assert!(values.contains_key(*setting), "{setting} is not in local.settings.json.example");
    }
    for (name, value) in &values {
        assert!(settings.contains(&name.as_str()) || name == "FUNCTIONS_WORKER_RUNTIME", "{name} is no setting");
        assert!(value.is_string(), "{name}: the host reads strings only");
    }
}

/// The unchanged copy lacks only what its user must fill in, and one message says so.
#[test]
fn example_settings_name_what_must_be_filled_in() {
    let values = example_values();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .arg("serve")
        .env_clear()
        .envs(values.iter().map(|(name, value)| (name, value.as_str().unwrap())))
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", free_port().to_string())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    let named: Vec<&str> =
        message.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": ").map(|(name, _)| name)).collect();
    assert_eq!(named, ["PARTNER_TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "FLOW_URL"], "{message}");
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn example_values() -> serde_json::Map<String, serde_json::Value> {
    let text = std::fs::read_to_string(root().join("local.settings.json.example")).unwrap();
    let example: serde_json::Value = serde_json::from_str(&text).unwrap();
    example["Values"].as_object().unwrap().clone()
}

#[test]
fn template_sets_existing_settings_and_the_flex_runtime() {
    let template = std::fs::read_to_string(root().join("infra/main.bicep")).unwrap();
    let (_, block) = template.split_once("properties: union(").unwrap();
    let (block, _) = block.split_once("dependsOn").unwrap();
    let names: Vec<&str> = block
        .split([' ', '\n', '{'])
        .filter_map(|word| word.strip_suffix(':'))
        .filter(|name| !name.is_empty() && !name.starts_with("APPLICATIONINSIGHTS_"))
        .collect();
    for name in &names {
        assert!(SETTINGS.iter().any(|setting| setting.name == *name), "{name} is no setting");
    }
    // Without it the host does not index the timer: its schedule is %GetDomainSchedule%.
    for name in ["GetDomainSchedule", "AzureWebJobsStorage__accountName", "FLOW_URL", "TEAMS_WEBHOOK_URL", "ACTION_KEY"]
    {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert!(template.contains("runtime: { name: 'custom', version: '1.0' }"));
}

#[test]
fn template_closes_the_network_only_with_a_subnet() {
    let template = read("infra/main.bicep");
    let count = |text: &str| template.matches(text).count();
    assert_eq!(count("defaultAction: isNetworkClosed ? 'Deny' : 'Allow'"), 2, "storage and vault");
    assert_eq!(count("'Deny'"), 2);
    assert!(template.contains("var isNetworkClosed = !empty(subnetId)"));
    assert!(template.contains("virtualNetworkSubnetId: isNetworkClosed ? subnetId : null"));
}

#[test]
fn template_keeps_to_the_limits_of_the_platform() {
    let template = read("infra/main.bicep");
    let (decorators, _) = template.split_once("param maximumInstanceCount int = 40").unwrap();
    assert!(decorators.trim_end().ends_with("@minValue(40)\n@maxValue(1000)"), "Flex Consumption accepts 40 to 1000");
    assert!(template.contains("@secure()\nparam settings object"), "a setting may be a secret");
    assert_eq!(template.matches("basicPublishingCredentialsPolicies' = {").count(), 2, "ftp and scm");
    let (_, exits) = template.split_once("name: 'handler-exit'").unwrap();
    let query = exits.lines().find(|line| line.contains("query: ")).unwrap();
    assert!(query.contains("exceptions"), "the host logs an exit with its exception: {query}");
    assert_eq!(template.matches("properties: { allow: false }").count(), 2);
    // The linter takes a parameter with such a name for a secret.
    let parameters = template.lines().filter_map(|line| line.strip_prefix("param "));
    assert!(parameters.clone().all(|parameter| !parameter.to_lowercase().contains("secret")), "{template}");
    let given = read("infra/main.bicepparam");
    for line in given.lines().filter_map(|line| line.strip_prefix("param ")) {
        let name = line.split(' ').next().unwrap();
        assert!(parameters.clone().any(|parameter| parameter.split(' ').next() == Some(name)), "{name}");
    }
}

#[test]
fn workflows_run_the_checks_and_publish_verifiable_releases() {
    let (ci, release) = (read(".github/workflows/ci.yml"), read(".github/workflows/release.yml"));
    for workflow in [&ci, &release] {
        assert!(workflow.contains("run: .ci/run"));
        assert!(workflow.contains("\npermissions:\n  contents: read\n"), "a job gets more only where it needs it");
    }
    assert!(ci.contains("cargo deny check") && read(".ci/run").contains("check bans licenses sources"));
    for part in [
        "scripts/package",
        "scripts/package aarch64",
        "cargo cyclonedx",
        "sha256sum ",
        "actions/attest-build-provenance@",
    ] {
        assert!(release.contains(part), "{part}");
    }
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}
