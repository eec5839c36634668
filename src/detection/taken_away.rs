//! Records what was removed or disabled. It is no threat, but what is created again afterwards is a new one: each removal names its objects,
//! and the fingerprints of the findings about them are cleared.
//!
//! Sources: the `Remove-` and `Disable-` cmdlets at <https://learn.microsoft.com/powershell/module/exchange/>;
//! <https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities>.

use audit_log::AuditRecord;

use super::evidence::Evidence;
use super::finding::FindingKind;
use super::mailbox_permission;
use super::record_facts::{has_failed, named};
use super::rule::rule_id;
use super::rule_from_parameters::from_cmdlet;
use super::seen_rule;
use super::sentence::shown;

/// Records a removed or disabled inbox or sweep rule.
pub(super) fn rule(record: &AuditRecord) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::InboxRule);
    let mut shape = from_cmdlet(record);
    if let Some(number) = &shape.number {
        // The rule is no longer active, by its id or its name.
        shape.name.get_or_insert_with(|| number.clone());
        shape.id = shape.id.or(rule_id(number));
    }
    evidence.rule_id = shape.id.map(|id| id.to_string()).unwrap_or_default();
    evidence.rule_name = shown(shape.name.as_deref().unwrap_or_default());
    let objects = seen_rule::objects(shape.id, shape.name.as_deref());
    let told =
        format!("The rule '{}' was removed or disabled.", shown(shape.name.as_deref().unwrap_or(&evidence.rule_id)));
    settle(&mut evidence, record, objects, &told);
    evidence
}

/// Records access that was removed.
pub(super) fn permission(record: &AuditRecord) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::MailboxPermission);
    let objects = mailbox_permission::objects(record);
    let told = match record.parameters.get("User").or_else(|| record.parameters.get("Trustee")) {
        Some(grantee) => format!("The access of {} was removed.", shown(grantee)),
        None => "Access was removed.".to_owned(),
    };
    settle(&mut evidence, record, objects, &told);
    evidence
}

/// Records a mail flow rule, journal rule or connector that was removed or disabled.
pub(super) fn mail_flow(record: &AuditRecord) -> Evidence {
    let operation = record.operation.to_ascii_lowercase();
    let name = named(record);
    let (kind, what, object) = if operation.contains("journalrule") {
        (FindingKind::JournalRule, "journal rule", "rule")
    } else if operation.contains("inboundconnector") {
        (FindingKind::Connector, "inbound connector", "inbound")
    } else if operation.contains("outboundconnector") {
        (FindingKind::Connector, "outbound connector", "outbound")
    } else {
        (FindingKind::TransportRule, "mail flow rule", "rule")
    };
    let mut evidence = Evidence::new(kind);
    evidence.rule_name = shown(name);
    let objects = vec![format!("{object} {}", name.trim().to_lowercase())];
    settle(&mut evidence, record, objects, &format!("The {what} '{}' was removed or disabled.", shown(name)));
    evidence
}

fn settle(evidence: &mut Evidence, record: &AuditRecord, objects: Vec<String>, told: &str) {
    evidence.is_settled = true;
    evidence.identity.push("removed".to_owned());
    evidence.identity.extend(objects.iter().cloned());
    evidence.settle_if_failed(record);
    if !has_failed(record) {
        evidence.note(told);
        objects.into_iter().for_each(|object| evidence.removes(object));
    }
}
