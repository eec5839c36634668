//! Evaluates mail flow rules of the organization.
//!
//! Source: <https://learn.microsoft.com/powershell/module/exchange/new-transportrule>.

use audit_log::AuditRecord;

use super::addresses::targets_in;
use super::evidence::Evidence;
use super::finding::FindingKind;
use super::knowledge::Knowledge;
use super::odd_name;
use super::reason::ReasonName::*;
use super::record_facts::named;
use super::resolution::Resolver;
use super::sentence::{listed, shown};
use super::targets::{Destination, Target};
use super::transport_conditions::{Conditions, letting_past};
use super::unread;
use super::unread_part;
use super::words::{WordGroup, matches_in};

/// Actions that send a message to someone else as well or instead.
const SENDING: &[&str] = &["BlindCopyTo", "CopyTo", "RedirectMessageTo", "AddToRecipients", "GenerateIncidentReport"];

/// The action that makes someone approve a message, who sees it before its recipient does.
const MODERATING: &str = "ModerateMessageByUser";

/// The action that hands a message to another mail system.
const ROUTING: &str = "RouteMessageOutboundConnector";

/// Everybody whom the rule sends mail to or makes approve it.
pub(super) fn targets(record: &AuditRecord) -> Vec<Target> {
    SENDING.iter().chain(&[MODERATING]).flat_map(|name| named_in(record, name)).collect()
}

fn named_in(record: &AuditRecord, parameter: &str) -> Vec<Target> {
    let value = record.parameters.get(parameter).filter(|value| !value.trim().eq_ignore_ascii_case("$null"));
    value.map(targets_in).unwrap_or_default()
}

/// Evaluates a mail flow rule.
pub(super) fn evidence(record: &AuditRecord, known: &Knowledge) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::TransportRule);
    let name = Some(named(record)).filter(|_| is_named(record));
    let told = name.map_or_else(|| "without a known name".to_owned(), odd_name::quoted);
    let conditions = Conditions::of(record);
    evidence.rule_name = shown(name.unwrap_or_default());
    evidence.because(TransportRuleChanged, format!("The mail flow rule {told} was created or changed."));
    let object = format!("rule {}", name.unwrap_or_default().trim().to_lowercase());
    evidence.identity.push(object.clone());
    evidence.is_about(object);
    add_targets(&mut evidence, &told, record, known);
    add_routing(&mut evidence, &told, record);
    add_deletion(&mut evidence, &told, record, &conditions);
    add_quarantine(&mut evidence, &told, record, &conditions);
    add_bypass(&mut evidence, &told, record, known);
    unread::add_to(&mut evidence, &unread_part::parts_of(record), known, &format!("The mail flow rule {told}"));
    if name.is_some_and(odd_name::is_nameless) {
        let sentence = format!("The mail flow rule is named {told}, a name that administrators do not normally use.");
        evidence.because(NamelessRule, sentence);
    }
    evidence.describe(record);
    evidence.settle_if_failed(record);
    evidence
}

/// A blank name is known; a record without any name leaves it unknown.
fn is_named(record: &AuditRecord) -> bool {
    let has_object = record.object_id.as_deref().is_some_and(|object| !object.is_empty());
    has_object || ["Name", "Identity"].iter().any(|name| record.parameters.get(name).is_some())
}

fn add_targets(evidence: &mut Evidence, told: &str, record: &AuditRecord, known: &Knowledge) {
    let targets = targets(record);
    let resolver = Resolver::new(&targets, known);
    let reaches_of =
        |targets: Vec<Target>| targets.iter().flat_map(|t| resolver.destinations(t)).collect::<Vec<Destination>>();
    let sent = reaches_of(SENDING.iter().flat_map(|name| named_in(record, name)).collect());
    let moderated = reaches_of(named_in(record, MODERATING));
    evidence.leads_to(&sent);
    evidence.leads_to(&moderated);
    let of = |destinations: &[Destination], wanted: fn(&Destination) -> bool| {
        listed(destinations.iter().filter(|reach| wanted(reach)).map(Destination::text))
    };
    let outside = |destinations: &[Destination]| of(destinations, |reach| matches!(reach, Destination::Outside(_)));
    let (sent_out, moderated_out) = (outside(&sent), outside(&moderated));
    let unresolved = of(&[sent, moderated].concat(), |reach| matches!(reach, Destination::Unresolved { .. }));
    if !sent_out.is_empty() {
        let sentence = format!("The mail flow rule {told} sends mail outside the organization to {sent_out}.");
        evidence.because(TransportsExternally, sentence);
    }
    if !moderated_out.is_empty() {
        let sentence =
            format!("The mail flow rule {told} lets {moderated_out}, outside the organization, read and approve mail.");
        evidence.because(TransportsExternally, sentence);
    }
    if !unresolved.is_empty() {
        let sentence = format!(
            "The mail flow rule {told} sends mail to {unresolved}, which could not be resolved and may be external."
        );
        evidence.because(TargetUnresolved, sentence);
    }
}

/// A connector leads to another mail system, and the record does not show to which.
fn add_routing(evidence: &mut Evidence, told: &str, record: &AuditRecord) {
    let connector = record.parameters.get(ROUTING).map(str::trim).unwrap_or_default();
    if connector.is_empty() || connector.eq_ignore_ascii_case("$null") {
        return;
    }
    evidence.identity.push(format!("routes {}", connector.to_lowercase()));
    let sentence = format!(
        "The mail flow rule {told} routes mail out of the organization through the connector '{}'.",
        shown(connector)
    );
    evidence.because(TransportsExternally, sentence);
}

/// Deleting is what attackers do with warnings; only deleting what the spam filter found is ordinary.
fn add_deletion(evidence: &mut Evidence, told: &str, record: &AuditRecord, conditions: &Conditions<'_>) {
    if record.parameters.flag("DeleteMessage") != Some(true) {
        return;
    }
    evidence.deletes = true;
    // A rule that deletes by other conditions, or deletes everything, is a different rule: the dismissal of this one must not
    // cover it.
    evidence.identity.push(format!("deletes {}", conditions.key()));
    if conditions.are_spam_verdicts() {
        return;
    }
    let words = conditions.words();
    let sentence = if !words.is_empty() {
        format!("The mail flow rule {told} deletes mail based on words: {}.", listed(words))
    } else if !conditions.is_empty() {
        format!("The mail flow rule {told} deletes mail based on {}.", listed(conditions.names()))
    } else if is_new(record) {
        evidence.applies_to_all_mail = true;
        format!("The mail flow rule {told} deletes mail without any condition.")
    } else {
        format!("The mail flow rule {told} deletes mail; the record does not show which.")
    };
    evidence.because(TransportDeletes, sentence);
}

fn add_quarantine(evidence: &mut Evidence, told: &str, record: &AuditRecord, conditions: &Conditions<'_>) {
    if record.parameters.flag("Quarantine") != Some(true) {
        return;
    }
    let is_warning = |word: &&str| matches_in(word).iter().any(|found| found.group == WordGroup::Security);
    let words: Vec<&str> = conditions.words().into_iter().filter(is_warning).collect();
    if !words.is_empty() {
        evidence.identity.push(format!("quarantines {}", conditions.key()));
        let sentence =
            format!("The mail flow rule {told} quarantines mail based on words about security: {}.", listed(words));
        evidence.because(TransportQuarantinesWarnings, sentence);
    }
}

fn add_bypass(evidence: &mut Evidence, told: &str, record: &AuditRecord, known: &Knowledge) {
    let Some(bypass) = letting_past(record, known, is_new(record)) else { return };
    let protections = bypass.protections.join(" and ");
    let senders = match bypass.domains.as_slice() {
        [] => "all senders".to_owned(),
        domains => listed(domains.iter().map(String::as_str)),
    };
    evidence.identity.push(format!("lets {} past {protections}", bypass.domains.join(";")));
    evidence.because(
        TransportBypassesProtection,
        format!("The mail flow rule {told} lets mail of {senders} past {protections}."),
    );
}

/// Only a new rule is shown whole.
fn is_new(record: &AuditRecord) -> bool {
    record.operation.trim().eq_ignore_ascii_case("New-TransportRule")
}
