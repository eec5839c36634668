//! Investigations that follow a threat: the real functions against the simulator.

mod anchored;
mod attackers;
mod automatic;
mod changes;
mod command;
mod demo;
mod kills;
mod page;

use base::ids::RecordId;
use chrono::TimeDelta;
use serde_json::{Value, json};
use table_store::Store as _;
use tenantwatch::settings::Settings;
use tenantwatch::tables::{ACTIONS, InvestigationRow};
use uuid::Uuid;

use crate::collector_fixture::{CONTOSO, CollectorFixture};
use crate::investigate::records::Records;

/// The settings under which every threat is investigated over the whole week.
pub fn on(settings: &mut Settings) {
    settings.investigation.is_on = true;
    settings.investigation.hours = 167;
}

/// The product with investigations, and contoso with the two people of the records.
pub async fn start() -> CollectorFixture {
    let fixture = CollectorFixture::start_with(on).await;
    fixture.contoso(|tenant| {
        for name in ["v", "w"] {
            tenant.add_person(name, name);
        }
        for of in ["Audit.SharePoint", "Audit.General"] {
            tenant.subscriptions.insert(of.to_owned(), true);
        }
    });
    fixture
}

/// The content type that Microsoft puts a record into.
pub fn content_type(record: &Value) -> &'static str {
    match record["RecordType"].as_u64().unwrap() {
        8 | 15 => "Audit.AzureActiveDirectory",
        1..=3 | 50 => "Audit.Exchange",
        4 | 6 | 14 => "Audit.SharePoint",
        _ => "Audit.General",
    }
}

/// Publishes records of a tenant as content that becomes available now, one blob for each content type.
pub fn publish(fixture: &CollectorFixture, tenant: Uuid, records: &[Value]) {
    let now = fixture.now();
    let mut world = fixture.sim.world();
    let tenant = world.tenants.get_mut(&tenant).unwrap();
    for of in ["Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General"] {
        let mut own: Vec<Value> = records.iter().filter(|record| content_type(record) == of).cloned().collect();
        for record in &mut own {
            record["OrganizationId"] = json!(tenant.id);
        }
        if !own.is_empty() {
            tenant.publish_at(of, now, &own);
        }
    }
}

/// The bodies about investigations that the flow accepted.
pub fn reports(fixture: &CollectorFixture) -> Vec<Value> {
    fixture.notified("Investigation")
}

/// The stored report about a record.
pub async fn stored(fixture: &CollectorFixture, record: &Value) -> Option<InvestigationRow> {
    let log_id: RecordId = record["Id"].as_str().unwrap().parse().unwrap();
    let key = InvestigationRow::key(&"contoso.com".parse().unwrap(), &log_id);
    let stored = fixture.store.get(ACTIONS, &key).await.unwrap()?;
    Some(InvestigationRow::from_stored(&stored).unwrap().0)
}

/// An incident in contoso that was read by one run.
pub async fn told() -> (CollectorFixture, Records, Value) {
    let fixture = start().await;
    let (records, _, rule) = Records::incident();
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    (fixture, records, rule)
}

/// Runs the tenant so many minutes later.
pub async fn later(fixture: &CollectorFixture, minutes: i64) {
    fixture.wait(TimeDelta::minutes(minutes));
    fixture.read().await.unwrap();
}
