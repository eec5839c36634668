//! The rule that a record is about: found by its id wherever the record has one, then by its name.

use serde_json::{Value, json};
use tenantwatch::detection::{Answer, Finding, LiveMailbox, Question, Severity, judge};

use super::super::fixtures::tenant;
use super::{has, online, parsed, reasons, record};

/// The finding of a record while Grady's mailbox has these rules.
fn with_rules(record: &Value, rows: &Value) -> Finding {
    let rules = serde_json::from_value::<Vec<_>>(rows.clone()).unwrap();
    online(record, |question, known| {
        if let Question::LiveRules(owner) = question {
            let live = LiveMailbox { visible: rules.clone(), all: rules.clone(), sweep: Vec::new() };
            known.live.insert(owner.clone(), Answer::Known(live));
        }
    })
}

fn change(object: &str, identity: &str) -> Value {
    record(
        "Set-InboxRule",
        &json!({"ObjectId": object, "Parameters": [
            {"Name": "Identity", "Value": identity}, {"Name": "StopProcessingRules", "Value": "True"}]}),
    )
}

fn two_rules(first: &str, second: &str) -> Value {
    json!([
        {"Name": first, "RuleIdentity": 100, "Enabled": true, "MarkAsRead": true, "From": ["a@b.example"]},
        {"Name": second, "RuleIdentity": 200, "Enabled": true, "ForwardTo": ["\"N\" [SMTP:drop@evil.example]"]},
    ])
}

#[test]
fn the_id_counts_before_the_name_wherever_it_is() {
    for (object, identity) in [
        ("grady\\Same", "grady\\200"),
        ("grady\\200", "grady\\Same"),
        ("grady\\Same", "200"),
        ("grady\\200", "200"),
        ("grady", "grady\\200"),
    ] {
        for rules in [two_rules("Same", "Other"), two_rules("Same", "Same")] {
            let found = with_rules(&change(object, identity), &rules);
            assert_eq!((found.rule_id.as_str(), found.severity), ("200", Severity::High), "{object} {identity}");
        }
    }
}

#[test]
fn a_number_that_no_rule_has_as_id_is_a_name() {
    for name in ["2026", "12345", "123456789012345"] {
        let rules = json!([
            {"Name": name, "RuleIdentity": 77, "Enabled": true, "ForwardTo": ["drop@evil.example"]},
            {"Name": "Other", "RuleIdentity": 78, "Enabled": true, "MarkAsRead": true},
        ]);
        let found = with_rules(&change(&format!("grady\\{name}"), &format!("grady\\{name}")), &rules);
        assert_eq!((found.rule_id.as_str(), found.rule_name.as_str()), ("77", name));
        assert_eq!(found.severity, Severity::High, "{name}: {:?}", reasons(&found));
    }
    let gone = with_rules(&change("grady\\2026", "grady\\2026"), &json!([]));
    assert_eq!((gone.rule_id.as_str(), gone.rule_name.as_str()), ("", "2026"));
}

#[test]
fn a_new_rule_is_not_mixed_with_another_of_its_name() {
    let new = |id: u32, time: &str, parameters: Value| {
        let mut list = parameters.as_array().unwrap().clone();
        list.push(json!({"Name": "Name", "Value": "Sort"}));
        record(
            "New-InboxRule",
            &json!({"ObjectId": "grady\\Sort", "CreationTime": time, "Parameters": list,
                "Id": format!("10000000-0000-4000-8000-{id:012x}")}),
        )
    };
    let all_mail = new(1, "2026-11-20T08:00:00", json!([{"Name": "MoveToFolder", "Value": ":\\Archive"}]));
    let newsletter = new(
        2,
        "2026-11-20T09:00:00",
        json!([{"Name": "From", "Value": "news@shop.example"}, {"Name": "DeleteMessage", "Value": "True"}]),
    );
    let mut known = tenant();
    known.offline = true;
    for record in [&all_mail, &newsletter] {
        let found = judge(&parsed(record), &known).unwrap();
        assert_eq!(found.severity, Severity::Low, "{:?}", reasons(&found));
        known.note_rule(&parsed(record));
    }
    let rules = json!([
        {"Name": "Sort", "RuleIdentity": 5, "Enabled": true, "MoveToFolder": "Archive"},
        {"Name": "Sort", "RuleIdentity": 6, "Enabled": true, "From": ["news@shop.example"], "DeleteMessage": true},
    ]);
    for (record, id) in [(&all_mail, "5"), (&newsletter, "6")] {
        let found = with_rules(record, &rules);
        assert_eq!((found.severity, found.rule_id.as_str()), (Severity::Low, id), "{:?}", reasons(&found));
    }
    let enabled = record(
        "Enable-InboxRule",
        &json!({"CreationTime": "2026-11-20T10:00:00", "ObjectId": "grady\\Sort", "Parameters": []}),
    );
    assert!(has(&judge(&parsed(&enabled), &known).unwrap(), "DeletesMessages"), "the later rule stands in");
}
