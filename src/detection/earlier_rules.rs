//! Earlier records of rules, which stand in for the current rules offline.

use std::collections::HashMap;

use audit_log::AuditRecord;
use chrono::{DateTime, Utc};

use super::inbox_rule::{is_creation, shown_by};
use super::knowledge::Knowledge;
use super::principals::{Principals, has_failed, principals};
use super::rule::RuleShape;
use super::rule_from_mailbox_audit::is_removal;
use super::selection::{OperationKind, operation_kind};

/// The rules as earlier records made them, by mailbox and by id or name.
#[derive(Debug, Clone, Default)]
pub struct EarlierRules(HashMap<String, (DateTime<Utc>, RuleShape)>);

impl EarlierRules {
    /// Returns the shape with its number decided by the earlier records of the mailbox.
    pub(super) fn settled(&self, principals: &Principals, shown: RuleShape) -> RuleShape {
        let mailbox = principals.fingerprint_key();
        shown.settle_number(
            |id| self.0.contains_key(&id_key(&mailbox, id)),
            |name| self.0.contains_key(&name_key(&mailbox, name)),
        )
    }

    /// Returns the rule as records before `time` show it. Of records of one second no one knows the order.
    pub(super) fn of(&self, principals: &Principals, shown: &RuleShape, time: DateTime<Utc>) -> Option<&RuleShape> {
        let earlier = keys(principals, shown).into_iter().find_map(|key| self.0.get(&key));
        earlier.filter(|(made, _)| *made < time).map(|(_, rule)| rule)
    }
}

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
        let principals = principals(record, operation_kind, self);
        let shown = self.earlier_rules.settled(&principals, shown_by(record, operation_kind));
        let keys = keys(&principals, &shown);
        if is_creation(record) {
            // Another rule of the name may be there already, and this record is not about it.
            keys.into_iter().for_each(|key| drop(self.earlier_rules.0.insert(key, (record.created, shown.clone()))));
        } else if is_removal(record) || takes_away(record) {
            keys.iter().for_each(|key| drop(self.earlier_rules.0.remove(key)));
        } else if !shown.is_blank() {
            let rule = self
                .earlier_rules
                .of(&principals, &shown, record.created)
                .map_or_else(|| shown.clone(), |earlier| earlier.changed_by(&shown));
            for key in keys {
                self.earlier_rules.0.insert(key, (record.created, rule.clone()));
            }
        }
    }
}

/// A disabled rule is still there, and may be enabled again.
fn takes_away(record: &AuditRecord) -> bool {
    record.operation.trim().get(..7).is_some_and(|verb| verb.eq_ignore_ascii_case("Remove-"))
}

/// A rule is found by its id and by its name: a record of Enable-InboxRule may have either.
fn keys(principals: &Principals, shown: &RuleShape) -> Vec<String> {
    let mailbox = principals.fingerprint_key();
    let id = shown.id.map(|id| id_key(&mailbox, id));
    let name = shown.name.as_deref().filter(|name| !name.trim().is_empty());
    id.into_iter().chain(name.map(|name| name_key(&mailbox, name))).collect()
}

fn id_key(mailbox: &str, id: u64) -> String {
    format!("{mailbox}\\id {id}")
}

fn name_key(mailbox: &str, name: &str) -> String {
    format!("{mailbox}\\{}", name.trim())
}
