//! Earlier records of rules, which stand in for the current rules offline.

use std::collections::HashMap;

use audit_log::AuditRecord;
use chrono::{DateTime, Utc};

use super::rule::RuleShape;
use super::rule_from_mailbox_audit::is_removal;
use super::rule_from_record::is_creation;

/// The rules as earlier records made them, by mailbox and by id or name.
#[derive(Debug, Clone, Default)]
pub struct EarlierRules(HashMap<String, (DateTime<Utc>, RuleShape)>);

impl EarlierRules {
    /// Returns the shape with its number decided by the earlier records of the mailbox.
    pub(super) fn settled(&self, mailbox: &str, shown: RuleShape) -> RuleShape {
        shown.settle_number(
            |id| self.0.contains_key(&id_key(mailbox, id)),
            |name| self.0.contains_key(&name_key(mailbox, name)),
        )
    }

    /// Returns the rule as records before `time` show it. Of records of one second no one knows the order.
    pub(super) fn of(&self, mailbox: &str, shown: &RuleShape, time: DateTime<Utc>) -> Option<&RuleShape> {
        let earlier = keys(mailbox, shown).into_iter().find_map(|key| self.0.get(&key));
        earlier.filter(|(made, _)| *made < time).map(|(_, rule)| rule)
    }

    /// Keeps the rule of the mailbox that a record shows.
    pub(super) fn note(&mut self, record: &AuditRecord, mailbox: &str, shown: RuleShape) {
        let shown = self.settled(mailbox, shown);
        let keys = keys(mailbox, &shown);
        if is_creation(record) {
            // Another rule of the name may be there already, and this record is not about it.
            keys.into_iter().for_each(|key| drop(self.0.insert(key, (record.created, shown.clone()))));
        } else if is_removal(record) || takes_away(record) {
            keys.iter().for_each(|key| drop(self.0.remove(key)));
        } else if !shown.is_blank() {
            let earlier = self.of(mailbox, &shown, record.created);
            let rule = earlier.map_or_else(|| shown.clone(), |earlier| earlier.changed_by(&shown));
            keys.into_iter().for_each(|key| drop(self.0.insert(key, (record.created, rule.clone()))));
        }
    }
}

/// A disabled rule is still there, and may be enabled again.
fn takes_away(record: &AuditRecord) -> bool {
    record.operation.trim().get(..7).is_some_and(|verb| verb.eq_ignore_ascii_case("Remove-"))
}

/// A rule is found by its id and by its name: a record of Enable-InboxRule may have either.
fn keys(mailbox: &str, shown: &RuleShape) -> Vec<String> {
    let id = shown.id.map(|id| id_key(mailbox, id));
    let name = shown.name.as_deref().filter(|name| !name.trim().is_empty());
    id.into_iter().chain(name.map(|name| name_key(mailbox, name))).collect()
}

fn id_key(mailbox: &str, id: u64) -> String {
    format!("{mailbox}\\id {id}")
}

fn name_key(mailbox: &str, name: &str) -> String {
    format!("{mailbox}\\{}", name.trim())
}
