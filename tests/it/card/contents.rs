//! The wording of cards: the headline, the facts, the buttons, and the place at which a long card is truncated.

use chrono::TimeDelta;
use m365::Cloud;
use serde_json::{Value, json};
use tenantwatch::notify::{Notification, flow, teams};
use tenantwatch::tables::Containment;
use tenantwatch::tables::incidents::account_of;

use super::{card_of, example, flow_card, long_attack, teams_card, without_owner, written_by_an_attacker};

/// A card may have 28 KB.
const CARD_LIMIT: usize = 28 * 1024;

/// Every `text` of a card's elements of one type.
fn texts_of(value: &Value, kind: &str) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(|item| texts_of(item, kind)).collect(),
        Value::Object(members) => {
            let own = members.get("type").and_then(Value::as_str) == Some(kind);
            let own = own.then(|| members.get("text").and_then(Value::as_str)).flatten().map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(|member| texts_of(member, kind))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_card_stays_small_and_says_where_it_was_cut() {
    for text in [long_attack(), "\"\\".repeat(5_000), "\u{65e5}".repeat(10_000), "\u{1f600}".repeat(10_000)] {
        let row = written_by_an_attacker(&text);
        let card = flow_card(&row);
        let size = card.to_string().len();
        assert!(size < CARD_LIMIT, "{size} bytes");
        assert!(texts_of(&card, "TextRun").iter().any(|run| run.ends_with("[cut]")));
        let message = teams::message(&(&row).into(), Cloud::Worldwide, None, true).to_string();
        assert!(message.len() < CARD_LIMIT, "{} bytes", message.len());
        assert!(message.contains("Opening a link changes nothing."), "our own words are not cut");
    }
}

#[test]
fn attacker_text_becomes_no_link_and_no_markdown() {
    let card = flow_card(&written_by_an_attacker(&long_attack()));
    let blocks = texts_of(&card, "TextBlock").concat();
    assert!(!blocks.contains("evil"), "only a RichTextBlock knows no Markdown: {blocks}");
    let runs = texts_of(&card, "TextRun");
    assert!(runs.iter().any(|run| run.contains("evil[.]example")));
    for run in runs {
        assert!(!run.contains("://") && !run.contains("evil.") && !run.replace("[@]", "").contains('@'), "{run}");
        assert!(!run.contains(['\u{202e}', '\u{61c}', '\u{9b}', '\u{200b}', '\u{3002}', '\u{2024}']), "{run}");
    }
}

#[test]
fn the_card_shows_who_where_what_why_and_when() {
    let shown = texts_of(&flow_card(&example()), "TextRun").join("\n");
    for part in [
        "bob@contoso.com",
        "Contoso (contoso.com)",
        "eve[@]evil[.]example",
        "203[.]0[.]113[.]7 (Lagos, Lagos, Nigeria)",
        "2026-11-22 09:30:00 UTC",
        "outside the organization",
        "New-InboxRule",
    ] {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
}

#[test]
fn the_headline_says_how_bad_whose_and_what_and_what_to_do() {
    let card = flow_card(&example());
    let headline = &card["body"][0];
    assert_eq!(texts_of(headline, "TextBlock"), ["Threat · High severity · inbox rule"]);
    assert_eq!(
        texts_of(headline, "TextRun"),
        [
            "bob@contoso.com",
            " · Contoso",
            "An inbox rule sends mail outside to eve[@]evil[.]example.",
            "If this change was not agreed, secure bob@contoso.com."
        ]
    );
}

#[test]
fn flow_buttons_submit_and_teams_buttons_open_links() {
    let card = flow_card(&example());
    let data: Vec<&Value> = card["actions"].as_array().unwrap().iter().map(|action| &action["data"]).collect();
    assert_eq!(data, [&json!({ "Action": "Remediate" }), &json!({ "Action": "Dismiss" })]);
    for (cloud, entra) in [
        (Cloud::Worldwide, "entra.microsoft.com"),
        (Cloud::GccHigh, "entra.microsoft.us"),
        (Cloud::China, "portal.azure.cn"),
    ] {
        let message = teams::message(&(&example()).into(), cloud, None, true);
        let actions = message["attachments"][0]["content"]["actions"].as_array().unwrap().clone();
        assert_eq!(actions.len(), 2);
        assert!(actions.iter().all(|action| action["type"] == "Action.OpenUrl"));
        assert!(actions[0]["url"].as_str().unwrap().starts_with(&format!("https://{entra}/")), "{}", actions[0]);
        assert!(!message.to_string().contains("Action.Submit"));
    }
}

#[test]
fn advice_is_the_fourth_line_whatever_else_is_told() {
    let mut row = example();
    for containment in [None, Some(Containment::Done), Some(Containment::Partly), Some(Containment::WouldBe)] {
        row.containment = containment;
        let notification = Notification { earlier: 3, further: 2, ..Notification::from(&row) };
        let headline = card_of(&notification)["body"][0].clone();
        let lines = headline["items"].as_array().unwrap();
        let advice = lines[3]["inlines"][0]["text"].as_str().unwrap();
        assert!(advice.contains("not agreed"), "{headline}");
        assert!(lines.len() > 4, "{headline}");
    }
}

#[test]
fn unknown_owner_is_said_first_and_nobody_is_to_be_secured() {
    let row = without_owner();
    let card = flow_card(&row);
    let lines = texts_of(&card["body"][0], "TextRun");
    assert_eq!(lines[0], "Owner unknown");
    assert!(lines[2].contains("a mailbox whose owner is unknown, set by anna@contoso.com"), "{lines:?}");
    let shown = texts_of(&card, "TextRun").join("\n");
    assert!(!shown.contains("secure anna") && !shown.contains("Compromised"), "{shown}");
    let actions: Vec<&Value> = card["actions"].as_array().unwrap().iter().map(|action| &action["data"]).collect();
    assert_eq!(actions, [&json!({ "Action": "Dismiss" })]);
    let links = teams_card(&row)["actions"].as_array().unwrap().clone();
    assert_eq!(links.len(), 1, "the actor's mailbox is not the one that was changed: {links:?}");
    assert_eq!(account_of(&row), "", "it opens no incident of the actor");
}

#[test]
fn place_names_the_owner_of_the_network() {
    let row = example();
    let notification = Notification { network: "AS64500 Example Hosting", ..Notification::from(&row) };
    let shown = texts_of(&card_of(&notification), "TextRun").join("\n");
    assert!(shown.contains("203[.]0[.]113[.]7 (Lagos, Lagos, Nigeria; AS64500 Example Hosting)"), "{shown}");
}

#[test]
fn teams_names_the_card_of_the_flow_only_if_there_is_a_flow() {
    for has_flow in [true, false] {
        let message = teams::message(&(&example()).into(), Cloud::Worldwide, None, has_flow).to_string();
        assert_eq!(message.contains("on the flow's card"), has_flow, "{message}");
        assert!(message.contains("Opening a link changes nothing."));
    }
}

#[test]
fn one_person_is_one_line_and_two_are_three() {
    let card = flow_card(&example()).to_string();
    assert!(card.contains("\"Account\"") && !card.contains("Changed by"), "{card}");
    let mut row = example();
    row.actor = "amy@contoso.com".to_owned();
    let card = flow_card(&row).to_string();
    assert!(card.contains("bob@contoso.com and amy@contoso.com"), "{card}");
    assert!(["\"Mailbox\"", "\"Compromised\"", "\"Changed by\""].iter().all(|name| card.contains(name)), "{card}");
}

#[test]
fn time_is_said_in_utc_and_as_an_age() {
    let row = example();
    let shown_after = |age: TimeDelta| {
        let notification = Notification { sent_at: Some(row.event_time + age), ..Notification::from(&row) };
        let card = flow::payload(&notification, Default::default(), None)["Card"].clone();
        let texts = texts_of(&serde_json::from_str(&card).unwrap(), "TextRun");
        texts.into_iter().find(|text| text.starts_with("2026-11-22 09:30:00 UTC")).unwrap()
    };
    for (age, expected) in [
        (TimeDelta::seconds(59), " (less than a minute ago)"),
        (TimeDelta::minutes(1), " (1 minute ago)"),
        (TimeDelta::minutes(12), " (12 minutes ago)"),
        (TimeDelta::hours(47), " (47 hours ago)"),
        (TimeDelta::days(3), " (3 days ago)"),
        (TimeDelta::seconds(-1), ""),
    ] {
        assert_eq!(shown_after(age), format!("2026-11-22 09:30:00 UTC{expected}"));
    }
}

#[test]
fn own_addresses_are_readable_and_foreign_ones_are_not_links() {
    let mut row = example();
    row.actor = "bob@contoso.com.evil.example".to_owned();
    row.rule_name = "mail of bob@contoso.com to eve@fabrikam.example".to_owned();
    let own = ["contoso.com".parse().unwrap(), "fabrikam.example".parse().unwrap()];
    let notification = Notification { own_domains: &own, ..Notification::from(&row) };
    let card = flow::payload(&notification, Default::default(), None)["Card"].clone();
    assert!(card.contains("bob[@]contoso[.]com[.]evil[.]example"), "{card}");
    assert!(card.contains("mail of bob@contoso.com to eve@fabrikam.example"), "{card}");
}
