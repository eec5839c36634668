//! Evaluates a record to a finding.

use audit_log::{AuditRecord, ForbiddenNames, Prefilter};

use super::evidence::Evidence;
use super::finding::{Finding, FindingKind};
use super::forwarding::{self, Change};
use super::knowledge::{AcceptedDomains, Knowledge, OtherDomains};
use super::principals::{Principals, principals};
use super::record_facts::{is_noise, is_system};
use super::resolution::Resolver;
use super::selection::{OperationKind, operation_kind};
use super::targets::{Destination, Target};
use super::{
    audit_tampering, auto_reply, client_access, connector, consent, contact_retargeted, domain, inbox_rule,
    journal_rule, known_attacker, mailbox_permission, mailbox_trust, rule_from_record, sign_in_method, taken_away,
    transport_rule, unread_part,
};

/// Returns the members of a record for which [`judge`] returns nothing, regardless of the tenant's facts: a `Set-Mailbox` by the
/// system that sends no mail on and grants no one access. A third of all content is skipped in this way; `None` says nothing
/// about the record.
pub fn system_noise(record: &[u8]) -> Option<Prefilter<'_>> {
    /// The parameters in which [`targets_of`] looks for someone.
    static NAMING_SOMEONE: ForbiddenNames =
        ForbiddenNames::new(&["ForwardingSmtpAddress", "ForwardingAddress", "GrantSendOnBehalfTo", "User", "Trustee"]);
    let prefilter = Prefilter::of(record, &NAMING_SOMEONE)?;
    let is_noise =
        is_system(Some(prefilter.user_type), "") && operation_kind(prefilter.operation) == Some(OperationKind::Mailbox);
    (is_noise && !may_be_damaged(record)).then_some(prefilter)
}

/// Returns whether a damaged list of parameters may name someone within a longer text: `@{Name=ForwardingAddress; Value=x}`.
fn may_be_damaged(record: &[u8]) -> bool {
    const WORDS: [&[u8]; 3] = [b"Forwarding", b"Redirect", b"GrantSendOnBehalf"];
    let starts =
        record.iter().enumerate().filter(|(_, byte)| matches!(**byte, b'F' | b'f' | b'R' | b'r' | b'G' | b'g'));
    has_syllables(record)
        && starts.into_iter().any(|(at, _)| {
            let rest = record.get(at..).unwrap_or_default();
            WORDS.iter().any(|word| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)))
        })
}

/// Returns whether a syllable of each word above is in the bytes. A loop without a branch, because a third of all content goes through it
/// and the compiler makes it compare many bytes at once.
fn has_syllables(record: &[u8]) -> bool {
    const CHUNK: usize = 256;
    const MORE: usize = 2;
    (0..record.len()).step_by(CHUNK).any(|at| {
        let bytes = record.get(at..record.len().min(at + CHUNK + MORE)).unwrap_or_default();
        let (Some(second), Some(third)) = (bytes.get(1..), bytes.get(2..)) else { return false };
        let mut found = false;
        for ((a, b), c) in bytes.iter().zip(second).zip(third) {
            let (a, b, c) = (a | 0x20, b | 0x20, c | 0x20);
            found |= (a == b'w') & (b == b'a') & (c == b'r');
            found |= (a == b'd') & (b == b'i') & (c == b'r');
            found |= (a == b'o') & (b == b'n') & (c == b'b');
        }
        found
    })
}

/// Evaluates one record. `None` if it is of no interest, not even to be stored.
pub fn judge(record: &AuditRecord, known: &Knowledge) -> Option<Finding> {
    if known_attacker::is_sign_in(&record.operation) {
        return known_attacker::judge(record, known);
    }
    let operation_kind = operation_kind(&record.operation)?;
    let noise = is_noise(record);
    if noise && !may_forward(record, operation_kind, known) {
        return None;
    }
    let principals = principals(record, operation_kind, known);
    let mut evidence =
        gather(record, operation_kind, &principals, known).filter(|evidence| !known.off.contains(&evidence.kind))?;
    if matches!(operation_kind, OperationKind::TransportRule | OperationKind::JournalRule) {
        evidence.signals().targets_were_asked_for = Resolver::new(&targets_of(record, operation_kind), known).can_ask();
    }
    if principals.withheld && !evidence.is_settled {
        evidence.rejudge = true;
    }
    if noise && !evidence.leads_outside() && !evidence.rejudge {
        return None;
    }
    Some(evidence.into_finding(record, &principals, known))
        .filter(|finding| !noise || finding.forwarding_externally || finding.rejudge)
}

/// Evaluates one record while the tenant's domains cannot be read, and without look-ups. Returns the finding only if it is a threat
/// whichever domains are the tenant's.
pub fn judge_without_domains(record: &AuditRecord, known: &Knowledge) -> Option<Finding> {
    let assuming = |others| {
        let accepted = AcceptedDomains { exact: [known.domain.clone()].into(), others, ..AcceptedDomains::default() };
        judge(record, &Knowledge { offline: true, accepted, ..known.clone() }).filter(|finding| finding.threat)
    };
    assuming(OtherDomains::Internal)?;
    assuming(OtherDomains::External)?;
    assuming(OtherDomains::Unread)
}

fn gather(
    record: &AuditRecord,
    operation_kind: OperationKind,
    principals: &Principals,
    known: &Knowledge,
) -> Option<Evidence> {
    match operation_kind {
        OperationKind::InboxRuleCmdlet | OperationKind::SweepRuleCmdlet | OperationKind::MailboxRules => {
            Some(inbox_rule::evidence(record, operation_kind, principals, known))
        }
        OperationKind::Mailbox => set_mailbox(record, principals, known),
        OperationKind::Permission => mailbox_permission::evidence(record, principals, known),
        OperationKind::TransportRule => Some(transport_rule::evidence(record, known)),
        OperationKind::Tampering => audit_tampering::evidence(record),
        OperationKind::Consent => Some(consent::evidence(record, known)),
        OperationKind::SignInMethod => sign_in_method::evidence(record),
        OperationKind::Contact => contact_retargeted::evidence(record, known),
        OperationKind::JournalRule => Some(journal_rule::evidence(record, known)),
        OperationKind::Connector => Some(connector::evidence(record)),
        OperationKind::Trust => Some(mailbox_trust::evidence(record, principals, known)),
        OperationKind::AutoReply => Some(auto_reply::evidence(record, principals)),
        OperationKind::ClientAccess => client_access::evidence(record, principals),
        OperationKind::Domain => Some(domain::evidence(record)),
        OperationKind::RuleRemoval => Some(taken_away::rule(record)),
        OperationKind::PermissionRemoval => Some(taken_away::permission(record)),
        OperationKind::MailFlowRemoval => Some(taken_away::mail_flow(record)),
        OperationKind::ConsentRemoval => Some(consent::removal(record)),
    }
}

/// `Set-Mailbox` can forward, delegate and disable auditing at once: one finding, of the gravest kind, with all reasons.
fn set_mailbox(record: &AuditRecord, principals: &Principals, known: &Knowledge) -> Option<Evidence> {
    let is_on = |kind: FindingKind| !known.off.contains(&kind);
    let is_about_forwarding = forwarding::change(record) != Change::None || !forwarding::unread(record).is_empty();
    let forwards = is_about_forwarding && is_on(FindingKind::InboxForward);
    let parts = [
        forwards.then(|| forwarding::evidence(record, known)),
        audit_tampering::of_mailbox(record).filter(|_| is_on(FindingKind::AuditTampering)),
        mailbox_permission::of_send_on_behalf(record, principals, known)
            .filter(|_| is_on(FindingKind::MailboxPermission)),
    ];
    let mut parts: Vec<Evidence> = parts.into_iter().flatten().collect();
    // A stable sort: of equals, forwarding stays first.
    parts.sort_by_key(|part| std::cmp::Reverse(part.verdict()));
    let gravest = parts.into_iter().reduce(|mut gravest, other| {
        gravest.absorb(other);
        gravest
    });
    gravest.or_else(|| Some(forwarding::evidence(record, known)))
}

/// Returns whether a record of the system sends mail to an address that may be external. All its other records are skipped unread.
pub(super) fn may_forward(record: &AuditRecord, operation_kind: OperationKind, known: &Knowledge) -> bool {
    if operation_kind == OperationKind::Permission {
        return false;
    }
    targets_of(record, operation_kind).iter().any(|target| {
        let resolver = Resolver::new([target], known);
        let leads_out =
            |reach| matches!(reach, Destination::Outside(_) | Destination::Unresolved { withheld: true, .. });
        resolver.is_withheld() || resolver.destinations(target).into_iter().any(leads_out)
    })
}

/// The addresses in parameters that could not be read.
fn unread_targets(record: &AuditRecord) -> impl Iterator<Item = Target> {
    unread_part::parts_of(record).into_iter().flat_map(|part| part.targets)
}

/// Returns everyone whom the record itself sends mail to or grants access.
pub(super) fn targets_of(record: &AuditRecord, operation_kind: OperationKind) -> Vec<Target> {
    match operation_kind {
        OperationKind::InboxRuleCmdlet | OperationKind::SweepRuleCmdlet | OperationKind::MailboxRules => {
            rule_from_record::shown_by(record, operation_kind).targets().cloned().collect()
        }
        OperationKind::Mailbox => {
            let mut targets = match forwarding::change(record) {
                Change::Set(targets) => targets,
                Change::Removed | Change::None => Vec::new(),
            };
            targets.extend(mailbox_permission::grantees(record));
            targets.extend(unread_targets(record));
            targets
        }
        OperationKind::Permission => mailbox_permission::grantees(record),
        OperationKind::TransportRule => {
            transport_rule::targets(record).into_iter().chain(unread_targets(record)).collect()
        }
        OperationKind::JournalRule => journal_rule::targets(record).into_iter().chain(unread_targets(record)).collect(),
        _ => Vec::new(),
    }
}
