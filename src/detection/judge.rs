//! From a record to a finding.

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
    audit_tampering, auto_reply, client_access, connector, consent, contact_retargeted, domain, inbox_rule,
    journal_rule, mailbox_permission, mailbox_trust, sign_in_method, taken_away, transport_rule,
};

/// A glance at a record of which [`judge`] makes nothing, whatever is known of the tenant: a `Set-Mailbox` by the system that sends no
/// mail and gives nobody access. A third of all content is told so; `None` says nothing about the record.
pub fn pass_over(record: &[u8]) -> Option<Glance<'_>> {
    /// The parameters in which [`targets_of`] looks for somebody.
    static NAMING_SOMEBODY: Without =
        Without::new(&["ForwardingSmtpAddress", "ForwardingAddress", "GrantSendOnBehalfTo", "User", "Trustee"]);
    Glance::of(record, &NAMING_SOMEBODY)
        .filter(|glance| is_system(Some(glance.user_type), "") && concern(glance.operation) == Some(Concern::Mailbox))
}

/// Judges one record. `None`: of no interest, not even to be recorded.
pub fn judge(record: &AuditRecord, known: &Knowledge) -> Option<Finding> {
    let concern = concern(&record.operation)?;
    let noise = is_noise(record);
    if noise && !may_forward(record, concern, known) {
        return None;
    }
    let who = who(record, concern, known);
    let mut evidence = gather(record, concern, &who, known).filter(|evidence| !known.off.contains(&evidence.kind))?;
    if matches!(concern, Concern::TransportRule | Concern::JournalRule) {
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
        Concern::JournalRule => Some(journal_rule::evidence(record, known)),
        Concern::Connector => Some(connector::evidence(record)),
        Concern::Trust => Some(mailbox_trust::evidence(record, who, known)),
        Concern::AutoReply => Some(auto_reply::evidence(record, who)),
        Concern::ClientAccess => client_access::evidence(record, who),
        Concern::Domain => Some(domain::evidence(record)),
        Concern::RuleRemoval => Some(taken_away::rule(record)),
        Concern::PermissionRemoval => Some(taken_away::permission(record)),
        Concern::MailFlowRemoval => Some(taken_away::mail_flow(record)),
        Concern::ConsentRemoval => Some(consent::removal(record)),
    }
}

/// `Set-Mailbox` can forward, delegate and switch auditing off in one go: one finding, of the gravest kind, with all reasons.
fn set_mailbox(record: &AuditRecord, who: &Who, known: &Knowledge) -> Option<Evidence> {
    let is_on = |kind: FindingKind| !known.off.contains(&kind);
    let forwards = forwarding::change(record) != Change::None && is_on(FindingKind::InboxForward);
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

/// Whether what the system did sends mail to an address that may be outside. Everything else of the system is left out unread.
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

/// Everybody whom the record itself sends mail to or gives access.
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
        Concern::JournalRule => journal_rule::targets(record),
        _ => Vec::new(),
    }
}
