//! The Exchange Online admin API: `InvokeCommand` and the cmdlets that read and change mailboxes.
//!
//! Pure functions over the [`World`]; what a cmdlet changes, a later one shows. Strict where the service is: a parameter
//! that a cmdlet does not have is refused, and so is a change that would ask a question.

mod access;
mod mailboxes;
mod organization;
mod params;
mod permissions;
mod recipients;
mod reply;
mod rules;
mod set_mailbox;
mod sweep;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::reply::Reply;
use crate::world::{Tenant, World};
use params::Params;

use reply::{Failure, Outcome};

/// A row of an answer.
type Row = Map<String, Value>;
/// What carries a cmdlet out.
type Handler = fn(&mut Tenant, &Params) -> Result<Outcome, Failure>;
/// Name, parameters and what carries it out.
type Cmdlet = (&'static str, &'static [&'static str], Handler);

/// Parameters of the cmdlets that change an inbox rule.
const CHANGE_RULE: &[&str] = &["Identity", "Mailbox", "Confirm", "Force", "AlwaysDeleteOutlookRulesBlob"];
/// Parameters of the cmdlets that list recipients.
const LIST: &[&str] = &["Identity", "ResultSize"];

/// All cmdlets there are.
const CMDLETS: &[Cmdlet] = &[
    ("Get-InboxRule", &["Identity", "Mailbox", "IncludeHidden"], rules::get),
    ("Disable-InboxRule", CHANGE_RULE, rules::disable),
    ("Enable-InboxRule", CHANGE_RULE, rules::enable),
    ("Remove-InboxRule", CHANGE_RULE, rules::remove),
    ("Set-InboxRule", rules::SET, rules::set),
    ("Get-SweepRule", &["Identity", "Mailbox", "Provider", "ResultSize"], sweep::get),
    ("Disable-SweepRule", &["Identity", "Mailbox", "Confirm"], sweep::disable),
    ("Enable-SweepRule", &["Identity", "Mailbox", "Confirm"], sweep::enable),
    ("Get-Mailbox", &["Identity", "ResultSize", "Filter"], mailboxes::get),
    ("Set-Mailbox", set_mailbox::SET, set_mailbox::set),
    ("Get-CASMailbox", LIST, access::get),
    ("Set-CASMailbox", access::SET, access::set),
    ("Get-MailboxAutoReplyConfiguration", LIST, mailboxes::auto_reply),
    ("Set-MailboxAutoReplyConfiguration", mailboxes::SET_AUTO_REPLY, mailboxes::set_auto_reply),
    ("Get-AcceptedDomain", LIST, organization::accepted_domains),
    ("Get-OrganizationConfig", &[], organization::organization),
    ("Get-AdminAuditLogConfig", &[], organization::audit_log),
    ("Get-Recipient", LIST, recipients::get),
    ("Get-MailboxPermission", &["Identity", "User", "ResultSize"], permissions::mailbox_permissions),
    ("Remove-MailboxPermission", permissions::REMOVE, permissions::remove_mailbox),
    ("Get-RecipientPermission", &["Identity", "Trustee", "AccessRights", "ResultSize"], permissions::send_as),
    ("Remove-RecipientPermission", &["Identity", "Trustee", "AccessRights", "Confirm"], permissions::remove_send_as),
    ("Get-MailboxFolderPermission", &["Identity", "User", "ResultSize"], permissions::folder),
    ("Set-MailboxFolderPermission", &["Identity", "User", "AccessRights"], permissions::set_folder),
    ("Remove-MailboxFolderPermission", &["Identity", "User", "Confirm"], permissions::remove_folder),
];

/// Answers a POST to `/adminapi/beta/{tenant}/InvokeCommand`. `anchor` is the header `X-AnchorMailbox`; `origin`, as in
/// `https://localhost:1234`, stands before the path of the next page.
pub(crate) fn answer(
    world: &mut World,
    tenant: Uuid,
    origin: &str,
    query: &str,
    anchor: Option<&str>,
    body: &[u8],
) -> Reply {
    let size = world.rows_page.max(1);
    let Some(customer) = world.tenants.get_mut(&tenant) else {
        return Failure::not_found(&tenant.to_string()).reply();
    };
    if !customer.exchange_role {
        return reply::forbidden();
    }
    if anchor.is_none_or(|anchor| anchor.trim().is_empty()) {
        return Failure::bad_request("The request does not name a mailbox to route it by: X-AnchorMailbox.").reply();
    }
    match invoke(customer, body) {
        Ok(outcome) => outcome.reply(tenant, origin, query, size),
        Err(failure) => failure.reply(),
    }
}

/// The name of the cmdlet that a body asks for.
pub(crate) fn cmdlet_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("CmdletInput")?.get("CmdletName")?.as_str().map(str::to_owned)
}

/// The name of the cmdlet that a body asks for, and the names of its parameters in their order: `Get-InboxRule Mailbox`.
pub(crate) fn call_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let input = body.get("CmdletInput")?;
    let parameters = input.get("Parameters").and_then(Value::as_object);
    let mut parameters: Vec<&str> = parameters.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    parameters.sort_unstable();
    let words: Vec<&str> = [input.get("CmdletName")?.as_str()?].into_iter().chain(parameters).collect();
    Some(words.join(" "))
}

fn invoke(tenant: &mut Tenant, body: &[u8]) -> Result<Outcome, Failure> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Failure::bad_request("The body is not JSON."))?;
    let input = body.get("CmdletInput").ok_or_else(|| Failure::bad_request("CmdletInput is missing."))?;
    let name = input.get("CmdletName").and_then(Value::as_str).unwrap_or_default();
    let Some((_, known, run)) = CMDLETS.iter().find(|(own, ..)| own.eq_ignore_ascii_case(name)) else {
        return Err(Failure::ambiguous(&format!("The term '{name}' is not recognized as the name of a cmdlet.")));
    };
    let none = Map::new();
    let given = match input.get("Parameters") {
        Some(Value::Object(given)) => given,
        None => &none,
        Some(_) => return Err(Failure::bad_request("Parameters is not an object.")),
    };
    run(tenant, &Params::new(given, known)?)
}
