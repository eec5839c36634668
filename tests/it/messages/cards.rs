//! Cards, each type, as the flow shows them, with the summary that mail and chat show.

use serde_json::Value;
use tenantwatch::detection::{FindingKind, ReasonName};
use tenantwatch::notify::flow::{self, PayloadTokens};
use tenantwatch::tables::ProcessedRow;

use super::Catalogue;
use crate::card::{example, flow_card};

/// The reason that best shows what a type is about.
fn reason(kind: FindingKind) -> ReasonName {
    use ReasonName as R;
    match kind {
        FindingKind::InboxForward => R::MailboxForwardsExternally,
        FindingKind::MailboxPermission => R::GrantsAccess,
        FindingKind::TransportRule => R::TransportsExternally,
        FindingKind::JournalRule => R::JournalsExternally,
        FindingKind::Connector => R::ConnectorChanged,
        FindingKind::MailboxTrust => R::BlocksWarnings,
        FindingKind::AutoReply => R::AutoReplySet,
        FindingKind::ClientAccess => R::ClientAccessOpened,
        FindingKind::AuditTampering => R::AuditingWeakened,
        FindingKind::Consent => R::AppReadsMail,
        FindingKind::SignInMethod => R::MethodChanged,
        FindingKind::Domain => R::DomainSignInChanged,
        FindingKind::ContactRetargeted => R::ContactPointsElsewhere,
        _ => R::ForwardsExternally,
    }
}

/// The texts of a card, a line for each element.
fn lines(element: &Value, into: &mut Vec<String>) {
    let text = |value: &Value, member: &str| value[member].as_str().map(str::to_owned);
    match element {
        Value::Array(elements) => elements.iter().for_each(|one| lines(one, into)),
        Value::Object(members) => {
            if let Some(runs) = members.get("inlines").and_then(Value::as_array) {
                into.push(
                    runs.iter().filter_map(|run| text(run, "text").or(run.as_str().map(str::to_owned))).collect(),
                );
            } else if let Some(facts) = members.get("facts").and_then(Value::as_array) {
                into.extend(facts.iter().map(|fact| format!("{}: {}", fact["title"], fact["value"]).replace('"', "")));
            } else if let Some(title) = text(element, "title").filter(|_| members.contains_key("type")) {
                into.push(format!("[{title}]"));
            } else if let Some(shown) = text(element, "text") {
                into.push(shown);
            }
            for member in ["body", "items", "columns", "rows", "cells", "actions"] {
                lines(element.get(member).unwrap_or(&Value::Null), into);
            }
        }
        _ => {}
    }
}

fn add(catalogue: &mut Catalogue, what: &str, row: &ProcessedRow) {
    let mut shown = Vec::new();
    lines(&flow_card(row), &mut shown);
    catalogue.situation(what);
    shown.iter().for_each(|line| catalogue.message(line));
    catalogue.message(&format!("\nSummary: {}", flow::payload(&row.into(), PayloadTokens::default(), None)["Summary"]));
}

#[test]
fn cards_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    for kind in FindingKind::ALL.iter().filter(|kind| !matches!(kind, FindingKind::Coverage)) {
        let mut row = ProcessedRow { kind: *kind, ..example() };
        row.reasons[0].name = reason(*kind);
        row.reasons[0].sentence = "The sentence of the reason.".to_owned();
        let is_test = *kind == FindingKind::Test;
        row.threat = !is_test;
        add(&mut catalogue, kind.as_str(), &row);
    }
    add(
        &mut catalogue,
        "InboxRule by another account",
        &ProcessedRow { actor: "harry@contoso.com".to_owned(), ..example() },
    );
    add(&mut catalogue, "InboxRule that is no threat", &ProcessedRow { threat: false, ..example() });
    catalogue.compare("cards");
}

#[test]
fn effects_of_reasons_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    for name in ReasonName::ALL {
        let mut row = example();
        row.reasons[0].name = *name;
        catalogue.message(&format!(
            "{}: {}",
            name.as_str(),
            flow::payload(&(&row).into(), PayloadTokens::default(), None)["Summary"]
        ));
    }
    catalogue.compare("summaries");
}
