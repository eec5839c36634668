//! When an investigation is made, what it says, and when it is made again.

use chrono::TimeDelta;
use serde_json::Value;
use tenantwatch::detection::FindingKind;
use tenantwatch::tables::FindingState;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::{later, publish, reports, start, stored, told};
use crate::collector_fixture::{CONTOSO, CollectorFixture};
use crate::investigate::records::{A, Records, S, V, W};

#[tokio::test]
async fn threat_is_followed_by_its_report_in_the_same_run() {
    let (fixture, _, rule) = told().await;
    let threats = fixture.notified("InboxRule");
    let [report] = &reports(&fixture)[..] else { panic!("{:?}", reports(&fixture)) };
    assert_eq!(threats.len(), 1);
    assert_ne!(report["LogID"], rule["Id"], "it is no second notification of the threat");
    assert!(report["Card"].as_str().unwrap().contains(rule["Id"].as_str().unwrap()), "{report:#}");
    assert_eq!(report["IncidentId"], threats[0]["IncidentId"]);
    assert_eq!((report["ActionToken"].as_str(), report["SourceMailbox"].as_str()), (Some(""), Some(V)));
    let text = report["Description"].as_str().unwrap();
    assert!(
        text.starts_with("An attacker was in v@contoso.com from 2026-11-19 10:00 to 2026-11-19 10:05 UTC"),
        "{text}"
    );
    assert!(text.contains("Signed in: 1 × from 1 address"), "{text}");
    let row = stored(&fixture, &rule).await.unwrap();
    assert_eq!((row.number, row.account.as_str(), row.omitted.as_str()), (1, V, ""));
    let activities: Value = serde_json::from_str(&row.activities).unwrap();
    let report: Value = serde_json::from_str(&row.report).unwrap();
    assert_eq!(report["Counts"]["SignIns"], 1);
    assert!(activities.as_array().unwrap().iter().any(|row| row["Id"] == rule["Id"] && row["Attribution"] == "Proven"));
}

#[tokio::test]
async fn card_of_a_report_has_twelve_lines_at_most() {
    let fixture = start().await;
    let (mut records, ..) = Records::incident();
    for number in 0..9 {
        records.sign_in("19T10:30:00", &format!("w{number}@contoso.com"), A, &format!("s{number}"), "0");
    }
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let bodies = reports(&fixture);
    let report = bodies.iter().find(|body| body["Operation"] == "Report 1").unwrap();
    let card: Value = serde_json::from_str(report["Card"].as_str().unwrap()).unwrap();
    let lines: usize =
        card["body"].as_array().unwrap().iter().map(|block| block["items"].as_array().map_or(1, Vec::len)).sum();
    assert!(lines <= 12, "{lines}: {card:#}");
    assert!(card.to_string().contains("And 6 other accounts"), "{card:#}");
    assert!(card.to_string().contains("was not seen from 203[.]0[.]113[.]5, the address of the threat"), "{card:#}");
    assert!(card.get("actions").is_none());
}

#[tokio::test]
async fn incident_is_investigated_once() {
    let (fixture, mut records, _) = told().await;
    let before = records.all.len();
    records.rule("19T10:20:00", V, A, S);
    let mut second = records.all[before].clone();
    second["Parameters"][0]["Value"] = "another".into();
    publish(&fixture, CONTOSO, &[second]);
    later(&fixture, 1).await;
    later(&fixture, 1).await;
    assert_eq!((fixture.notified("InboxRule").len(), reports(&fixture).len()), (2, 1));
}

#[tokio::test]
async fn late_content_gives_another_report_and_silence_none() {
    let (fixture, mut records, rule) = told().await;
    later(&fixture, 31).await;
    assert_eq!(reports(&fixture).len(), 1, "nothing has changed");
    let before = records.all.len();
    records.send("19T10:40:00", V, A, S, "invoice");
    publish(&fixture, CONTOSO, &records.all[before..]);
    later(&fixture, 5).await;
    assert_eq!(reports(&fixture).len(), 1, "not looked for yet");
    later(&fixture, 120).await;
    let told = reports(&fixture);
    let [_, second] = &told[..] else { panic!("{told:?}") };
    assert_eq!(second["Operation"], "Report 2");
    assert!(second["Description"].as_str().unwrap().contains("Sent: 1"), "{second:#}");
    assert_eq!(stored(&fixture, &rule).await.unwrap().number, 2);
    for _ in 0..40 {
        later(&fixture, 60).await;
    }
    assert_eq!(reports(&fixture).len(), 2);
    assert!(!fixture.coverage().await.pending, "the looks for late content end");
}

#[tokio::test]
async fn missing_and_unreadable_content_is_said() {
    let fixture = start().await;
    fixture.contoso(|tenant| tenant.subscriptions.remove("Audit.General"));
    let unavailable = FaultKind::Status { status: 400, headers: vec![], body: String::new() };
    fixture.sim.inject(Fault::new(Service::Activity, "audit_sharepoint", unavailable));
    let (records, _, rule) = Records::incident();
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let row = stored(&fixture, &rule).await.unwrap();
    let report: Value = serde_json::from_str(&row.report).unwrap();
    let not_logged = report["NotLogged"].to_string();
    assert!(not_logged.contains("Audit.SharePoint: content of 2026-11-22 10:00 UTC was not read"), "{not_logged}");
    assert!(not_logged.contains("Audit.General was subscribed to on 2026-11-22"), "{not_logged}");
    assert!(fixture.contoso(|tenant| tenant.subscriptions["Audit.General"]));
}

#[tokio::test]
async fn limit_of_bytes_is_said_span_by_span() {
    let fixture = start().await;
    let (mut records, _, rule) = Records::incident();
    records.file("19T10:30:00", V, "FileAccessed", A, S, "x.docx");
    publish(&fixture, CONTOSO, &records.all);
    let mut settings = (*fixture.app.settings).clone();
    settings.investigation.bytes = 1;
    let mut fixture = fixture;
    fixture.app.settings = std::sync::Arc::new(settings);
    fixture.read().await.unwrap();
    let row = stored(&fixture, &rule).await.unwrap();
    let report: Value = serde_json::from_str(&row.report).unwrap();
    let not_logged = report["NotLogged"].to_string();
    assert!(not_logged.contains("Audit.SharePoint of 2026-11-15"), "{not_logged}");
    assert!(not_logged.contains("INVESTIGATE_MB"), "{not_logged}");
}

#[tokio::test]
async fn second_victim_gets_a_notification_of_its_own() {
    let fixture = start().await;
    let (mut records, ..) = Records::incident();
    records.sign_in("19T10:30:00", W, A, "cccccccc-3333-4333-8333-cccccccccccc", "0");
    records.sign_in("19T10:31:00", "x@contoso.com", A, "", "50126");
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let told = reports(&fixture);
    let own: Vec<_> = told.iter().filter(|body| body["Operation"] == "SameAttacker").collect();
    let [own] = own[..] else { panic!("{told:#?}") };
    assert_eq!(own["SourceMailbox"], W);
    assert_eq!(own["IncidentId"], fixture.notified("InboxRule")[0]["IncidentId"]);
    assert!(own["Reasons"].as_str().unwrap().contains("was in the account w@contoso.com too"), "{own:#}");
    later(&fixture, 31).await;
    assert_eq!(reports(&fixture).len(), 2);
}

#[tokio::test]
async fn nothing_is_investigated_if_it_is_off() {
    let fixture = CollectorFixture::start().await;
    let (records, _, rule) = Records::incident();
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    assert_eq!((fixture.notified("InboxRule").len(), reports(&fixture).len()), (1, 0));
    assert!(stored(&fixture, &rule).await.is_none());
    assert!(fixture.contoso(|tenant| !tenant.subscriptions.contains_key("Audit.General")));
}

#[tokio::test]
async fn run_without_time_leaves_the_report_to_the_next_one() {
    let fixture = start().await;
    let (records, ..) = Records::incident();
    publish(&fixture, CONTOSO, &records.all);
    fixture.wait(TimeDelta::minutes(1));
    fixture.deliver_within(&fixture.message(), std::time::Duration::from_secs(150)).await.unwrap();
    assert_eq!((fixture.notified("InboxRule").len(), reports(&fixture).len()), (1, 0));
    later(&fixture, 1).await;
    assert_eq!((fixture.notified("InboxRule").len(), reports(&fixture).len()), (1, 1));
}

#[tokio::test]
async fn channel_that_is_down_gets_the_report_later() {
    let fixture = start().await;
    fixture.refuse_flow(true);
    let (records, ..) = Records::incident();
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let rows = fixture.rows("contoso.com").await;
    let owed = rows.iter().find(|row| row.kind == FindingKind::Investigation && row.operation == "Report 1").unwrap();
    assert_eq!(owed.state, FindingState::Sending);
    fixture.refuse_flow(false);
    later(&fixture, 20).await;
    assert_eq!(reports(&fixture).len(), 1);
}

#[tokio::test]
async fn every_channel_gets_the_report() {
    let names = ["flow", "webhook", "slack", "mail"];
    let mut fixture = start().await;
    let urls = fixture.sim.urls().clone();
    fixture.set_up_again(|settings| {
        super::on(settings);
        crate::channels::only(settings, &urls, &names);
    });
    let (records, _, rule) = Records::incident();
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let webhooks = fixture.sim.webhooks();
    let about: Vec<Value> =
        webhooks.iter().map(|sent| sent.json()).filter(|body| body["type"] != "tenantwatch.threat").collect();
    let [body] = &about[..] else { panic!("{about:#?}") };
    assert!(crate::channels::webhook_schema().is_valid(body), "{body:#}");
    assert_eq!((&body["type"], &body["data"]["LogID"]), (&"tenantwatch.investigated".into(), &rule["Id"]));
    assert_eq!((&body["data"]["Report"], &body["data"]["Account"]), (&"1".into(), &V.into()));
    let log_id: uuid::Uuid = rule["Id"].as_str().unwrap().parse().unwrap();
    let id = uuid::Uuid::new_v5(&log_id, b"tenantwatch.investigated/1").to_string();
    assert!(webhooks.iter().any(|sent| sent.id == id), "the id is made of log id, type and number");
    let slack = fixture.sim.slack_messages();
    assert!(slack.last().unwrap().to_string().contains("Signed in: 1 ×"), "{slack:#?}");
    let rows = fixture.rows("contoso.com").await;
    let row = rows.iter().find(|row| row.operation == "Report 1").unwrap();
    assert_eq!((row.state, row.notified.len()), (FindingState::Sent, names.len()));
    assert!(row.notified.values().all(Option::is_some));
}

#[tokio::test]
async fn victim_with_a_threat_of_its_own_is_not_told_again() {
    let fixture = start().await;
    let (mut records, ..) = Records::incident();
    records.sign_in("19T10:30:00", W, A, "cccccccc-3333-4333-8333-cccccccccccc", "0");
    records.rule("19T10:35:00", W, A, "cccccccc-3333-4333-8333-cccccccccccc");
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let told = reports(&fixture);
    assert_eq!((told.len(), fixture.notified("InboxRule").len()), (2, 2), "{told:#?}");
    assert!(told.iter().all(|body| body["Operation"] == "Report 1"), "{told:#?}");
}
