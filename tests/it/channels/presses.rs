//! A remediation request is reported once, to the webhook and by mail.

use chrono::TimeDelta;
use serde_json::json;
use tenantwatch::functions::remediate_account;
use tenantwatch::settings::ActionKey;

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
