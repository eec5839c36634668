//! Serves the Exchange Online admin API: `InvokeCommand` and the cmdlets that read and change mailboxes.
//!
//! Cmdlets are pure functions over the [`World`], so a later cmdlet sees the effect of an earlier one. They are as strict
//! as the service: an unknown parameter is rejected, and so is a change that would ask for confirmation.

mod access;
mod anchor;
mod call;
mod groups;
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

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::entra::Token;
use crate::reply::Reply;
use crate::world::applications::{EXCHANGE_ADMINISTRATOR, GLOBAL_ADMINISTRATOR};
use crate::world::{ExchangeDenial, Tenant, Unkindness, World};
use anchor::Anchor;
use params::Params;
use reply::{Failure, Outcome};

pub(crate) use call::{about_other_mailbox, call_of, cmdlet_of, mailbox_of};

/// A row of an answer.
type Row = Map<String, Value>;
/// The function that carries a cmdlet out.
type Handler = fn(&mut Tenant, &Params) -> Result<Outcome, Failure>;

/// A cmdlet.
struct Cmdlet {
    name: &'static str,
    parameters: &'static [&'static str],
    run: Handler,
    /// `true` if only the server that holds the mailbox can carry it out.
    needs_mailbox_server: bool,
}

/// Describes a cmdlet that reads or changes the contents or settings of a mailbox.
const fn on_mailbox(name: &'static str, parameters: &'static [&'static str], run: Handler) -> Cmdlet {
    Cmdlet { name, parameters, run, needs_mailbox_server: true }
}

/// Describes a cmdlet that every server can carry out.
const fn anywhere(name: &'static str, parameters: &'static [&'static str], run: Handler) -> Cmdlet {
    Cmdlet { name, parameters, run, needs_mailbox_server: false }
}

/// Parameters of the cmdlets that change an inbox rule.
const CHANGE_RULE: &[&str] = &["Identity", "Mailbox", "Confirm", "Force", "AlwaysDeleteOutlookRulesBlob"];
/// Parameters of the cmdlets that list recipients.
const LIST: &[&str] = &["Identity", "ResultSize"];

/// All cmdlets that are simulated.
const CMDLETS: &[Cmdlet] = &[
    on_mailbox("Get-InboxRule", &["Identity", "Mailbox", "IncludeHidden"], rules::get),
    on_mailbox("Disable-InboxRule", CHANGE_RULE, rules::disable),
    on_mailbox("Enable-InboxRule", CHANGE_RULE, rules::enable),
    on_mailbox("Remove-InboxRule", CHANGE_RULE, rules::remove),
    on_mailbox("Set-InboxRule", rules::SET, rules::set),
    on_mailbox("Get-SweepRule", &["Identity", "Mailbox", "Provider", "ResultSize"], sweep::get),
    on_mailbox("Disable-SweepRule", sweep::CHANGE, sweep::disable),
    on_mailbox("Enable-SweepRule", sweep::CHANGE, sweep::enable),
    on_mailbox("Remove-SweepRule", sweep::CHANGE, sweep::remove),
    anywhere("Get-Mailbox", &["Identity", "ResultSize", "Filter"], mailboxes::get),
    on_mailbox("Set-Mailbox", set_mailbox::SET, set_mailbox::set),
    anywhere("Get-CASMailbox", LIST, access::get),
    on_mailbox("Set-CASMailbox", access::SET, access::set),
    on_mailbox("Get-MailboxAutoReplyConfiguration", LIST, mailboxes::auto_reply),
    on_mailbox("Set-MailboxAutoReplyConfiguration", mailboxes::SET_AUTO_REPLY, mailboxes::set_auto_reply),
    anywhere("Get-AcceptedDomain", LIST, organization::accepted_domains),
    anywhere("Get-OrganizationConfig", &[], organization::organization),
    anywhere("Set-OrganizationConfig", &["AuditDisabled", "Confirm"], organization::set_organization),
    anywhere("Enable-OrganizationCustomization", &["Confirm"], organization::enable_customization),
    anywhere("Get-AdminAuditLogConfig", &[], organization::audit_log),
    anywhere("Set-AdminAuditLogConfig", organization::SET_AUDIT_LOG, organization::set_audit_log),
    anywhere("Get-Recipient", LIST, recipients::get),
    anywhere("Get-DistributionGroupMember", LIST, groups::distribution_members),
    anywhere("Get-DynamicDistributionGroupMember", LIST, groups::dynamic_members),
    anywhere("Get-UnifiedGroupLinks", &["Identity", "LinkType", "ResultSize"], groups::unified_links),
    on_mailbox("Get-MailboxPermission", &["Identity", "User", "ResultSize"], permissions::mailbox_permissions),
    on_mailbox("Remove-MailboxPermission", permissions::REMOVE, permissions::remove_mailbox),
    anywhere("Get-RecipientPermission", &["Identity", "Trustee", "AccessRights", "ResultSize"], permissions::send_as),
    anywhere(
        "Remove-RecipientPermission",
        &["Identity", "Trustee", "AccessRights", "Confirm"],
        permissions::remove_send_as,
    ),
    on_mailbox("Get-MailboxFolderPermission", &["Identity", "User", "ResultSize"], permissions::folder),
    on_mailbox("Set-MailboxFolderPermission", &["Identity", "User", "AccessRights"], permissions::set_folder),
    on_mailbox("Remove-MailboxFolderPermission", &["Identity", "User", "Confirm"], permissions::remove_folder),
];

/// A request to `/adminapi/beta/{tenant}/InvokeCommand`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) now: DateTime<Utc>,
    /// `https://localhost:1234`, which stands before the path of the next page.
    pub(crate) origin: &'a str,
    pub(crate) query: &'a str,
    /// The header `X-AnchorMailbox`.
    pub(crate) anchor: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// Answers a call in the tenant of the token.
pub(crate) fn answer(world: &mut World, token: &Token, call: &Call<'_>) -> Reply {
    let size = world.rows_page.max(1);
    let unkindness = world.unkindness;
    let Some(tenant) = world.tenants.get_mut(&token.tenant) else {
        return Failure::not_found(&token.tenant.to_string()).reply();
    };
    let is_admitted = match token.technician {
        Some(_) => tenant.technician.administers_exchange(),
        None => tenant.exchange_role && token.rights.exchange && role_has_effect(tenant, call.now, &unkindness),
    };
    if !is_admitted {
        return denied(tenant, call.body);
    }
    let Some(anchor) = call.anchor.map(str::trim).filter(|anchor| !anchor.is_empty()) else {
        return Failure::bad_request("The request does not name a mailbox to route it by: X-AnchorMailbox.").reply();
    };
    let outcome = Input::read(call.body).and_then(|input| {
        let params = Params::new(&input.parameters, input.cmdlet.parameters, call.now, unkindness)?;
        if input.cmdlet.needs_mailbox_server {
            Anchor::read(anchor).check(tenant, input.parameters.get("Mailbox"), input.parameters.get("Identity"))?;
        }
        (input.cmdlet.run)(tenant, &params)
    });
    match outcome {
        Ok(outcome) => outcome.reply(tenant.id, call.origin, call.query, size),
        Err(failure) => failure.reply(),
    }
}

/// Returns whether a directory role for Exchange was assigned long enough ago.
fn role_has_effect(tenant: &Tenant, now: DateTime<Utc>, unkindness: &Unkindness) -> bool {
    let is_of_exchange = |role: &Uuid| [EXCHANGE_ADMINISTRATOR, GLOBAL_ADMINISTRATOR].contains(role);
    let mut held = tenant.directory.roles.iter().filter(|(role, _)| is_of_exchange(role)).peekable();
    held.peek().is_none() || held.any(|(_, since)| *since + unkindness.exchange_role_delay <= now)
}

fn denied(tenant: &Tenant, body: &[u8]) -> Reply {
    match tenant.oddities.denial {
        ExchangeDenial::Forbidden => reply::forbidden(),
        ExchangeDenial::Unauthorized => reply::unauthorized(&cmdlet_of(body).unwrap_or_default()),
    }
}

/// The cmdlet that a body asks for.
struct Input {
    cmdlet: &'static Cmdlet,
    parameters: Map<String, Value>,
}

impl Input {
    fn read(body: &[u8]) -> Result<Self, Failure> {
        let body: Value = serde_json::from_slice(body).map_err(|_| Failure::bad_request("The body is not JSON."))?;
        let input = body.get("CmdletInput").ok_or_else(|| Failure::bad_request("CmdletInput is missing."))?;
        let name = input.get("CmdletName").and_then(Value::as_str).unwrap_or_default();
        let cmdlet = CMDLETS.iter().find(|cmdlet| cmdlet.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            Failure::ambiguous(&format!("The term '{name}' is not recognized as the name of a cmdlet."))
        })?;
        match input.get("Parameters") {
            Some(Value::Object(given)) => Ok(Self { cmdlet, parameters: given.clone() }),
            None => Ok(Self { cmdlet, parameters: Map::new() }),
            Some(_) => Err(Failure::bad_request("Parameters is not an object.")),
        }
    }
}
