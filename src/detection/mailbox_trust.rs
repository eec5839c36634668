//! Judges the safe and blocked senders of a mailbox. Attackers make their look-alike domain a safe sender, so that its mail reaches the inbox,
//! and block the senders that would warn the owner.
//!
//! Source: <https://learn.microsoft.com/powershell/module/exchange/set-mailboxjunkemailconfiguration>.

use std::collections::BTreeSet;

use audit_log::AuditRecord;
use base::ids::Domain;

use super::evidence::{Evidence, listed, shown};
use super::finding::FindingKind;
use super::imitation::{imitated_domain, imitates_microsoft, own_parts, skeleton};
use super::knowledge::Knowledge;
use super::list_values::added_items;
use super::reason::ReasonName::*;
use super::senders::{SenderKind, kind_of};
use super::targets::{Target, is_inside};
use super::who::Who;

/// The parameters that make senders safe.
const SAFE: [&str; 2] = ["TrustedSendersAndDomains", "TrustedRecipientsAndDomains"];
/// The parameter that blocks senders.
const BLOCKED: &str = "BlockedSendersAndDomains";

/// Domains of Microsoft from which warnings about accounts come. People block single newsletters of Microsoft, not these.
const MICROSOFT_WARNS_FROM: [&str; 4] =
    ["microsoft.com", "microsoftonline.com", "email.microsoftonline.com", "accountprotection.microsoft.com"];

/// Judges a change of the safe and blocked senders.
pub(super) fn evidence(record: &AuditRecord, who: &Who, known: &Knowledge) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::MailboxTrust);
    let mailbox = shown(&who.mailbox);
    let items = |name: &str| record.parameters.get(name).map(added_items).unwrap_or_default();
    let safe: BTreeSet<String> =
        SAFE.iter().flat_map(|name| items(name)).filter(|item| is_false_friend(item, known)).collect();
    let blocked: BTreeSet<String> = items(BLOCKED).into_iter().filter(|item| warns_the_owner(item, known)).collect();
    if !safe.is_empty() {
        let sentence = format!(
            "The mailbox {mailbox} treats {} as safe: own addresses or look-alikes, whose mail then skips the junk filter.",
            listed(safe.iter().map(String::as_str))
        );
        evidence.because(TrustsLookalike, sentence);
    }
    if !blocked.is_empty() {
        let sentence = format!(
            "The mailbox {mailbox} blocks {}, so the owner does not see their warnings.",
            listed(blocked.iter().map(String::as_str))
        );
        evidence.because(BlocksWarnings, sentence);
    }
    evidence.because(MailTrustChanged, format!("The safe or blocked senders of the mailbox {mailbox} were changed."));
    evidence.identity.extend(safe.iter().map(|item| format!("safe {item}")));
    evidence.identity.extend(blocked.iter().map(|item| format!("blocked {item}")));
    evidence.describe(record);
    evidence.settle_if_failed(record);
    evidence
}

/// Returns whether a safe sender is the whole own domain, the own help desk, or looks like one of them or like Microsoft.
fn is_false_friend(item: &str, known: &Knowledge) -> bool {
    let Some((local, domain)) = parts(item) else { return false };
    if is_inside(&domain, known) {
        return local.is_none_or(|_| kind_of(item, known) == Some(SenderKind::HelpDesk));
    }
    let label = domain.to_unicode();
    imitated_domain(&domain, known).is_some()
        || imitates_microsoft(&label)
        || local.is_some_and(|local| is_help_desk_elsewhere(&local, known))
}

/// `contoso-helpdesk` at another domain: the own name and a name of the help desk in one local part.
fn is_help_desk_elsewhere(local: &str, known: &Knowledge) -> bool {
    let pieces: Vec<&str> = local.split(['.', '-', '_', '+']).filter(|piece| !piece.is_empty()).collect();
    let is_own = |piece: &str| own_parts(known).iter().any(|own| skeleton(own) == skeleton(piece));
    let (own, others): (Vec<&str>, Vec<&str>) = pieces.into_iter().partition(|piece| is_own(piece));
    let is_desk = |desk: String| kind_of(&format!("{desk}@"), known) == Some(SenderKind::HelpDesk);
    !own.is_empty() && !others.is_empty() && (is_desk(others.join("-")) || is_desk(others.concat()))
}

/// Returns whether a blocked sender is the whole own domain, the own help desk, or one of Microsoft's warnings.
fn warns_the_owner(item: &str, known: &Knowledge) -> bool {
    let warns = matches!(kind_of(item, known), Some(SenderKind::HelpDesk | SenderKind::AccountSecurity));
    let is_whole_domain = parts(item).is_some_and(|(local, domain)| {
        local.is_none() && (is_inside(&domain, known) || MICROSOFT_WARNS_FROM.contains(&domain.as_str()))
    });
    warns || is_whole_domain
}

/// The local part, if the item has one, and the domain.
fn parts(item: &str) -> Option<(Option<String>, Domain)> {
    if let Some(Target::Address { text, domain }) = Target::read(item) {
        return Some((text.rsplit_once('@').map(|(local, _)| local.to_owned()), domain));
    }
    let domain = item.trim().trim_start_matches(['*', '@', '.']);
    domain.contains('.').then(|| domain.parse().ok().map(|domain| (None, domain))).flatten()
}
