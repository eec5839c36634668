//! Automatic containment through the function that reads a tenant, against the simulated Microsoft 365.

mod acting;
pub mod breaker;
mod conditions;
mod kills;
mod telling;

use chrono::TimeDelta;
use secrecy::SecretSlice;
use serde_json::{Value, json};
use table_store::{PartitionKey, Query, list_all};
use tenantwatch::functions::remediate_account;
use tenantwatch::settings::{ActionKey, ContainedTenants, ContainmentMode, Settings};
use tenantwatch::tables::{ACTIONS, ActionRow};
use tenantwatch_simulator::Service;
use tenantwatch_simulator::world::{Mailbox, User};
use uuid::Uuid;

use crate::collector_fixture::{CollectorFixture, forwarding_rule};

pub const VICTOR: &str = "victor@contoso.com";

/// Every tenant is listed, and accounts are contained.
pub fn acting(settings: &mut Settings) {
    settings.containment.tenants = ContainedTenants::All;
    settings.containment.mode = ContainmentMode::Act;
    settings.actions.key = ActionKey::Signing(vec![SecretSlice::from(vec![7; 32])]);
}

/// Every tenant is listed, and nothing is done.
pub fn observing(settings: &mut Settings) {
    acting(settings);
    settings.containment.mode = ContainmentMode::Observe;
}

/// The product with these settings, whose tenant has been read without a gap for longer than a day.
pub async fn ready(change: impl FnOnce(&mut Settings)) -> CollectorFixture {
    let fixture = CollectorFixture::start_with(change).await;
    be_read_for_a_day(&fixture).await;
    fixture
}

pub async fn be_read_for_a_day(fixture: &CollectorFixture) {
    for hours in [0, 12, 12, 1] {
        fixture.wait(TimeDelta::hours(hours));
        fixture.read().await.unwrap();
    }
}

/// Victor's account is taken over: a rule with this id and name sends his mail outside.
pub fn attack(fixture: &CollectorFixture, id: u64, name: &str) {
    fixture.contoso(|tenant| {
        let mailbox = tenant.mailbox_mut(VICTOR).unwrap();
        mailbox.add_rule(id, name, json!({ "ForwardTo": ["eve@evil.example"], "DeleteMessage": true }));
    });
    fixture.publish(vec![robbing_rule(id, name, fixture)]);
}

pub fn robbing_rule(id: u64, name: &str, fixture: &CollectorFixture) -> Value {
    let mut record = forwarding_rule(id.into(), name, "eve@evil.example", fixture.now());
    record["Parameters"].as_array_mut().unwrap().push(json!({ "Name": "DeleteMessage", "Value": "True" }));
    record
}

/// A tenant in which the attack was seen and what follows from it was done.
pub async fn attacked(change: impl FnOnce(&mut Settings)) -> CollectorFixture {
    let fixture = ready(change).await;
    attack(&fixture, 7, "Invoices");
    fixture.sim.forget_requests();
    fixture.read().await.unwrap();
    fixture
}

pub fn user(fixture: &CollectorFixture) -> User {
    fixture.contoso(|tenant| tenant.user(VICTOR).unwrap().clone())
}

pub fn mailbox(fixture: &CollectorFixture) -> Mailbox {
    fixture.contoso(|tenant| tenant.mailbox(VICTOR).unwrap().clone())
}

/// The names of the rules that are enabled.
pub fn enabled_rules(fixture: &CollectorFixture) -> Vec<String> {
    mailbox(fixture).rules.into_iter().filter(|rule| rule.enabled).map(|rule| rule.name).collect()
}

/// Requests that change something in a tenant.
pub fn changes(fixture: &CollectorFixture) -> usize {
    fixture.sim.count(|request| match request.service {
        Service::Graph => request.method != "GET",
        Service::Exchange => request.cmdlet.as_deref().is_some_and(|cmdlet| !cmdlet.starts_with("Get-")),
        _ => false,
    })
}

/// The one notification about the rule or forwarding that the flow got.
pub fn told(fixture: &CollectorFixture) -> Value {
    let [told] = <[Value; 1]>::try_from(all_told(fixture)).unwrap();
    told
}

/// All notifications about threats that the flow got.
pub fn all_told(fixture: &CollectorFixture) -> Vec<Value> {
    fixture.sim.notifications().into_iter().filter(|body| body["Threat"] == "True").collect()
}

/// The notices about an opening of the breaker.
pub fn breaker_notices(fixture: &CollectorFixture) -> Vec<Value> {
    fixture.notified("Coverage").into_iter().filter(|body| body["Operation"] == "Breaker").collect()
}

/// The runs of contoso, oldest first.
pub async fn runs(fixture: &CollectorFixture) -> Vec<ActionRow> {
    runs_of(fixture, "contoso.com").await
}

pub async fn runs_of(fixture: &CollectorFixture, domain: &str) -> Vec<ActionRow> {
    let query = Query::partition(PartitionKey::parse(domain).unwrap());
    let rows = list_all(fixture.store.as_ref(), ACTIONS, query).await.unwrap();
    let own = rows.iter().filter(|row| row.entity.key.row.as_str().matches('_').count() == 1);
    let own = own.filter(|row| row.entity.text("RunId").is_some() && row.entity.text("Action").is_some());
    let mut runs: Vec<ActionRow> = own.map(|row| ActionRow::from_stored(row).unwrap().0).collect();
    runs.sort_by_key(|run| run.started);
    runs
}

/// Sends what the flow sends when somebody selects a button.
pub async fn press(fixture: &CollectorFixture, told: &Value, action: &str) -> Value {
    let token = if action == "Undo" { &told["UndoToken"] } else { &told["ActionToken"] };
    let body = json!({
        "Domain": told["ManagementDomain"], "User": told["SourceMailbox"], "ID": told["LogID"], "Token": token, "Action": action,
    });
    let answer = remediate_account::run(&fixture.app, body.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    fixture.wait(TimeDelta::seconds(1));
    answer.body
}

/// The steps of an answer or run, `<step>: <outcome>`.
pub fn steps(of: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let steps = of.as_array().unwrap().iter();
    steps.map(|step| format!("{}: {}", word(&step["Step"]), word(&step["Outcome"]))).collect()
}

/// A further person of contoso.
pub fn add_person(fixture: &CollectorFixture, name: &str) -> Uuid {
    fixture.contoso(|tenant| {
        tenant.add_person(name, name);
        tenant.user(&format!("{name}@contoso.com")).unwrap().id
    })
}
