//! Looks up whether the attacker's changes are still there.

use std::collections::HashMap;
use std::time::Duration;

use base::clock::Deadline;
use base::ids::TenantId;
use m365::ServiceError;
use m365::exchange::{Exchange, ListedRule, MailboxId, is_not_found};
use m365::graph::Graph;

use crate::app::App;
use crate::investigation::{Change, ChangeKind, ChangeObject, ChangeState, Report, Subject, is_guid};

/// The time limit of one look-up.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// The most changes that are looked up. An attacker with more has hidden something among them, and a person has to look anyway.
const CHANGES: usize = 50;

/// The failures after which nothing more is asked.
const FAILURES: u32 = 3;

/// The look-ups of one report.
struct Present<'a> {
    exchange: &'a Exchange,
    graph: &'a Graph,
    tenant: TenantId,
    subject: &'a Subject,
    deadline: &'a Deadline,
    failures: u32,
    rules: HashMap<(ChangeKind, String), Option<Vec<Rule>>>,
}

/// A rule as it is listed now.
struct Rule {
    names: [String; 3],
    is_enabled: bool,
}

impl From<&ListedRule> for Rule {
    fn from(rule: &ListedRule) -> Self {
        Self { names: [rule.name.clone(), rule.id.clone(), rule.identity.clone()], is_enabled: rule.enabled }
    }
}

/// Notes the present state of each of the attacker's changes.
pub(super) async fn look_up(app: &App, tenant: TenantId, subject: &Subject, report: &mut Report, deadline: &Deadline) {
    let mut present = Present {
        exchange: &app.exchange,
        graph: &app.graph,
        tenant,
        subject,
        deadline,
        failures: 0,
        rules: HashMap::new(),
    };
    for (number, change) in report.changes.iter_mut().enumerate() {
        change.state = match number < CHANGES {
            true => present.state(change).await,
            false => Some(ChangeState::Unchecked),
        };
    }
}

impl Present<'_> {
    async fn state(&mut self, change: &Change) -> Option<ChangeState> {
        let object = &change.object;
        let Some(mailbox) = self.mailbox(object) else { return Some(ChangeState::Unchecked) };
        let id = MailboxId::new(&mailbox);
        let (tenant, exchange, graph) = (self.tenant, self.exchange, self.graph);
        let is_there = match object.kind {
            ChangeKind::Removal => return None,
            ChangeKind::Other => return Some(ChangeState::Unchecked),
            ChangeKind::Rule | ChangeKind::SweepRule => return Some(self.rule(object, mailbox).await),
            ChangeKind::Forwarding => {
                let forwarding = self.ask(exchange.forwarding(&tenant, &id)).await;
                forwarding.map(|found| found.flatten().is_some_and(|found| names_one(object, &found.targets())))
            }
            ChangeKind::MailboxPermission | ChangeKind::SendAs => {
                let Some(user) = object.names.first() else { return Some(ChangeState::Unchecked) };
                let found = match object.kind {
                    ChangeKind::SendAs => self.ask(exchange.can_send_as(&tenant, &id, user)).await,
                    _ => self.ask(exchange.has_access(&tenant, &id, None, user)).await,
                };
                found.map(Option::unwrap_or_default)
            }
            ChangeKind::AutoReply => {
                let reply = self.ask(exchange.auto_reply(&tenant, &id)).await;
                reply.map(|found| found.flatten().is_some_and(|reply| reply.auto_reply_state != "Disabled"))
            }
            ChangeKind::Consent { has_principal } => {
                let grants = self.ask(graph.permission_grants(&tenant, &mailbox)).await;
                grants.and_then(|found| {
                    let found = found.unwrap_or_default();
                    let clients: Vec<&str> = found.iter().map(|grant| grant.client_id.as_str()).collect();
                    let is_there = names_one(object, &clients);
                    // A grant names the application's object in the tenant only.
                    (is_there || has_principal || clients.is_empty()).then_some(is_there)
                })
            }
        };
        Some(match is_there {
            Some(true) => ChangeState::Present,
            Some(false) => ChangeState::Gone,
            None => ChangeState::Unread,
        })
    }

    /// The name by which the mailbox or account is asked for; `None` if the record has only one that may be another's.
    fn mailbox(&self, object: &ChangeObject) -> Option<String> {
        let name = &object.mailbox;
        let is_own = name.is_empty() || *name == self.subject.alias || self.subject.names.contains(name);
        let own = || self.subject.name.clone();
        is_own.then(own).or_else(|| Some(name.clone()).filter(|name| name.contains('@') || is_guid(name)))
    }

    /// Asks a service. `Some(None)`: it says that the mailbox or account does not exist. `None`: there is no answer.
    async fn ask<T>(&mut self, question: impl Future<Output = Result<T, ServiceError>>) -> Option<Option<T>> {
        if self.failures >= FAILURES {
            return None;
        }
        match self.deadline.limit(tokio::time::timeout(LOOK_UP_TIMEOUT, Box::pin(question))).await {
            Some(Ok(Ok(found))) => return Some(Some(found)),
            Some(Ok(Err(error))) if is_not_found(&error) => return Some(None),
            Some(Ok(Err(error))) => tracing::info!(tenant = %self.tenant, "a change was not looked up: {error}"),
            Some(Err(_)) | None => {}
        }
        self.failures += 1;
        None
    }

    async fn rule(&mut self, object: &ChangeObject, mailbox: String) -> ChangeState {
        let key = (object.kind, mailbox);
        if !self.rules.contains_key(&key) {
            let read = self.read_rules(&key).await;
            self.rules.insert(key.clone(), read);
        }
        let Some(Some(rules)) = self.rules.get(&key) else { return ChangeState::Unread };
        let is_meant = |rule: &&Rule| {
            let is = |name: &String| object.names.iter().any(|known| known.eq_ignore_ascii_case(name));
            rule.names.iter().any(is)
        };
        let meant: Vec<&Rule> = rules.iter().filter(is_meant).collect();
        match meant.iter().any(|rule| rule.is_enabled) {
            _ if meant.is_empty() => ChangeState::Gone,
            true => ChangeState::Present,
            false => ChangeState::Disabled,
        }
    }

    async fn read_rules(&mut self, (kind, mailbox): &(ChangeKind, String)) -> Option<Vec<Rule>> {
        let (tenant, exchange, id) = (self.tenant, self.exchange, MailboxId::new(mailbox));
        if *kind == ChangeKind::SweepRule {
            let rules = self.ask(exchange.sweep_rules(&tenant, &id)).await?.unwrap_or_default();
            return Some(rules.iter().map(|rule| Rule::from(&**rule)).collect());
        }
        let rules = self.ask(exchange.inbox_rules(&tenant, &id, true)).await?.unwrap_or_default();
        Some(rules.iter().map(|rule| Rule::from(&**rule)).collect())
    }
}

/// Returns whether one of these is what the change named. Exchange writes an address with its kind before it.
fn names_one(object: &ChangeObject, found: &[&str]) -> bool {
    let plain = |text: &str| {
        let text = text.trim().to_lowercase();
        text.strip_prefix("smtp:").map(str::to_owned).unwrap_or(text)
    };
    let known: Vec<String> = object.names.iter().map(|name| plain(name)).collect();
    found.iter().any(|name| known.contains(&plain(name)))
}
