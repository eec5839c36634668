//! Evaluates cmdlets that weaken auditing, remove protections or allow forwarding to external addresses.
//!
//! Sources: the cmdlets' pages at <https://learn.microsoft.com/powershell/module/exchange/> and
//! <https://learn.microsoft.com/purview/audit-log-enable-disable>; `Update authorization policy.` and its properties from
//! splunk/security_content `detections/cloud/o365_block_user_consent_for_risky_apps_disabled.yml` and
//! <https://learn.microsoft.com/graph/api/resources/authorizationpolicy>.

use audit_log::{AuditRecord, ModifiedProperty};

use super::evidence::Evidence;
use super::finding::{FindingKind, Severity};
use super::reason::ReasonName::{self, *};
use super::record_facts::is_person;
use super::sentence::shown;

/// A cmdlet, the parameter that matters, its dangerous value, the reason, and what that does.
struct Tampering(&'static str, &'static str, &'static str, ReasonName, &'static str);

#[rustfmt::skip]
const TAMPERING: &[Tampering] = &[
    Tampering("Set-MailboxAuditBypassAssociation", "AuditBypassEnabled", "True", AuditingWeakened, "This account's actions in mailboxes are no longer audited"),
    Tampering("Set-AdminAuditLogConfig", "UnifiedAuditLogIngestionEnabled", "False", AuditingWeakened, "The audit log of the whole tenant was disabled"),
    Tampering("Set-AdminAuditLogConfig", "AdminAuditLogEnabled", "False", AuditingWeakened, "Admin audit logging was disabled"),
    Tampering("Set-OrganizationConfig", "AuditDisabled", "True", AuditingWeakened, "Mailbox auditing was disabled for the whole organization"),
    Tampering("Set-Mailbox", "AuditEnabled", "False", AuditingWeakened, "Auditing of the mailbox was disabled"),
    Tampering("Set-HostedOutboundSpamFilterPolicy", "AutoForwardingMode", "On", ForwardingLoosened, "Automatic external forwarding was allowed"),
    Tampering("New-HostedOutboundSpamFilterPolicy", "AutoForwardingMode", "On", ForwardingLoosened, "Automatic external forwarding was allowed"),
    Tampering("Set-RemoteDomain", "AutoForwardEnabled", "True", ForwardingLoosened, "Automatic forwarding to a remote domain was allowed"),
    Tampering("Set-AntiPhishPolicy", "Enabled", "False", ProtectionRemoved, "An anti-phishing policy was disabled"),
    Tampering("Set-SafeAttachmentPolicy", "Enable", "False", ProtectionRemoved, "A Safe Attachments policy was disabled"),
    Tampering("Set-SafeLinksPolicy", "EnableSafeLinksForEmail", "False", ProtectionRemoved, "A Safe Links policy was disabled"),
    Tampering("Set-SafeLinksPolicy", "IsEnabled", "False", ProtectionRemoved, "A Safe Links policy was disabled"),
    Tampering("Set-ProtectionAlert", "Disabled", "True", ProtectionRemoved, "An alert policy was disabled"),
    Tampering("Set-ActivityAlert", "Disabled", "True", ProtectionRemoved, "An alert policy was disabled"),
];

/// The parameters that say which actions in a mailbox are audited.
const AUDITED_ACTIONS: [&str; 3] = ["AuditOwner", "AuditDelegate", "AuditAdmin"];

/// The parameters that say how long audit records are kept.
const AGE_LIMITS: [&str; 2] = ["AuditLogAgeLimit", "AdminAuditLogAgeLimit"];

/// The age limit that Exchange sets by itself, in days. A shorter one removes records.
const DEFAULT_DAYS: f64 = 90.0;

/// Evaluates a cmdlet that can weaken auditing or protection. `None` if this one does not.
pub(super) fn evidence(record: &AuditRecord) -> Option<Evidence> {
    let mut evidence = Evidence::new(FindingKind::AuditTampering);
    add_table(&mut evidence, record);
    add_age_limit(&mut evidence, record, "of the organization's audit records");
    let operation = record.operation.trim();
    let begins = |verb: &str| operation.get(..verb.len()).is_some_and(|head| head.eq_ignore_ascii_case(verb));
    if begins("Remove-") || begins("Disable-") {
        let sentence = format!("{} removed or disabled the protection '{}'.", shown(operation), shown(object(record)));
        evidence.because(ProtectionRemoved, sentence);
    }
    if begins("Update authorization policy") {
        add_consent_policy(&mut evidence, record);
    }
    finished(evidence, record)
}

/// Evaluates the auditing that a Set-Mailbox record disables. `None` if it does not.
pub(super) fn of_mailbox(record: &AuditRecord) -> Option<Evidence> {
    let mut evidence = Evidence::new(FindingKind::AuditTampering);
    add_table(&mut evidence, record);
    add_age_limit(&mut evidence, record, "of the mailbox's audit records");
    for name in AUDITED_ACTIONS {
        if record.parameters.has(name) && takes_actions_out(record.parameters.get(name).unwrap_or_default()) {
            let sentence = format!("Actions were removed from the mailbox's audit settings ({name}).");
            evidence.because(AuditingWeakened, sentence);
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

fn object(record: &AuditRecord) -> &str {
    record.parameters.get("Identity").or(record.object_id.as_deref()).unwrap_or_default()
}

fn add_table(evidence: &mut Evidence, record: &AuditRecord) {
    let operation = record.operation.trim();
    let what = object(record);
    let whom = if what.is_empty() { String::new() } else { format!(" ('{}')", shown(what)) };
    for Tampering(cmdlet, parameter, value, reason, told) in TAMPERING {
        let given = record.parameters.get(parameter).map(|given| given.trim().trim_start_matches('$'));
        if cmdlet.eq_ignore_ascii_case(operation) && given.is_some_and(|given| given.eq_ignore_ascii_case(value)) {
            evidence.because(*reason, format!("{told}{whom}."));
            evidence.identity.push(parameter.to_lowercase());
        }
    }
}

fn add_age_limit(evidence: &mut Evidence, record: &AuditRecord, whose: &str) {
    for name in AGE_LIMITS {
        let Some(days) = record.parameters.get(name).and_then(days).filter(|days| *days < DEFAULT_DAYS) else {
            continue;
        };
        let sentence = format!("The age limit {whose} was cut to {}, so older records are removed.", span(days));
        evidence.because(AuditingWeakened, sentence);
        evidence.identity.push(name.to_lowercase());
    }
}

/// A time span in words, rounded down, so that less than 90 days never reads as 90.
fn span(days: f64) -> String {
    let (whole, hours) = (days.floor(), (days * 24.0).floor());
    match (whole >= 1.0, whole) {
        (true, 1.0) => "1 day".to_owned(),
        (true, _) => format!("{whole:.0} days"),
        (false, _) if hours == 1.0 => "1 hour".to_owned(),
        (false, _) => format!("{hours:.0} hours"),
    }
}

/// The days of a time span: `1.00:00:00`, `30`, `23:59:59`.
fn days(text: &str) -> Option<f64> {
    let text = text.trim();
    let (days, time) = match text.split_once(':') {
        None => return text.parse().ok(),
        Some((head, rest)) => match head.split_once('.') {
            Some((days, hours)) => (days.parse::<f64>().ok()?, format!("{hours}:{rest}")),
            None => (0.0, text.to_owned()),
        },
    };
    let hours: f64 = time.split(':').next()?.parse().ok()?;
    Some(days + hours / 24.0)
}

/// Adds that users may consent to applications again: a policy for that was assigned to them, a wider one, or risky applications are let
/// through.
fn add_consent_policy(evidence: &mut Evidence, record: &AuditRecord) {
    let loosens = |property: &&ModifiedProperty| {
        let name = property.name.to_ascii_lowercase();
        (name.contains("permissiongrantpolic") && consent_level(&property.new) > consent_level(&property.old))
            || (name.contains("allowuserconsentforriskyapps") && says_true(&property.new) && !says_true(&property.old))
    };
    let loosened: Vec<&str> =
        record.modified_properties.iter().filter(loosens).map(|property| property.name.as_str()).collect();
    if !loosened.is_empty() {
        evidence.because(ProtectionRemoved, "Users may consent to applications again, without an administrator.");
        evidence.identity.extend(loosened.iter().map(|name| name.to_lowercase()));
    }
}

/// Returns the level of user consent: 0 nothing, 1 limited by a policy, 2 everything.
fn consent_level(policies: &str) -> u8 {
    let policies = policies.to_ascii_lowercase();
    if policies.contains("default-legacy") {
        2
    } else {
        u8::from(policies.contains("managepermissiongrantsforself") || policies.contains("microsoft-user-default"))
    }
}

fn says_true(value: &str) -> bool {
    value.to_ascii_lowercase().contains("true")
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
    let what = object(record);
    evidence.identity.push(format!("{} {what}", record.operation).to_lowercase());
    evidence.note(&format!("{} {}", shown(&record.operation), shown(what)));
    evidence.settle_if_failed(record);
    Some(evidence)
}
