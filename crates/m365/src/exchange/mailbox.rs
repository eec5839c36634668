//! Mailboxes: finds one, lists those that forward, reads and sets the forwarding.
//! <https://learn.microsoft.com/powershell/module/exchange/get-mailbox>

use serde::{Deserialize, Serialize};
use serde_json::json;

use base::ids::TenantId;

use super::names::{Named, Names, smtp_address};
use super::row::{Row, boolean, is_true, owned_texts, text, texts};
use super::{Anchor, Exchange, MailboxId, bears};
use crate::ServiceError;

/// A mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// The user principal name of its owner.
    pub user_principal_name: Option<String>,
    /// Its main address.
    pub primary_smtp_address: Option<String>,
    /// The object id of its owner in the directory, in lower case.
    pub object_id: Option<String>,
    /// `UserMailbox`, `SharedMailbox`, …
    pub recipient_type_details: String,
    /// Its SMTP addresses, in lower case and without `smtp:`.
    pub addresses: Vec<String>,
    /// The forwarding that is set on the mailbox.
    pub forwarding: Forwarding,
    /// The recipients that may send on behalf of the mailbox.
    pub send_on_behalf: Vec<String>,
    /// `Some(true)` if mailbox auditing is enabled; `None` if Exchange does not report it.
    pub audit_enabled: Option<bool>,
    names: Names,
}

impl Mailbox {
    /// Returns whether the mailbox has this name: any address, GUID, distinguished name or alias.
    pub fn is_named(&self, asked: &str) -> bool {
        self.names.contain(asked)
    }
}

impl Mailbox {
    /// Returns whether this is the user principal name or the object id of its owner, or the GUID of the mailbox. An alias is not.
    pub fn is_owned_by(&self, name: &str) -> bool {
        let is_upn = self.user_principal_name.as_ref().is_some_and(|upn| upn.eq_ignore_ascii_case(name));
        is_upn || uuid::Uuid::try_parse(name).is_ok() && self.is_named(name)
    }
}

impl Named for Mailbox {
    fn has_name(&self, asked: &str) -> bool {
        self.is_named(asked)
    }
}

impl From<Row> for Mailbox {
    fn from(row: Row) -> Self {
        let owned = |member| text(&row, member).map(str::to_owned);
        Self {
            user_principal_name: owned("UserPrincipalName"),
            primary_smtp_address: owned("PrimarySmtpAddress"),
            object_id: text(&row, "ExternalDirectoryObjectId").map(str::to_lowercase),
            recipient_type_details: owned("RecipientTypeDetails").unwrap_or_default(),
            addresses: texts(&row, "EmailAddresses").into_iter().filter_map(smtp_address).collect(),
            forwarding: Forwarding::from(&row),
            send_on_behalf: owned_texts(&row, "GrantSendOnBehalfTo"),
            audit_enabled: boolean(&row, "AuditEnabled"),
            names: Names::of(&row),
        }
    }
}

/// The forwarding of a mailbox. If both targets are set, Exchange uses the object of the directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Forwarding {
    /// An address, `smtp:a@b`.
    pub forwarding_smtp_address: Option<String>,
    /// An object of the directory.
    pub forwarding_address: Option<String>,
    /// `true` if a copy of forwarded mail remains in the mailbox.
    pub deliver_to_mailbox_and_forward: bool,
}

impl Forwarding {
    /// Returns the targets of both kinds.
    pub fn targets(&self) -> Vec<&str> {
        [&self.forwarding_smtp_address, &self.forwarding_address].into_iter().flatten().map(String::as_str).collect()
    }
}

impl From<&Row> for Forwarding {
    fn from(row: &Row) -> Self {
        let owned = |member| text(row, member).map(str::to_owned);
        Self {
            forwarding_smtp_address: owned("ForwardingSmtpAddress"),
            forwarding_address: owned("ForwardingAddress"),
            deliver_to_mailbox_and_forward: is_true(row, "DeliverToMailboxAndForward"),
        }
    }
}

impl Exchange {
    /// Finds the mailbox of this name. Returns `None` if there is none, or if Exchange answered with a mailbox of another name.
    ///
    /// The call is routed by the mailbox itself, so this finds what a further call about it will reach.
    ///
    /// # Errors
    /// Returns what Exchange answered; an answer without rows is a transient error.
    pub async fn mailbox(&self, tenant: &TenantId, mailbox: &MailboxId) -> Result<Option<Mailbox>, ServiceError> {
        self.find(tenant, &mailbox.into(), "Get-Mailbox", mailbox.identity()).await
    }

    /// Finds the mailbox of any name (distinguished name, alias, GUID, address); routed by the organization.
    ///
    /// # Errors
    /// As [`Exchange::mailbox`].
    pub async fn find_mailbox(&self, tenant: &TenantId, name: &str) -> Result<Option<Mailbox>, ServiceError> {
        self.find(tenant, &Anchor::Organization, "Get-Mailbox", name).await
    }

    /// Returns the mailbox if what Exchange answers bears the name that was asked for; `None` if Exchange says that there is no such
    /// mailbox.
    ///
    /// # Errors
    /// Returns a transient error if Exchange answers with another mailbox, or with a row that bears no name, and what Exchange
    /// answered.
    pub async fn proven_mailbox(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
    ) -> Result<Option<Mailbox>, ServiceError> {
        let row = self.only_row(tenant, mailbox, "Get-Mailbox").await?;
        self.proven(mailbox, row).map(|row| row.map(Mailbox::from))
    }

    /// Reads the forwarding of a mailbox. Returns `None` if there is no such mailbox.
    ///
    /// # Errors
    /// As [`Exchange::proven_mailbox`]; an answer that says nothing of the forwarding is a transient error too.
    pub async fn forwarding(&self, tenant: &TenantId, mailbox: &MailboxId) -> Result<Option<Forwarding>, ServiceError> {
        const MEMBERS: [&str; 3] = ["ForwardingSmtpAddress", "ForwardingAddress", "DeliverToMailboxAndForward"];
        let row = self.only_row(tenant, mailbox, "Get-Mailbox").await?;
        match self.proven(mailbox, row)? {
            Some(row) if MEMBERS.iter().any(|member| row.contains_key(*member)) => Ok(Some(Forwarding::from(&row))),
            Some(_) => Err(self.caller.unreachable("Get-Mailbox returned nothing about forwarding".to_owned())),
            None => Ok(None),
        }
    }

    fn proven(&self, mailbox: &MailboxId, row: Option<Row>) -> Result<Option<Row>, ServiceError> {
        match row {
            Some(row) if !bears(&row, mailbox) => Err(self.of_another("Get-Mailbox")),
            row => Ok(row),
        }
    }

    /// Lists the mailboxes that forward to an object of the directory.
    /// <https://learn.microsoft.com/powershell/exchange/filter-properties>
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn mailboxes_with_forwarding_address(&self, tenant: &TenantId) -> Result<Vec<Mailbox>, ServiceError> {
        let filter = json!({ "Filter": "ForwardingAddress -ne $null", "ResultSize": "Unlimited" });
        let rows = self.invoke(tenant, &Anchor::Organization, "Get-Mailbox", filter).await?;
        Ok(rows.into_iter().map(Mailbox::from).collect())
    }

    /// Sets the forwarding of a mailbox to exactly this.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn set_forwarding(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        forwarding: &Forwarding,
    ) -> Result<(), ServiceError> {
        let parameters = json!({
            "Identity": mailbox.identity(),
            "ForwardingSmtpAddress": forwarding.forwarding_smtp_address,
            "ForwardingAddress": forwarding.forwarding_address,
            "DeliverToMailboxAndForward": forwarding.deliver_to_mailbox_and_forward,
        });
        self.invoke(tenant, &mailbox.into(), "Set-Mailbox", parameters).await.map(drop)
    }

    /// Removes the forwarding of a mailbox: targets of both kinds.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn clear_forwarding(&self, tenant: &TenantId, mailbox: &MailboxId) -> Result<(), ServiceError> {
        self.set_forwarding(tenant, mailbox, &Forwarding::default()).await
    }
}
