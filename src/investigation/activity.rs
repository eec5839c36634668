//! Activities: records reduced to what attribution looks at.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use base::ids::{RecordId, TenantId};

pub use super::sign_in::SignInResult;

/// The kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Act {
    /// A sign-in with its result.
    SignIn(SignInResult),
    /// Messages were opened or served.
    MailRead,
    /// A whole folder was copied to a mail program.
    FolderSync,
    /// A message was sent.
    MailSent,
    /// Messages were deleted.
    MailDeleted,
    /// Messages were created, moved or changed.
    MailChanged,
    /// A search for messages or files.
    Search,
    /// A file was read or downloaded.
    FileRead,
    /// A file was shared.
    FileShared,
    /// A file was written, moved or deleted.
    FileChanged,
    /// A setting, rule, permission, application or account was changed.
    Change,
    /// Anything else.
    Other,
}

impl Act {
    /// Returns the kind of an operation that is no sign-in. `access` is `MailAccessType`.
    pub(super) fn of(operation: &str, record_type: Option<i64>, access: Option<&str>) -> Self {
        let is_sync = access.is_some_and(|access| access.eq_ignore_ascii_case("Sync"));
        match operation {
            "MailItemsAccessed" if is_sync => Self::FolderSync,
            "MailItemsAccessed" => Self::MailRead,
            "Send" | "SendAs" | "SendOnBehalf" => Self::MailSent,
            "MoveToDeletedItems" | "SoftDelete" | "HardDelete" => Self::MailDeleted,
            "Create" | "Update" | "Move" | "Copy" => Self::MailChanged,
            "SearchQueryInitiatedExchange" | "SearchQueryInitiatedSharePoint" | "SearchQueryPerformed" => Self::Search,
            "FileAccessed" | "FileAccessedExtended" | "FilePreviewed" | "FileDownloaded" => Self::FileRead,
            "FileSyncDownloadedFull" | "FileSyncDownloadedPartial" | "AnonymousLinkUsed" => Self::FileRead,
            "AnonymousLinkCreated" | "SecureLinkCreated" | "CompanyLinkCreated" | "AddedToSecureLink" => {
                Self::FileShared
            }
            "SharingSet" | "SharingInvitationCreated" | "SharingLinkCreated" | "AnonymousLinkUpdated" => {
                Self::FileShared
            }
            "UpdateInboxRules" | "UpdateCalendarDelegation" => Self::Change,
            _ if operation.starts_with("File") => Self::FileChanged,
            _ if operation.ends_with("FolderPermissions") => Self::Change,
            _ if record_type == Some(8) => Self::Change,
            _ if is_changing_cmdlet(operation) => Self::Change,
            _ => Self::Other,
        }
    }
}

/// Returns whether the operation is a cmdlet that changes something.
fn is_changing_cmdlet(operation: &str) -> bool {
    const VERBS: [&str; 9] = ["Add", "Disable", "Enable", "Install", "New", "Remove", "Set", "Start", "Update"];
    operation.split_once('-').is_some_and(|(verb, _)| VERBS.contains(&verb))
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// The record's id.
    pub id: RecordId,
    /// When, UTC.
    pub time: DateTime<Utc>,
    /// The tenant, if the record names it.
    pub tenant: Option<TenantId>,
    /// `Operation`
    pub operation: String,
    /// Its kind.
    pub act: Act,
    /// The account that acted, in lower case; a GUID if the record has no name.
    pub account: String,
    /// The object id of that account.
    pub account_id: Option<String>,
    /// The mailbox, in lower case: an address, or the name by which a cmdlet calls it.
    pub mailbox: String,
    /// The account that a directory record changes, in lower case.
    pub target: String,
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// The session, under every name that the record has for it.
    pub sessions: Vec<String>,
    /// The token.
    pub token: Option<String>,
    /// User agent or client string.
    pub client: String,
    /// The applications through which it was done, and of a directory record the ids of its actor.
    pub apps: Vec<String>,
    /// The application that a directory record admits, by every id that the record has for it.
    pub consented: Vec<String>,
    /// The act of a service of Microsoft under the user's name.
    pub is_service: bool,
    /// The device is registered in the directory.
    pub has_device: bool,
}

impl Activity {
    /// Returns whether the act shows access to the account: every act except a sign-in without success.
    pub fn is_inside(&self) -> bool {
        !matches!(self.act, Act::SignIn(result) if result != SignInResult::In)
    }

    /// Returns whether it is a sign-in.
    pub fn is_sign_in(&self) -> bool {
        matches!(self.act, Act::SignIn(_))
    }

    /// Returns whether the account is a person's or an unknown one, and not a part of Microsoft's services.
    pub fn is_by_person(&self) -> bool {
        is_person(&self.account)
    }
}

/// Returns whether a user id can be the account of a person.
pub fn is_person(account: &str) -> bool {
    const BEGIN: [&str; 6] =
        ["nt authority", "nt service", "sharepoint\\", "serviceprincipal_", "s-1-5-", "not available"];
    const WHOLE: [&str; 5] = ["app@sharepoint", "unknown", "system", "sharepoint", "anonymous"];
    !(account.is_empty()
        || WHOLE.contains(&account)
        || BEGIN.iter().any(|begin| account.starts_with(begin))
        || account.starts_with("urn:spo:anon")
        || account.starts_with("system@")
        || (account.starts_with("microsoft ") && !account.contains('@'))
        || account.contains("(microsoft."))
}

/// Returns whether a text is a GUID, as an account without a name has it.
pub fn is_guid(text: impl AsRef<[u8]>) -> bool {
    let text = text.as_ref();
    text.len() == 36 && uuid::Uuid::try_parse_ascii(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_no_persons() {
        let services =
            ["app@sharepoint", "sharepoint\\system", "serviceprincipal_1", "nt authority\\system (w3wp)", ""];
        for name in services.into_iter().chain(["microsoft substrate management"]) {
            assert!(!is_person(name), "{name}");
        }
        for name in ["v@contoso.com", "urn:spo:guest#a@b.example", "11111111-2222-4333-8444-555555555555"] {
            assert!(is_person(name), "{name}");
        }
    }

    #[test]
    fn access_type_tells_reading_from_copying() {
        assert_eq!(Act::of("MailItemsAccessed", Some(2), Some("Sync")), Act::FolderSync);
        assert_eq!(Act::of("MailItemsAccessed", Some(50), Some("Bind")), Act::MailRead);
        assert_eq!(Act::of("Get-Mailbox", Some(1), None), Act::Other);
        assert_eq!(Act::of("New-InboxRule", Some(1), None), Act::Change);
    }
}
