//! Carries out the cmdlets of inbox rules.

use serde_json::{Value, json};

use super::params::Params;
use super::recipients::{mailbox, mailbox_mut};
use super::reply::{Failure, Outcome};
use crate::world::{Mailbox, Rule, Tenant};

/// Conditions, exceptions and actions with a list or one value; `null` if they are not set.
const NULLABLE: &[&str] = &[
    "BodyContainsWords",
    "CopyToFolder",
    "ExceptIfFrom",
    "ExceptIfSubjectContainsWords",
    "FlaggedForAction",
    "ForwardAsAttachmentTo",
    "ForwardTo",
    "From",
    "FromAddressContainsWords",
    "HeaderContainsWords",
    "MarkImportance",
    "MoveToFolder",
    "RecipientAddressContainsWords",
    "RedirectTo",
    "SendTextMessageNotificationTo",
    "SentTo",
    "SubjectContainsWords",
    "SubjectOrBodyContainsWords",
];

/// Conditions and actions that are on or off.
const SWITCHES: &[&str] =
    &["DeleteMessage", "HasAttachment", "MarkAsRead", "MyNameInToOrCcBox", "SentOnlyToMe", "StopProcessingRules"];

/// Parameters of `Set-InboxRule`.
pub(super) const SET: &[&str] = &[
    "Identity",
    "Mailbox",
    "Confirm",
    "Force",
    "AlwaysDeleteOutlookRulesBlob",
    "Name",
    "BodyContainsWords",
    "CopyToFolder",
    "DeleteMessage",
    "ForwardAsAttachmentTo",
    "ForwardTo",
    "From",
    "FromAddressContainsWords",
    "HasAttachment",
    "HeaderContainsWords",
    "MarkAsRead",
    "MarkImportance",
    "MoveToFolder",
    "RecipientAddressContainsWords",
    "RedirectTo",
    "SentTo",
    "StopProcessingRules",
    "SubjectContainsWords",
    "SubjectOrBodyContainsWords",
];

/// Carries out `Get-InboxRule`.
pub(super) fn get(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let (owner, wanted) = target(tenant, params)?;
    let hidden = params.flag("IncludeHidden")?.unwrap_or(false);
    let owner = mailbox(tenant, &owner)?;
    let rows = |rules: &[(usize, &Rule)]| Outcome::rows(rules.iter().map(|(at, rule)| row(owner, *at, rule)));
    let all: Vec<_> = owner.rules.iter().enumerate().filter(|(_, rule)| hidden || !rule.hidden).collect();
    match wanted {
        None => Ok(rows(&all)),
        Some(name) => {
            let at = find(&owner.rules, &name)?;
            let found: Vec<_> = all.into_iter().filter(|(own, _)| *own == at).collect();
            if found.is_empty() { Err(Failure::not_found(&name)) } else { Ok(rows(&found)) }
        }
    }
}

/// Carries out `Disable-InboxRule`.
pub(super) fn disable(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    change(tenant, params, "Disable-InboxRule", |rules, at| rules[at].enabled = false)
}

/// Carries out `Enable-InboxRule`.
pub(super) fn enable(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    change(tenant, params, "Enable-InboxRule", |rules, at| rules[at].enabled = true)
}

/// Carries out `Remove-InboxRule`.
pub(super) fn remove(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    change(tenant, params, "Remove-InboxRule", |rules, at| {
        rules.remove(at);
    })
}

/// Carries out `Set-InboxRule` for the name and the commoner properties.
pub(super) fn set(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    change(tenant, params, "Set-InboxRule", |rules, at| {
        let rule = &mut rules[at];
        if let Some(name) = params.text("Name") {
            rule.name = name;
        }
        for name in NULLABLE.iter().chain(SWITCHES) {
            match params.get(name) {
                None => {}
                Some(Value::Null) => {
                    rule.properties.remove(*name);
                }
                Some(value) => {
                    rule.properties.insert((*name).to_owned(), value.clone());
                }
            }
        }
    })
}

fn change(
    tenant: &mut Tenant,
    params: &Params,
    cmdlet: &str,
    act: impl FnOnce(&mut Vec<Rule>, usize),
) -> Result<Outcome, Failure> {
    params.required("Identity")?;
    may_change(tenant, cmdlet)?;
    let (owner, wanted) = target(tenant, params)?;
    let owner = mailbox_mut(tenant, &owner)?;
    let at = find(&owner.rules, &wanted.unwrap_or_default())?;
    params.confirmed()?;
    if params.flag("Force")? != Some(true) || params.flag("AlwaysDeleteOutlookRulesBlob")? != Some(true) {
        return Err(Failure::prompt(
            "The inbox rules were created in an old format, or with Outlook: rules that were turned off or that run in \
             Outlook only will be deleted. Are you sure you want to continue?",
        ));
    }
    let name = &owner.rules[at].name;
    if name.starts_with("Delegate Rule ") {
        return Err(Failure::bad_request(&format!("The rule \"{name}\" belongs to a delegate and can't be changed.")));
    }
    act(&mut owner.rules, at);
    owner.client_rules_dropped += 1;
    Ok(Outcome::done())
}

/// Rejects every change in a tenant whose Exchange rejects all of them.
pub(super) fn may_change(tenant: &Tenant, cmdlet: &str) -> Result<(), Failure> {
    if tenant.oddities.rejects_rule_changes { Err(Failure::not_in_role(cmdlet)) } else { Ok(()) }
}

/// Returns the mailbox and the rule that are named: the mailbox in `Mailbox`, or before the backslash in `Identity`.
pub(super) fn target(tenant: &Tenant, params: &Params) -> Result<(String, Option<String>), Failure> {
    let identity = params.text("Identity");
    let parts = identity.as_deref().and_then(|identity| identity.rsplit_once('\\'));
    let owner = params.text("Mailbox");
    if params.unkindness().rejects_mailbox_beside_identity && owner.is_some() && parts.is_some() {
        return Err(Failure::mailbox_named_twice());
    }
    match (owner, parts) {
        (None, None) => params.required("Mailbox").map(|owner| (owner, None)),
        (None, Some((prefix, rule))) => Ok((prefix.to_owned(), Some(rule.to_owned()))),
        (Some(owner), Some((prefix, rule))) => match tenant.mailbox(prefix) {
            Some(named) if mailbox(tenant, &owner)?.guid == named.guid => Ok((owner, Some(rule.to_owned()))),
            Some(_) => Err(Failure::not_found(&format!("{prefix}\\{rule}"))),
            // The name of the rule contains a backslash.
            None => Ok((owner, identity)),
        },
        (Some(owner), None) => Ok((owner, identity)),
    }
}

/// Returns the position of a rule, by id or name.
pub(super) fn find(rules: &[Rule], name: &str) -> Result<usize, Failure> {
    if let Some(at) = rules.iter().position(|rule| rule.id.to_string() == name) {
        return Ok(at);
    }
    let mut named = rules.iter().enumerate().filter(|(_, rule)| rule.name.eq_ignore_ascii_case(name));
    match (named.next(), named.next()) {
        (Some((at, _)), None) => Ok(at),
        (None, _) => Err(Failure::not_found(name)),
        (Some(_), Some(_)) => Err(Failure::bad_request(&format!(
            "The operation couldn't be performed because '{name}' matches multiple entries."
        ))),
    }
}

fn row(owner: &Mailbox, at: usize, rule: &Rule) -> Value {
    let mut row = json!({
        "Description": rule.description,
        "Enabled": rule.enabled,
        "Identity": format!("{}\\{}", owner.object_id, rule.id),
        "InError": false,
        "ErrorType": "None",
        "Name": rule.name,
        "Priority": at + 1,
        "RuleIdentity": rule.id,
        "SupportedByTask": true,
        "MailboxOwnerId": owner.object_id,
        "IsValid": true,
        "ObjectState": "Unchanged",
    });
    for name in NULLABLE {
        row[*name] = Value::Null;
    }
    for name in SWITCHES {
        row[*name] = false.into();
    }
    for (name, value) in &rule.properties {
        let empty = value.as_array().is_some_and(Vec::is_empty);
        row[name.as_str()] = if empty { Value::Null } else { value.clone() };
    }
    row
}
