//! Rows as other versions have written them, and as years of running leave them.

use super::*;
use crate::remediation::remediation_fixture::threat;
use base::ids::{RunId, TenantId};
use tenantwatch::tables::{FindingState, ProcessedRow};
use uuid::Uuid;

/// Actions with their status, and the status and the time that they come to.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<String>);

/// The coverage row of a healthy tenant that was read until now, with other columns in place of its own.
pub fn tenant(number: u128, domain: &str, changes: &[(&str, Column)]) -> Entity {
    let columns = [
        ("Domain", text(domain)),
        ("DisplayName", text(domain)),
        ("State", text("Healthy")),
        ("Since", Column::Time(hours_ago(240))),
        ("CoveredUntil", Column::Time(now())),
        ("ReadFrom", Column::Time(hours_ago(240))),
    ];
    let mut row = entity("tenant", &Uuid::from_u128(number).to_string(), &columns);
    changes.iter().for_each(|(name, value)| row.set(*name, value.clone()));
    row
}

/// Returns a threat of the tenant contoso.com, number 1, this number of hours ago.
fn stored(id: u128, hours: i64) -> ProcessedRow {
    let at = hours_ago(hours);
    ProcessedRow {
        tenant_id: TenantId::new(Uuid::from_u128(1)),
        event_time: at,
        content_created: Some(at + TimeDelta::minutes(10)),
        notified: [
            ("flow".to_owned(), Some(at + TimeDelta::minutes(13))),
            ("teams".to_owned(), Some(at + TimeDelta::hours(1))),
        ]
        .into(),
        incident_id: format!("incident {id}"),
        ..threat(id, at)
    }
}

/// Returns a run for a threat, this number of minutes after its event.
fn run(of: &ProcessedRow, action: &str, status: &str, minutes: i64) -> ActionRow {
    let started = of.event_time + TimeDelta::minutes(minutes);
    ActionRow {
        domain: of.domain.clone(),
        record_id: of.record_id,
        run_id: RunId::random(),
        user: of.source_mailbox.clone(),
        action: action.to_owned(),
        status: status.to_owned(),
        started,
        finished: (!status.is_empty()).then_some(started + TimeDelta::minutes(1)),
        steps: "[]".to_owned(),
        snapshot: String::new(),
        reason: "Requested by tess@msp.example".to_owned(),
        mailbox: String::new(),
        account_ids: String::new(),
        incident_id: of.incident_id.clone(),
        seal: String::new(),
    }
}

/// A folder with contoso.com, these threats and these runs.
async fn folder(threats: &[ProcessedRow], runs: &[ActionRow]) -> Data {
    let data = Data::empty();
    let store = data.store();
    store.insert(COVERAGE, &tenant(1, "contoso.com", &[])).await.unwrap();
    for row in threats {
        store.insert(PROCESSED, &row.to_entity()).await.unwrap();
    }
    for run in runs {
        store.insert(ACTIONS, &run.to_entity(false)).await.unwrap();
    }
    data
}

fn statuses(report: &Value) -> Vec<(&str, Option<&str>)> {
    let threats = report["Threats"].as_array().unwrap();
    threats.iter().map(|threat| (threat["Status"].as_str().unwrap(), threat["Secured"].as_str())).collect()
}

#[tokio::test]
async fn runs_of_a_threat_are_followed_in_their_order() {
    let row = stored(1, 30);
    let at = |minutes| stamp(row.event_time + TimeDelta::minutes(minutes));
    let cases: [Case<'_>; 15] = [
        (&[("Remediate", "")], "Partly", None),
        (&[("Remediate", "Incomplete")], "Partly", None),
        (&[("Remediate", "Incomplete"), ("Remediate", "Completed")], "Secured", Some(at(31))),
        (&[("Remediate", "Completed"), ("Remediate", "AlreadyDone")], "Secured", Some(at(21))),
        (&[("Remediate", "Completed"), ("Remediate", "CompletedWithErrors")], "Partly", None),
        (&[("Remediate", "Completed"), ("Remediate", "")], "Secured", Some(at(21))),
        (&[("Remediate", "Completed"), ("Undo", "CompletedWithErrors")], "Partly", None),
        (&[("Remediate", "Completed"), ("Undo", "Undone"), ("Remediate", "Completed")], "Secured", Some(at(41))),
        (&[("Contain", "Completed")], "Contained", None),
        (&[("Contain", "Incomplete")], "Partly", None),
        (&[("Contain", "Completed"), ("Remediate", "Completed")], "Secured", Some(at(31))),
        (&[("Contain", "Completed"), ("Undo", "Undone")], "Open", None),
        (&[("Preview", "Preview")], "Open", None),
        (&[("Dismiss", "Dismissed"), ("Remediate", "Completed")], "Secured", Some(at(31))),
        (&[("Remediate", "Completed"), ("Undo", "Undone"), ("Dismiss", "Dismissed")], "Dismissed", None),
    ];
    for (actions, status, secured) in &cases {
        let minutes = (2..).map(|ten| ten * 10);
        let runs: Vec<ActionRow> =
            actions.iter().zip(minutes).map(|((action, status), at)| run(&row, action, status, at)).collect();
        let report = folder(std::slice::from_ref(&row), &runs).await.json(&[]).await;
        assert_eq!(statuses(&report), [(*status, secured.as_deref())], "{actions:?}");
    }
}

#[tokio::test]
async fn run_of_an_incident_secures_its_earlier_threats_only() {
    let mut rows = [stored(1, 30), stored(2, 29), stored(3, 10), stored(4, 30)];
    for row in &mut rows[..3] {
        row.incident_id = "one".to_owned();
    }
    let runs = [run(&rows[0], "Remediate", "Completed", 120)];
    let report = folder(&rows, &runs).await.json(&[]).await;
    let status = |at: usize| &find(&report["Threats"], "LogID", &rows[at].record_id.to_string())["Status"];
    assert_eq!([0, 1, 2, 3].map(|at| status(at).as_str().unwrap()), ["Secured", "Secured", "Open", "Open"]);
}

#[tokio::test]
async fn repeat_is_unlisted_and_bundle_shares_its_notification() {
    let first = stored(1, 30);
    let repeat_of = Some(first.record_id);
    let state = FindingState::Repeat;
    let repetition =
        ProcessedRow { repeat_of, state, fingerprint: first.fingerprint.clone(), notified: [].into(), ..stored(2, 20) };
    let bundled = ProcessedRow { repeat_of, state, notified: [].into(), ..stored(3, 29) };
    let report = folder(&[first.clone(), repetition, bundled.clone()], &[]).await.json(&[]).await;
    let ids: Vec<&str> =
        report["Threats"].as_array().unwrap().iter().map(|threat| threat["LogID"].as_str().unwrap()).collect();
    assert_eq!(ids, [first.record_id.to_string(), bundled.record_id.to_string()]);
    let told = stamp(first.event_time + TimeDelta::minutes(13));
    assert!(report["Threats"].as_array().unwrap().iter().all(|threat| threat["Told"] == told.as_str()), "{report:#}");
    assert_eq!(report["Tenants"][0]["OpenThreats"], 2);
}

#[tokio::test]
async fn medians_are_those_of_the_period() {
    let rows = [stored(1, 30), stored(2, 29), stored(3, 24 * 40)];
    let runs = [run(&rows[0], "Remediate", "Completed", 20), run(&rows[1], "Remediate", "Completed", 40)];
    let data = folder(&rows, &runs).await;
    let report = data.json(&[]).await;
    assert_eq!(report["Threats"].as_array().unwrap().len(), 3, "an open threat is listed whatever its age");
    // 13 minutes after the event they were notified, 21 and 41 minutes after it secured.
    assert_eq!(report["Medians"], json!({"Available": 600, "Told": 180, "Secured": 1_080}));
    assert_eq!(report["Presses"].as_array().unwrap().len(), 2);
    let day = rows[1].event_time - TimeDelta::minutes(30);
    let report = data.json(&["--since", &stamp(day)]).await;
    assert_eq!(report["Medians"]["Secured"], 1_680);
    let report = data.json(&["--until", &stamp(hours_ago(24 * 45))]).await;
    assert_eq!(statuses(&report), [("Open", None)]);
    assert_eq!(report["Medians"], json!({"Available": null, "Told": null, "Secured": null}));
}

#[tokio::test]
async fn rows_of_the_first_version_and_of_2019_are_reported() {
    let data = folder(&[], &[]).await;
    let store = data.store();
    let first_version = Uuid::from_u128(11).to_string();
    let mut row = stored(11, 50).to_entity();
    let mut old = Entity::new(row.key.clone());
    for (name, value) in row.columns() {
        if !["ContentCreated", "IncidentId", "Unknown"].contains(&name.as_str()) {
            old.set(name.clone(), value.clone());
        }
    }
    row = old;
    store.insert(PROCESSED, &row).await.unwrap();
    let with_run = [run(&stored(11, 50), "Remediate", "Completed", 30).to_entity(true)];
    for mut entity in with_run {
        entity.set("IncidentId", text(""));
        store.insert(ACTIONS, &entity).await.unwrap();
    }
    for id in [19, 20] {
        let of_2019 = [
            ("Threat", text("True")),
            ("Type", text("InboxRule")),
            ("SourceMailbox", text("anna@contoso.com")),
            ("InternalTimeStamp", text("132000000000000000")),
        ];
        store.insert(PROCESSED, &entity("contoso.com", &Uuid::from_u128(id).to_string(), &of_2019)).await.unwrap();
    }
    let ran = [("RanRemediateAccountRunbook", text("True")), ("User", text("anna@contoso.com"))];
    store.insert(ACTIONS, &entity("contoso.com", &Uuid::from_u128(20).to_string(), &ran)).await.unwrap();
    for (row, column) in [("lock_aa", "RunId"), ("snapshot_aa", "Runs"), ("investigation_aa", "ReportNumber")] {
        store.insert(ACTIONS, &entity("contoso.com", row, &[(column, text("x"))])).await.unwrap();
    }
    let answer = data.status(&["--format", "json", "--since", "2019-01-01"]).await;
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""), "no row is complained about");
    let report: Value = serde_json::from_str(&answer.out).unwrap();
    let threat = find(&report["Threats"], "LogID", &first_version);
    assert_eq!((&threat["Available"], &threat["Status"]), (&Value::Null, &json!("Secured")));
    assert!(threat["Told"].is_string() && threat["Secured"].is_string());
    let of_2019 = |id| find(&report["Threats"], "LogID", &Uuid::from_u128(id).to_string()).clone();
    assert_eq!((of_2019(19)["Status"].as_str(), of_2019(20)["Status"].as_str()), (Some("Open"), Some("Secured")));
    assert_eq!((&of_2019(20)["Told"], &of_2019(20)["Secured"]), (&Value::Null, &Value::Null));
    assert_eq!(report["Medians"], json!({"Available": null, "Told": null, "Secured": 1_080}));
}

#[tokio::test]
async fn tenants_are_ordered_by_what_is_wrong_with_them() {
    let data = Data::empty();
    let store = data.store();
    let gap = json!([{"From": stamp(hours_ago(50)), "To": stamp(hours_ago(49))},
        {"From": stamp(hours_ago(24 * 60)), "To": stamp(hours_ago(24 * 59))}]);
    let readiness = json!([{"Item": "ActivityFeed.Read", "State": "missing", "Detail": "not granted"},
        {"Item": "Exchange", "State": "unknown", "Detail": ""}, {"Item": "Token", "State": "ok", "Detail": ""}]);
    let rows: &[(&str, &[(&str, Column)])] = &[
        ("a-healthy.example", &[]),
        ("b-readiness.example", &[("Readiness", text(&readiness.to_string()))]),
        ("c-retry.example", &[("OwedCount", Column::Int(3))]),
        ("d-gap.example", &[("Gaps", text(&gap.to_string()))]),
        ("contoso.com", &[]),
        ("e-late.example", &[("State", text("Late")), ("CoveredUntil", Column::Time(hours_ago(5)))]),
        ("f-stale.example", &[("CoveredUntil", Column::Time(hours_ago(3)))]),
        ("g-dark.example", &[("State", text("AccessLost")), ("CoveredUntil", Column::Time(hours_ago(5)))]),
    ];
    for (number, (domain, changes)) in (1..).zip(rows) {
        store.insert(COVERAGE, &tenant(number, domain, changes)).await.unwrap();
    }
    let open = ProcessedRow { tenant_id: TenantId::new(Uuid::from_u128(5)), ..stored(1, 30) };
    store.insert(PROCESSED, &open.to_entity()).await.unwrap();
    let report = data.json(&[]).await;
    let order: Vec<&str> =
        report["Tenants"].as_array().unwrap().iter().map(|tenant| tenant["Domain"].as_str().unwrap()).collect();
    let expected = [
        "g-dark.example",
        "e-late.example",
        "f-stale.example",
        "contoso.com",
        "d-gap.example",
        "c-retry.example",
        "b-readiness.example",
        "a-healthy.example",
    ];
    assert_eq!(order, expected);
    let of = |domain: &str| find(&report["Tenants"], "Domain", domain);
    assert_eq!(of("d-gap.example")["Gaps"], 1, "the other one is not of the period");
    assert_eq!(of("c-retry.example")["Retry"], 3);
    assert_eq!(of("b-readiness.example")["Missing"], json!(["ActivityFeed.Read"]));
    let table = data.status(&[]).await.out;
    assert!(table.contains("ActivityFeed.Read") && table.find("g-dark") < table.find("a-healthy"), "{table}");
}

#[tokio::test]
async fn containments_are_counted_from_columns_and_runs() {
    let rows: Vec<ProcessedRow> = (1..=5).map(|id| stored(id, 30)).collect();
    let data =
        folder(&[], &[run(&rows[3], "Contain", "Completed", 1), run(&rows[4], "Contain", "Incomplete", 1)]).await;
    let store = data.store();
    for (row, containment) in rows.iter().zip(["WouldBe", "Refused: protected user", "", "Done", ""]) {
        let mut entity = row.to_entity();
        entity.set("Containment", text(containment));
        store.insert(PROCESSED, &entity).await.unwrap();
    }
    let report = data.json(&[]).await;
    let expected = json!({"Done": 1, "Partly": 1, "Refused": 1, "WouldBe": 1});
    assert_eq!(report["Tenants"][0]["Contained"], expected);
    assert_eq!(report["Tenants"][0]["OpenThreats"], 4);
}

#[tokio::test]
async fn coverage_of_the_period_is_read_late_dark_and_gap() {
    let data = Data::empty();
    let store = data.store();
    let gap = json!([{"From": stamp(hours_ago(60)), "To": stamp(hours_ago(59))}]);
    let row = tenant(
        1,
        "contoso.com",
        &[
            ("Gaps", text(&gap.to_string())),
            ("Since", Column::Time(hours_ago(70))),
            ("ReadFrom", Column::Time(hours_ago(100))),
        ],
    );
    store.insert(COVERAGE, &row).await.unwrap();
    let notices = [
        ("contoso.com", 1, "AccessLost", 80, 80),
        ("contoso.com", 2, "Healthy", 70, 70),
        ("contoso.com", 3, "Late", 90, 90),
        ("contoso.com", 4, "Gap", 60, 50),
        // Before the tenant was known, and two hours later.
        ("service", 5, "Standstill", 150, 148),
        ("service", 6, "Standstill", 40, 36),
    ];
    for (partition, id, what, at, stored_at) in notices {
        let row = ProcessedRow {
            domain: partition.parse().unwrap(),
            kind: tenantwatch::detection::FindingKind::Coverage,
            threat: false,
            operation: what.to_owned(),
            event_time: hours_ago(at),
            processed_at: hours_ago(stored_at),
            ..stored(id, at)
        };
        store.insert(PROCESSED, &row.to_entity()).await.unwrap();
    }
    let report = data.json(&[]).await;
    let hours = |kind: &str| (report["Tenants"][0]["Coverage"][kind].as_i64().unwrap() + 30) / 3_600;
    assert_eq!(["Gap", "Dark", "Late"].map(hours), [1, 10 + 4, 10]);
    assert_eq!(hours("Read"), 100 - 1 - 14 - 10);
    let recent = data.json(&["--since", &stamp(hours_ago(38))]).await;
    assert_eq!((recent["Tenants"][0]["Coverage"]["Dark"].as_i64().unwrap() + 30) / 3_600, 2);
}

#[tokio::test]
async fn stopped_service_is_said_before_everything_else() {
    let data = folder(&[], &[]).await;
    let service =
        [("State", text("Healthy")), ("Since", Column::Time(hours_ago(99))), ("LastRun", Column::Time(hours_ago(9)))];
    data.store().insert(COVERAGE, &entity("service", "service", &service)).await.unwrap();
    let table = data.status(&[]).await.out;
    let said = format!("Tenantwatch has not run since {} UTC", hours_ago(9).format("%Y-%m-%d %H:%M"));
    assert!(table.starts_with(&said), "{table}");
    let page = data.status(&["--format", "html"]).await.out;
    assert!(page.contains("Tenantwatch has not run since"));
}

#[tokio::test]
async fn malformed_rows_are_named_and_the_others_reported() {
    let data = folder(&[stored(1, 30)], &[]).await;
    let store = data.store();
    store
        .insert(COVERAGE, &entity("tenant", &Uuid::from_u128(2).to_string(), &[("State", text("Healthy"))]))
        .await
        .unwrap();
    store.insert(COVERAGE, &tenant(3, "d.example", &[("Readiness", text("[{"))])).await.unwrap();
    let broken = [("Threat", text("True")), ("Type", text("InboxRule")), ("TenantId", text("nobody"))];
    store.insert(PROCESSED, &entity("contoso.com", &Uuid::from_u128(3).to_string(), &broken)).await.unwrap();
    let answer = data.status(&["--format", "json"]).await;
    assert_eq!(answer.code, Some(0));
    let report: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(report["Tenants"].as_array().unwrap().len(), 2);
    assert_eq!(statuses(&report), [("Open", None)]);
    assert_eq!(answer.err.lines().count(), 3, "{}", answer.err);
}
