//! Evaluates journal rules: they copy mail of the organization to an address.
//!
//! Source: <https://learn.microsoft.com/powershell/module/exchange/new-journalrule>.

use audit_log::AuditRecord;

use super::addresses::targets_in;
use super::evidence::Evidence;
use super::finding::FindingKind;
use super::knowledge::Knowledge;
use super::reason::ReasonName::*;
use super::record_facts::named;
use super::resolution::destinations;
use super::sentence::{listed, shown};
use super::targets::{Destination, Target};
use super::unread;
use super::unread_part;

/// Returns the addresses that the rule copies mail to.
pub(super) fn targets(record: &AuditRecord) -> Vec<Target> {
    record.parameters.get("JournalEmailAddress").map(targets_in).unwrap_or_default()
}

/// Evaluates a journal rule.
pub(super) fn evidence(record: &AuditRecord, known: &Knowledge) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::JournalRule);
    let name = named(record);
    let told = format!("The journal rule '{}'", shown(name));
    let destinations = destinations(&targets(record), known);
    evidence.leads_to(&destinations);
    let of = |wanted: fn(&Destination) -> bool| {
        listed(destinations.iter().filter(|reach| wanted(reach)).map(Destination::text))
    };
    let outside = of(|reach| matches!(reach, Destination::Outside(_)));
    let unresolved = of(|reach| matches!(reach, Destination::Unresolved { .. }));
    evidence.because(JournalRuleChanged, format!("{told} was created or changed."));
    if !outside.is_empty() {
        evidence.because(JournalsExternally, format!("{told} copies mail to {outside}, outside the organization."));
    }
    if !unresolved.is_empty() {
        evidence.because(
            TargetUnresolved,
            format!("{told} copies mail to {unresolved}, which could not be resolved and may be external."),
        );
    }
    unread::add_to(&mut evidence, &unread_part::parts_of(record), known, &told);
    evidence.rule_name = shown(name);
    evidence.identity.push(format!("rule {}", name.to_lowercase()));
    evidence.is_about(format!("rule {}", name.to_lowercase()));
    evidence.describe(record);
    evidence.settle_if_failed(record);
    evidence
}
