//! The owners of mailboxes that records name only by a GUID, as far as other records show them. For an evaluation offline: else Exchange
//! is asked.

use std::collections::{BTreeSet, HashMap};

use audit_log::AuditRecord;
use base::ids::MailAddress;
use uuid::Uuid;

use super::record_facts::has_failed;
use super::rule_from_parameters::mailbox_and_rule;
use super::selection::{OperationKind, operation_kind};

/// The facts about the GUIDs of mailboxes that records show.
#[derive(Debug, Clone, Default)]
pub struct MailboxIds {
    /// From mailbox auditing, which writes owner and GUID side by side.
    stated: HashMap<Uuid, String>,
    /// The users who changed rules in a mailbox without naming it, by the GUID in the path of the rule.
    users: HashMap<Uuid, BTreeSet<String>>,
    /// The same the other way round.
    mailboxes: HashMap<String, BTreeSet<Uuid>>,
}

impl MailboxIds {
    /// Learns from a record. An attempt that failed proves nothing.
    pub fn note(&mut self, record: &AuditRecord) {
        if has_failed(record) {
            return;
        }
        let guid = record.mailbox_guid.as_deref().and_then(|guid| Uuid::try_parse(guid.trim()).ok());
        if let (Some(guid), Some(owner)) = (guid, record.mailbox_owner.as_deref().filter(|owner| is_address(owner))) {
            self.stated.insert(guid, owner.trim().to_lowercase());
        }
        if let Some(guid) = guid_of_rule(record).filter(|_| is_address(&record.user_id)) {
            let user = record.user_id.trim().to_lowercase();
            self.users.entry(guid).or_default().insert(user.clone());
            self.mailboxes.entry(user).or_default().insert(guid);
        }
    }

    /// Returns the owner of a mailbox: the stated one, else the only user who changed its rules, if that user changed no other mailbox.
    pub(super) fn owner(&self, guid: Uuid) -> Option<&str> {
        let only_user = || {
            let users = self.users.get(&guid).filter(|users| users.len() == 1)?;
            users.first().filter(|user| !self.acts_in_several(user)).map(String::as_str)
        };
        self.stated.get(&guid).map(String::as_str).or_else(only_user)
    }

    /// Returns whether the mailbox of this GUID cannot be taken for the actor's own: the actor works in several mailboxes.
    pub(super) fn acts_in_several(&self, actor: &str) -> bool {
        self.mailboxes.get(&actor.trim().to_lowercase()).is_some_and(|mailboxes| mailboxes.len() > 1)
    }
}

fn is_address(text: &str) -> bool {
    text.trim().parse::<MailAddress>().is_ok()
}

/// The GUID of the mailbox in whose rules a user worked. A record that names the mailbox may be about another user's.
fn guid_of_rule(record: &AuditRecord) -> Option<Uuid> {
    let kind = operation_kind(&record.operation)?;
    let is_rule =
        matches!(kind, OperationKind::InboxRuleCmdlet | OperationKind::SweepRuleCmdlet | OperationKind::RuleRemoval);
    if !is_rule || record.parameters.has("Mailbox") {
        return None;
    }
    guid_in(mailbox_and_rule(record).0?)
}

/// The GUID at the end of the path of a mailbox.
pub(super) fn guid_in(path: &str) -> Option<Uuid> {
    Uuid::try_parse(path.rsplit('/').next().unwrap_or(path).trim()).ok()
}
