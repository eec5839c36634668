//! A mail contact or mail user that was given another outside address: mail that is forwarded to it goes there from now on.
//!
//! Source: <https://learn.microsoft.com/powershell/module/exchange/set-mailcontact>.

use audit_log::AuditRecord;

use super::addresses::targets_in;
use super::evidence::Evidence;
use super::finding::FindingKind;
use super::knowledge::Knowledge;
use super::reason::ReasonName::ContactPointsElsewhere;
use super::record_facts::named;
use super::resolution::destinations;
use super::sentence::{listed, shown};
use super::targets::Destination;

/// Evaluates the new address. `None` when the record sets none.
pub(super) fn evidence(record: &AuditRecord, known: &Knowledge) -> Option<Evidence> {
    let targets = record.parameters.get("ExternalEmailAddress").map(targets_in).unwrap_or_default();
    if targets.is_empty() {
        return None;
    }
    let contact = record.parameters.get("Identity").unwrap_or_else(|| named(record));
    let destinations: Vec<Destination> = destinations(&targets, known);
    let mut evidence = Evidence::new(FindingKind::ContactRetargeted);
    let sentence = format!(
        "The contact '{}' now points to {}.",
        shown(contact),
        listed(destinations.iter().map(Destination::text))
    );
    evidence.note(&sentence);
    evidence.because(ContactPointsElsewhere, sentence);
    evidence.leads_to(&destinations);
    evidence.rule_name = shown(contact);
    evidence.identity.push(format!("contact {}", contact.to_lowercase()));
    evidence.settle_if_failed(record);
    Some(evidence)
}
