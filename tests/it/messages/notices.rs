//! Notices about monitoring, as they are sent.

use chrono::TimeDelta;
use serde_json::Value;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::Catalogue;
use super::cards::lines;
use crate::channels::with;
use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, forwarding_rule};
use crate::containment::breaker::{attack_25_tenants, attack_many};
use crate::containment::{acting, breaker_notices, observing, ready};
use m365::Cloud;
use tenantwatch::notify::{mail, slack};

fn add(catalogue: &mut Catalogue, what: &str, fixture: &CollectorFixture) {
    catalogue.situation(what);
    let texts = fixture.notice_texts();
    assert!(!texts.is_empty(), "{what}");
    texts.iter().for_each(|text| catalogue.message(text));
}

#[tokio::test]
async fn notices_about_a_tenant_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();

    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.set_consent(false);
    let _ = fixture.read().await;
    fixture.set_consent(true);
    fixture.read().await.unwrap();
    add(&mut catalogue, "Consent is missing, and is granted again", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.contoso(|tenant| tenant.auditing = false);
    for _ in 0..30 {
        fixture.wait(TimeDelta::hours(1));
        fixture.read().await.unwrap();
    }
    add(&mut catalogue, "Auditing is disabled", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::minutes(119));
    fixture.get_domain().await;
    fixture.wait(TimeDelta::minutes(2));
    fixture.get_domain().await;
    add(&mut catalogue, "The tenant was not read for two hours", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.list_customers(&[FABRIKAM]);
    fixture.get_domain().await;
    fixture.get_domain().await;
    add(&mut catalogue, "The tenant is no longer a customer", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.set_consent(false);
    fixture.get_domain().await;
    let _ = fixture.read().await;
    fixture.wait(TimeDelta::minutes(61));
    fixture.get_domain().await;
    add(&mut catalogue, "Tenants that could never be read, once a day", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.deny_blobs();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    add(&mut catalogue, "Content that Microsoft lists but does not deliver", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::days(10));
    fixture.read().await.unwrap();
    add(&mut catalogue, "Content that Microsoft no longer lists", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(1_000);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    for _ in 0..16 {
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::hours(12));
    }
    add(&mut catalogue, "Content that expired before it could be read", &fixture);

    let fixture = ready(|settings| {
        acting(settings);
        settings.containment.limit = 1;
    })
    .await;
    attack_many(&fixture, 0..2);
    fixture.read().await.unwrap();
    add(&mut catalogue, "The limit of contained accounts is reached", &fixture);
    catalogue.situation("The same in the card, in Slack and by mail");
    let notice = breaker_notices(&fixture).remove(0);
    let mut card = Vec::new();
    lines(&serde_json::from_str(notice["Card"].as_str().unwrap()).unwrap(), &mut card);
    card.iter().for_each(|line| catalogue.message(line));
    let rows = fixture.rows("contoso.com").await;
    let row = rows.iter().find(|row| row.operation == "Breaker").unwrap();
    catalogue.message(slack::message(&row.into(), Cloud::Worldwide)["text"].as_str().unwrap());
    catalogue.message(&mail::subject(&row.into()));
    for (key, value) in mail::lines(&row.into(), Cloud::Worldwide, true) {
        catalogue.message(&format!("{key}: {value}"));
    }

    let fixture = ready(observing).await;
    attack_many(&fixture, 0..4);
    fixture.read().await.unwrap();
    add(&mut catalogue, "The limit is reached with observe", &fixture);
    catalogue.compare("notices_of_a_tenant");
}

#[tokio::test]
async fn notices_about_the_service_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();

    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.break_credential(true);
    let _ = fixture.read().await;
    fixture.get_domain().await;
    fixture.break_credential(false);
    fixture.read().await.unwrap();
    fixture.get_domain().await;
    add(&mut catalogue, "The credential is wrong, and is right again", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.fail_customers(true);
    fixture.get_domain().await;
    add(&mut catalogue, "The customers cannot be listed", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.list_customers(&[]);
    fixture.get_domain().await;
    add(&mut catalogue, "The list of customers is empty", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.list_customers(&[CONTOSO]);
    for message in fixture.get_domain().await {
        fixture.deliver(&message).await.unwrap();
    }
    fixture.wait(TimeDelta::hours(9));
    fixture.get_domain().await;
    add(&mut catalogue, "Tenantwatch did not run", &fixture);

    let fixture = CollectorFixture::start().await;
    fixture.sim.set_date_error(Service::Activity, TimeDelta::days(5 * 365));
    for _ in 0..4 {
        fixture.wait(TimeDelta::minutes(14));
        fixture.read().await.unwrap();
    }
    catalogue.situation("Clocks disagree");
    let texts = fixture.notice_texts();
    let apart = texts.iter().filter(|text| text.contains("apart"));
    apart.for_each(|text| catalogue.message(text));

    let fixture = with(&["webhook", "flow"]).await;
    refuse(&fixture, Service::Flow, 404).await;
    catalogue.situation("The flow does not exist; told through the webhook");
    let hooks: Vec<_> = fixture.sim.webhooks().iter().map(|hook| hook.json()["data"]["Description"].clone()).collect();
    let told: Vec<&str> =
        hooks.iter().filter_map(Value::as_str).filter(|text| text.starts_with("Notifications")).collect();
    assert!(!told.is_empty(), "{hooks:?}");
    told.iter().for_each(|text| catalogue.message(text));

    let fixture = with(&["webhook", "flow"]).await;
    refuse(&fixture, Service::Webhook, 410).await;
    add(&mut catalogue, "The webhook is gone", &fixture);

    let fixture = attack_25_tenants().await;
    catalogue.situation("The limit of contained accounts of all tenants is reached");
    for notice in breaker_notices(&fixture) {
        catalogue.message(notice["Description"].as_str().unwrap());
    }
    catalogue.compare("notices_of_the_service");
}

/// Reads a threat while a channel answers with this status.
async fn refuse(fixture: &CollectorFixture, service: Service, status: u16) {
    let status = FaultKind::Status { status, headers: Vec::new(), body: String::new() };
    fixture.sim.inject(Fault::new(service, "", status));
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
}
