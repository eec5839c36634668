//! Evaluates a record to a finding.

use audit_log::{AuditRecord, Glance, Without};

use super::evidence::Evidence;
use super::finding::{Finding, FindingKind};
use super::forwarding::{self, Change};
use super::knowledge::Knowledge;
use super::resolution::Resolver;
use super::selection::{Concern, concern};
use super::targets::{Reach, Target};
use super::who::{Who, is_noise, is_system, who};
use super::{
    audit_tampering, consent, contact_retargeted, inbox_rule, mailbox_permission, sign_in_method, transport_rule,
};

/// Returns members of a record that [`judge`] returns nothing for, whatever is known of the tenant: a `Set-Mailbox` by the system that
/// sends no mail on and gives no one access. A third of all content is skipped so; `None` says nothing about the record.
pub fn pass_over(record: &[u8]) -> Option<Glance<'_>> {
    /// The parameters in which [`targets_of`] looks for someone.
    static NAMING_SOMEONE: Without =
        Without::new(&["ForwardingSmtpAddress", "ForwardingAddress", "GrantSendOnBehalfTo", "User", "Trustee"]);
    let glance = Glance::of(record, &NAMING_SOMEONE)?;
    let is_noise = is_system(Some(glance.user_type), "") && concern(glance.operation) == Some(Concern::Mailbox);
    (is_noise && !may_be_damaged(record)).then_some(glance)
}

/// Returns whether a damaged list of parameters may name someone within a longer text: `@{Name=ForwardingAddress; Value=x}`.
fn may_be_damaged(record: &[u8]) -> bool {
    const WORDS: [&[u8]; 3] = [b"Forwarding", b"Redirect", b"GrantSendOnBehalf"];
    let starts =
        record.iter().enumerate().filter(|(_, byte)| matches!(**byte, b'F' | b'f' | b'R' | b'r' | b'G' | b'g'));
    starts.into_iter().any(|(at, _)| {
        let rest = record.get(at..).unwrap_or_default();
        WORDS.iter().any(|word| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)))
    })
}

/// Evaluates one record. `None` if it is of no interest, not even to be stored.
pub fn judge(record: &AuditRecord, known: &Knowledge) -> Option<Finding> {
    let concern = concern(&record.operation)?;
    let noise = is_noise(record);
    if noise && !may_forward(record, concern, known) {
        return None;
    }
    let who = who(record, concern, known);
    let mut evidence = gather(record, concern, &who, known).filter(|evidence| !known.off.contains(&evidence.kind))?;
    if concern == Concern::TransportRule {
        evidence.signals().targets_were_asked_for = Resolver::new(&targets_of(record, concern), known).can_ask();
    }
    if who.withheld && !evidence.is_settled {
        evidence.rejudge = true;
    }
    if noise && !evidence.leads_outside() && !evidence.rejudge {
        return None;
    }
    Some(evidence.into_finding(record, &who, known))
        .filter(|finding| !noise || finding.forwarding_externally || finding.rejudge)
}

fn gather(record: &AuditRecord, concern: Concern, who: &Who, known: &Knowledge) -> Option<Evidence> {
    match concern {
        Concern::InboxRuleCmdlet | Concern::SweepRuleCmdlet | Concern::MailboxRules => {
            Some(inbox_rule::evidence(record, concern, who, known))
        }
        Concern::Mailbox => set_mailbox(record, who, known),
        Concern::Permission => mailbox_permission::evidence(record, who, known),
        Concern::TransportRule => Some(transport_rule::evidence(record, known)),
        Concern::Tampering => audit_tampering::evidence(record),
        Concern::Consent => Some(consent::evidence(record, known)),
        Concern::SignInMethod => sign_in_method::evidence(record),
        Concern::Contact => contact_retargeted::evidence(record, known),
    }
}

/// `Set-Mailbox` can forward, delegate and disable auditing at once: one finding, of the gravest kind, with all reasons.
fn set_mailbox(record: &AuditRecord, who: &Who, known: &Knowledge) -> Option<Evidence> {
    let is_on = |kind: FindingKind| !known.off.contains(&kind);
    let is_about_forwarding = forwarding::change(record) != Change::None || !forwarding::unread(record).is_empty();
    let forwards = is_about_forwarding && is_on(FindingKind::InboxForward);
    let parts = [
        forwards.then(|| forwarding::evidence(record, known)),
        audit_tampering::of_mailbox(record).filter(|_| is_on(FindingKind::AuditTampering)),
        mailbox_permission::of_send_on_behalf(record, who, known).filter(|_| is_on(FindingKind::MailboxPermission)),
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
pub(super) fn may_forward(record: &AuditRecord, concern: Concern, known: &Knowledge) -> bool {
    if concern == Concern::Permission {
        return false;
    }
    targets_of(record, concern).iter().any(|target| {
        let resolver = Resolver::new([target], known);
        let leads_out = |reach| matches!(reach, Reach::Outside(_) | Reach::Unresolved { withheld: true, .. });
        resolver.is_withheld() || resolver.reach(target).into_iter().any(leads_out)
    })
}

/// Returns everyone whom the record itself sends mail to or grants access.
pub(super) fn targets_of(record: &AuditRecord, concern: Concern) -> Vec<Target> {
    match concern {
        Concern::InboxRuleCmdlet | Concern::SweepRuleCmdlet | Concern::MailboxRules => {
            inbox_rule::shown_by(record, concern).targets().cloned().collect()
        }
        Concern::Mailbox => {
            let mut targets = match forwarding::change(record) {
                Change::Set(targets) => targets,
                Change::Removed | Change::None => Vec::new(),
            };
            targets.extend(mailbox_permission::grantees(record));
            targets
        }
        Concern::Permission => mailbox_permission::grantees(record),
        Concern::TransportRule => transport_rule::targets(record),
        _ => Vec::new(),
    }
}
