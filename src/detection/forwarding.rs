//! Evaluates forwarding on the mailbox itself: `Set-Mailbox` with `ForwardingSmtpAddress` or `ForwardingAddress`.
//!
//! Source: <https://learn.microsoft.com/powershell/module/exchange/set-mailbox>. Turning forwarding off is the same cmdlet with an
//! empty value.

use audit_log::AuditRecord;

use super::addresses::targets_in;
use super::evidence::Evidence;
use super::finding::FindingKind;
use super::knowledge::Knowledge;
use super::reason::ReasonName::*;
use super::record_facts::has_failed;
use super::resolution::Resolver;
use super::sentence::{listed, shown};
use super::targets::{Destination, Target};
use super::unread;
use super::unread_part::{self, UnreadPart};

/// The parameters that forward.
const FORWARDING: [&str; 2] = ["ForwardingSmtpAddress", "ForwardingAddress"];

/// The change that a record makes to the forwarding of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Mail goes to these from now on.
    Set(Vec<Target>),
    /// An empty value.
    Removed,
    /// Nothing about forwarding.
    None,
}

/// Returns the change that a `Set-Mailbox` record makes.
pub(super) fn change(record: &AuditRecord) -> Change {
    let values: Vec<&str> = FORWARDING
        .iter()
        .filter(|name| record.parameters.has(name))
        .map(|name| record.parameters.get(name).unwrap_or_default().trim())
        .collect();
    let targets: Vec<Target> = values
        .iter()
        .filter(|value| !value.eq_ignore_ascii_case("$null"))
        .flat_map(|value| targets_in(value))
        .collect();
    match (values.is_empty(), targets.is_empty()) {
        (true, _) => Change::None,
        (false, true) => Change::Removed,
        (false, false) => Change::Set(targets),
    }
}

/// Returns the parameters that could not be read.
pub(super) fn unread(record: &AuditRecord) -> Vec<UnreadPart> {
    unread_part::parts_of(record)
}

/// Evaluates the forwarding that a `Set-Mailbox` record sets or removes.
pub(super) fn evidence(record: &AuditRecord, known: &Knowledge) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::InboxForward);
    let unread = unread(record);
    match change(record) {
        Change::Set(targets) => {
            set(record, &targets, known, &mut evidence);
            unread::add_to(&mut evidence, &unread, known, "The mailbox");
        }
        _ if !unread.is_empty() => set_unread(record, &unread, known, &mut evidence),
        Change::Removed => {
            evidence.is_settled = true;
            evidence.note("Forwarding was removed from the mailbox.");
            evidence.forwarding_status = no_change(record);
            evidence.identity.push("removed".to_owned());
            if !has_failed(record) {
                evidence.removes("forwarding");
            }
        }
        Change::None => {
            evidence.is_settled = true;
            evidence.forwarding_status = no_change(record);
            evidence.note(&evidence.forwarding_status.clone());
        }
    }
    evidence
}

/// Forwarding in a form that could not be read.
fn set_unread(record: &AuditRecord, parts: &[UnreadPart], known: &Knowledge, evidence: &mut Evidence) {
    let unresolved = unread::add_to(evidence, parts, known, "The mailbox");
    evidence.forwarding_status = status(record, &unresolved);
    evidence.settle_if_failed(record);
}

fn set(record: &AuditRecord, targets: &[Target], known: &Knowledge, evidence: &mut Evidence) {
    let resolver = Resolver::new(targets, known);
    let destinations: Vec<Destination> = targets.iter().flat_map(|target| resolver.destinations(target)).collect();
    evidence.leads_to(&destinations);
    evidence.rejudge |= resolver.is_withheld();
    let can_ask = resolver.can_ask();
    evidence.signals().targets_were_asked_for = can_ask;
    evidence.forwarding_status = status(record, &destinations);
    name_targets(&destinations, can_ask, evidence);
    let keeps_a_copy = record.parameters.flag("DeliverToMailboxAndForward");
    if keeps_a_copy == Some(false) {
        evidence.because(KeepsNoCopy, "No copy is kept in the mailbox, so the owner never sees the mail.");
    }
    evidence.identity.push(format!("copy {keeps_a_copy:?}"));
    evidence.is_about("forwarding");
    let note = evidence.forwarding_status.clone();
    evidence.note(&note);
    if has_failed(record) {
        evidence.is_settled = true;
        evidence.note("The attempt failed; nothing was changed.");
    }
}

/// Adds a reason for each kind of target. `can_ask` tells whether unresolved ones were looked up.
fn name_targets(destinations: &[Destination], can_ask: bool, evidence: &mut Evidence) {
    let of = |wanted: fn(&Destination) -> bool| {
        listed(destinations.iter().filter(|reach| wanted(reach)).map(Destination::text))
    };
    let outside = of(|reach| matches!(reach, Destination::Outside(_)));
    let unresolved = of(|reach| matches!(reach, Destination::Unresolved { .. }));
    let trusted = of(|reach| matches!(reach, Destination::Trusted(_)));
    let inside = of(|reach| matches!(reach, Destination::Inside(_)));
    if !outside.is_empty() {
        evidence.because(
            MailboxForwardsExternally,
            format!("The mailbox forwards all its mail to {outside}, outside the organization."),
        );
    }
    if !unresolved.is_empty() {
        evidence.because(
            TargetUnresolved,
            match can_ask {
                true => format!("The mailbox forwards to {unresolved}, which could not be resolved and may be external."),
                false => format!(
                    "The mailbox forwards to {unresolved}, which cannot be resolved from the log alone. Look up whether it is external."
                ),
            },
        );
    }
    if outside.is_empty() && unresolved.is_empty() && !trusted.is_empty() {
        evidence.because(
            ForwardsToTrusted,
            format!("The mailbox forwards its mail to {trusted}, which is trusted in TRUSTED_DOMAINS."),
        );
    }
    if outside.is_empty() && unresolved.is_empty() && !inside.is_empty() {
        evidence.because(
            MailboxForwardsInternally,
            format!("The mailbox forwards its mail to {inside}, inside the organization."),
        );
    }
}

/// The sentence of the runbooks before this program, which flows out there may read.
fn status(record: &AuditRecord, destinations: &[Destination]) -> String {
    let outside = destinations.iter().find_map(|reach| match reach {
        Destination::Outside(text) => Some(text),
        _ => None,
    });
    match (outside, destinations.first()) {
        (Some(address), _) => {
            let domain = address.rsplit_once('@').map_or(address.as_str(), |(_, domain)| domain);
            format!("The Set-Mailbox command in ID {} set forwarding to external domain {}.", record.id, shown(domain))
        }
        (None, Some(reach)) => {
            format!(
                "The Set-Mailbox command in ID {} set forwarding to non-external address {}.",
                record.id,
                shown(reach.text())
            )
        }
        (None, None) => no_change(record),
    }
}

fn no_change(record: &AuditRecord) -> String {
    format!("The Set-Mailbox command in ID {} did not make a forwarding change.", record.id)
}
