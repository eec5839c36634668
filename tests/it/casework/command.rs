//! `tenantwatch investigate --log-id`, the built binary, against a feed.

use serde_json::{Value, json};
use tenantwatch_simulator::{Fault, FaultKind, Nothing, Service, Simulator, scenario};
use tokio::process::Command;
use uuid::Uuid;

use super::content_type;
use crate::investigate::records::{A, Records, S, V};
use crate::investigate::report_of;

/// A simulated tenant with an incident, and the data folder of the run that read it.
pub struct Folder {
    simulator: Simulator,
    data: tempfile::TempDir,
}

impl Folder {
    async fn after_a_run(records: &[Value]) -> Self {
        let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
        {
            let mut world = simulator.world();
            let tenant = world.tenants.values_mut().next().unwrap();
            let now = chrono::Utc::now() - chrono::TimeDelta::minutes(1);
            for of in ["Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint"] {
                tenant.subscriptions.insert(of.to_owned(), true);
                let own: Vec<Value> = records.iter().filter(|record| content_type(record) == of).cloned().collect();
                tenant.publish_at(of, now, &own);
            }
        }
        let (folder, code, log) = Self::read(simulator).await;
        assert_eq!(code, Some(0), "{log}");
        folder
    }

    /// Reads every tenant of a simulator once.
    pub async fn read(simulator: Simulator) -> (Self, Option<i32>, String) {
        let folder = Self { simulator, data: tempfile::tempdir().unwrap() };
        let (code, _, log) = folder.tenantwatch(&["run", "--once"]).await;
        (folder, code, log)
    }

    pub async fn tenantwatch(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
            .args(arguments)
            .args(["--data", self.data.path().to_str().unwrap()])
            .env_clear()
            .envs(self.simulator.environment())
            .env_remove("TEAMS_WEBHOOK_URL")
            .output()
            .await
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

/// The incident, moved to the last days.
fn recent() -> (Vec<Value>, Value) {
    let (mut records, _, rule) = Records::incident();
    records.bind("19T10:10:00", V, V, A, S, &["m1", "m2"]);
    records.file("19T10:12:00", V, "FileDownloaded", A, S, "budget.xlsx");
    let shift = chrono::Utc::now() - chrono::TimeDelta::hours(1) - time_of(&rule);
    for record in &mut records.all {
        let moved = (time_of(record) + shift).format("%Y-%m-%dT%H:%M:%S").to_string();
        record["CreationTime"] = json!(moved);
    }
    (records.all, rule)
}

fn time_of(record: &Value) -> chrono::DateTime<chrono::Utc> {
    format!("{}Z", record["CreationTime"].as_str().unwrap()).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn live_report_equals_the_one_made_offline() {
    let (records, rule) = recent();
    let folder = Folder::after_a_run(&records).await;
    let id = rule["Id"].as_str().unwrap();
    let arguments = ["investigate", "--log-id", id, "--hours", "167", "--format", "json"];
    let (code, out, err) = folder.tenantwatch(&arguments).await;
    assert_eq!(code, Some(0), "{err}");
    let live: Value = serde_json::from_str(&out).unwrap();
    let offline = report_of(&records, V, &["--log-id", id]).0;
    for member in ["Account", "Verdict", "Counts", "Activities", "Addresses", "OtherAccounts"] {
        assert_eq!(live[member], offline[member], "{member}");
    }
    assert_eq!(live["Counts"]["MessagesRead"], 2);
    assert!(live["Run"]["Bytes"].as_u64().unwrap() > 1_000);
    assert!(live["NotLogged"].to_string().contains("Audit.General"), "{}", live["NotLogged"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn blob_without_content_is_not_said_to_be_read() {
    let (records, rule) = recent();
    let folder = Folder::after_a_run(&records).await;
    for nothing in [Nothing::NoBytes, Nothing::Blanks, Nothing::ByteOrderMark, Nothing::NoChunks] {
        // The directory is read first.
        folder.simulator.inject(Fault::new(Service::Activity, "/audit/", FaultKind::Nothing(nothing)).times(1));
        let arguments = ["investigate", "--log-id", rule["Id"].as_str().unwrap(), "--format", "json"];
        let (code, out, err) = folder.tenantwatch(&arguments).await;
        assert_eq!(code, Some(0), "{err}");
        let report: Value = serde_json::from_str(&out).unwrap();
        let said = report["NotLogged"].to_string();
        assert!(said.contains("Audit.AzureActiveDirectory: content of"), "{nothing:?}: {said}");
        assert!(said.contains("was not read: it is not a complete JSON array"), "{nothing:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_log_id_ends_with_one_line_and_2() {
    let (records, _) = recent();
    let folder = Folder::after_a_run(&records).await;
    let unknown = Uuid::from_u128(7).to_string();
    let (code, out, err) = folder.tenantwatch(&["investigate", "--log-id", &unknown]).await;
    assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{err}");
    assert!(err.contains(&unknown), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_what_the_feed_no_longer_has() {
    let (records, rule) = recent();
    let folder = Folder::after_a_run(&records).await;
    let moved = records.iter().find(|record| record["Id"] == rule["Id"]).unwrap();
    let early = time_of(moved) - chrono::TimeDelta::days(12);
    let mut old = Records::default();
    let sign_in = old.sign_in("01T10:00:00", V, A, S, "0");
    let elsewhere = old.sign_in("01T10:00:00", "w@contoso.com", A, "cccccccc-3333-4333-8333-cccccccccccc", "0");
    for (record, id) in old.all.iter_mut().zip([91_u128, 92]) {
        record["CreationTime"] = json!(early.format("%Y-%m-%dT%H:%M:%S").to_string());
        record["Id"] = json!(Uuid::from_u128(id));
    }
    assert_eq!((&sign_in["UserId"], &elsewhere["UserId"]), (&json!(V), &json!("w@contoso.com")));
    for (only_in_beta, is_allowed) in [(false, true), (true, true), (false, false)] {
        {
            let mut world = folder.simulator.world();
            let search = &mut world.tenants.values_mut().next().unwrap().audit_search;
            (search.archive, search.only_in_beta, search.is_allowed) = (old.all.clone(), only_in_beta, is_allowed);
        }
        let arguments = ["investigate", "--search", "--log-id", rule["Id"].as_str().unwrap(), "--format", "json"];
        let (code, out, err) = folder.tenantwatch(&arguments).await;
        assert_eq!(code, Some(0), "{err}");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["Counts"]["SignIns"], if is_allowed { 2 } else { 1 }, "{report:#}");
        assert_eq!(report["NotLogged"].to_string().contains("AuditLogsQuery.Read.All"), !is_allowed);
        let others = report["OtherAccounts"].as_array().unwrap().len();
        assert_eq!(others, usize::from(is_allowed), "the second victim is found by the address");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_beyond_the_feed_need_the_search() {
    let (records, rule) = recent();
    let folder = Folder::after_a_run(&records).await;
    let (code, _, err) =
        folder.tenantwatch(&["investigate", "--log-id", rule["Id"].as_str().unwrap(), "--hours", "200"]).await;
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
}
