//! Enables or disables one rule. Exchange takes a call about a rule in one form in one tenant and in another form in the next, so
//! each form is tried in order until one is accepted.

use m365::exchange::{RuleForm, is_not_found};
use m365::{Service, ServiceError};

use super::rules::Rule;
use crate::remediation::context::RemediationContext;
use crate::remediation::snapshot::Source;

/// A form of the call about a rule, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `Identity` = `<mailbox>\<rule id>` alone. Exchange rejects it together with `Mailbox`
    /// (MicrosoftDocs/office-docs-powershell#4087).
    Identity,
    /// The rule id with `Mailbox`.
    IdWithMailbox,
    /// Graph's `messageRules`, which lists visible inbox rules only.
    Graph,
}

/// The change of one rule.
pub struct RuleSwitch<'a> {
    rule: &'a Rule,
    enabled: bool,
}

impl<'a> RuleSwitch<'a> {
    /// Disables a rule.
    pub fn off(rule: &'a Rule) -> Self {
        Self { rule, enabled: false }
    }

    /// Enables a rule.
    pub fn on(rule: &'a Rule) -> Self {
        Self { rule, enabled: true }
    }

    /// Makes the change in the first form that is accepted.
    ///
    /// # Errors
    /// The rejection of the first form if all of them are rejected: the later ones are substitutes. A transient error of Exchange ends
    /// the attempt, because another form would meet the same.
    pub async fn set(&self, context: &RemediationContext<'_>) -> Result<(), ServiceError> {
        let mut first = None;
        for form in self.forms() {
            match self.set_by(context, *form).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_transient() && *form != Form::Graph => return Err(error),
                Err(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(()), Err)
    }

    fn forms(&self) -> &'static [Form] {
        match self.rule.source {
            Source::Inbox => &[Form::Identity, Form::IdWithMailbox, Form::Graph],
            Source::Sweep => &[Form::Identity, Form::IdWithMailbox],
            Source::Graph => &[Form::Graph],
        }
    }

    async fn set_by(&self, context: &RemediationContext<'_>, form: Form) -> Result<(), ServiceError> {
        let (rule, mailbox) = (self.rule, context.mailbox());
        match form {
            Form::Identity => {
                self.set_in_exchange(context, &RuleForm::by_identity(&rule.identity, &rule.id, &mailbox)).await
            }
            Form::IdWithMailbox => self.set_in_exchange(context, &RuleForm::with_mailbox(&rule.id, &mailbox)).await,
            Form::Graph => self.set_in_graph(context).await,
        }
    }

    async fn set_in_exchange(&self, context: &RemediationContext<'_>, form: &RuleForm) -> Result<(), ServiceError> {
        let (exchange, tenant, mailbox) = (&context.app.exchange, context.tenant(), context.mailbox());
        let what = "change of a rule";
        if self.rule.source == Source::Sweep {
            context.ask_exchange(what, exchange.set_sweep_rule_enabled(tenant, &mailbox, form, self.enabled)).await
        } else {
            context.ask_exchange(what, exchange.set_inbox_rule_enabled(tenant, &mailbox, form, self.enabled)).await
        }
    }

    async fn set_in_graph(&self, context: &RemediationContext<'_>) -> Result<(), ServiceError> {
        let ids = match self.rule.source {
            Source::Graph => vec![self.rule.identity.clone()],
            Source::Inbox | Source::Sweep => self.ids_in_graph(context).await?,
        };
        let (tenant, owner) = (context.tenant(), context.accounts.owner.key());
        for id in ids {
            let call = context.app.graph.set_message_rule_enabled(tenant, owner, &id, self.enabled);
            context.ask_graph("messageRules", call).await?;
        }
        Ok(())
    }

    /// The rule's ids in Graph, which has ids of its own: the rule is known there by its name. Rules of one name are all disabled; which
    /// of them to enable cannot be told.
    async fn ids_in_graph(&self, context: &RemediationContext<'_>) -> Result<Vec<String>, ServiceError> {
        let call = context.app.graph.message_rules(context.tenant(), context.accounts.owner.key());
        let rules = context.ask_graph("messageRules", call).await?;
        let named: Vec<String> = rules
            .into_iter()
            .filter(|rule| rule.display_name == self.rule.name && rule.is_enabled != self.enabled)
            .map(|rule| rule.id)
            .collect();
        match (named.len(), self.enabled) {
            (0, _) => Err(unknown("Graph lists no such rule: it is hidden, or already in this state")),
            (1, _) | (_, false) => Ok(named),
            (_, true) => Err(unknown("several rules in Graph have this name")),
        }
    }
}

/// Returns whether the rule is gone: every form of the call says so.
pub fn is_gone(error: &ServiceError) -> bool {
    is_not_found(error)
}

fn unknown(message: &str) -> ServiceError {
    ServiceError::Answered {
        service: Service::Graph,
        status: 404,
        code: String::new(),
        message: message.to_owned(),
        retry_after: None,
    }
}
