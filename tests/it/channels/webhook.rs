//! The signed webhook.

use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use tenantwatch::detection::FindingKind;
use tenantwatch::notify::{signature::signature, webhook};
use tenantwatch::tables::FindingState;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::{KEYS, key, only, with};
use crate::card::example;
use crate::collector_fixture::{CollectorFixture, forwarding_rule};

fn threat(fixture: &CollectorFixture, id: u128) {
    fixture.publish(vec![forwarding_rule(id, &format!("Invoices {id}"), "eve@evil.example", fixture.now())]);
}

pub fn schema() -> jsonschema::Validator {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/webhook.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn signature_is_the_published_one() {
    let time = DateTime::from_timestamp(1_649_367_553, 0).unwrap();
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    let signed = signature(&[key(KEYS[0])], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", time, body);
    assert_eq!(signed, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    let both = signature(&[key(KEYS[1]), key(KEYS[0])], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", time, body);
    assert!(both.ends_with(&format!(" {signed}")) && both.matches("v1,").count() == 2, "{both}");
}

/// Returns the receiver of docs/channels.md, with a line that prints what it makes of the program's arguments.
fn receiver() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/channels.md")).unwrap();
    let (_, rest) = page.split_once("```python\n").unwrap();
    let (code, _) = rest.split_once("```").unwrap();
    format!("{code}\nimport sys\nprint(verified(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3].encode()))\n")
}

/// Runs the receiver; `None` where there is no python3, which is required in CI.
fn received(secret: &str, signature: &str, time: DateTime<Utc>, body: &str) -> Option<String> {
    let headers = json!({
        "webhook-id": "msg_1", "webhook-timestamp": time.timestamp().to_string(), "webhook-signature": signature,
    });
    let run = Command::new("python3").args(["-c", &receiver(), secret, &headers.to_string(), body]).output();
    assert!(run.is_ok() || std::env::var_os("CI").is_none(), "python3 is missing");
    let output = run.ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn documented_receiver_verifies_the_signature() {
    let (now, body) = (Utc::now(), r#"{"type":"tenantwatch.test"}"#);
    let signed = signature(&[key(KEYS[1]), key(KEYS[0])], "msg_1", now, body.as_bytes());
    let secret = format!("whsec_{}", KEYS[0].trim_start_matches("whsec_"));
    let Some(said) = received(&secret, &signed, now, body) else { return };
    assert_eq!(said, "{'type': 'tenantwatch.test'}");
    for (time, body) in [(now, r#"{"type":"tenantwatch.threat"}"#), (now - TimeDelta::minutes(10), body)] {
        assert_eq!(received(&secret, &signed, time, body).as_deref(), Some("None"), "{time} {body}");
    }
}

#[tokio::test]
async fn threat_is_sent_signed_and_without_tokens() {
    let fixture = with(&["webhook"]).await;
    threat(&fixture, 1);
    fixture.read().await.unwrap();
    let [received] = <[_; 1]>::try_from(fixture.sim.webhooks()).unwrap();
    let body = received.json();
    assert!(schema().is_valid(&body), "{body:#}");
    assert_eq!(body["type"], "tenantwatch.threat");
    let data = body["data"].as_object().unwrap();
    assert!(data.values().all(Value::is_string));
    assert_eq!((&data["SourceMailbox"], &data["Severity"]), (&json!("victor@contoso.com"), &json!("High")));
    assert!(!data["IncidentId"].as_str().unwrap().is_empty());
    for name in ["ActionToken", "UndoToken", "Card"] {
        assert!(!data.contains_key(name), "{name}");
    }
    let row = fixture.findings().await.remove(0);
    assert_eq!((row.state, row.notified.len()), (FindingState::Sent, 1));
    let expected = uuid::Uuid::new_v5(row.record_id.as_uuid(), b"tenantwatch.threat");
    assert_eq!((&received.id, &webhook::event_id(&row)), (&expected.to_string(), &received.id));
    assert_eq!(received.timestamp, fixture.now().timestamp().to_string());
}

#[tokio::test]
async fn both_keys_verify_while_they_are_rotated() {
    let mut fixture = with(&["webhook"]).await;
    let urls = fixture.sim.urls().clone();
    fixture.set_up_again(|settings| {
        only(settings, &urls, &["webhook"]);
        settings.channels.webhook.as_mut().unwrap().keys = KEYS.map(key).into();
    });
    // The crate that verifies compares with the clock of the system.
    let lag = chrono::Utc::now() - fixture.now();
    fixture.wait(lag);
    let row = example();
    let limit = base::clock::Deadline::after(fixture.app.clock.clone(), Duration::from_secs(20));
    fixture.app.notifier.send(tenantwatch::notify::Channel::Webhook, &row, &limit).await.unwrap();
    let received = fixture.sim.webhooks().remove(0);
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("webhook-id", received.id.parse().unwrap());
    headers.insert("webhook-timestamp", received.timestamp.parse().unwrap());
    headers.insert("webhook-signature", received.signature.parse().unwrap());
    for shown in KEYS {
        standardwebhooks::Webhook::new(shown).unwrap().verify(&received.body, &headers).unwrap();
    }
    let other = standardwebhooks::Webhook::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    assert!(other.verify(&received.body, &headers).is_err());
}

#[tokio::test]
async fn refused_webhook_stays_owed_and_keeps_its_id() {
    let fixture = with(&["webhook", "flow"]).await;
    fixture.sim.inject(Fault::new(Service::Webhook, "", FaultKind::AfterEffect { status: 500 }));
    threat(&fixture, 1);
    fixture.read().await.unwrap();
    let row = fixture.findings().await.remove(0);
    assert_eq!(row.state, FindingState::Sending);
    assert!(row.notified["flow"].is_some() && row.notified["webhook"].is_none(), "{:?}", row.notified);
    fixture.sim.clear_faults();
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    assert_eq!(fixture.findings().await[0].state, FindingState::Sent);
    let ids: std::collections::BTreeSet<_> = fixture.sim.webhooks().into_iter().map(|one| one.id).collect();
    assert!(fixture.sim.webhooks().len() > 1 && ids.len() == 1, "{ids:?}");
    assert_eq!(fixture.notified("InboxRule").len(), 1, "the flow got it once");
}

#[tokio::test]
async fn webhook_that_is_gone_is_off_until_its_address_changes() {
    let mut fixture = with(&["webhook", "flow"]).await;
    fixture.sim.inject(Fault::status(Service::Webhook, "", 410));
    let requests = |fixture: &CollectorFixture| fixture.sim.count(|request| request.service == Service::Webhook);
    for id in 1..=3 {
        threat(&fixture, id);
        fixture.read().await.unwrap();
    }
    assert_eq!(requests(&fixture), 1, "nothing is sent after the 410");
    assert!(fixture.findings().await.iter().all(|row| row.state == FindingState::Sent));
    let notices: Vec<String> =
        fixture.notice_texts().into_iter().filter(|text| text.contains("answered 410")).collect();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(!notices[0].contains("://") && !notices[0].contains("c2ltdWxhdGVk"), "{notices:?}");
    // A new process with the same address knows it, one with another address sends again.
    fixture.sim.clear_faults();
    let urls = fixture.sim.urls().clone();
    fixture.set_up_again(|settings| only(settings, &urls, &["webhook", "flow"]));
    threat(&fixture, 4);
    fixture.read().await.unwrap();
    assert_eq!(requests(&fixture), 1);
    fixture.set_up_again(|settings| {
        only(settings, &urls, &["webhook", "flow"]);
        settings.channels.webhook.as_mut().unwrap().url = format!("{}&v=2", urls.webhook).into();
    });
    threat(&fixture, 5);
    fixture.read().await.unwrap();
    assert_eq!((requests(&fixture), fixture.sim.webhooks().len()), (2, 1));
}

#[tokio::test]
async fn redirect_is_a_named_fault_and_is_not_followed() {
    let fixture = with(&["webhook"]).await;
    let headers = vec![("location".to_owned(), fixture.sim.urls().flow.clone())];
    fixture.sim.inject(Fault::new(
        Service::Webhook,
        "",
        FaultKind::Status { status: 307, headers, body: String::new() },
    ));
    let limit = base::clock::Deadline::after(fixture.app.clock.clone(), Duration::from_secs(20));
    let sent = fixture.app.notifier.send(tenantwatch::notify::Channel::Webhook, &example(), &limit).await;
    let text = sent.unwrap_err().to_string();
    assert!(text.contains("redirects are not followed") && !text.contains("://"), "{text}");
    assert_eq!(fixture.sim.count(|request| request.service == Service::Flow), 0);
}

#[tokio::test]
async fn name_of_a_private_address_is_refused_unless_allowed() {
    let mut fixture = with(&["webhook"]).await;
    let urls = fixture.sim.urls().clone();
    assert!(urls.webhook.contains("localhost"), "a name, not a literal address");
    fixture.set_up_again(|settings| {
        only(settings, &urls, &["webhook"]);
        settings.channels.webhook.as_mut().unwrap().allow_private = false;
    });
    let limit = base::clock::Deadline::after(fixture.app.clock.clone(), Duration::from_secs(20));
    let sent = fixture.app.notifier.send(tenantwatch::notify::Channel::Webhook, &example(), &limit).await;
    let text = sent.unwrap_err().to_string();
    assert!(text.contains("WEBHOOK_ALLOW_PRIVATE"), "{text}");
    assert_eq!(fixture.sim.count(|request| request.service == Service::Webhook), 0);
}

#[test]
fn every_kind_has_a_type_and_fits_the_schema() {
    let schema = schema();
    for kind in FindingKind::ALL {
        let mut row = example();
        row.kind = *kind;
        let body: Value = serde_json::from_slice(&webhook::body(&(&row).into())).unwrap();
        let expected = match kind {
            FindingKind::Coverage => "tenantwatch.notice",
            FindingKind::Investigation => "tenantwatch.investigated",
            FindingKind::Test => "tenantwatch.test",
            _ => "tenantwatch.threat",
        };
        assert_eq!(body["type"], expected);
        assert!(schema.is_valid(&body), "{body:#}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn body_is_never_longer_than_its_limit(
        name in "\\PC{0,60}",
        times in 0_usize..2_000,
        quote in prop::sample::select(vec!["\"", "\\", "\u{1}", "😀", "ä", "x"]),
    ) {
        let mut row = example();
        row.rule_name = format!("{name}{}", quote.repeat(times * 10));
        row.description = quote.repeat(times * 16);
        row.forwarding_address = quote.repeat(times * 16);
        row.actor = quote.repeat(times);
        let body = webhook::body(&(&row).into());
        prop_assert!(body.len() <= webhook::BODY_LIMIT, "{}", body.len());
        prop_assert!(serde_json::from_slice::<Value>(&body).unwrap()["data"]["LogID"].is_string());
    }
}
