//! What was there before anything was changed, so that it can be put back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::microsoft::ServiceError;
use crate::microsoft::exchange::Row;
use crate::microsoft::graph::User;
use crate::store::cut_text;

use super::case::{Case, EXCHANGE_GRANT};
use super::clear_forwarding::{self, Forwarding};
use super::rules::{self, Rule, text};
use super::step::{StepReport, explain};
use super::{disable_auto_reply, disable_client_access};

/// The longest description of a rule that is kept, in UTF-16 units: a row of the store takes 1 MiB.
const DESCRIPTION_LIMIT: usize = 300;

/// The state of the accounts and the mailbox. A part that could not be read, or does not exist, is absent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Snapshot {
    /// When it was taken.
    pub taken: DateTime<Utc>,
    /// The compromised accounts.
    pub users: Vec<User>,
    /// Where the mailbox forwarded to.
    pub forwarding: Option<Forwarding>,
    /// The client access switches.
    pub client_access: Option<Row>,
    /// All inbox and sweep rules.
    pub rules: Option<Vec<KeptRule>>,
    /// State and audience of the automatic reply.
    pub auto_reply: Option<Row>,
}

/// What is kept of a rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeptRule {
    /// What it is addressed by.
    pub identity: String,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it worked.
    pub enabled: bool,
    /// What it does, in Exchange's words, for whoever reads the record.
    pub description: String,
}

impl Snapshot {
    /// This one, and from a later one what is missing in it: a part that could not be read, an account that was not meant.
    pub fn or(mut self, later: Self) -> Self {
        let is_new = |user: &User| !self.users.iter().any(|known| known.id.eq_ignore_ascii_case(&user.id));
        let new: Vec<User> = later.users.into_iter().filter(is_new).collect();
        self.users.extend(new);
        Self {
            forwarding: self.forwarding.or(later.forwarding),
            client_access: self.client_access.or(later.client_access),
            rules: self.rules.or(later.rules),
            auto_reply: self.auto_reply.or(later.auto_reply),
            ..self
        }
    }

    /// Whether it holds everything that this press may change.
    pub fn is_enough_for(&self, case: &Case<'_>) -> bool {
        let has = |id: &str| self.users.iter().any(|user| user.id.eq_ignore_ascii_case(id));
        let has_users = case.compromised.iter().filter_map(|account| account.user.as_ref()).all(|user| has(&user.id));
        let has_mailbox = self.forwarding.is_some()
            && self.client_access.is_some()
            && self.rules.is_some()
            && self.auto_reply.is_some();
        has_users && (has_mailbox || !case.accounts.has_mailbox)
    }

    /// The account, when it was enabled.
    pub fn enabled_user(&self, object_id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id.eq_ignore_ascii_case(object_id) && user.account_enabled == Some(true))
    }
}

/// Reads everything. What cannot be read is said in the report, and the rest is kept all the same.
pub async fn take(case: &Case<'_>) -> (StepReport, Snapshot) {
    let users: Vec<User> = case.compromised.iter().filter_map(|account| account.user.clone()).collect();
    let mut missing = Vec::new();
    if users.len() < case.compromised.len() {
        missing.push("an account: Graph did not show it".to_owned());
    }
    let mut snapshot = Snapshot {
        taken: case.app.clock.now(),
        users,
        forwarding: None,
        client_access: None,
        rules: None,
        auto_reply: None,
    };
    if case.accounts.has_mailbox {
        snapshot.forwarding = part(clear_forwarding::read(case).await, "forwarding", &mut missing);
        snapshot.client_access = part(disable_client_access::read(case).await, "client access", &mut missing);
        let rules = rules::read(case).await.map(|rules| {
            missing.extend(rules.unread());
            Some(rules.known.iter().map(kept).collect())
        });
        snapshot.rules = part(rules, "rules", &mut missing);
        snapshot.auto_reply = part(disable_auto_reply::read(case).await, "automatic reply", &mut missing);
    }
    let report = match missing.is_empty() {
        true => StepReport::done("What was there before is kept; Undo puts it back."),
        false => StepReport::failed(format!("Not everything could be kept for Undo: {}.", missing.join("; "))),
    };
    (report, snapshot)
}

fn part<T>(read: Result<Option<T>, ServiceError>, name: &str, missing: &mut Vec<String>) -> Option<T> {
    read.unwrap_or_else(|error| {
        missing.push(format!("{name}: {}", explain(&error, EXCHANGE_GRANT)));
        None
    })
}

fn kept(rule: &Rule) -> KeptRule {
    KeptRule {
        identity: rule.identity.clone(),
        id: rule.id.clone(),
        name: cut_text(&rule.name, DESCRIPTION_LIMIT),
        enabled: rule.enabled,
        description: cut_text(&described(rule), DESCRIPTION_LIMIT),
    }
}

fn described(rule: &Rule) -> String {
    match text(&rule.row, "Description") {
        description if description.is_empty() => json!(rule.row.get("actions")).to_string(),
        description => description,
    }
}
