//! Saves the previous settings, so that Undo can restore them.
//!
//! The step `Snapshot` saves the parts that it can read in its time, because stopping the attacker must not wait for the rest. The step
//! that changes a missing part reads and saves it first. So a part that is not saved was never changed.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::join;
use serde::{Deserialize, Serialize};

use m365::ServiceError;
use m365::exchange::{AutoReply, ClientAccess, Forwarding};
use m365::graph::User;
use table_store::cut_text;

use super::rules::{self, Rule, Source};
use super::{clear_forwarding, disable_auto_reply, disable_client_access};
use crate::remediation::context::{EXCHANGE_GRANT, RemediationContext};
use crate::remediation::step::{StepReport, explain};

/// The time limit for reading the state of a mailbox before the attacker is stopped.
const READING: Duration = Duration::from_secs(20);

/// The longest description of a rule that is kept, in UTF-16 units: a row of the store takes 1 MiB.
const DESCRIPTION_LIMIT: usize = 300;

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

impl KeptRule {
    /// The rule as it is now.
    pub fn of(rule: &Rule) -> Self {
        Self {
            identity: rule.identity.clone(),
            id: rule.id.clone(),
            name: cut_text(&rule.name, DESCRIPTION_LIMIT),
            enabled: rule.enabled,
            description: cut_text(&rule.description, DESCRIPTION_LIMIT),
            hidden: rule.hidden,
        }
    }
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

    fn has_user(&self, object_id: &str) -> bool {
        self.users.iter().any(|user| user.id.eq_ignore_ascii_case(object_id))
    }

    /// Returns whether it contains everything that this press may change.
    fn is_enough_for(&self, context: &RemediationContext<'_>) -> bool {
        let users = context.compromised.iter().filter_map(|account| account.user.as_ref());
        let has_users = users.map(|user| &user.id).all(|id| self.has_user(id));
        let has_mailbox = self.forwarding.is_some()
            && self.client_access.is_some()
            && self.rules.contains_key(&Source::Inbox)
            && self.rules.contains_key(&Source::Sweep)
            && self.auto_reply.is_some();
        has_users && (has_mailbox || !context.accounts.has_mailbox)
    }
}

/// Saves the previous settings: once for a mailbox and incident, and again only the missing parts. The report names the parts that
/// cannot be read; the others are saved.
pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    if let Some(kept) = context.kept().await.filter(|kept| kept.is_enough_for(context)) {
        return StepReport::already(format!("The settings of {} are saved; Undo restores them.", kept.taken));
    }
    let (snapshot, missing) = Box::pin(read(context)).await;
    context.keep(snapshot).await;
    match missing.is_empty() {
        true => StepReport::done("The previous settings are saved; Undo restores them."),
        false => StepReport::failed(not_saved(&missing)),
    }
}

/// Returns what could not be saved, each part with its cause, and what has to be granted once for all.
fn not_saved(missing: &[String]) -> String {
    let with_grant = format!(". {EXCHANGE_GRANT}");
    let is_denied = missing.iter().any(|part| part.contains(&with_grant));
    let parts: Vec<String> = missing.iter().map(|part| part.replace(&with_grant, "")).collect();
    let grant = if is_denied { format!(" {EXCHANGE_GRANT}") } else { String::new() };
    format!("Not everything could be saved for Undo: {}.{grant}", parts.join("; "))
}

async fn read(context: &RemediationContext<'_>) -> (Snapshot, Vec<String>) {
    let mut snapshot = Snapshot::at(context.app.clock.now());
    let mut missing = Vec::new();
    snapshot.users = context.compromised.iter().filter_map(|account| account.user.clone()).collect();
    if snapshot.users.len() < context.compromised.len() {
        missing.push("an account: Graph did not show it".to_owned());
    }
    if !context.accounts.has_mailbox {
        return (snapshot, missing);
    }
    let (forwarding, client_access, rules, auto_reply) = join!(
        context.within(READING, clear_forwarding::read(context)),
        context.within(READING, disable_client_access::read(context)),
        context.within(READING, rules::read(context)),
        context.within(READING, disable_auto_reply::read(context)),
    );
    snapshot.forwarding = part(forwarding, "forwarding", &mut missing).flatten();
    snapshot.client_access = part(client_access, "client access", &mut missing).flatten();
    snapshot.auto_reply = part(auto_reply, "automatic reply", &mut missing).flatten();
    if let Some(rules) = part(rules, "rules", &mut missing) {
        missing.extend(rules.unread());
        snapshot.rules = rules.kept();
    }
    (snapshot, missing)
}

fn part<T>(read: Option<Result<T, ServiceError>>, name: &str, missing: &mut Vec<String>) -> Option<T> {
    let why = match read {
        Some(Ok(part)) => return Some(part),
        Some(Err(error)) => explain(&error, EXCHANGE_GRANT),
        None => format!("no answer within {} s", READING.as_secs()),
    };
    missing.push(format!("{name}: {why}"));
    None
}
