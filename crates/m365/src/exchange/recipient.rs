//! Recipients and the members of groups.
//! <https://learn.microsoft.com/powershell/module/exchange/get-recipient>

use serde_json::json;

use base::ids::TenantId;

use super::names::{Named, Names, smtp_address};
use super::row::{Row, text};
use super::{Anchor, Exchange};
use crate::ServiceError;

/// The most members of a group that are read.
pub const GROUP_MEMBERS_LIMIT: usize = 500;

/// A recipient: a mailbox, a contact, a mail user or a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipient {
    /// `UserMailbox`, `MailContact`, `GroupMailbox`, …
    pub recipient_type_details: String,
    /// Its own main address, as Exchange writes it.
    pub primary_smtp_address: Option<String>,
    /// The address outside the organization that a contact or a mail user stands for, as Exchange writes it.
    pub external_email_address: Option<String>,
    /// Its object id in the directory, in lower case.
    pub object_id: Option<String>,
    names: Names,
}

/// A kind of group. Each has a cmdlet of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// A distribution list or a mail-enabled security group.
    Distribution,
    /// A group whose members follow from a filter.
    Dynamic,
    /// A Microsoft 365 group.
    Unified,
}

/// The members of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMembers {
    /// At most [`GROUP_MEMBERS_LIMIT`] of them.
    pub recipients: Vec<Recipient>,
    /// `true` if the list contains all members of the group.
    pub is_complete: bool,
}

impl Recipient {
    /// Returns whether the recipient has this name: any address, GUID, distinguished name or alias.
    pub fn is_named(&self, asked: &str) -> bool {
        self.names.contain(asked)
    }

    /// Iterates over its names, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter()
    }

    /// Returns the address at which mail to the recipient ends, in lower case: the external one if there is one.
    pub fn target(&self) -> Option<String> {
        let address = self.external_email_address.as_deref().or(self.primary_smtp_address.as_deref())?;
        Some(smtp_address(address).unwrap_or_else(|| address.to_lowercase()))
    }

    /// Returns whether the recipient is one mailbox of the organization. A group mailbox is a group.
    pub fn is_mailbox(&self) -> bool {
        self.recipient_type_details.ends_with("Mailbox") && self.group_kind().is_none()
    }

    /// Returns the kind of group, if the recipient is a group.
    pub fn group_kind(&self) -> Option<GroupKind> {
        match self.recipient_type_details.as_str() {
            "GroupMailbox" => Some(GroupKind::Unified),
            "DynamicDistributionGroup" => Some(GroupKind::Dynamic),
            "RoomList" => Some(GroupKind::Distribution),
            kind if kind.ends_with("DistributionGroup") || kind.ends_with("SecurityGroup") => {
                Some(GroupKind::Distribution)
            }
            "MailNonUniversalGroup" => Some(GroupKind::Distribution),
            _ => None,
        }
    }
}

impl Named for Recipient {
    fn has_name(&self, asked: &str) -> bool {
        self.is_named(asked)
    }
}

impl From<Row> for Recipient {
    fn from(row: Row) -> Self {
        let owned = |member| text(&row, member).map(str::to_owned);
        Self {
            recipient_type_details: owned("RecipientTypeDetails").unwrap_or_default(),
            primary_smtp_address: owned("PrimarySmtpAddress"),
            external_email_address: owned("ExternalEmailAddress"),
            object_id: text(&row, "ExternalDirectoryObjectId").map(str::to_lowercase),
            names: Names::of(&row),
        }
    }
}

impl Exchange {
    /// Finds the recipient of this name. Returns `None` if there is none, or if Exchange answered with a recipient of another name.
    ///
    /// # Errors
    /// Returns what Exchange answered; an answer without rows is a transient error.
    pub async fn recipient(&self, tenant: &TenantId, name: &str) -> Result<Option<Recipient>, ServiceError> {
        self.find(tenant, &Anchor::Organization, "Get-Recipient", name).await
    }

    /// Lists the members of a group, at most [`GROUP_MEMBERS_LIMIT`].
    ///
    /// # Errors
    /// Returns what Exchange answered. A group of another kind does not exist for the cmdlet.
    pub async fn group_members(
        &self,
        tenant: &TenantId,
        kind: GroupKind,
        group: &str,
    ) -> Result<GroupMembers, ServiceError> {
        // One more than is wanted tells whether there are more.
        let mut parameters = json!({ "Identity": group, "ResultSize": GROUP_MEMBERS_LIMIT + 1 });
        let cmdlet = match kind {
            GroupKind::Distribution => "Get-DistributionGroupMember",
            GroupKind::Dynamic => "Get-DynamicDistributionGroupMember",
            GroupKind::Unified => {
                parameters["LinkType"] = json!("Members");
                "Get-UnifiedGroupLinks"
            }
        };
        let rows = self.invoke(tenant, &Anchor::Organization, cmdlet, parameters).await?;
        let is_complete = rows.len() <= GROUP_MEMBERS_LIMIT;
        let recipients = rows.into_iter().take(GROUP_MEMBERS_LIMIT).map(Recipient::from).collect();
        Ok(GroupMembers { recipients, is_complete })
    }
}
