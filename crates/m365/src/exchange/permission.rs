//! Access of others to a mailbox: lists it, and removes one grant.
//! <https://learn.microsoft.com/powershell/module/exchange/get-mailboxpermission>

use serde_json::json;

use base::ids::TenantId;

use super::row::{Row, is_true, owned_texts, text};
use super::{Exchange, MailboxId, is_not_found};
use crate::ServiceError;

/// A permission on a mailbox as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxPermission {
    /// The user who has it, as Exchange writes it.
    pub user: String,
    /// `FullAccess`, `ReadPermission`, …
    pub access_rights: Vec<String>,
    /// `true` if access is denied instead of granted.
    pub deny: bool,
    /// `true` if the permission is inherited from a level above the mailbox.
    pub is_inherited: bool,
}

/// One grant of access to a mailbox, as it can be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxGrant {
    /// Rights on the whole mailbox.
    Mailbox {
        /// The user who has them.
        user: String,
        /// `FullAccess`, …
        access_rights: Vec<String>,
    },
    /// The right to send as the mailbox.
    SendAs {
        /// The user who has it.
        trustee: String,
    },
    /// The right to send on behalf of the mailbox.
    SendOnBehalf {
        /// The user who has it.
        grantee: String,
    },
    /// Rights on one folder.
    Folder {
        /// The path within the mailbox, such as `\Inbox`.
        path: String,
        /// The user who has them; `Default` and `Anonymous` are everyone.
        user: String,
    },
}

impl MailboxGrant {
    /// Returns the user who has the access.
    pub fn grantee(&self) -> &str {
        match self {
            Self::Mailbox { user, .. } | Self::Folder { user, .. } => user,
            Self::SendAs { trustee } => trustee,
            Self::SendOnBehalf { grantee } => grantee,
        }
    }
}

impl From<Row> for MailboxPermission {
    fn from(row: Row) -> Self {
        Self {
            user: text(&row, "User").unwrap_or_default().to_owned(),
            access_rights: owned_texts(&row, "AccessRights"),
            deny: is_true(&row, "Deny"),
            is_inherited: is_true(&row, "IsInherited"),
        }
    }
}

/// Returns whether the grant is gone already. Folder permissions have exceptions of their own for that.
pub fn is_grant_gone(error: &ServiceError) -> bool {
    is_not_found(error)
        || error.code().contains("UserNotFoundInPermissionEntry")
        || error.code().contains("AceNotFound")
}

/// Returns whether a folder permission is one of everyone's, which can be emptied but not removed.
fn is_for_everyone(user: &str) -> bool {
    ["default", "anonymous", "everyone"].iter().any(|name| user.eq_ignore_ascii_case(name))
}

impl Exchange {
    /// Lists the permissions on a mailbox.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn mailbox_permissions(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
    ) -> Result<Vec<MailboxPermission>, ServiceError> {
        let parameters = json!({ "Identity": mailbox.identity() });
        let rows = self.invoke(tenant, &mailbox.into(), "Get-MailboxPermission", parameters).await?;
        Ok(rows.into_iter().map(MailboxPermission::from).collect())
    }

    /// Returns whether a user has a permission on the mailbox, or on the folder with this path.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn has_access(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        folder_path: Option<&str>,
        user: &str,
    ) -> Result<bool, ServiceError> {
        let name = mailbox.identity();
        let (cmdlet, identity) = match folder_path {
            None => ("Get-MailboxPermission", name.to_owned()),
            Some(path) => ("Get-MailboxFolderPermission", folder(name, path)),
        };
        let parameters = json!({ "Identity": identity, "User": user });
        let rows = match self.invoke(tenant, &mailbox.into(), cmdlet, parameters).await {
            Err(error) if is_grant_gone(&error) => return Ok(false),
            answer => answer?,
        };
        let gives = |row: Row| {
            let permission = MailboxPermission::from(row);
            let rights = permission.access_rights.iter().any(|right| !right.eq_ignore_ascii_case("None"));
            rights && !permission.deny && !is_for_everyone(&permission.user)
        };
        Ok(rows.into_iter().any(gives))
    }

    /// Returns whether a user may send as the mailbox. Exchange finds the user by every name.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn can_send_as(&self, tenant: &TenantId, mailbox: &MailboxId, user: &str) -> Result<bool, ServiceError> {
        let parameters = json!({ "Identity": mailbox.identity(), "Trustee": user });
        let rows = match self.invoke(tenant, &mailbox.into(), "Get-RecipientPermission", parameters).await {
            Err(error) if is_grant_gone(&error) => return Ok(false),
            answer => answer?,
        };
        let is_denied =
            |row: &Row| text(row, "AccessControlType").is_some_and(|kind| kind.eq_ignore_ascii_case("Deny"));
        let is_right =
            |row: &Row| owned_texts(row, "AccessRights").iter().any(|right| right.eq_ignore_ascii_case("SendAs"));
        Ok(rows.iter().any(|row| is_right(row) && !is_denied(row)))
    }

    /// Removes one grant. The folder permissions of everyone are emptied.
    ///
    /// # Errors
    /// Returns what Exchange answered; see [`is_grant_gone`].
    pub async fn remove_grant(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        grant: &MailboxGrant,
    ) -> Result<(), ServiceError> {
        let name = mailbox.identity();
        let (cmdlet, parameters) = match grant {
            MailboxGrant::Mailbox { user, access_rights } => (
                "Remove-MailboxPermission",
                json!({ "Identity": name, "User": user, "AccessRights": access_rights, "Confirm": false }),
            ),
            MailboxGrant::SendAs { trustee } => (
                "Remove-RecipientPermission",
                json!({ "Identity": name, "Trustee": trustee, "AccessRights": ["SendAs"], "Confirm": false }),
            ),
            MailboxGrant::SendOnBehalf { grantee } => {
                let less = json!({ "@odata.type": "#Exchange.GenericHashTable", "Remove": [grantee] });
                ("Set-Mailbox", json!({ "Identity": name, "GrantSendOnBehalfTo": less }))
            }
            MailboxGrant::Folder { path, user } if is_for_everyone(user) => (
                "Set-MailboxFolderPermission",
                json!({ "Identity": folder(name, path), "User": user, "AccessRights": ["None"] }),
            ),
            MailboxGrant::Folder { path, user } => (
                "Remove-MailboxFolderPermission",
                json!({ "Identity": folder(name, path), "User": user, "Confirm": false }),
            ),
        };
        self.invoke(tenant, &mailbox.into(), cmdlet, parameters).await.map(drop)
    }
}

/// Returns the identity of a folder: `mailbox:\Folder`.
fn folder(mailbox: &str, path: &str) -> String {
    format!("{mailbox}:\\{}", path.trim_start_matches(['\\', '/']))
}
