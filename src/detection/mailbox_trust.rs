//! Evaluates the safe and blocked senders of a mailbox. Attackers make their look-alike domain a safe sender, so that its mail
//! reaches the inbox, and block the senders that would warn the owner.
//!
//! Source: <https://learn.microsoft.com/powershell/module/exchange/set-mailboxjunkemailconfiguration>.

use std::collections::BTreeSet;

use audit_log::AuditRecord;
use base::ids::Domain;

use super::evidence::Evidence;
use super::finding::FindingKind;
use super::imitation::{imitates_microsoft, imitates_one, labels, skeleton};
use super::knowledge::Knowledge;
use super::list_values::added_items;
use super::principals::Principals;
use super::reason::ReasonName::*;
use super::senders::{SenderKind, kind_of};
use super::sentence::{listed, shown};
use super::targets::Target;

/// The parameters that make senders safe.
const SAFE: [&str; 2] = ["TrustedSendersAndDomains", "TrustedRecipientsAndDomains"];
/// The parameter that blocks senders.
const BLOCKED: &str = "BlockedSendersAndDomains";

/// Domains of Microsoft from which warnings about accounts come. People block single newsletters of Microsoft, not these.
const MICROSOFT_WARNS_FROM: [&str; 4] =
    ["microsoft.com", "microsoftonline.com", "email.microsoftonline.com", "accountprotection.microsoft.com"];

/// Evaluates a change of the safe and blocked senders.
pub(super) fn evidence(record: &AuditRecord, principals: &Principals, known: &Knowledge) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::MailboxTrust);
    let (mailbox, own) = (shown(&principals.mailbox), own_domains(principals, known));
    let items = |name: &str| record.parameters.get(name).map(added_items).unwrap_or_default();
    let given_as_safe = SAFE.iter().flat_map(|name| items(name));
    let safe: BTreeSet<String> = given_as_safe.filter(|item| is_false_friend(item, &own, known)).collect();
    let blocked: BTreeSet<String> =
        items(BLOCKED).into_iter().filter(|item| warns_the_owner(item, &own, known)).collect();
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
    if is_removal(record) {
        evidence.is_settled = true;
        evidence.note(&format!("Safe or blocked senders of the mailbox {mailbox} were removed."));
    }
    evidence.because(MailTrustChanged, format!("The safe or blocked senders of the mailbox {mailbox} were changed."));
    evidence.identity.extend(safe.iter().map(|item| format!("safe {item}")));
    evidence.identity.extend(blocked.iter().map(|item| format!("blocked {item}")));
    evidence.describe(record);
    evidence.settle_if_failed(record);
    evidence
}

/// Returns whether every list that the record changes is a hash table that only removes.
fn is_removal(record: &AuditRecord) -> bool {
    let lists = SAFE.iter().chain([&BLOCKED]).filter_map(|name| record.parameters.get(name)).map(str::trim);
    let mut lists = lists.filter(|list| !list.is_empty()).peekable();
    let only_removes = |list: &str| {
        list.starts_with("@{") && list.to_ascii_lowercase().contains("remove") && added_items(list).is_empty()
    };
    lists.peek().is_some() && lists.all(only_removes)
}

/// The accepted domains, and that of the owner: an export may not show all that are accepted.
fn own_domains(principals: &Principals, known: &Knowledge) -> BTreeSet<Domain> {
    let accepted = known.accepted.exact.iter().chain(&known.accepted.with_sub_domains).cloned();
    let mut own: BTreeSet<Domain> = accepted.collect();
    if own.is_empty() {
        own.insert(known.domain.clone());
    }
    own.extend(principals.mailbox.rsplit_once('@').and_then(|(_, domain)| domain.parse().ok()));
    own
}

/// Returns whether a safe sender is the whole own domain, the own help desk, or looks like one of them or like Microsoft.
fn is_false_friend(item: &str, own: &BTreeSet<Domain>, known: &Knowledge) -> bool {
    let Some((local, domain)) = parts(item) else { return false };
    if is_own(&domain, own, known) {
        return local.is_none_or(|local| is_help_desk(&local, known));
    }
    imitates_one(&domain, own)
        || imitates_microsoft(&domain.to_unicode())
        || local.is_some_and(|local| is_help_desk_elsewhere(&local, own, known))
}

fn is_own(domain: &Domain, own: &BTreeSet<Domain>, known: &Knowledge) -> bool {
    own.contains(domain) || known.is_inside(domain)
}

fn is_help_desk(local: &str, known: &Knowledge) -> bool {
    kind_of(&format!("{local}@"), known) == Some(SenderKind::HelpDesk)
}

/// `contoso-helpdesk` at another domain: the own name and a name of the help desk in one local part.
fn is_help_desk_elsewhere(local: &str, own: &BTreeSet<Domain>, known: &Knowledge) -> bool {
    let names = labels(own);
    let pieces = local.split(['.', '-', '_', '+']).filter(|piece| !piece.is_empty());
    let (own, others): (Vec<&str>, Vec<&str>) =
        pieces.partition(|piece| names.iter().any(|name| skeleton(name) == skeleton(piece)));
    !own.is_empty() && (is_help_desk(&others.join("-"), known) || is_help_desk(&others.concat(), known))
}

/// Returns whether a blocked sender is the whole own domain, the own help desk, or one of Microsoft's warnings.
fn warns_the_owner(item: &str, own: &BTreeSet<Domain>, known: &Knowledge) -> bool {
    if kind_of(item, known) == Some(SenderKind::AccountSecurity) {
        return true;
    }
    parts(item).is_some_and(|(local, domain)| match local {
        Some(local) => is_own(&domain, own, known) && is_help_desk(&local, known),
        None => is_own(&domain, own, known) || MICROSOFT_WARNS_FROM.contains(&domain.as_str()),
    })
}

/// The local part, if the item has one, and the domain.
fn parts(item: &str) -> Option<(Option<String>, Domain)> {
    if let Some(Target::Address { text, domain }) = Target::read(item) {
        return Some((text.rsplit_once('@').map(|(local, _)| local.to_owned()), domain));
    }
    let domain = item.trim().trim_start_matches(['*', '@', '.']);
    domain.contains('.').then(|| domain.parse().ok().map(|domain| (None, domain))).flatten()
}
