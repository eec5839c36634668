//! The card: what it shows, that it is one by Microsoft's schema, and that nothing an attacker wrote comes alive in it.

mod contents;
pub mod rendered;
pub mod schema;

use m365::Cloud;
use serde_json::Value;
use tenantwatch::detection::{FindingKind, Reason, ReasonName, Severity};
use tenantwatch::notify::{Notification, flow, teams};
use tenantwatch::tables::{ProcessedRow, TenantState};

use crate::remediation::remediation_fixture::threat;

/// Texts that an attacker may put into every value that they control.
pub const ATTACKS: &[&str] = &[
    "[press](http://evil.example/a) and [again](https://evil.example)",
    "http://evil.example/b?c=d https://www.evil.example ftp://evil.example",
    "www.evil.example evil.example evil.com/path",
    "evil@example.com mailto:evil@example.com",
    "<a href=\"http://evil.example\">press</a>",
    "<script>window.pwned = true</script><img src=x onerror=\"window.pwned = true\">",
    "![picture](http://evil.example/x.png) ![inline](data:image/png;base64,AA==)",
    "<http://evil.example> <evil@example.com>",
    "`http://evil.example` ```http://evil.example```",
    "\u{202e}elpmaxe.live//:ptth\u{202c} \u{61c}evil.example\u{61c} \u{9b}31mevil.example\u{9b}0m",
    "evil\u{3002}example evil\u{ff0e}com evil\u{2024}com evil\u{200b}.\u{200b}com bob\u{ff20}evil.example",
    "**bold** _slanted_ ~~gone~~ # heading\n\n# heading\n- list\n1. list\n> quote\n---\n| a | b |\n|---|---|",
    "[reference]\n\n[reference]: http://evil.example\n",
    "{{DATE(2026-11-22T10:00:00Z, SHORT)}} ${evil} \"},{\"type\":\"TextBlock\",\"text\":\"http://evil.example\"}",
];

pub fn example() -> ProcessedRow {
    threat(1, "2026-11-22T10:00:00Z".parse().unwrap())
}

/// A finding with `text` in every member that an attacker can choose.
pub fn written_by_an_attacker(text: &str) -> ProcessedRow {
    let mut row = example();
    let members = [
        &mut row.rule_name,
        &mut row.rule_id,
        &mut row.description,
        &mut row.forwarding_address,
        &mut row.actor,
        &mut row.source_mailbox,
        &mut row.operation,
        &mut row.organization,
        &mut row.ip,
        &mut row.location,
    ];
    for member in members {
        *member = text.to_owned();
    }
    // Words, folders, user agents and display names come in by the sentences of the reasons.
    row.reasons = ReasonName::ALL.iter().map(|name| Reason { name: *name, sentence: text.to_owned() }).collect();
    row
}

/// All attacks one after the other, 10,000 characters long.
pub fn long_attack() -> String {
    ATTACKS.join(" ").chars().cycle().take(10_000).collect()
}

/// A finding of every type, as threat and as notice, in every severity, for every reason; and a notice of every state.
pub fn every_kind_of_row() -> Vec<ProcessedRow> {
    let mut rows = Vec::new();
    for kind in FindingKind::ALL {
        for severity in [Severity::High, Severity::Medium, Severity::Low] {
            for threat in [true, false] {
                rows.push(ProcessedRow { kind: *kind, severity, threat, ..example() });
            }
        }
    }
    for name in ReasonName::ALL {
        rows.push(ProcessedRow {
            reasons: vec![Reason { name: *name, sentence: "A sentence.".to_owned() }],
            ..example()
        });
    }
    rows.extend(TenantState::ALL.iter().map(notice));
    rows
}

/// A notice that a tenant has come into this state.
fn notice(state: &TenantState) -> ProcessedRow {
    ProcessedRow {
        kind: FindingKind::Coverage,
        threat: false,
        severity: Severity::Medium,
        operation: state.as_str().to_owned(),
        description: "Contoso (contoso.com) has not been monitored since 2026-11-22T09:30:00Z: the reason.".to_owned(),
        reasons: Vec::new(),
        source_mailbox: String::new(),
        actor: String::new(),
        rule_name: String::new(),
        forwarding_address: String::new(),
        ip: String::new(),
        location: String::new(),
        ..example()
    }
}

/// The card that the flow is sent.
pub fn flow_card(row: &ProcessedRow) -> Value {
    card_of(&row.into())
}

/// The card of a notification, as the flow is sent it.
pub fn card_of(notification: &Notification<'_>) -> Value {
    serde_json::from_str(&flow::payload(notification, Default::default(), None)["Card"]).unwrap()
}

/// A threat in a mailbox whose owner is unknown.
pub fn without_owner() -> ProcessedRow {
    ProcessedRow { source_mailbox: String::new(), actor: "anna@contoso.com".to_owned(), ..example() }
}

/// The card that a Teams webhook is sent.
pub fn teams_card(row: &ProcessedRow) -> Value {
    teams::message(&row.into(), Cloud::Worldwide, None, true)["attachments"][0]["content"].clone()
}
