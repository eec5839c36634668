//! Checks the package for Power Automate against the requests that the product sends and accepts.

mod expression;
mod press;
mod run;

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tenantwatch::notify::flow::{PayloadTokens, payload};
use tenantwatch::remediation::{Action, Request};
use tenantwatch::tables::{Containment, ProcessedRow};

use crate::card::{every_kind_of_row, long_attack, written_by_an_attacker};
use crate::remediation::remediation_fixture::{BOB, threat};
use expression::State;

const FLOW: &str = "package/Microsoft.Flow/flows/6b0f6f0e-5f5b-4c0e-9f0b-2d7a3c1e8a51/";

fn file(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("flow").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn definition() -> Value {
    file(&format!("{FLOW}definition.json"))["properties"]["definition"].clone()
}

fn example() -> ProcessedRow {
    let at: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
    threat(1, at)
}

/// Returns the body of the request to the flow.
fn sent(row: &ProcessedRow) -> Value {
    let action = "v1.1.act.signature".to_owned().into();
    json!(payload(&row.into(), PayloadTokens { action: Some(&action), undo: None }, None))
}

/// Every text in a JSON value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Every action of a definition, those within others too.
fn actions(within: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let Value::Object(members) = within else { return found };
    for (name, value) in members {
        if name == "actions" {
            for (name, action) in value.as_object().unwrap() {
                found.push((name.clone(), action.clone()));
            }
        }
        found.extend(actions(value));
    }
    found
}

#[test]
fn every_kind_of_notification_fits_the_schema_of_the_trigger() {
    let schema = file("request-schema.json");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut rows = every_kind_of_row();
    rows.push(written_by_an_attacker(&long_attack()));
    for sent in rows.iter().map(sent) {
        assert!(validator.is_valid(&sent), "{sent}");
        let members: BTreeSet<&String> = sent.as_object().unwrap().keys().collect();
        assert_eq!(members, schema["properties"].as_object().unwrap().keys().collect());
    }
    assert!(!validator.is_valid(&json!({ "Threat": true })), "a schema that takes everything proves nothing");
}

#[test]
fn the_trigger_of_the_flow_has_the_schema() {
    let trigger = &definition()["triggers"]["manual"];
    assert_eq!(trigger["inputs"]["schema"], file("request-schema.json"));
    assert_eq!(trigger["inputs"]["triggerAuthenticationType"], "All");
}

#[test]
fn the_card_of_the_example_is_the_one_that_is_sent() {
    let sent = sent(&example());
    let card: Value = serde_json::from_str(sent["Card"].as_str().unwrap()).unwrap();
    if std::env::var_os("UPDATE_FLOW_CARD").is_some() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("flow/card.json");
        std::fs::write(path, format!("{}\n", serde_json::to_string_pretty(&card).unwrap())).unwrap();
    }
    assert_eq!(file("card.json"), card, "UPDATE_FLOW_CARD=1 cargo test writes flow/card.json anew");
}

#[test]
fn post_back_body_is_a_valid_request() {
    for action in [Action::Remediate, Action::Dismiss, Action::Undo] {
        let pressed = json!({ "Action": action.as_str(), "Account": "terry@msp.example" }).to_string();
        let mut state = State { trigger: sent(&example()), ..State::default() };
        state.trigger["UndoToken"] = json!("undo");
        state.variables.insert("Pressed".to_owned(), json!(pressed));
        let body = state.fill(&file("post-back-body.json")).unwrap();
        let request = Request::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!((request.domain.as_str(), request.user.as_str()), ("contoso.com", BOB));
        assert_eq!(request.record_id, example().record_id);
        assert_eq!(request.action, action);
        let is_undo = request.token.unwrap().expose_secret() == "undo";
        assert_eq!(is_undo, action == Action::Undo);
    }
}

#[test]
fn every_call_of_the_flow_sends_that_body() {
    let calls: Vec<Value> = actions(&definition())
        .into_iter()
        .map(|(_, action)| action)
        .filter(|action| action["type"] == "Http")
        .collect();
    assert_eq!(calls.len(), 3);
    for mut call in calls {
        // Each branch knows which of the tokens it needs.
        let token = call["inputs"]["body"]["Token"].take();
        let whole = file("post-back-body.json");
        let token = token.as_str().unwrap().trim_start_matches("@{").trim_end_matches('}').to_owned();
        assert!(whole["Token"].as_str().unwrap().contains(&token), "{token}");
        let mut expected = whole;
        expected["Token"] = Value::Null;
        assert_eq!(call["inputs"]["body"], expected);
        assert_eq!(call["inputs"]["method"], "POST");
        assert_eq!(
            call["runtimeConfiguration"]["secureData"]["properties"],
            json!(["inputs", "outputs"]),
            "the token is a secret, and so is the one that undoes"
        );
    }
}

#[test]
fn every_button_has_a_branch_and_every_member_is_sent() {
    let undo = "v2.1.1.undo.signature".to_owned().into();
    let mut row = example();
    row.containment = Some(Containment::Done);
    let sent = json!(payload(&(&row).into(), PayloadTokens { action: None, undo: Some(&undo) }, None));
    let card: Value = serde_json::from_str(sent["Card"].as_str().unwrap()).unwrap();
    let buttons: BTreeSet<String> = card["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["data"]["Action"].as_str().unwrap().to_owned())
        .collect();
    let all = actions(&definition());
    let (_, switch) = all.iter().find(|(_, action)| action["type"] == "Switch").unwrap();
    let mut branches: BTreeSet<String> = switch["cases"]
        .as_object()
        .unwrap()
        .values()
        .map(|branch| branch["case"].as_str().unwrap().to_owned())
        .collect();
    let (_, undo) = all.iter().find(|(name, _)| name == "If_it_is_undo").unwrap();
    branches.insert(undo["expression"]["equals"][1].as_str().unwrap().to_owned());
    assert_eq!(buttons, branches);
    for text in texts(&definition()) {
        for read in text.split("triggerBody()?['").skip(1) {
            let member = read.split('\'').next().unwrap();
            assert!(sent.get(member).is_some(), "{member} is read and never sent");
        }
    }
}

#[test]
fn every_action_runs_after_one_that_stands_beside_it() {
    fn check(within: &Value) {
        let Value::Object(members) = within else { return };
        for (name, value) in members {
            if name == "actions" {
                let beside = value.as_object().unwrap();
                for (action, body) in beside {
                    for after in body["runAfter"].as_object().unwrap().keys() {
                        assert!(beside.contains_key(after), "{action} runs after {after}, which is not there");
                    }
                }
            }
            check(value);
        }
    }
    check(&definition());
}

#[test]
fn the_package_names_what_it_holds() {
    let root = file("package/manifest.json");
    let inner = file("package/Microsoft.Flow/flows/manifest.json");
    let id = inner["flowAssets"]["assetPaths"][0].as_str().unwrap();
    assert!(FLOW.contains(id));
    let flow = &root["resources"][id];
    let api = file(&format!("{FLOW}apisMap.json"))["shared_teams"].as_str().unwrap().to_owned();
    let connection = file(&format!("{FLOW}connectionsMap.json"))["shared_teams"].as_str().unwrap().to_owned();
    assert_eq!(flow["dependsOn"], json!([api, connection]));
    assert!(root["resources"][&api].is_object() && root["resources"][&connection].is_object());
    for (name, action) in actions(&definition()) {
        if let Some(host) = action["inputs"].get("host") {
            assert_eq!(host["connectionName"], "shared_teams", "{name}");
        }
    }
}
