//! The notification of a containment.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::tables::Containment;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::acting::contained;
use super::{acting, all_told, attack, attacked, observing, ready, runs, told, user};
use crate::channels::only;
use crate::collector_fixture::CollectorFixture;

fn card(told: &Value) -> Value {
    serde_json::from_str(told["Card"].as_str().unwrap()).unwrap()
}

fn buttons(told: &Value) -> Vec<String> {
    let card = card(told);
    let actions = card["actions"].as_array().unwrap().iter();
    actions.map(|action| action["data"]["Action"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn card_says_contained_and_lets_back_in_without_a_token() {
    let fixture = contained().await;
    let told = told(&fixture);
    assert_eq!(buttons(&told), ["Remediate", "Undo", "Dismiss"]);
    let headline = card(&told)["body"][0]["items"][0]["text"].clone();
    assert_eq!(headline, "Contained · High severity · inbox rule");
    let token = told["UndoToken"].as_str().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let [minted, expiry] = [1, 2].map(|part| parts[part].parse::<i64>().unwrap());
    assert_eq!((parts[0], expiry - minted, parts[3]), ("v2", 30 * 24 * 60 * 60, "undo"), "{token}");
    assert!(!told["Card"].as_str().unwrap().contains("v2."));
    for message in fixture.sim.teams_messages() {
        assert!(!message.to_string().contains("v2."));
        assert!(message.to_string().contains("Contained"));
    }
}

#[tokio::test]
async fn observed_and_refused_threats_keep_their_usual_headline() {
    let fixture = attacked(observing).await;
    let told = told(&fixture);
    assert_eq!(buttons(&told), ["Remediate", "Dismiss"]);
    assert!(told["Summary"].as_str().unwrap().contains("would have contained"), "{told:#}");
    assert_eq!(card(&told)["body"][0]["items"][0]["text"], "Threat · High severity · inbox rule");
}

#[tokio::test]
async fn webhook_gets_its_own_type_and_no_token() {
    let mut fixture = ready(acting).await;
    let urls = fixture.sim.urls().clone();
    fixture.set_up_again(|settings| {
        acting(settings);
        only(settings, &urls, &["webhook", "mail", "slack"]);
    });
    attack(&fixture, 7, "Invoices");
    fixture.read().await.unwrap();
    let received: Vec<Value> = fixture.sim.webhooks().into_iter().map(|received| received.json()).collect();
    let [body] = <[Value; 1]>::try_from(received).unwrap();
    assert_eq!((&body["type"], &body["data"]["Containment"]), (&json!("tenantwatch.contained"), &json!("Done")));
    assert!(body["data"].get("UndoToken").is_none() && body["data"].get("ActionToken").is_none());
    assert!(!body.to_string().contains("v2."));
    let slack = fixture.sim.slack_messages()[0].to_string();
    assert!(slack.contains("Contained") && !slack.contains("v2."), "{slack}");
    let mails = crate::channels::mail::mails(&fixture);
    assert_eq!(mails.len(), 1);
    assert!(!mails[0].contains("v2.") && !mails[0].contains("RemediateAccount"), "{}", mails[0]);
    assert!(format!("{:?}", mails[0]).contains("sign-in is blocked"), "{:?}", mails[0]);
}

#[tokio::test]
async fn other_threats_do_not_wait_for_a_containment() {
    let fixture = ready(acting).await;
    super::add_person(&fixture, "walter");
    // The request that blocks victor's account gets no response.
    let hangs = Fault::hang(Service::Graph, "PATCH ").on_mailbox(super::VICTOR);
    fixture.sim.inject(hangs);
    attack(&fixture, 7, "Invoices");
    let mut other = super::robbing_rule(8, "Payroll", &fixture);
    other["Parameters"] = json!([{ "Name": "Name", "Value": "Payroll" }, { "Name": "ForwardTo", "Value": "eve@evil.example" },
        { "Name": "SubjectContainsWords", "Value": "holiday" }]);
    let other = serde_json::from_str(&other.to_string().replace("victor", "walter")).unwrap();
    fixture.publish(vec![other]);
    fixture.while_hanging(fixture.read()).await.unwrap();
    let told = all_told(&fixture);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!(told[0]["SourceMailbox"], "walter@contoso.com");
    assert!(told[1]["Containment"].as_str().unwrap().starts_with("Partly"), "{:#}", told[1]);
}

/// The containment takes longer than its notification waits.
async fn slow() -> CollectorFixture {
    let fixture = ready(acting).await;
    attack(&fixture, 7, "Invoices");
    fixture.sim.inject(Fault::hang(Service::Exchange, "Get-SweepRule").times(2));
    fixture.sim.inject(Fault::hang(Service::Graph, "PATCH ").times(1));
    fixture.while_hanging(fixture.read()).await.unwrap();
    fixture
}

#[tokio::test]
async fn slow_containment_is_told_as_partly_and_ends_silently() {
    let fixture = slow().await;
    let told = all_told(&fixture);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["Containment"], "Partly");
    assert_eq!(user(&fixture).session_revocations, 2, "it went on after the notification");
    let row = fixture.findings().await.pop().unwrap();
    let waited = row.notified["flow"].unwrap() - row.processed_at;
    assert!((TimeDelta::seconds(30)..TimeDelta::seconds(40)).contains(&waited), "{waited}");
    assert!(matches!(row.containment, Some(Containment::Done | Containment::Partly)), "{:?}", row.containment);
    assert!(runs(&fixture).await.iter().all(|run| run.finished.is_some()));
    fixture.wait(TimeDelta::minutes(16));
    fixture.read().await.unwrap();
    assert_eq!(all_told(&fixture).len(), 1);
    assert!(!fixture.coverage().await.pending);
}

#[tokio::test]
async fn containment_that_outlasts_its_notification_is_finished() {
    let fixture = ready(acting).await;
    attack(&fixture, 7, "Invoices");
    fixture.sim.inject(Fault::hang(Service::Graph, "PATCH "));
    fixture.sim.inject(Fault::hang(Service::Exchange, "Get-SweepRule"));
    let is_told = async {
        while all_told(&fixture).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        // The mark of the acceptance comes after it.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    tokio::select! {
        () = is_told => {}
        outcome = fixture.while_hanging(fixture.read()) => panic!("not killed: {outcome:?}"),
    }
    fixture.sim.clear_faults();
    assert_eq!(told(&fixture)["Containment"], "Partly");
    for _ in 0..2 {
        fixture.wait(TimeDelta::minutes(16));
        fixture.read().await.unwrap();
    }
    assert_eq!(all_told(&fixture).len(), 1);
    assert!(!user(&fixture).account_enabled);
    assert_eq!(fixture.findings().await.pop().unwrap().containment, Some(Containment::Done));
    assert!(!fixture.coverage().await.pending);
}

#[tokio::test]
async fn conditions_unread_in_time_do_not_delay_the_notification() {
    let fixture = ready(acting).await;
    attack(&fixture, 7, "Invoices");
    fixture.sim.inject(Fault::new(Service::Graph, "transitiveMemberOf", FaultKind::Hang));
    fixture.while_hanging(fixture.read()).await.unwrap();
    let told = told(&fixture);
    assert!(told["Containment"].as_str().unwrap().starts_with("Refused: "), "{told:#}");
    assert!(user(&fixture).account_enabled);
}
