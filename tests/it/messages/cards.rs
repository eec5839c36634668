//! Cards, each type, as the flow shows them, with the summary that mail and chat show.

use serde_json::Value;
use tenantwatch::detection::{FindingKind, ReasonName};
use tenantwatch::notify::Notification;
use tenantwatch::notify::flow::{self, PayloadTokens};
use tenantwatch::tables::{Containment, ProcessedRow};

use super::Catalogue;
use crate::card::{card_of, example, without_owner};

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
        FindingKind::KnownAttackerAddress => R::KnownAttackerAddress,
        _ => R::ForwardsExternally,
    }
}

/// The type of the findings that have this reason.
fn kind_of(reason: ReasonName) -> FindingKind {
    use FindingKind as K;
    use ReasonName as R;
    match reason {
        R::MailboxForwardsExternally | R::MailboxForwardsInternally => K::InboxForward,
        R::GrantsToSelf | R::GrantsBroadly | R::GrantsAccess => K::MailboxPermission,
        R::TransportsExternally
        | R::TransportDeletes
        | R::TransportBypassesProtection
        | R::TransportQuarantinesWarnings
        | R::TransportRuleChanged => K::TransportRule,
        R::JournalsExternally | R::JournalRuleChanged => K::JournalRule,
        R::ConnectorChanged => K::Connector,
        R::TrustsLookalike | R::BlocksWarnings | R::MailTrustChanged => K::MailboxTrust,
        R::AutoReplySet => K::AutoReply,
        R::ClientAccessOpened => K::ClientAccess,
        R::AuditingWeakened | R::ForwardingLoosened | R::ProtectionRemoved => K::AuditTampering,
        R::AppSeenInTakeovers | R::AppImitatesMicrosoft | R::AppReadsMail | R::AppConsented => K::Consent,
        R::MethodChanged => K::SignInMethod,
        R::DomainSignInChanged | R::DomainAdded | R::DomainRelays | R::DomainChanged => K::Domain,
        R::ContactPointsElsewhere => K::ContactRetargeted,
        R::KnownAttackerAddress => K::KnownAttackerAddress,
        _ => K::InboxRule,
    }
}

/// The texts of a card, a line for each element.
pub fn lines(element: &Value, into: &mut Vec<String>) {
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
    add_notification(catalogue, what, &row.into());
}

fn add_notification(catalogue: &mut Catalogue, what: &str, notification: &Notification<'_>) {
    let mut shown = Vec::new();
    lines(&card_of(notification), &mut shown);
    catalogue.situation(what);
    shown.iter().for_each(|line| catalogue.message(line));
    let summary = &flow::payload(notification, PayloadTokens::default(), None)["Summary"];
    catalogue.message(&format!("\nSummary: {summary}"));
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
    add(&mut catalogue, "InboxRule in a mailbox whose owner is unknown", &without_owner());
    for containment in [
        Containment::Done,
        Containment::Partly,
        Containment::WouldBe,
        Containment::Refused("sign-in of the account was already blocked".to_owned()),
    ] {
        let what = format!("Containment: {}", containment.told());
        let detail = match &containment {
            Containment::Done | Containment::Partly => "BlockSignIn: bob@contoso.com: sign-in blocked.".to_owned(),
            _ => String::new(),
        };
        let row = ProcessedRow { containment: Some(containment), containment_detail: detail, ..example() };
        add(&mut catalogue, &what, &row);
    }
    let row = example();
    for (what, earlier, further) in [
        ("One earlier threat", 1, 0),
        ("Earlier threats", 3, 0),
        ("One threat in a bundle", 0, 1),
        ("A bundle", 2, 295),
    ] {
        add_notification(&mut catalogue, what, &Notification { earlier, further, ..Notification::from(&row) });
    }
    catalogue.compare("cards");
}

#[test]
fn effects_of_reasons_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    for name in ReasonName::ALL {
        let mut row = ProcessedRow { kind: kind_of(*name), ..example() };
        row.reasons[0].name = *name;
        catalogue.message(&format!(
            "{}: {}",
            name.as_str(),
            flow::payload(&(&row).into(), PayloadTokens::default(), None)["Summary"]
        ));
    }
    catalogue.compare("summaries");
}
