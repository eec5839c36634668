//! Mail flow rules of the organization.
//!
//! Source: <https://learn.microsoft.com/powershell/module/exchange/new-transportrule>.

use audit_log::AuditRecord;

use super::evidence::{Evidence, listed, shown};
use super::finding::FindingKind;
use super::knowledge::Knowledge;
use super::odd_name;
use super::principals::has_failed;
use super::reason::ReasonName::*;
use super::targets::{Destination, Target};

/// Actions that send a message to somebody else as well or instead.
const SENDING: &[&str] = &["BlindCopyTo", "CopyTo", "RedirectMessageTo", "AddToRecipients"];

/// What a rule without any condition is made of.
const NO_CONDITION: &[&str] = &[
    "Name",
    "Identity",
    "DeleteMessage",
    "Mode",
    "StopRuleProcessing",
    "SetAuditSeverity",
    "Priority",
    "Enabled",
    "Comments",
    "SenderAddressLocation",
    "RuleErrorAction",
    "RuleSubType",
    "ActivationDate",
    "ExpiryDate",
    "Quarantine",
];

/// Everybody whom the rule sends mail to.
pub(super) fn targets(record: &AuditRecord) -> Vec<Target> {
    SENDING.iter().filter_map(|name| record.parameters.get(name)).flat_map(Target::read_list).collect()
}

/// Judges a mail flow rule.
pub(super) fn evidence(record: &AuditRecord, known: &Knowledge) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::TransportRule);
    let name = name(record);
    let told = name.map_or_else(|| "without a known name".to_owned(), odd_name::quoted);
    evidence.rule_name = shown(name.unwrap_or_default());
    evidence.because(TransportRuleChanged, format!("The mail flow rule {told} was made or changed."));
    add_targets(&mut evidence, &told, record, known);
    add_deletion(&mut evidence, &told, record);
    if name.is_some_and(odd_name::is_nameless) {
        evidence.because(NamelessRule, format!("The name of the rule is {told}, which no administrator would give."));
    }
    evidence.description = description(record);
    evidence.identity.push(format!("rule {}", name.unwrap_or_default().trim().to_lowercase()));
    if has_failed(record) {
        evidence.is_settled = true;
        evidence.note("The attempt failed; nothing was changed.");
    }
    evidence
}

fn name(record: &AuditRecord) -> Option<&str> {
    let object = record.object_id.as_deref().filter(|object| !object.is_empty());
    record.parameters.get("Name").or_else(|| record.parameters.get("Identity")).or(object)
}

fn add_targets(evidence: &mut Evidence, told: &str, record: &AuditRecord, known: &Knowledge) {
    let destinations: Vec<Destination> = targets(record).iter().flat_map(|target| target.destinations(known)).collect();
    evidence.leads_to(&destinations);
    let of = |wanted: fn(&Destination) -> bool| {
        listed(destinations.iter().filter(|reach| wanted(reach)).map(Destination::text))
    };
    let outside = of(|reach| matches!(reach, Destination::Outside(_)));
    let unresolved = of(|reach| matches!(reach, Destination::Unresolved { .. }));
    if !outside.is_empty() {
        let sentence = format!("The mail flow rule {told} sends mail of the organization to {outside}, outside of it.");
        evidence.because(TransportsExternally, sentence);
    }
    if !unresolved.is_empty() {
        let sentence = format!(
            "The mail flow rule {told} sends mail to {unresolved}, which could not be resolved and may be outside."
        );
        evidence.because(TargetUnresolved, sentence);
    }
}

/// Deleting by sender or attachment is what administrators do; deleting by words, or everything, is not.
fn add_deletion(evidence: &mut Evidence, told: &str, record: &AuditRecord) {
    if record.parameters.flag("DeleteMessage") != Some(true) {
        return;
    }
    evidence.deletes = true;
    let words: Vec<&str> = record
        .parameters
        .iter()
        .filter(|(name, _)| is_about_words(name))
        .filter_map(|(_, value)| value.filter(|value| !value.trim().is_empty()))
        .collect();
    // Made to delete by other words, or everything, it is another rule to whoever dismissed it.
    evidence.identity.push(format!("deletes {}", words.join(";")).to_lowercase());
    if !words.is_empty() {
        evidence
            .because(TransportDeletes, format!("The mail flow rule {told} deletes mail by words: {}.", listed(words)));
    } else if has_no_condition(record) {
        evidence.applies_to_all_mail = true;
        evidence.because(TransportDeletes, format!("The mail flow rule {told} deletes mail without any condition."));
    }
}

fn is_about_words(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.starts_with("exceptif") && (name.ends_with("containswords") || name.ends_with("matchespatterns"))
}

/// Only a new rule is shown whole.
fn has_no_condition(record: &AuditRecord) -> bool {
    let is_new = record.operation.trim().eq_ignore_ascii_case("New-TransportRule");
    let is_known = |name: &str| NO_CONDITION.iter().any(|known| known.eq_ignore_ascii_case(name));
    is_new && record.parameters.iter().all(|(name, _)| is_known(name))
}

fn description(record: &AuditRecord) -> String {
    const MOST: usize = 40;
    let parts = record
        .parameters
        .iter()
        .take(MOST)
        .map(|(name, value)| format!("{}: {}", shown(name), shown(value.unwrap_or_default())));
    parts.collect::<Vec<_>>().join("\r\n")
}
