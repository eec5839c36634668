//! Carries out the cmdlets of permissions: access to a mailbox, access to its folders, and sending as its owner.

use serde_json::{Value, json};

use super::params::{Params, split};
use super::recipients::{identity, mailbox, mailbox_mut, mailboxes, same};
use super::reply::{Failure, Outcome};
use crate::world::{Permission, Tenant};

/// Parameters of `Remove-MailboxPermission`.
pub(super) const REMOVE: &[&str] = &["Identity", "User", "AccessRights", "InheritanceType", "Deny", "Confirm"];

fn mailbox_row(owner: &str, user: &str, rights: &str) -> Value {
    json!({
        "Identity": owner,
        "User": user,
        "AccessRights": split(rights),
        "IsInherited": false,
        "Deny": false,
        "InheritanceType": "All",
        "IsValid": true,
        "ObjectState": "Unchanged",
    })
}

/// Carries out `Get-MailboxPermission`. The owner comes first.
pub(super) fn mailbox_permissions(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let own = mailbox(tenant, &params.required("Identity")?)?;
    let wanted = params.text("User");
    let is = |user: &str| wanted.as_deref().is_none_or(|wanted| same(tenant, user, wanted));
    let owner = own.object_id.to_string();
    let given = own.permissions.iter().filter(|given| given.folder.is_none());
    let all = std::iter::once(("NT AUTHORITY\\SELF", "FullAccess, ReadPermission"))
        .chain(given.map(|given| (given.user.as_str(), given.rights.as_str())));
    let rows: Vec<_> =
        all.filter(|(user, _)| is(user)).map(|(user, rights)| mailbox_row(&owner, user, rights)).collect();
    Outcome::rows(rows).limited_by(params)
}

/// Carries out `Remove-MailboxPermission`. A missing entry is a warning, an unknown user an error.
pub(super) fn remove_mailbox(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let name = params.required("Identity")?;
    let user = params.required("User")?;
    let rights = params.required_list("AccessRights")?;
    let own = mailbox(tenant, &name)?;
    params.confirmed()?;
    let mut removed = false;
    let mut left = Vec::new();
    for given in &own.permissions {
        if given.folder.is_some() || !same(tenant, &given.user, &user) {
            left.push(given.clone());
            continue;
        }
        let all = split(&given.rights);
        let kept: Vec<String> =
            all.iter().filter(|own| !rights.iter().any(|right| right.eq_ignore_ascii_case(own))).cloned().collect();
        removed |= kept.len() < all.len();
        if !kept.is_empty() {
            left.push(Permission { rights: kept.join(", "), ..given.clone() });
        }
    }
    if !removed {
        return absent(tenant, &name, &user);
    }
    mailbox_mut(tenant, &name)?.permissions = left;
    Ok(Outcome::done())
}

/// Carries out `Get-RecipientPermission`.
pub(super) fn send_as(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let wanted = params.text("Trustee");
    let is = |user: &str| wanted.as_deref().is_none_or(|wanted| same(tenant, user, wanted));
    let mut rows = Vec::new();
    for own in mailboxes(tenant, params)? {
        let trustees = std::iter::once("NT AUTHORITY\\SELF").chain(own.send_as.iter().map(String::as_str));
        rows.extend(trustees.filter(|trustee| is(trustee)).map(|trustee| {
            json!({
                "Identity": own.object_id,
                "Trustee": trustee,
                "AccessControlType": "Allow",
                "AccessRights": ["SendAs"],
                "IsInherited": false,
                "InheritanceType": "None",
                "IsValid": true,
                "ObjectState": "Unchanged",
            })
        }));
    }
    Outcome::rows(rows).limited_by(params)
}

/// Carries out `Remove-RecipientPermission`.
pub(super) fn remove_send_as(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let name = params.required("Identity")?;
    let trustee = params.required("Trustee")?;
    let rights = params.required_list("AccessRights")?;
    if !rights.iter().all(|right| right.eq_ignore_ascii_case("SendAs")) {
        return Err(Failure::bad_request("Cannot bind parameter 'AccessRights': only SendAs is possible."));
    }
    let own = mailbox(tenant, &name)?;
    params.confirmed()?;
    let left: Vec<String> = own.send_as.iter().filter(|given| !same(tenant, given, &trustee)).cloned().collect();
    if left.len() == own.send_as.len() {
        return absent(tenant, &name, &trustee);
    }
    mailbox_mut(tenant, &name)?.send_as = left;
    Ok(Outcome::done())
}

/// Carries out `Get-MailboxFolderPermission`.
pub(super) fn folder(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let (name, folder) = folder_of(&params.required("Identity")?);
    let own = mailbox(tenant, &name)?;
    let wanted = params.text("User");
    let is = |user: &str| wanted.as_deref().is_none_or(|wanted| same(tenant, user, wanted));
    let given = own.permissions.iter().filter(|given| in_folder(given, &folder));
    let all = [("Default", "None"), ("Anonymous", "None")]
        .into_iter()
        .filter(|(user, _)| !own.permissions.iter().any(|given| in_folder(given, &folder) && given.user == *user))
        .chain(given.map(|given| (given.user.as_str(), given.rights.as_str())));
    let leaf = folder.rsplit('\\').next().filter(|leaf| !leaf.is_empty()).unwrap_or("Top of Information Store");
    let rows: Vec<_> = all
        .filter(|(user, _)| is(user))
        .map(|(user, rights)| {
            json!({
                "Identity": format!("{}:\\{folder}", own.object_id),
                "FolderName": leaf,
                "User": user,
                "AccessRights": split(rights),
                "SharingPermissionFlags": null,
                "IsValid": true,
                "ObjectState": "Unchanged",
            })
        })
        .collect();
    match wanted {
        Some(user) if rows.is_empty() => Err(Failure::not_found(&user)),
        _ => Outcome::rows(rows).limited_by(params),
    }
}

/// Carries out `Set-MailboxFolderPermission`, which changes an entry and adds none. The entries of everyone always exist.
pub(super) fn set_folder(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let (name, folder) = folder_of(&params.required("Identity")?);
    let user = params.required("User")?;
    let rights = params.required_list("AccessRights")?.join(", ");
    let own = mailbox(tenant, &name)?;
    let is_it = |given: &Permission| in_folder(given, &folder) && same(tenant, &given.user, &user);
    match own.permissions.iter().position(is_it) {
        Some(at) => mailbox_mut(tenant, &name)?.permissions[at].rights = rights,
        None if matches!(user.as_str(), "Default" | "Anonymous") => {
            mailbox_mut(tenant, &name)?.permissions.push(Permission { user, rights, folder: Some(folder) });
        }
        None => return Err(Failure::not_found(&user)),
    }
    Ok(Outcome::done())
}

/// Carries out `Remove-MailboxFolderPermission`.
pub(super) fn remove_folder(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let (name, folder) = folder_of(&params.required("Identity")?);
    let user = params.required("User")?;
    let own = mailbox(tenant, &name)?;
    params.confirmed()?;
    let keep = |given: &&Permission| !(in_folder(given, &folder) && same(tenant, &given.user, &user));
    let left: Vec<Permission> = own.permissions.iter().filter(keep).cloned().collect();
    if left.len() == own.permissions.len() {
        return Err(Failure::not_found(&user));
    }
    mailbox_mut(tenant, &name)?.permissions = left;
    Ok(Outcome::done())
}

/// Returns the warning for an entry that does not exist.
fn absent(tenant: &Tenant, name: &str, user: &str) -> Result<Outcome, Failure> {
    identity(tenant, user)?;
    Ok(Outcome::warned(format!(
        "Can't remove the access control entry on the object \"{name}\" for account \"{user}\" because the ACE isn't \
         present."
    )))
}

/// Splits `mailbox:\folder` into its parts. Without a folder it is the root, whose path is empty.
fn folder_of(identity: &str) -> (String, String) {
    let (name, folder) = identity.split_once(":\\").unwrap_or((identity.trim_end_matches(':'), ""));
    (name.to_owned(), path(folder))
}

fn in_folder(given: &Permission, wanted: &str) -> bool {
    given.folder.as_deref().is_some_and(|folder| path(folder).eq_ignore_ascii_case(wanted))
}

/// Returns the path of a folder with backslashes between its parts and none around it.
fn path(folder: &str) -> String {
    let path = folder.replace('/', "\\").trim_matches('\\').to_owned();
    if path.eq_ignore_ascii_case("Top of Information Store") { String::new() } else { path }
}
