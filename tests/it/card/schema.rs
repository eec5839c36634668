//! Checks cards against the schema that Microsoft publishes for version 1.4 of Adaptive Cards.

use jsonschema::Validator;
use serde_json::{Value, json};

use super::{every_kind_of_row, example, flow_card, long_attack, teams_card, written_by_an_attacker};

/// Checks that `card` is an Adaptive Card 1.4, and returns the deviations. The member `msteams`, which only Teams knows
/// (<https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format>), is outside the schema.
pub fn check(card: &Value) -> Result<(), String> {
    let mut card = card.clone();
    if let Some(teams) = card.as_object_mut().and_then(|card| card.remove("msteams")) {
        assert_eq!(teams, json!({ "width": "Full" }));
    }
    let errors: Vec<String> = validator().iter_errors(&card).map(|error| error.to_string()).collect();
    if errors.is_empty() { Ok(()) } else { Err(format!("{errors:?}\n{card:#}")) }
}

fn validator() -> Validator {
    let schema = include_str!("../../../simulator/src/page/vendor/adaptive-card-1.4.schema.json");
    jsonschema::options().with_draft(jsonschema::Draft::Draft6).build(&serde_json::from_str(schema).unwrap()).unwrap()
}

#[test]
fn every_card_that_is_sent_is_an_adaptive_card() {
    let mut rows = every_kind_of_row();
    rows.push(written_by_an_attacker(&long_attack()));
    for row in rows {
        for card in [flow_card(&row), teams_card(&row)] {
            assert_eq!(card["version"], "1.4", "the schema is the one of this version");
            check(&card).unwrap();
        }
    }
}

#[test]
fn a_wrong_card_is_none() {
    let right = flow_card(&example());
    let wrong: [(&str, Value); 7] = [
        ("/body/0/items/0/color", json!("red")),
        ("/body/0/items/0/type", json!("TextBlok")),
        ("/body/0/items/0/text", json!(1)),
        ("/body/0/items/1/inlines/0/text", Value::Null),
        ("/body/0/style", json!("alarming")),
        ("/actions/0/type", json!("Action.Remediate")),
        ("/version", json!(1.4)),
    ];
    for (place, value) in wrong {
        let mut card = right.clone();
        *card.pointer_mut(place).unwrap_or_else(|| panic!("{place} is not there")) = value;
        assert!(check(&card).is_err(), "{place}");
    }
    let mut card = right;
    card["body"][0]["colour"] = json!("attention");
    assert!(check(&card).is_err(), "a member that the schema does not know");
}
