//! Inbox rules and sweep rules: lists them, enables and disables one.
//! <https://learn.microsoft.com/powershell/module/exchange/get-inboxrule>

use std::ops::Deref;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use base::ids::TenantId;

use super::row::{Row, boolean, is_true, text, text_or_number, texts};
use super::{Exchange, MailboxId};
use crate::ServiceError;

/// The actions that send mail or a text message to a recipient.
const SENDING_ACTIONS: [&str; 4] =
    ["ForwardTo", "ForwardAsAttachmentTo", "RedirectTo", "SendTextMessageNotificationTo"];

/// The members of a rule that are actions (<https://learn.microsoft.com/powershell/module/exchange/new-inboxrule>).
const ACTIONS: [&str; 14] = [
    "ApplyCategory",
    "ApplySystemCategory",
    "CopyToFolder",
    "DeleteMessage",
    "DeleteSystemCategory",
    "ForwardAsAttachmentTo",
    "ForwardTo",
    "MarkAsRead",
    "MarkImportance",
    "MoveToFolder",
    "PinMessage",
    "RedirectTo",
    "SendTextMessageNotificationTo",
    "SoftDeleteMessage",
];

/// The members of a row that can name its rule.
const IDS: [&str; 3] = ["RuleIdentity", "RuleId", "Identity"];

/// A rule as Exchange lists it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListedRule {
    /// `<mailbox>\<rule id>` as a rule; the id alone if Exchange gave no identity.
    pub identity: String,
    /// The rule id alone: the decimal digits of an unsigned 64-bit number for an inbox rule, base64 for a sweep rule.
    pub id: String,
    /// The name, which may be blank, and which several rules may share.
    pub name: String,
    /// `true` if the rule is enabled.
    pub enabled: bool,
    /// All properties as Exchange returned them, unknown ones too: conditions, exceptions and actions.
    pub properties: Map<String, Value>,
}

impl ListedRule {
    fn from_row(row: Row) -> Self {
        let identity = text_or_number(&row, "Identity");
        let mut ids = ["RuleIdentity", "RuleId"].into_iter().map(|member| text_or_number(&row, member));
        let id = ids.find(|id| !matches!(id.trim(), "" | "0"));
        let id = id.unwrap_or_else(|| identity.rsplit('\\').next().unwrap_or_default().to_owned());
        Self {
            identity: if identity.is_empty() { id.clone() } else { identity },
            id,
            name: text_or_number(&row, "Name"),
            enabled: is_true(&row, "Enabled"),
            properties: row,
        }
    }

    /// Returns the mailbox that the rule is said to belong to: `MailboxOwnerId`, else `Mailbox`, else the part of `Identity` before
    /// the rule.
    pub fn owner(&self) -> Option<&str> {
        let stated = text(&self.properties, "MailboxOwnerId").or_else(|| text(&self.properties, "Mailbox"));
        stated.or_else(|| self.identity.rsplit_once('\\').map(|(owner, _)| owner))
    }

    /// Returns what the rule does in Exchange's words, in the language of the mailbox.
    pub fn description(&self) -> &str {
        text(&self.properties, "Description").unwrap_or_default()
    }

    /// Returns the recipients that the rule sends mail to, as Exchange writes them (`"name" [SMTP:a@b]`, `"name" [EX:/o=…]`).
    pub fn targets(&self) -> Vec<&str> {
        SENDING_ACTIONS.iter().flat_map(|action| texts(&self.properties, action)).collect()
    }

    /// Returns whether the rule deletes messages.
    pub fn deletes(&self) -> bool {
        is_true(&self.properties, "DeleteMessage") || is_true(&self.properties, "SoftDeleteMessage")
    }

    /// Returns the names of the actions that are set.
    pub fn actions(&self) -> Vec<&'static str> {
        ACTIONS.iter().copied().filter(|action| self.properties.get(*action).is_some_and(is_set)).collect()
    }

    /// Returns the folder that the rule moves messages to, if it shows one.
    pub fn move_to_folder(&self) -> Option<&str> {
        text(&self.properties, "MoveToFolder")
    }

    /// Returns whether the rule has no action but moving messages.
    pub fn only_moves(&self) -> bool {
        self.actions().iter().all(|action| *action == "MoveToFolder")
    }

    /// Returns whether the rule has no action but forwarding and redirecting messages.
    pub fn only_forwards_or_redirects(&self) -> bool {
        self.actions().iter().all(|action| matches!(*action, "ForwardTo" | "RedirectTo"))
    }

    /// Returns whether the rule is limited to meeting messages.
    pub fn is_about_meetings(&self) -> bool {
        let kind = text(&self.properties, "MessageTypeMatches").unwrap_or_default().to_lowercase();
        kind.contains("calendar") || kind.contains("meeting")
    }
}

/// Returns whether an action has a value that makes it act.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty() && !text.eq_ignore_ascii_case("false"),
        Value::Array(values) => !values.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Object(_) => true,
    }
}

/// An inbox rule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct InboxRule(ListedRule);

/// A sweep rule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct SweepRule(ListedRule);

impl From<Row> for InboxRule {
    fn from(row: Row) -> Self {
        Self(ListedRule::from_row(row))
    }
}

impl From<Row> for SweepRule {
    fn from(row: Row) -> Self {
        Self(ListedRule::from_row(row))
    }
}

impl Deref for InboxRule {
    type Target = ListedRule;

    fn deref(&self) -> &ListedRule {
        &self.0
    }
}

impl Deref for SweepRule {
    type Target = ListedRule;

    fn deref(&self) -> &ListedRule {
        &self.0
    }
}

/// The forms in which Exchange accepts a call about one rule. One tenant accepts one form and the next tenant another; the third way
/// is [`crate::graph::Graph::set_message_rule_enabled`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleForm {
    /// `<mailbox>\<rule id>` alone. Exchange rejects it together with `Mailbox` (MicrosoftDocs/office-docs-powershell#4087).
    Identity(String),
    /// The rule id, with the mailbox in a parameter of its own.
    IdWithMailbox {
        /// The rule id alone.
        id: String,
        /// The name of the mailbox.
        mailbox: String,
    },
}

impl RuleForm {
    /// Returns the form to try first, made of the identity as Exchange gave it, or of the mailbox and the rule id if it gave none.
    pub fn by_identity(identity: &str, id: &str, mailbox: &MailboxId) -> Self {
        match identity.contains('\\') {
            true => Self::Identity(identity.to_owned()),
            false => Self::Identity(format!("{}\\{id}", mailbox.identity())),
        }
    }

    /// Returns the form to try when Exchange rejects the first one.
    pub fn with_mailbox(id: &str, mailbox: &MailboxId) -> Self {
        Self::IdWithMailbox { id: id.to_owned(), mailbox: mailbox.identity().to_owned() }
    }

    fn parameters(&self) -> Value {
        match self {
            Self::Identity(identity) => json!({ "Identity": identity, "Confirm": false }),
            Self::IdWithMailbox { id, mailbox } => json!({ "Identity": id, "Mailbox": mailbox, "Confirm": false }),
        }
    }
}

impl Exchange {
    /// Lists the inbox rules of a mailbox, with the hidden ones if `hidden` is set.
    ///
    /// # Errors
    /// Returns what Exchange answered; see [`super::is_not_found`] and [`super::is_refused`]. A row without id or state is a transient
    /// error.
    pub async fn inbox_rules(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        hidden: bool,
    ) -> Result<Vec<InboxRule>, ServiceError> {
        let mut parameters = json!({ "Mailbox": mailbox.identity() });
        if hidden {
            parameters["IncludeHidden"] = json!(true);
        }
        let rows = self.rule_rows(tenant, mailbox, "Get-InboxRule", parameters).await?;
        Ok(rows.into_iter().map(InboxRule::from).collect())
    }

    /// Lists the sweep rules of a mailbox. Not every tenant has the cmdlet.
    ///
    /// # Errors
    /// As [`Exchange::inbox_rules`].
    pub async fn sweep_rules(&self, tenant: &TenantId, mailbox: &MailboxId) -> Result<Vec<SweepRule>, ServiceError> {
        let parameters = json!({ "Mailbox": mailbox.identity() });
        let rows = self.rule_rows(tenant, mailbox, "Get-SweepRule", parameters).await?;
        Ok(rows.into_iter().map(SweepRule::from).collect())
    }

    /// Returns the rows of rules. One that does not say which rule it is, or whether it is enabled, says nothing.
    async fn rule_rows(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        cmdlet: &str,
        parameters: Value,
    ) -> Result<Vec<Row>, ServiceError> {
        let rows = self.invoke(tenant, &mailbox.into(), cmdlet, parameters).await?;
        let has_id = |row: &Row| IDS.iter().any(|member| !text_or_number(row, member).is_empty());
        match rows.iter().all(|row| has_id(row) && boolean(row, "Enabled").is_some()) {
            true => Ok(rows),
            false => Err(self.caller.unreachable(format!("{cmdlet} returned a rule without its id or state"))),
        }
    }

    /// Enables or disables an inbox rule. Any change through Exchange drops the client-side Outlook rules of the mailbox.
    ///
    /// # Errors
    /// Returns the rejection of this form of the call. Another form may still be accepted.
    pub async fn set_inbox_rule_enabled(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        form: &RuleForm,
        enabled: bool,
    ) -> Result<(), ServiceError> {
        let cmdlet = if enabled { "Enable-InboxRule" } else { "Disable-InboxRule" };
        let mut parameters = form.parameters();
        // Without these switches Exchange asks back, which is an error here.
        // <https://learn.microsoft.com/powershell/module/exchange/disable-inboxrule>
        parameters["Force"] = json!(true);
        parameters["AlwaysDeleteOutlookRulesBlob"] = json!(true);
        self.invoke(tenant, &mailbox.into(), cmdlet, parameters).await.map(drop)
    }

    /// Enables or disables a sweep rule.
    ///
    /// # Errors
    /// As [`Exchange::set_inbox_rule_enabled`].
    pub async fn set_sweep_rule_enabled(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        form: &RuleForm,
        enabled: bool,
    ) -> Result<(), ServiceError> {
        let cmdlet = if enabled { "Enable-SweepRule" } else { "Disable-SweepRule" };
        self.invoke(tenant, &mailbox.into(), cmdlet, form.parameters()).await.map(drop)
    }
}
