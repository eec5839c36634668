//! Details of the steps of a press, and the rejections of one.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::detection::FindingKind;
use tenantwatch::functions::remediate_account::Answer;
use tenantwatch::notify::token::Scope;
use tenantwatch::tables::ProcessedRow;
use tenantwatch_simulator::{Fault, Service};

use super::Catalogue;
use crate::remediation::remediation_fixture::{BOB, Ward, threat};

fn add(catalogue: &mut Catalogue, what: &str, answer: &Answer) {
    catalogue.situation(&format!("{what}: {} {}", answer.status, answer.body["Status"].as_str().unwrap_or_default()));
    for step in answer.body["Steps"].as_array().into_iter().flatten() {
        let text = |member: &str| step[member].as_str().unwrap_or_default().to_owned();
        catalogue.message(&format!("{} {}: {}", text("Step"), text("Outcome"), text("Detail")));
        if !text("Verified").is_empty() {
            catalogue.message(&format!("    verified: {}", text("Verified")));
        }
    }
    for warning in answer.body["Warnings"].as_array().into_iter().flatten() {
        catalogue.message(&format!("Warning: {}", warning.as_str().unwrap_or_default()));
    }
    if let Some(error) = answer.body["Error"].as_str() {
        catalogue.message(error);
    }
}

#[tokio::test]
async fn steps_of_a_press_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    let ward = Ward::open().await;
    for (what, more) in [
        ("Preview", json!({ "Action": "Preview" })),
        ("Remediate", json!({})),
        ("Remediate again", json!({})),
        ("Undo", json!({ "Action": "Undo" })),
        ("Undo again", json!({ "Action": "Undo" })),
        ("Remediate after an Undo", json!({})),
        ("Undo with Force", json!({ "Action": "Undo", "Force": true })),
        ("Dismiss", json!({ "Action": "Dismiss" })),
    ] {
        let answer = ward.press(more).await;
        add(&mut catalogue, what, &answer);
    }
    catalogue.compare("steps");
}

#[tokio::test]
async fn steps_under_difficulties_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    let faults = [
        ("Exchange denies access", Fault::status(Service::Exchange, "", 403)),
        ("Exchange is unavailable", Fault::status(Service::Exchange, "", 503)),
        ("Exchange rejects every change of a rule", Fault::status(Service::Exchange, "Disable-InboxRule", 400)),
        ("Exchange rejects every switch", Fault::status(Service::Exchange, "Set-CASMailbox", 400)),
    ];
    for (what, fault) in faults {
        let ward = Ward::open().await;
        ward.sim.inject(fault);
        add(&mut catalogue, what, &ward.press(json!({})).await);
        ward.sim.clear_faults();
        add(&mut catalogue, &format!("{what}, the next press"), &ward.press(json!({})).await);
    }
    let ward = Ward::open().await;
    ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().synced = true);
    add(&mut catalogue, "The account is synchronized", &ward.press(json!({})).await);
    let ward = Ward::open().await;
    let of_admin = ProcessedRow { kind: FindingKind::Consent, source_mailbox: String::new(), ..threat(2, ward.now()) };
    ward.keep(&of_admin).await;
    let body = ward.body(json!({ "User": BOB, "ID": of_admin.record_id }));
    add(&mut catalogue, "The finding is not about a mailbox", &ward.send(&body).await);
    catalogue.compare("steps_under_difficulties");
}

#[tokio::test]
async fn rejections_of_a_press_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    let key = ("ACTION_KEY", "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=");
    let signed = Ward::open_with(&[key]).await;
    let token = |scope, life| signed.token(scope, TimeDelta::hours(life));
    let good = token(Scope::Act, 1);
    for (what, more) in [
        ("No token", json!({})),
        ("Wrong token", json!({ "Token": "v2.1.2.act.xx" })),
        ("Expired token", json!({ "Token": token(Scope::Act, -1) })),
        ("Token of another scope", json!({ "Token": good, "Action": "Undo" })),
        ("Undo without a snapshot", json!({ "Token": token(Scope::Undo, 1), "Action": "Undo" })),
        ("Unknown action", json!({ "Action": "Delete" })),
        ("Unknown account", json!({ "Account": "Somebody" })),
        ("Domain that is none", json!({ "Domain": "not a domain" })),
        ("Id that is none", json!({ "ID": "x" })),
        ("Member of a wrong type", json!({ "User": ["x"] })),
        ("Empty user", json!({ "User": "" })),
        ("Another user", json!({ "User": "harry@contoso.com", "Token": good })),
    ] {
        let answer = signed.press(more).await;
        add(&mut catalogue, what, &answer);
    }
    for body in [Value::Null, json!([]), json!({})] {
        let answer = signed.send(&body).await;
        add(&mut catalogue, &format!("Body {body}"), &answer);
    }
    let unset = Ward::open_with(&[("ACTION_KEY", "")]).await;
    add(&mut catalogue, "No key", &unset.press(json!({})).await);
    let protected = Ward::open_with(&[("ACTION_KEY", "off"), ("PROTECTED_USERS", BOB)]).await;
    add(&mut catalogue, "Protected account", &protected.press(json!({})).await);
    let unreachable = Ward::open().await;
    unreachable.sim.inject(Fault::status(Service::Graph, "", 503));
    unreachable.sim.inject(Fault::status(Service::Exchange, "", 503));
    add(&mut catalogue, "Unreachable tenant", &unreachable.press(json!({})).await);
    let lost = Ward::open().await;
    lost.lose_reads();
    add(&mut catalogue, "Store that cannot be read", &lost.press(json!({})).await);
    let unowned = Ward::open().await;
    let nobodys = ProcessedRow { source_mailbox: String::new(), ..threat(2, unowned.now()) };
    unowned.keep(&nobodys).await;
    let body = unowned.body(json!({ "User": BOB, "ID": nobodys.record_id }));
    add(&mut catalogue, "Finding without an owner", &unowned.send(&body).await);
    catalogue.compare("rejections");
}
