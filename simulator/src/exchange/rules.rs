//! Inbox rules and sweep rules.

use serde_json::{Value, json};

use super::{Failure, Outcome, Parameters};
use crate::world::{Mailbox, Rule, Tenant};

/// What `Get-InboxRule` names even where a rule has nothing of the kind.
const EMPTY: [&str; 8] = [
    "From",
    "SubjectContainsWords",
    "SubjectOrBodyContainsWords",
    "BodyContainsWords",
    "ForwardTo",
    "ForwardAsAttachmentTo",
    "RedirectTo",
    "MoveToFolder",
];

pub(super) fn get(tenant: &Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&["Mailbox", "Identity", "IncludeHidden"])?;
    let mailbox = mailbox(tenant, parameters)?;
    let hidden_too = parameters.flag("IncludeHidden") == Some(true);
    Ok(mailbox.rules.iter().filter(|rule| hidden_too || !rule.hidden).map(|rule| row(mailbox, rule)).collect())
}

pub(super) fn switch(tenant: &mut Tenant, parameters: &Parameters<'_>, enabled: bool) -> Outcome {
    parameters.only(&["Mailbox", "Identity", "Confirm", "Force", "AlwaysDeleteOutlookRulesBlob"])?;
    refuse_prompt(parameters)?;
    let mailbox = mailbox_mut(tenant, parameters)?;
    let at = position(mailbox, &mailbox.rules, parameters.text("Identity"))?;
    if !enabled && mailbox.rules[at].name.starts_with("Delegate Rule ") {
        return Err(Failure::Refused("The delegate rule can't be disabled; remove the delegate instead.".to_owned()));
    }
    mailbox.rules[at].enabled = enabled;
    mailbox.client_rules_dropped += 1;
    Ok(Vec::new())
}

pub(super) fn remove(tenant: &mut Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&["Mailbox", "Identity", "Confirm", "Force", "AlwaysDeleteOutlookRulesBlob"])?;
    refuse_prompt(parameters)?;
    let mailbox = mailbox_mut(tenant, parameters)?;
    let at = position(mailbox, &mailbox.rules, parameters.text("Identity"))?;
    mailbox.rules.remove(at);
    mailbox.client_rules_dropped += 1;
    Ok(Vec::new())
}

pub(super) fn get_sweep(tenant: &Tenant, parameters: &Parameters<'_>) -> Outcome {
    parameters.only(&["Mailbox", "Identity"])?;
    let mailbox = mailbox(tenant, parameters)?;
    Ok(mailbox.sweep_rules.iter().map(|rule| sweep_row(mailbox, rule)).collect())
}

pub(super) fn switch_sweep(tenant: &mut Tenant, parameters: &Parameters<'_>, enabled: bool) -> Outcome {
    parameters.only(&["Mailbox", "Identity", "Confirm"])?;
    let mailbox = mailbox_mut(tenant, parameters)?;
    let at = position(mailbox, &mailbox.sweep_rules, parameters.text("Identity"))?;
    mailbox.sweep_rules[at].enabled = enabled;
    Ok(Vec::new())
}

fn refuse_prompt(parameters: &Parameters<'_>) -> Result<(), Failure> {
    if parameters.flag("Confirm") != Some(false) {
        return Err(Failure::WouldPrompt("Are you sure you want to perform this action?".to_owned()));
    }
    let is_forced =
        parameters.flag("Force") == Some(true) || parameters.flag("AlwaysDeleteOutlookRulesBlob") == Some(true);
    if is_forced { Ok(()) } else { Err(Failure::WouldPrompt("Client-side rules will be removed.".to_owned())) }
}

fn mailbox<'a>(tenant: &'a Tenant, parameters: &Parameters<'_>) -> Result<&'a Mailbox, Failure> {
    let name = parameters.text("Mailbox");
    tenant.mailbox(name).ok_or_else(|| Failure::NotFound(name.to_owned()))
}

fn mailbox_mut<'a>(tenant: &'a mut Tenant, parameters: &Parameters<'_>) -> Result<&'a mut Mailbox, Failure> {
    let name = parameters.text("Mailbox");
    tenant.mailbox_mut(name).ok_or_else(|| Failure::NotFound(name.to_owned()))
}

/// A rule by `<mailbox>\<id>`, by its id, or by its name.
fn position(mailbox: &Mailbox, rules: &[Rule], identity: &str) -> Result<usize, Failure> {
    let last = identity.split_once('\\').map_or(identity, |(_, last)| last);
    let by_id = rules.iter().position(|rule| rule.id.to_string() == last);
    let by_name = || rules.iter().position(|rule| rule.name == last);
    by_id.or_else(by_name).ok_or_else(|| Failure::NotFound(format!("{}\\{last}", mailbox.guid)))
}

fn row(mailbox: &Mailbox, rule: &Rule) -> Value {
    let mut row = json!({
        "Description": rule.description,
        "Enabled": rule.enabled,
        "Identity": format!("{}\\{}", mailbox.guid, rule.id),
        "ErrorType": "None",
        "Name": rule.name,
        "Priority": 1,
        "Priority@data.type": "System.Int32",
        "RuleIdentity": rule.id,
        "RuleIdentity@data.type": "System.UInt64",
        "SupportedByTask": true,
        "MailboxOwnerId": mailbox.guid,
        "IsValid": true,
        "ObjectState": "Unchanged",
    });
    for name in EMPTY {
        row[name] = Value::Null;
    }
    for (name, value) in &rule.properties {
        row[name] = value.clone();
    }
    row
}

fn sweep_row(mailbox: &Mailbox, rule: &Rule) -> Value {
    let mut row = json!({
        "RuleId": rule.id.to_string(),
        "Identity": format!("{}\\{}", mailbox.guid, rule.id),
        "Name": rule.name,
        "Enabled": rule.enabled,
        "Mailbox": mailbox.guid,
    });
    for (name, value) in &rule.properties {
        row[name] = value.clone();
    }
    row
}
