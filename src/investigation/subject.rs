//! The account under investigation, under all its names.

use std::collections::{BTreeMap, BTreeSet};

use super::activity::{Activity, is_guid, is_person};

/// The names that object ids have in the records.
#[derive(Debug, Clone, Default)]
pub struct Names {
    by_id: BTreeMap<String, BTreeSet<String>>,
}

impl Names {
    /// Learns the name of an object id from a record that has both.
    pub fn note(&mut self, activity: &Activity) {
        let Some(id) = activity.account_id.as_ref().filter(|id| is_guid(id) && !id.starts_with("00000000-0000")) else {
            return;
        };
        let is_name = activity.account.contains('@') && is_person(&activity.account) && activity.is_inside();
        if is_name && !self.by_id.get(id).is_some_and(|names| names.contains(&activity.account)) {
            self.by_id.entry(id.clone()).or_default().insert(activity.account.clone());
        }
    }

    /// Returns the name of an account that a record gives by its object id.
    pub fn name<'a>(&'a self, account: &'a str) -> &'a str {
        self.by_id.get(account).and_then(|names| names.first()).map_or(account, String::as_str)
    }

    /// Replaces object ids by names.
    pub fn resolve(&self, mut activity: Activity) -> Activity {
        for text in [&mut activity.account, &mut activity.target] {
            if is_guid(&*text) {
                *text = self.name(text).to_owned();
            }
        }
        activity
    }
}

/// The account under investigation.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name, in lower case.
    pub name: String,
    /// All its names and object ids.
    pub names: BTreeSet<String>,
    /// The part before `@`, by which cmdlets may call the mailbox.
    pub alias: String,
}

impl Subject {
    /// The account of this name or object id.
    pub fn new(account: &str, known: &Names) -> Self {
        let given = account.trim().to_lowercase();
        let name = known.name(&given).to_owned();
        let mut names: BTreeSet<String> = [given, name.clone()].into();
        for (id, of_id) in &known.by_id {
            if names.contains(id) || of_id.contains(&name) {
                names.insert(id.clone());
                names.extend(of_id.iter().cloned());
            }
        }
        let alias = name.split('@').next().unwrap_or_default().to_owned();
        Self { name, names, alias }
    }

    /// Returns whether the act is the account's own.
    pub fn did(&self, activity: &Activity) -> bool {
        self.names.contains(&activity.account)
    }

    /// Returns whether the act is on the account's mailbox.
    pub fn owns_mailbox(&self, activity: &Activity) -> bool {
        let mailbox = &activity.mailbox;
        self.names.contains(mailbox) || (*mailbox == self.alias && !mailbox.is_empty())
    }

    /// Returns whether the act is the account's own, or on it or its mailbox.
    pub fn is_concerned(&self, activity: &Activity) -> bool {
        self.did(activity) || self.owns_mailbox(activity) || self.names.contains(&activity.target)
    }
}
