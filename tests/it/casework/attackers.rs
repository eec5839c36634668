//! Addresses of attackers across tenants.

use chrono::TimeDelta;
use serde_json::Value;
use table_store::{PartitionKey, Query, Store as _, list_all};
use tenantwatch::tables::{ACTIONS, AttackerRow, COVERAGE, InvestigationRow};

use super::{later, publish, reports, told};
use crate::collector_fixture::{CollectorFixture, FABRIKAM};
use crate::investigate::records::{A, OWNER, Records};

const OTHER: &str = "anna@fabrikam.com";

async fn read_fabrikam(fixture: &CollectorFixture) {
    fixture.wait(TimeDelta::minutes(6));
    fixture.deliver(&fixture.message_for(FABRIKAM)).await.unwrap();
}

fn sign_in_of(records: &mut Records, address: &str, error: &str) -> Value {
    records.sign_in("22T10:02:00", OTHER, address, "dddddddd-4444-4444-8444-dddddddddddd", error)
}

#[tokio::test]
async fn attackers_address_is_kept_and_the_owners_is_not() {
    let (fixture, ..) = told().await;
    let query = Query::partition(PartitionKey::parse("attackers").unwrap());
    let rows = list_all(fixture.store.as_ref(), COVERAGE, query).await.unwrap();
    let addresses: Vec<_> =
        rows.iter().map(|row| AttackerRow::from_stored(row).unwrap().0.address.to_string()).collect();
    assert_eq!(addresses, [A]);
}

#[tokio::test]
async fn sign_in_from_a_known_address_is_told_in_another_tenant() {
    let (fixture, ..) = told().await;
    let mut records = Records::default();
    let sign_in = sign_in_of(&mut records, A, "0");
    records.sign_in("22T10:03:00", "ben@fabrikam.com", A, "", "50126");
    records.sign_in("22T10:04:00", "carl@fabrikam.com", OWNER, "", "0");
    publish(&fixture, FABRIKAM, &records.all);
    read_fabrikam(&fixture).await;
    let told = fixture.notified("KnownAttackerAddress");
    let [threat] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((&threat["LogID"], threat["Severity"].as_str()), (&sign_in["Id"], Some("Medium")));
    assert_eq!((threat["Actor"].as_str(), threat["IP"].as_str()), (Some(OTHER), Some(A)));
    let card: Value = serde_json::from_str(threat["Card"].as_str().unwrap()).unwrap();
    assert!(card["actions"].to_string().contains("Remediate"), "{card:#}");
    assert_eq!(reports(&fixture).len(), 1, "the sign-in alone is not investigated");
}

#[tokio::test]
async fn same_account_and_address_is_told_once() {
    let (fixture, ..) = told().await;
    for _ in 0..2 {
        let mut records = Records::default();
        sign_in_of(&mut records, A, "0");
        records.all[0]["Id"] = uuid::Uuid::new_v4().to_string().into();
        publish(&fixture, FABRIKAM, &records.all);
        read_fabrikam(&fixture).await;
    }
    assert_eq!(fixture.notified("KnownAttackerAddress").len(), 1);
}

#[tokio::test]
async fn victim_itself_is_no_news() {
    let (fixture, mut records, _) = told().await;
    let before = records.all.len();
    records.sign_in("22T10:02:00", crate::investigate::records::V, A, crate::investigate::records::S, "0");
    publish(&fixture, crate::collector_fixture::CONTOSO, &records.all[before..]);
    later(&fixture, 6).await;
    assert_eq!(fixture.notified("KnownAttackerAddress").len(), 0);
}

#[tokio::test]
async fn address_is_forgotten_after_thirty_days() {
    let (fixture, ..) = told().await;
    fixture.wait(TimeDelta::days(31));
    let mut records = Records::default();
    sign_in_of(&mut records, A, "0");
    publish(&fixture, FABRIKAM, &records.all);
    read_fabrikam(&fixture).await;
    assert_eq!(fixture.notified("KnownAttackerAddress").len(), 0);
}

#[tokio::test]
async fn second_investigation_names_the_incident_of_the_address() {
    let (fixture, _, first) = told().await;
    fixture.sim.world().tenants.get_mut(&FABRIKAM).unwrap().add_person("v", "V");
    let (mut records, ..) = Records::incident();
    for record in &mut records.all {
        *record = serde_json::from_str(&record.to_string().replace("contoso.com", "fabrikam.com")).unwrap();
        record["Id"] = uuid::Uuid::new_v4().to_string().into();
    }
    let rule = records.all.iter().find(|record| record["Operation"] == "New-InboxRule").unwrap().clone();
    publish(&fixture, FABRIKAM, &records.all);
    read_fabrikam(&fixture).await;
    let key = InvestigationRow::key(&"fabrikam.com".parse().unwrap(), &rule["Id"].as_str().unwrap().parse().unwrap());
    let stored = fixture.store.get(ACTIONS, &key).await.unwrap().unwrap();
    let report = InvestigationRow::from_stored(&stored).unwrap().0.report;
    assert!(report.contains(&format!("the investigation of {}", first["Id"].as_str().unwrap())), "{report}");
    assert!(!report.contains("contoso.com"), "the other customer is not named");
}
