//! The time that a report looks at, what starts it, and which report is kept.

use chrono::TimeDelta;
use serde_json::Value;
use table_store::{PartitionKey, Query, list_all};
use tenantwatch::tables::{AttackerRow, COVERAGE};
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::{content_type, later, on, publish, reports, start, stored, told};
use crate::collector_fixture::{CONTOSO, CollectorFixture};
use crate::investigate::records::{A, A2, OWNER, Records, S, V, W};
use crate::location::city_database;

/// The product with so many hours that are looked back.
async fn start_with_hours(hours: u64) -> CollectorFixture {
    let mut fixture = start().await;
    fixture.set_up_again(|settings| {
        on(settings);
        settings.investigation.hours = hours;
    });
    fixture
}

async fn report(fixture: &CollectorFixture, record: &Value) -> Value {
    serde_json::from_str(&stored(fixture, record).await.unwrap().report).unwrap()
}

/// The address of each row of the report that is an attacker's for certain.
fn attackers(report: &Value) -> Vec<&str> {
    let is_sure = |row: &&Value| ["Proven", "Linked"].contains(&row["Attribution"].as_str().unwrap());
    report["Addresses"].as_array().unwrap().iter().filter(is_sure).map(|row| row["IP"].as_str().unwrap()).collect()
}

async fn kept_addresses(fixture: &CollectorFixture) -> Vec<String> {
    let query = Query::partition(PartitionKey::parse("attackers").unwrap());
    let rows = list_all(fixture.store.as_ref(), COVERAGE, query).await.unwrap();
    rows.iter().map(|row| AttackerRow::from_stored(row).unwrap().0.address.to_string()).collect()
}

/// An attack of the last quarter of an hour, read by one run.
async fn attack_of_today(hours: u64) -> (CollectorFixture, Records, Value) {
    let fixture = start_with_hours(hours).await;
    let mut records = Records::default();
    records.sign_in("22T09:45:00", V, A, S, "0");
    records.bind("22T09:50:00", V, V, A, S, &["m", "n"]);
    let rule = records.rule("22T09:55:00", V, A, S);
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    (fixture, records, rule)
}

#[tokio::test]
async fn later_reports_look_at_the_time_of_the_threat() {
    let (fixture, mut records, rule) = attack_of_today(1).await;
    let first = report(&fixture, &rule).await;
    assert_eq!((&first["From"], &first["Counts"]["MessagesRead"]), (&"2026-11-22T08:55:00Z".into(), &2.into()));
    let before = records.all.len();
    records.send("22T10:40:00", V, A, S, "invoice");
    for minutes in [31, 130] {
        publish(&fixture, CONTOSO, &records.all[before..]);
        later(&fixture, minutes).await;
    }
    let second = report(&fixture, &rule).await;
    assert_eq!((&second["From"], &second["Counts"]["SignIns"]), (&first["From"], &1.into()), "{second:#}");
    assert_eq!((&second["Counts"]["MessagesRead"], &second["Counts"]["MessagesSent"]), (&2.into(), &1.into()));
    assert!(!second["NotLogged"].to_string().contains("Reading of mail"), "{}", second["NotLogged"]);
}

#[tokio::test]
async fn what_the_feed_has_no_more_is_said() {
    let fixture = start_with_hours(72).await;
    let mut records = Records::default();
    records.sign_in("17T10:00:00", V, A, S, "0");
    let rule = records.rule("17T10:05:00", V, A, S);
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let report = report(&fixture, &rule).await;
    assert_eq!(report["From"], "2026-11-14T10:05:00Z");
    let told = report["NotLogged"].to_string();
    assert!(told.contains("content from before 2026-11-15 10:11 UTC cannot be read any more"), "{told}");
}

#[tokio::test]
async fn report_that_could_read_less_replaces_nothing() {
    let (fixture, mut records, rule) = attack_of_today(1).await;
    let first = stored(&fixture, &rule).await.unwrap();
    let unavailable = FaultKind::Status { status: 400, headers: vec![], body: String::new() };
    let before = records.all.len();
    records.sign_in("22T10:20:00", V, A2, S, "0");
    publish(&fixture, CONTOSO, &records.all[before..]);
    fixture.sim.inject(Fault::new(Service::Activity, "audit_exchange", unavailable));
    later(&fixture, 40).await;
    assert_eq!((reports(&fixture).len(), stored(&fixture, &rule).await.unwrap()), (1, first));
    fixture.sim.clear_faults();
    later(&fixture, 130).await;
    let second = report(&fixture, &rule).await;
    assert_eq!((reports(&fixture).len(), attackers(&second).len()), (2, 2), "the next look tries again");
    assert_eq!(second["Counts"]["MessagesRead"], 2);
}

#[tokio::test]
async fn owner_is_not_made_the_attacker_by_days_that_are_gone() {
    let fixture = start_with_hours(167).await;
    let mut records = Records::default();
    // The first look still has the first of the two ordinary days; the next one, an hour later, does not.
    let days = |records: &mut Records, day: u32| {
        let before = records.all.len();
        records.owners_days(V, OWNER, S, &[day]);
        records.all[before..].to_vec()
    };
    let at = |fixture: &CollectorFixture, created: &str, own: &[Value]| {
        let mut world = fixture.sim.world();
        let tenant = world.tenants.get_mut(&CONTOSO).unwrap();
        for of in ["Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint"] {
            let mut own: Vec<Value> = own.iter().filter(|record| content_type(record) == of).cloned().collect();
            own.iter_mut().for_each(|record| record["OrganizationId"] = serde_json::json!(tenant.id));
            tenant.publish_at(of, created.parse().unwrap(), &own);
        }
    };
    let first = days(&mut records, 15);
    at(&fixture, "2026-11-15T10:50:00Z", &first);
    let second = days(&mut records, 20);
    at(&fixture, "2026-11-20T10:30:00Z", &second);
    let before = records.all.len();
    records.sign_in("22T09:40:00", V, A, S, "0");
    let rule = records.rule("22T09:45:00", V, A, S);
    records.bind("22T09:50:00", V, V, OWNER, S, &["own"]);
    publish(&fixture, CONTOSO, &records.all[before..]);
    fixture.read().await.unwrap();
    assert_eq!(attackers(&report(&fixture, &rule).await), [A]);
    let before = records.all.len();
    records.send("22T10:50:00", V, A, S, "invoice");
    publish(&fixture, CONTOSO, &records.all[before..]);
    later(&fixture, 60).await;
    later(&fixture, 130).await;
    assert_eq!(attackers(&report(&fixture, &rule).await), [A]);
    assert_eq!(kept_addresses(&fixture).await, [A]);
}

#[tokio::test]
async fn every_threat_of_the_incident_is_a_start() {
    let fixture = start().await;
    let (mut records, _, rule) = Records::incident();
    records.sign_in("19T11:00:00", V, A2, "cccccccc-3333-4333-8333-cccccccccccc", "0");
    records.rule("19T11:05:00", V, A2, "cccccccc-3333-4333-8333-cccccccccccc");
    records.all.last_mut().unwrap()["Parameters"][0]["Value"] = "..".into();
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 2);
    assert_eq!(reports(&fixture).len(), 1);
    let report = report(&fixture, &rule).await;
    assert_eq!(attackers(&report), [A, A2]);
    assert_eq!(report["Counts"]["SignIns"], 2);
}

#[tokio::test]
async fn response_alone_is_no_news() {
    let (fixture, mut records, rule) = told().await;
    let before = records.all.len();
    records.bind("19T11:00:00", W, V, "198.51.100.20", "ww", &["m"]);
    publish(&fixture, CONTOSO, &records.all[before..]);
    later(&fixture, 31).await;
    assert_eq!((reports(&fixture).len(), stored(&fixture, &rule).await.unwrap().number), (1, 1));
}

#[tokio::test]
async fn unread_mail_is_not_said_to_be_unlicensed() {
    let mut fixture = start().await;
    let (mut records, _, rule) = Records::incident();
    records.bind("17T10:00:00", W, W, "198.51.100.8", "w-1", &["m"]);
    let is_v = |record: &Value| record["Operation"] == "MailItemsAccessed" && record["UserId"] == V;
    let (early, late): (Vec<Value>, Vec<Value>) = records.all.iter().cloned().partition(is_v);
    publish(&fixture, CONTOSO, &early);
    fixture.wait(TimeDelta::hours(25));
    publish(&fixture, CONTOSO, &late);
    // The directory and the newest content of mailboxes reach the limit, so that the day before is not read.
    let directory = late.iter().filter(|record| content_type(record) == "Audit.AzureActiveDirectory");
    let bytes = directory.map(|record| record.to_string().len() as u64).sum::<u64>() + 200;
    let mut settings = (*fixture.app.settings).clone();
    settings.investigation.bytes = bytes;
    fixture.app.settings = std::sync::Arc::new(settings);
    fixture.read().await.unwrap();
    let told = report(&fixture, &rule).await["NotLogged"].to_string();
    assert!(told.contains("INVESTIGATE_MB") && !told.contains("Check its licence"), "{told}");
    assert!(told.contains("No reading of mail of v@contoso.com is in what was read"), "{told}");
}

#[tokio::test]
async fn hosting_of_microsoft_is_not_watched_in_other_tenants() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("asn.mmdb");
    for (number, owner, kept) in [
        (8075, "MICROSOFT-CORP-MSN-AS-BLOCK", 0),
        (8075, "", 0),
        (64500, "Example Hosting", 1),
        (64500, "Microsoft Corporation", 0),
    ] {
        std::fs::write(&database, city_database::asn_of(A.parse().unwrap(), number, owner)).unwrap();
        let mut fixture = start().await;
        fixture.set_up_again(|settings| {
            on(settings);
            settings.investigation.networks = Some(database.clone());
        });
        let (records, ..) = Records::incident();
        publish(&fixture, CONTOSO, &records.all);
        fixture.read().await.unwrap();
        assert_eq!((reports(&fixture).len(), kept_addresses(&fixture).await.len()), (1, kept), "{owner}");
    }
}
