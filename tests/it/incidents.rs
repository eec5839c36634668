//! Incidents: threats of one account that are close in time have one id and one notification for those after the fifth.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::tables::FindingState;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use crate::channels::mail::{header, mails};
use crate::channels::with;
use crate::collector_fixture::{CollectorFixture, forwarding_rule};

/// A rule of a mailbox that forwards to an address of its own.
fn rule_of(mailbox: &str, id: u128, fixture: &CollectorFixture) -> Value {
    let mut rule = forwarding_rule(id, &format!("Rule {id}"), &format!("eve{id}@evil.example"), fixture.now());
    rule["UserId"] = mailbox.into();
    let alias = mailbox.split('@').next().unwrap();
    rule["ObjectId"] = rule["ObjectId"].as_str().unwrap().replace("/victor", &format!("/{alias}")).into();
    rule
}

fn incidents_of(sent: &[Value]) -> Vec<String> {
    sent.iter().map(|body| body["IncidentId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn threats_of_one_account_within_a_day_share_an_incident() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![rule_of("victor@contoso.com", 1, &fixture)]);
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::hours(23));
    fixture.publish(vec![rule_of("victor@contoso.com", 2, &fixture), rule_of("vera@contoso.com", 3, &fixture)]);
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::hours(25));
    fixture.publish(vec![rule_of("victor@contoso.com", 4, &fixture)]);
    fixture.read().await.unwrap();
    let sent = fixture.notified("InboxRule");
    let ids = incidents_of(&sent);
    assert_eq!(ids.len(), 4);
    let of = |rule: u128| {
        let position = sent.iter().position(|body| body["RuleName"] == format!("Rule {rule}").as_str()).unwrap();
        ids[position].clone()
    };
    assert_eq!(of(1), of(2), "23 h later");
    assert_ne!(of(1), of(3), "another account");
    assert_ne!(of(1), of(4), "25 h after the last one");
    let second = sent.iter().find(|body| body["RuleName"] == "Rule 2").unwrap();
    let summary = second["Summary"].as_str().unwrap();
    assert!(summary.ends_with("One earlier threat belongs to this incident."), "{summary}");
    assert!(second["Card"].as_str().unwrap().contains("One earlier threat belongs to this incident."));
}

#[tokio::test]
async fn incident_ends_after_seven_days() {
    let fixture = CollectorFixture::start().await;
    for day in 0..9 {
        fixture.publish(vec![rule_of("victor@contoso.com", day, &fixture)]);
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::hours(23));
    }
    let ids = incidents_of(&fixture.notified("InboxRule"));
    assert_eq!(ids[0], ids[7], "161 h");
    assert_ne!(ids[0], ids[8], "184 h");
}

#[tokio::test]
async fn incident_id_is_made_of_tenant_account_and_first_record() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![rule_of("Victor@Contoso.com", 1, &fixture)]);
    fixture.read().await.unwrap();
    let finding = fixture.findings().await.remove(0);
    let name = format!("victor@contoso.com/{}", finding.record_id);
    let expected = uuid::Uuid::new_v5(finding.tenant_id.as_uuid(), name.as_bytes()).to_string();
    assert_eq!(finding.incident_id, expected);
    assert_eq!(fixture.notified("InboxRule")[0]["IncidentId"], expected.as_str());
}

#[tokio::test]
async fn three_hundred_rules_of_a_minute_give_six_notifications() {
    let fixture = CollectorFixture::start().await;
    let rules: Vec<Value> = (0..300).map(|id| rule_of("victor@contoso.com", id, &fixture)).collect();
    fixture.publish(rules);
    fixture.publish(vec![rule_of("vera@contoso.com", 1_000, &fixture)]);
    fixture.read().await.unwrap();
    let sent = fixture.notified("InboxRule");
    assert_eq!(sent.len(), 5 + 1 + 1, "five, one for the others, and the other account's");
    let bundle = sent.iter().find(|body| body["Summary"].as_str().unwrap().contains("294 further threats"));
    let bundle = bundle.unwrap_or_else(|| panic!("{:?}", sent.iter().map(|body| &body["Summary"]).collect::<Vec<_>>()));
    assert!(bundle["Card"].as_str().unwrap().contains("294 further threats"));
    let findings = fixture.findings().await;
    let in_state = |state| findings.iter().filter(|finding| finding.state == state).count();
    assert_eq!((in_state(FindingState::Sent), in_state(FindingState::Repeat)), (7, 294));
    let bundle_id = bundle["LogID"].as_str().unwrap();
    let mut closed = findings.iter().filter(|finding| finding.state == FindingState::Repeat);
    assert!(closed.all(|finding| finding.repeat_of.is_some_and(|id| id.to_string() == bundle_id)));
    assert!(!fixture.coverage().await.pending, "nothing is left to be done");
}

#[tokio::test]
async fn bundle_shows_the_worst_threat() {
    let fixture = CollectorFixture::start().await;
    let mut records: Vec<Value> = (0..9).map(|id| rule_of("victor@contoso.com", id, &fixture)).collect();
    let parameters = records[7]["Parameters"].as_array_mut().unwrap();
    parameters.extend(["DeleteMessage", "MarkAsRead"].map(|name| json!({ "Name": name, "Value": "True" })));
    fixture.publish(records);
    fixture.read().await.unwrap();
    let findings = fixture.findings().await;
    let scores = |state| findings.iter().filter(move |finding| finding.state == state).map(|finding| finding.score);
    let worst = scores(FindingState::Repeat).chain(scores(FindingState::Sent)).max().unwrap();
    let sent = fixture.notified("InboxRule");
    let is_bundle = |body: &&Value| body["Summary"].as_str().unwrap().contains("further threats");
    let bundle = sent.iter().find(is_bundle).unwrap();
    assert!(scores(FindingState::Repeat).all(|score| score < worst), "the worst is not among the others");
    assert!(sent.iter().any(|body| body["Score"] == worst.to_string().as_str() && body["RuleName"] == "Rule 7"));
    assert!(bundle["Summary"].as_str().unwrap().contains("3 further threats"), "{}", bundle["Summary"]);
}

#[tokio::test]
async fn flow_that_never_answers_gets_a_threat_four_times() {
    let fixture = CollectorFixture::start().await;
    fixture.sim.inject(Fault::new(Service::Flow, "", FaultKind::HangAfterEffect));
    fixture.publish(vec![rule_of("victor@contoso.com", 1, &fixture)]);
    for _ in 0..30 {
        fixture.while_hanging(fixture.read()).await.unwrap();
        fixture.wait(TimeDelta::hours(7));
    }
    assert_eq!(fixture.notified("InboxRule").len(), 4, "the first request and three repetitions");
    let finding = fixture.findings().await.remove(0);
    assert_eq!(finding.state, FindingState::Sent, "Teams has accepted it");
    assert_eq!((finding.notified["flow"], finding.unanswered["flow"].requests), (None, 4));
    let texts = fixture.notice_texts();
    let slow: Vec<_> = texts.iter().filter(|text| text.contains("does not answer within 30 s")).collect();
    assert_eq!(slow.len(), 0, "the notice goes through Teams");
    assert!(fixture.teams_messages() >= 2, "the threat and the notice");
}

#[tokio::test]
async fn lone_slow_flow_gets_a_threat_daily_for_a_week() {
    let fixture = CollectorFixture::start_with(|settings| settings.channels.teams_url = None).await;
    fixture.sim.inject(Fault::new(Service::Flow, "", FaultKind::HangAfterEffect));
    fixture.publish(vec![rule_of("victor@contoso.com", 1, &fixture)]);
    for _ in 0..60 {
        fixture.while_hanging(fixture.read()).await.unwrap();
        fixture.wait(TimeDelta::hours(7));
    }
    assert_eq!(fixture.notified("InboxRule").len(), 4 + 7);
    assert_eq!(fixture.findings().await[0].state, FindingState::Sent, "nothing more is done about it");
    let texts = fixture.notice_texts();
    let slow: Vec<_> = texts.iter().filter(|text| text.contains("does not answer within 30 s")).collect();
    assert_eq!(slow.len(), 1, "{texts:?}");
}

#[tokio::test]
async fn slow_answer_within_the_limit_is_an_acceptance() {
    let fixture = CollectorFixture::start().await;
    let slow = FaultKind::DelayAfterEffect(Duration::from_millis(50));
    fixture.sim.inject(Fault::new(Service::Flow, "", slow));
    fixture.publish(vec![rule_of("victor@contoso.com", 1, &fixture)]);
    fixture.read().await.unwrap();
    let finding = fixture.findings().await.remove(0);
    assert!(finding.notified["flow"].is_some() && finding.unanswered.is_empty());
}

/// The incident of every stored threat, in the order of their events.
async fn incidents_of_threats(fixture: &CollectorFixture) -> Vec<String> {
    let mut threats = fixture.findings().await;
    threats.retain(|finding| finding.threat);
    threats.sort_by_key(|finding| (finding.event_time, finding.record_id));
    threats.into_iter().map(|finding| finding.incident_id).collect()
}

/// Three records of the same rule, under these numbers.
fn repeated(numbers: std::ops::Range<u128>, fixture: &CollectorFixture) -> Vec<Value> {
    numbers.map(|id| forwarding_rule(id, "Invoices", "eve@evil.example", fixture.now())).collect()
}

#[tokio::test]
async fn every_repeat_bears_the_incident_of_its_time() {
    let fixture = with(&["flow", "mail"]).await;
    fixture.publish(repeated(1..2, &fixture));
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::hours(20));
    fixture.publish(repeated(10..13, &fixture));
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::hours(20));
    fixture.publish(vec![rule_of("victor@contoso.com", 20, &fixture)]);
    fixture.read().await.unwrap();
    let ids = incidents_of_threats(&fixture).await;
    assert!(ids.len() == 5 && ids.iter().all(|id| *id == ids[0] && !id.is_empty()), "{ids:?}");
    let sent = fixture.notified("InboxRule");
    assert_eq!(sent.len(), 2, "the repeats are not sent");
}

#[tokio::test]
async fn repeat_after_an_incident_opens_the_next_one_untold() {
    let fixture = with(&["flow", "mail"]).await;
    fixture.publish(repeated(1..2, &fixture));
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::hours(30));
    fixture.publish(repeated(10..13, &fixture));
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::hours(1));
    let forwarding = json!([
        { "Name": "Identity", "Value": "victor@contoso.com" },
        { "Name": "ForwardingSmtpAddress", "Value": "smtp:eve@evil.example" },
    ]);
    let mut record = forwarding_rule(20, "x", "x@x.example", fixture.now());
    (record["Operation"], record["Parameters"]) = ("Set-Mailbox".into(), forwarding);
    fixture.publish(vec![record]);
    fixture.read().await.unwrap();
    let ids = incidents_of_threats(&fixture).await;
    assert_eq!(ids.len(), 5);
    assert!(ids[1..].iter().all(|id| *id == ids[1]) && ids[1] != ids[0], "{ids:?}");
    let told = fixture.notified("InboxForward").remove(0);
    assert_eq!(told["IncidentId"], ids[1].as_str());
    assert!(!told["Summary"].as_str().unwrap().contains("earlier threat"), "{told:#}");
    let subject = header(&mails(&fixture).pop().unwrap().replace("\r\n ", " "), "Subject");
    let expected = format!("[Tenantwatch] High contoso.com victor@contoso.com InboxForward #{}", &ids[1][..8]);
    assert_eq!(subject, expected, "the first threat that is told gives it");
}
