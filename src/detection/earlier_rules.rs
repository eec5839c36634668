//! Earlier records of rules, which stand in for the current rules offline.

use std::collections::HashMap;

use audit_log::AuditRecord;

use super::inbox_rule::shown_by;
use super::knowledge::Knowledge;
use super::rule::RuleShape;
use super::rule_from_mailbox_audit::is_removal;
use super::selection::{Concern, concern};
use super::who::{Who, has_failed, who};

/// The rules as earlier records made them, by mailbox and by id or name.
#[derive(Debug, Clone, Default)]
pub struct EarlierRules(HashMap<String, RuleShape>);

impl EarlierRules {
    /// Returns the rule that an earlier record showed, if the newer one says less.
    pub(super) fn of(&self, who: &Who, shown: &RuleShape) -> Option<&RuleShape> {
        keys(who, shown).iter().find_map(|key| self.0.get(key))
    }
}

impl Knowledge {
    /// Keeps the rule that a record shows for later records of the same rule. Records come in the order of their time.
    pub fn note_rule(&mut self, record: &AuditRecord) {
        let Some(concern) = concern(&record.operation) else { return };
        let is_rule = matches!(
            concern,
            Concern::InboxRuleCmdlet | Concern::SweepRuleCmdlet | Concern::MailboxRules | Concern::RuleRemoval
        );
        if !is_rule || has_failed(record) {
            return;
        }
        let (shown, who) = (shown_by(record, concern), who(record, concern, self));
        let keys = keys(&who, &shown);
        if is_removal(record) || takes_away(record) {
            keys.iter().for_each(|key| drop(self.earlier_rules.0.remove(key)));
        } else if !shown.is_blank() {
            let rule =
                self.earlier_rules.of(&who, &shown).map_or_else(|| shown.clone(), |earlier| earlier.changed_by(&shown));
            for key in keys {
                self.earlier_rules.0.insert(key, rule.clone());
            }
        }
    }
}

/// A disabled rule is still there, and may be enabled again.
fn takes_away(record: &AuditRecord) -> bool {
    record.operation.trim().get(..7).is_some_and(|verb| verb.eq_ignore_ascii_case("Remove-"))
}

/// A rule is found by its id and by its name: a record of Enable-InboxRule may have either.
fn keys(who: &Who, shown: &RuleShape) -> Vec<String> {
    let mailbox = who.fingerprint_key();
    let id = shown.id.map(|id| format!("{mailbox}\\id {id}"));
    let name = shown.name.as_deref().filter(|name| !name.trim().is_empty());
    id.into_iter().chain(name.map(|name| format!("{mailbox}\\{}", name.trim()))).collect()
}
