//! Who else has access to a mailbox.

use serde_json::json;

use super::{Failure, Outcome, Parameters};
use crate::world::{Mailbox, Tenant};

pub(super) fn get(tenant: &mut Tenant, parameters: &Parameters<'_>, of_folder: bool) -> Outcome {
    parameters.only(&["Identity", "User", "ResultSize"])?;
    let (mailbox, folder) = found(tenant, parameters.text("Identity"), of_folder)?;
    let user = parameters.text("User");
    let fits = |permission: &&crate::world::Permission| {
        permission.folder == folder && (user.is_empty() || permission.user.eq_ignore_ascii_case(user))
    };
    Ok(mailbox
        .permissions
        .iter()
        .filter(fits)
        .map(|permission| {
            json!({"Identity": mailbox.guid, "User": permission.user, "AccessRights": [permission.rights],
                "FolderName": permission.folder, "IsInherited": false, "Deny": false})
        })
        .collect())
}

pub(super) fn remove(tenant: &mut Tenant, parameters: &Parameters<'_>, of_folder: bool) -> Outcome {
    parameters.only(&["Identity", "User", "AccessRights", "InheritanceType", "Confirm"])?;
    refuse_prompt(parameters)?;
    let user = parameters.text("User").to_owned();
    let (mailbox, folder) = found(tenant, parameters.text("Identity"), of_folder)?;
    let before = mailbox.permissions.len();
    mailbox.permissions.retain(|own| own.folder != folder || !own.user.eq_ignore_ascii_case(&user));
    if mailbox.permissions.len() == before { Err(Failure::NotFound(user)) } else { Ok(Vec::new()) }
}

pub(super) fn get_send_as(tenant: &mut Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&["Identity", "Trustee", "ResultSize"])?;
    let (mailbox, _) = found(tenant, parameters.text("Identity"), false)?;
    let row = |trustee: &String| json!({"Identity": mailbox.guid, "Trustee": trustee, "AccessRights": ["SendAs"]});
    Ok(mailbox.send_as.iter().map(row).collect())
}

pub(super) fn remove_send_as(tenant: &mut Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&["Identity", "Trustee", "AccessRights", "Confirm"])?;
    refuse_prompt(parameters)?;
    let trustee = parameters.text("Trustee").to_owned();
    let (mailbox, _) = found(tenant, parameters.text("Identity"), false)?;
    let before = mailbox.send_as.len();
    mailbox.send_as.retain(|own| !own.eq_ignore_ascii_case(&trustee));
    if mailbox.send_as.len() == before { Err(Failure::NotFound(trustee)) } else { Ok(Vec::new()) }
}

fn refuse_prompt(parameters: &Parameters<'_>) -> Result<(), Failure> {
    match parameters.flag("Confirm") {
        Some(false) => Ok(()),
        _ => Err(Failure::WouldPrompt("Are you sure you want to perform this action?".to_owned())),
    }
}

/// A mailbox, and with `mailbox:\folder` the folder.
fn found<'a>(
    tenant: &'a mut Tenant,
    identity: &str,
    of_folder: bool,
) -> Result<(&'a mut Mailbox, Option<String>), Failure> {
    let (name, folder) = match identity.split_once(":\\") {
        Some((name, folder)) if of_folder => (name, Some(folder.to_owned())),
        _ => (identity, None),
    };
    let mailbox = tenant.mailbox_mut(name).ok_or_else(|| Failure::NotFound(name.to_owned()))?;
    Ok((mailbox, folder))
}
