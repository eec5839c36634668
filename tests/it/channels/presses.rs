//! A remediation request is reported once, to the webhook and by mail.

use chrono::TimeDelta;
use serde_json::json;
use tenantwatch::functions::remediate_account;
use tenantwatch::settings::ActionKey;
use tenantwatch_simulator::{Fault, Service};

use super::mail::{header, mails};
use super::{only, with};
use crate::collector_fixture::{CollectorFixture, forwarding_rule};

/// A threat that was sent, in a product that accepts presses without a token.
async fn threatened() -> CollectorFixture {
    let mut fixture = with(&["webhook"]).await;
    let urls = fixture.sim.urls().clone();
    fixture.set_up_again(|settings| {
        only(settings, &urls, &["webhook", "mail", "flow", "slack"]);
        settings.actions.key = ActionKey::Off;
    });
    fixture.set_rule(7, "Invoices", json!({}));
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    fixture
}

async fn press(fixture: &CollectorFixture, action: &str) -> serde_json::Value {
    let row = fixture.findings().await.into_iter().find(|row| row.threat).unwrap();
    let body = json!({ "Domain": "contoso.com", "User": "victor@contoso.com", "ID": row.record_id, "Action": action });
    let answer = remediate_account::run(&fixture.app, body.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

fn remediated(fixture: &CollectorFixture) -> Vec<serde_json::Value> {
    let received = fixture.sim.webhooks().into_iter().map(|received| received.json());
    received.filter(|body| body["type"] == "tenantwatch.remediated").collect()
}

#[tokio::test]
async fn finished_press_is_told_to_webhook_and_mail_once() {
    let fixture = threatened().await;
    let (flow, slack) = (fixture.sim.notifications().len(), fixture.sim.slack_messages().len());
    let answer = press(&fixture, "Remediate").await;
    for _ in 0..3 {
        fixture.wait(TimeDelta::minutes(20));
        fixture.read().await.unwrap();
    }
    let [told] = <[_; 1]>::try_from(remediated(&fixture)).unwrap();
    assert_eq!((&told["data"]["RunId"], &told["data"]["Status"]), (&answer["RunId"], &answer["Status"]));
    assert!(told["data"]["Steps"].as_str().unwrap().contains("BlockSignIn: "), "{told:#}");
    let row = fixture.findings().await.into_iter().find(|row| row.threat).unwrap();
    assert_eq!(told["data"]["LogID"], row.record_id.to_string());
    let name = format!("tenantwatch.remediated/{}", answer["RunId"].as_str().unwrap());
    let id = uuid::Uuid::new_v5(row.record_id.as_uuid(), name.as_bytes()).to_string();
    assert!(fixture.sim.webhooks().iter().any(|received| received.id == id), "{id}");
    let mails = mails(&fixture);
    assert_eq!(mails.len(), 2);
    assert_eq!(header(&mails[0], "Subject"), header(&mails[1], "Subject"));
    assert_eq!((fixture.sim.notifications().len(), fixture.sim.slack_messages().len()), (flow, slack));
    assert!(!fixture.coverage().await.pending);
}

#[tokio::test]
async fn undo_is_told_and_preview_and_dismiss_are_not() {
    let fixture = threatened().await;
    press(&fixture, "Preview").await;
    press(&fixture, "Remediate").await;
    press(&fixture, "Undo").await;
    press(&fixture, "Dismiss").await;
    fixture.wait(TimeDelta::minutes(20));
    fixture.read().await.unwrap();
    let mut actions: Vec<String> =
        remediated(&fixture).iter().map(|told| told["data"]["Action"].as_str().unwrap().to_owned()).collect();
    actions.sort();
    assert_eq!(actions, ["Remediate", "Undo"]);
}

/// Requests a remediation that runs out of time: Exchange does not respond when rules are disabled.
async fn incomplete_press(fixture: &CollectorFixture) {
    fixture.contoso(|tenant| {
        let mailbox = tenant.mailbox_mut("victor@contoso.com").unwrap();
        for number in 0..120 {
            mailbox.add_rule(100 + number, &format!("Rule {number}"), json!({}));
        }
    });
    fixture.sim.inject(Fault::hang(Service::Exchange, "Disable-InboxRule"));
    let answer = fixture.while_hanging(press(fixture, "Remediate")).await;
    assert_eq!(answer["Status"], "Incomplete", "{answer:#}");
}

#[tokio::test]
async fn incomplete_press_is_told_after_ten_minutes() {
    let fixture = threatened().await;
    incomplete_press(&fixture).await;
    // Each reading waits a minute.
    fixture.wait(TimeDelta::minutes(8));
    fixture.read().await.unwrap();
    assert_eq!(remediated(&fixture).len(), 0, "it may still be continued");
    for _ in 0..2 {
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::minutes(30));
    }
    let [told] = <[_; 1]>::try_from(remediated(&fixture)).unwrap();
    assert_eq!(told["data"]["Status"], "Incomplete", "{told:#}");
    let expected = "Remediate of victor@contoso.com: the account is not completely secured: run the remediation again (Incomplete).";
    assert_eq!(told["data"]["Summary"], expected);
}

#[tokio::test]
async fn press_that_is_continued_in_time_is_told_once() {
    let fixture = threatened().await;
    incomplete_press(&fixture).await;
    fixture.sim.clear_faults();
    fixture.wait(TimeDelta::minutes(5));
    let answer = press(&fixture, "Remediate").await;
    assert_eq!(answer["Status"], "Completed", "{answer:#}");
    for _ in 0..3 {
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::minutes(20));
    }
    let [told] = <[_; 1]>::try_from(remediated(&fixture)).unwrap();
    assert_eq!((&told["data"]["Status"], &told["data"]["RunId"]), (&json!("Completed"), &answer["RunId"]));
}
