//! Grants of access to a mailbox, as records write them.

use std::collections::BTreeSet;

use audit_log::AuditRecord;
use serde_json::Value;

use super::folders::Folder;
use super::json::{member, text};
use super::sentence::shown;

/// One grant: the grantee, the rights and the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// As written.
    pub(super) grantee: String,
    /// As written.
    pub(super) rights: String,
    /// `None`: the whole mailbox.
    pub(super) folder: Option<String>,
}

impl Grant {
    /// Returns the grantee in full and by alias, each with the folder, because a grant and its removal may name the grantee
    /// differently.
    pub(super) fn objects(&self) -> BTreeSet<String> {
        let grantee = self.grantee.trim().to_lowercase();
        let last = grantee.rsplit(['/', '\\']).next().unwrap_or(&grantee);
        let alias = last.split_once('@').map_or(last, |(local, _)| local);
        let folder = self.folder.as_deref().unwrap_or_default().to_lowercase();
        let folder = folder.rsplit(['\\', '/']).next().unwrap_or_default();
        [grantee.as_str(), alias].iter().map(|name| format!("grant to {name} on {folder}")).collect()
    }

    /// Returns the mailbox or folder in words.
    pub(super) fn place(&self) -> String {
        let folder = self.folder.as_deref();
        folder.map_or_else(|| "the mailbox".to_owned(), |folder| format!("folder '{}'", shown(folder)))
    }

    /// Returns whether it grants nothing: `None` is the right of a user who may do nothing.
    pub(super) fn is_nothing(&self) -> bool {
        let mut rights = self.rights.split([',', ';', ' ']).map(str::trim).filter(|right| !right.is_empty()).peekable();
        rights.peek().is_some() && rights.all(|right| right.eq_ignore_ascii_case("None"))
    }

    /// Returns whether the grantee is written as the actor's name or alias.
    pub(super) fn names(&self, actor: &str) -> bool {
        let (actor, grantee) = (actor.trim().to_lowercase(), self.grantee.trim().to_lowercase());
        let alias = grantee.rsplit('/').next().unwrap_or(&grantee);
        grantee == actor || actor.split_once('@').is_some_and(|(local, _)| !local.is_empty() && local == alias)
    }

    /// Returns whether everyone is the grantee.
    pub(super) fn is_everybody(&self) -> bool {
        let grantee = self.grantee.trim().trim_start_matches("NT:").rsplit('\\').next().unwrap_or_default();
        ["Everyone", "Anonymous", "Anonymous Logon", "Anonym", "Default", "Standard"]
            .iter()
            .any(|all| grantee.trim().eq_ignore_ascii_case(all))
    }

    /// Returns whether mail can be read or sent with it: reading rights or more, and not only on a calendar or another folder without mail.
    pub(super) fn reads_mail(&self) -> bool {
        let is_mail = self.folder.as_deref().and_then(Folder::read).is_none_or(|folder| !folder.is_without_mail());
        let rights = self.rights.split([',', ';', ' ']).map(str::trim);
        is_mail && rights.into_iter().any(|right| MAIL_RIGHTS.iter().any(|reading| right.eq_ignore_ascii_case(reading)))
    }
}

/// Rights with which mail can be read or sent, of mailboxes, of folders by cmdlet and of folders by mailbox auditing.
const MAIL_RIGHTS: &[&str] = &[
    "FullAccess",
    "ChangePermission",
    "ChangeOwner",
    "SendAs",
    "SendOnBehalf",
    "Owner",
    "PublishingEditor",
    "Editor",
    "PublishingAuthor",
    "Author",
    "NonEditingAuthor",
    "Reviewer",
    "ReadItems",
    "ReadAny",
];

/// Returns the grants of a permission cmdlet, or of a folder in mailbox auditing.
pub(super) fn grants(record: &AuditRecord) -> Vec<Grant> {
    let said = &record.parameters;
    let given = |name: &str| said.get(name).map(str::trim).filter(|value| !value.is_empty());
    if let Some(folder) = record.item.as_ref().and_then(Value::as_object).and_then(|item| member(item, "ParentFolder"))
    {
        return of_folder(folder).into_iter().collect();
    }
    let rights = given("AccessRights").unwrap_or("rights that are not shown").to_owned();
    let folder = given("Identity").and_then(|identity| identity.split_once(":\\")).map(|(_, folder)| folder.to_owned());
    let grantee = given("User").or_else(|| given("Trustee"));
    grantee.map(|grantee| Grant { grantee: grantee.to_owned(), rights, folder }).into_iter().collect()
}

/// `ParentFolder` with `MemberUpn` and `MemberRights`.
fn of_folder(folder: &Value) -> Option<Grant> {
    let text = |name: &str| text(folder, name);
    let grantee = text("MemberUpn").or_else(|| text("MemberSid"))?.to_owned();
    let rights = text("MemberRights").unwrap_or("rights that are not shown").to_owned();
    Some(Grant { grantee, rights, folder: text("Path").or_else(|| text("Name")).map(str::to_owned) })
}

/// Returns the grants of `GrantSendOnBehalfTo`.
pub(super) fn send_on_behalf(record: &AuditRecord) -> Vec<Grant> {
    let list = record.parameters.get("GrantSendOnBehalfTo").unwrap_or_default();
    let grant = |grantee: &str| Grant { grantee: grantee.to_owned(), rights: "SendOnBehalf".to_owned(), folder: None };
    list.split(';')
        .map(str::trim)
        .filter(|grantee| !grantee.is_empty() && !grantee.eq_ignore_ascii_case("$null"))
        .map(grant)
        .collect()
}

/// Returns whether the actor is a grantee. An owner needs no grant for their own mailbox, so the mailbox belongs to another user.
pub(super) fn is_to_actor(record: &AuditRecord) -> bool {
    grants(record).iter().chain(&send_on_behalf(record)).any(|grant| grant.names(&record.user_id))
}
