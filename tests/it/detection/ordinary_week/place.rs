//! One mailbox at one moment, and what can happen there: it changes the mailbox and gives the records that are written of it.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tenantwatch_simulator::Tenant;
use tenantwatch_simulator::records::{self, Envelope, MadeWith, RuleChange, Seeded};
use tenantwatch_simulator::world::{Mailbox, Rule};

/// The tenant, the people and the time of a situation.
pub struct Place<'a> {
    pub tenant: &'a mut Tenant,
    pub owner: String,
    pub colleague: String,
    pub at: DateTime<Utc>,
    pub seeded: &'a mut Seeded,
}

impl Place<'_> {
    /// Returns the common members of a record of the owner.
    pub fn own(&mut self) -> Envelope {
        let owner = self.owner.clone();
        self.by(&owner)
    }

    /// Returns the common members of a record of another actor.
    pub fn by(&mut self, actor: &str) -> Envelope {
        Envelope::new(self.tenant, actor, self.at, self.seeded)
    }

    pub fn mailbox(&mut self) -> &mut Mailbox {
        self.tenant.mailbox_mut(&self.owner).unwrap()
    }

    /// A rule made with Outlook on the web, which is there afterwards.
    pub fn web_rule(&mut self, name: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
        let (id, envelope) = (self.seeded.rule_id(), self.own());
        let mailbox = self.mailbox();
        mailbox.add_rule(id, name, live(parameters));
        vec![records::new_inbox_rule(&envelope, mailbox, name, parameters, MadeWith::OutlookWeb)]
    }

    /// A rule that is there already is changed with Outlook on the web.
    pub fn changed_rule(&mut self, name: &str, before: &[(&str, &str)], changed: &[(&str, &str)]) -> Vec<Value> {
        let (id, envelope) = (self.seeded.rule_id(), self.own());
        let mailbox = self.mailbox();
        let rule: Rule = mailbox.add_rule(id, name, live(&[before, changed].concat())).clone();
        vec![records::set_inbox_rule(&envelope, mailbox, &rule, changed)]
    }

    /// Outlook writes a rule, shown as far as `actions` go, and that is there afterwards, if any.
    pub fn outlook_rule(&mut self, change: &RuleChange<'_>, actions: &Value, there: Option<There<'_>>) -> Vec<Value> {
        let (id, envelope) = (self.seeded.rule_id() | 1 << 63, self.own());
        let mailbox = self.mailbox();
        if let Some(There { name, hidden, parameters }) = there {
            mailbox.add_rule(id, name, live(parameters)).hidden = hidden;
        }
        vec![records::update_inbox_rules_a(&envelope, mailbox, &RuleChange { rule_id: id, ..*change }, actions)]
    }

    /// `Set-Mailbox` of the owner's mailbox.
    pub fn set_mailbox(&mut self, actor: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
        let envelope = self.by(actor);
        vec![records::set_mailbox(&envelope, self.mailbox(), parameters)]
    }

    pub fn cmdlet(&mut self, actor: &str, operation: &str, object: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
        vec![records::cmdlet(&self.by(actor), operation, object, parameters)]
    }

    pub fn directory(&mut self, operation: &str, changed: &[(&str, &str, &str)]) -> Vec<Value> {
        let envelope = self.own();
        vec![records::directory_change(&envelope, operation, &self.owner, changed)]
    }

    pub fn folder_permission(&mut self, operation: &str, member: &str, rights: &str, folder: &str) -> Vec<Value> {
        let envelope = self.own();
        vec![records::folder_permission(&envelope, self.mailbox(), operation, (member, rights), folder)]
    }

    /// Consents to an application; the directory writes two records of it.
    pub fn consent(&mut self, app: &str, name: &str, scope: &str) -> Vec<Value> {
        let (envelope, again) = (self.own(), self.own());
        let user = self.tenant.user(&self.owner).unwrap().clone();
        let granted = [
            ("DelegatedPermissionGrant.Scope", scope, ""),
            ("ServicePrincipal.ObjectID", app, ""),
            ("ServicePrincipal.AppId", app, ""),
        ];
        vec![
            records::consent(&envelope, &user, app.parse().unwrap(), name, scope, false),
            records::directory_change(&again, "Add delegated permission grant.", app, &granted),
        ]
    }
}

/// A rule as the mailbox has it.
pub struct There<'a> {
    pub name: &'a str,
    pub hidden: bool,
    pub parameters: &'a [(&'a str, &'a str)],
}

/// A change of a rule as Outlook writes it.
pub fn outlook(operation: &'static str, name: Option<&'static str>, state: &'static str) -> RuleChange<'static> {
    RuleChange { operation, rule_id: 0, name, state, condition: "{(SubString IgnoreCase(SubjectProperty)=Alpha)}" }
}

/// Returns the properties that `Get-InboxRule` shows for a rule with these parameters.
fn live(parameters: &[(&str, &str)]) -> Value {
    let mut properties = Map::new();
    for (name, value) in parameters {
        let list = || value.split(';').collect::<Vec<_>>();
        let shown = match *name {
            "From" | "SentTo" | "ForwardTo" | "RedirectTo" if !value.contains('[') => {
                list().iter().map(|address| format!("\"{address}\" [SMTP:{address}]")).collect()
            }
            _ if matches!(*name, "From" | "ForwardTo" | "RedirectTo") || name.ends_with("Words") => json!(list()),
            _ if *value == "True" => json!(true),
            _ => json!(value),
        };
        properties.insert((*name).to_owned(), shown);
    }
    Value::Object(properties)
}
