//! Keeps the rules that records show, for later records of the same rules.

use audit_log::AuditRecord;

use super::knowledge::Knowledge;
use super::principals::principals;
use super::record_facts::has_failed;
use super::rule_from_record::shown_by;
use super::selection::{OperationKind, operation_kind};

impl Knowledge {
    /// Keeps the rule that a record shows for later records of the same rule. Records come in the order of their time.
    pub fn note_rule(&mut self, record: &AuditRecord) {
        let Some(operation_kind) = operation_kind(&record.operation) else { return };
        let is_rule = matches!(
            operation_kind,
            OperationKind::InboxRuleCmdlet
                | OperationKind::SweepRuleCmdlet
                | OperationKind::MailboxRules
                | OperationKind::RuleRemoval
        );
        if !is_rule || has_failed(record) {
            return;
        }
        let mailbox = principals(record, operation_kind, self).fingerprint_key();
        self.earlier_rules.note(record, &mailbox, shown_by(record, operation_kind));
    }
}
