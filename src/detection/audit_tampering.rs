//! Auditing switched off or around, protections removed, forwarding to the outside allowed.
//!
//! Sources: the cmdlets' pages at <https://learn.microsoft.com/powershell/module/exchange/> and
//! <https://learn.microsoft.com/purview/audit-log-enable-disable>.

use audit_log::AuditRecord;

use super::evidence::{Evidence, shown};
use super::finding::{FindingKind, Severity};
use super::principals::{has_failed, is_person};
use super::reason::ReasonName::{self, *};

/// A cmdlet, the parameter that matters and its dangerous value, and what that does.
struct Tampering {
    cmdlet: &'static str,
    parameter: &'static str,
    value: &'static str,
    reason: ReasonName,
    told: &'static str,
}

const fn when(
    cmdlet: &'static str,
    parameter: &'static str,
    value: &'static str,
    reason: ReasonName,
    told: &'static str,
) -> Tampering {
    Tampering { cmdlet, parameter, value, reason, told }
}

const TAMPERING: &[Tampering] = &[
    when(
        "Set-MailboxAuditBypassAssociation",
        "AuditBypassEnabled",
        "True",
        AuditingWeakened,
        "What this account does in mailboxes is no longer audited",
    ),
    when(
        "Set-AdminAuditLogConfig",
        "UnifiedAuditLogIngestionEnabled",
        "False",
        AuditingWeakened,
        "The audit log of the whole tenant was switched off",
    ),
    when(
        "Set-AdminAuditLogConfig",
        "AdminAuditLogEnabled",
        "False",
        AuditingWeakened,
        "Auditing of administrators was switched off",
    ),
    when(
        "Set-OrganizationConfig",
        "AuditDisabled",
        "True",
        AuditingWeakened,
        "Mailbox auditing was switched off for the whole organization",
    ),
    when("Set-Mailbox", "AuditEnabled", "False", AuditingWeakened, "Auditing of the mailbox was switched off"),
    when(
        "Set-HostedOutboundSpamFilterPolicy",
        "AutoForwardingMode",
        "On",
        ForwardingLoosened,
        "Automatic forwarding to the outside was allowed",
    ),
    when(
        "Set-RemoteDomain",
        "AutoForwardEnabled",
        "True",
        ForwardingLoosened,
        "Automatic forwarding to a remote domain was allowed",
    ),
    when("Set-AntiPhishPolicy", "Enabled", "False", ProtectionRemoved, "A policy against phishing was switched off"),
    when(
        "Set-SafeAttachmentPolicy",
        "Enable",
        "False",
        ProtectionRemoved,
        "A policy for safe attachments was switched off",
    ),
    when(
        "Set-SafeLinksPolicy",
        "EnableSafeLinksForEmail",
        "False",
        ProtectionRemoved,
        "A policy for safe links was switched off",
    ),
    when("Set-SafeLinksPolicy", "IsEnabled", "False", ProtectionRemoved, "A policy for safe links was switched off"),
    when("Set-ProtectionAlert", "Disabled", "True", ProtectionRemoved, "An alert policy was switched off"),
    when("Set-ActivityAlert", "Disabled", "True", ProtectionRemoved, "An alert policy was switched off"),
];

/// The parameters that say which actions in a mailbox are audited.
const AUDITED_ACTIONS: [&str; 3] = ["AuditOwner", "AuditDelegate", "AuditAdmin"];

/// Judges a cmdlet that can weaken auditing or protection. `None` when this one does not.
pub(super) fn evidence(record: &AuditRecord) -> Option<Evidence> {
    let mut evidence = Evidence::new(FindingKind::AuditTampering);
    add_table(&mut evidence, record);
    let operation = record.operation.trim();
    let takes_away = ["Remove-", "Disable-"]
        .iter()
        .any(|verb| operation.get(..verb.len()).is_some_and(|head| head.eq_ignore_ascii_case(verb)));
    if takes_away {
        let what = record.parameters.get("Identity").or(record.object_id.as_deref()).unwrap_or_default();
        evidence.because(
            ProtectionRemoved,
            format!("{} removed or switched off the protection '{}'.", shown(operation), shown(what)),
        );
    }
    finished(evidence, record)
}

/// Judges the auditing that a Set-Mailbox record switches off. `None` when it does not.
pub(super) fn of_mailbox(record: &AuditRecord) -> Option<Evidence> {
    let mut evidence = Evidence::new(FindingKind::AuditTampering);
    add_table(&mut evidence, record);
    for name in AUDITED_ACTIONS {
        if record.parameters.has(name) && takes_actions_out(record.parameters.get(name).unwrap_or_default()) {
            evidence
                .because(AuditingWeakened, format!("Actions were taken out of the auditing of the mailbox ({name})."));
            evidence.identity.push(name.to_lowercase());
        }
    }
    finished(evidence, record)
}

/// An empty list, `None`, or a hash table with `Remove`.
fn takes_actions_out(value: &str) -> bool {
    let value = value.trim();
    value.is_empty()
        || ["None", "$null"].iter().any(|none| value.eq_ignore_ascii_case(none))
        || value.to_ascii_lowercase().contains("remove")
}

fn add_table(evidence: &mut Evidence, record: &AuditRecord) {
    let operation = record.operation.trim();
    let rows = TAMPERING.iter().filter(|row| row.cmdlet.eq_ignore_ascii_case(operation));
    for row in rows.filter(|row| has_value(record, row)) {
        let what = record.parameters.get("Identity").or(record.object_id.as_deref()).unwrap_or_default();
        let whom = if what.is_empty() { String::new() } else { format!(" ('{}')", shown(what)) };
        evidence.because(row.reason, format!("{}{whom}.", row.told));
        evidence.identity.push(row.parameter.to_lowercase());
    }
}

fn has_value(record: &AuditRecord, row: &Tampering) -> bool {
    record
        .parameters
        .get(row.parameter)
        .is_some_and(|value| value.trim().trim_start_matches('$').eq_ignore_ascii_case(row.value))
}

/// A person who weakens auditing or protection is High; the loosening of forwarding and what an application does stay Medium.
fn finished(mut evidence: Evidence, record: &AuditRecord) -> Option<Evidence> {
    let weakened = evidence.has(AuditingWeakened) || evidence.has(ProtectionRemoved);
    if !weakened && !evidence.has(ForwardingLoosened) {
        return None;
    }
    if weakened && is_person(record) {
        evidence.floor = Severity::High;
    }
    let what = record.parameters.get("Identity").or(record.object_id.as_deref()).unwrap_or_default();
    evidence.identity.push(format!("{} {what}", record.operation).to_lowercase());
    evidence.note(&format!("{} {}", shown(&record.operation), shown(what)));
    if has_failed(record) {
        evidence.is_settled = true;
        evidence.note("The attempt failed; nothing was changed.");
    }
    Some(evidence)
}
