//! The previous settings of an account and a mailbox, which Undo restores.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use m365::exchange::{AutoReply, ClientAccess, Forwarding};
use m365::graph::User;
use serde::{Deserialize, Serialize};

/// The state of the accounts and the mailbox. A part that was not read, or does not exist, is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Snapshot {
    /// When it was taken.
    pub taken: DateTime<Utc>,
    /// The compromised accounts.
    pub users: Vec<User>,
    /// The forwarding of the mailbox.
    pub forwarding: Option<Forwarding>,
    /// The client access switches.
    pub client_access: Option<ClientAccess>,
    /// All inbox and sweep rules, by the way they were read: what came through Graph has other ids.
    pub rules: BTreeMap<Source, Vec<KeptRule>>,
    /// State and audience of the automatic reply.
    pub auto_reply: Option<AutoReply>,
}

/// The part of a rule that is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeptRule {
    /// Its address in calls.
    pub identity: String,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// True if it was enabled.
    pub enabled: bool,
    /// Its conditions and actions in Exchange's words, for readers of the record.
    pub description: String,
    /// True if it was hidden; absent in snapshots of the first version, and if that could not be determined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
}

/// The interface through which a rule was read, and through which it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// The inbox rules of Exchange, hidden ones too.
    Inbox,
    /// The sweep rules of Exchange.
    Sweep,
    /// Graph `messageRules`, if Exchange denies access.
    Graph,
}

impl Snapshot {
    /// Nothing yet.
    pub fn at(taken: DateTime<Utc>) -> Self {
        Self {
            taken,
            users: Vec::new(),
            forwarding: None,
            client_access: None,
            rules: BTreeMap::new(),
            auto_reply: None,
        }
    }

    /// This one, and from a later one what is missing in it: a part that could not be read, an account that was not meant.
    #[must_use]
    pub fn or(mut self, later: Self) -> Self {
        let new: Vec<User> = later.users.into_iter().filter(|user| !self.has_user(&user.id)).collect();
        self.users.extend(new);
        for (source, rules) in later.rules {
            self.rules.entry(source).or_insert(rules);
        }
        Self {
            forwarding: self.forwarding.or(later.forwarding),
            client_access: self.client_access.or(later.client_access),
            auto_reply: self.auto_reply.or(later.auto_reply),
            ..self
        }
    }

    /// Returns the part that an earlier snapshot lacks; `None` if there is none.
    pub fn beyond(mut self, earlier: &Self) -> Option<Self> {
        self.users.retain(|user| !earlier.has_user(&user.id));
        self.rules.retain(|source, _| !earlier.rules.contains_key(source));
        self.forwarding = self.forwarding.filter(|_| earlier.forwarding.is_none());
        self.client_access = self.client_access.filter(|_| earlier.client_access.is_none());
        self.auto_reply = self.auto_reply.filter(|_| earlier.auto_reply.is_none());
        let is_empty = self == Self::at(self.taken);
        (!is_empty).then_some(self)
    }

    /// Returns whether it shows the account, and not as disabled.
    pub fn shows_enabled(&self, object_id: &str) -> bool {
        self.users.iter().any(|user| user.id.eq_ignore_ascii_case(object_id) && user.account_enabled != Some(false))
    }

    /// Returns whether it shows the account.
    pub fn has_user(&self, object_id: &str) -> bool {
        self.users.iter().any(|user| user.id.eq_ignore_ascii_case(object_id))
    }
}
