//! The rule that a record is about, as far as the record shows it.

use audit_log::AuditRecord;

use super::rule::RuleShape;
use super::rule_from_mailbox_audit::from_mailbox_audit;
use super::rule_from_parameters::from_cmdlet;
use super::selection::OperationKind;

/// Returns the rule as far as the record shows it.
pub(super) fn shown_by(record: &AuditRecord, operation_kind: OperationKind) -> RuleShape {
    match operation_kind {
        OperationKind::MailboxRules => from_mailbox_audit(record),
        _ => from_cmdlet(record),
    }
}

/// Returns whether the record creates a rule, which then has nothing to do with earlier rules of the same name.
pub(super) fn is_creation(record: &AuditRecord) -> bool {
    record.operation.trim().get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case("New-"))
}
