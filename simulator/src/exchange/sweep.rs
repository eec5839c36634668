//! Carries out the cmdlets of sweep rules.

use serde_json::{Value, json};

use super::params::Params;
use super::recipients::{mailbox, mailbox_mut};
use super::reply::{Failure, Outcome};
use super::rules::{find, may_change, target};
use crate::world::{Mailbox, Rule, Tenant};

/// Parameters of the cmdlets that change a sweep rule.
pub(super) const CHANGE: &[&str] = &["Identity", "Mailbox", "Confirm"];

/// Carries out `Get-SweepRule`.
pub(super) fn get(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let (owner, wanted) = target(tenant, params)?;
    let owner = mailbox(tenant, &owner)?;
    let rules = match wanted {
        None => &owner.sweep_rules[..],
        Some(name) => std::slice::from_ref(&owner.sweep_rules[find(&owner.sweep_rules, &name)?]),
    };
    Outcome::rows(rules.iter().map(|rule| row(owner, rule))).limited_by(params)
}

/// Carries out `Disable-SweepRule`.
pub(super) fn disable(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    change(tenant, params, "Disable-SweepRule", |rules, at| rules[at].enabled = false)
}

/// Carries out `Enable-SweepRule`.
pub(super) fn enable(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    change(tenant, params, "Enable-SweepRule", |rules, at| rules[at].enabled = true)
}

/// Carries out `Remove-SweepRule`.
pub(super) fn remove(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    change(tenant, params, "Remove-SweepRule", |rules, at| {
        rules.remove(at);
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
    let at = find(&owner.sweep_rules, &wanted.unwrap_or_default())?;
    params.confirmed()?;
    act(&mut owner.sweep_rules, at);
    Ok(Outcome::done())
}

fn row(owner: &Mailbox, rule: &Rule) -> Value {
    let mut row = json!({
        "Identity": format!("{}\\{}", owner.object_id, rule.id),
        "RuleId": rule.id.to_string(),
        "Name": rule.name,
        "Enabled": rule.enabled,
        "Provider": "Exchange16",
        "MailboxOwnerId": owner.object_id,
        "Description": rule.description,
        "IsValid": true,
        "ObjectState": "Unchanged",
    });
    for (name, value) in &rule.properties {
        row[name.as_str()] = value.clone();
    }
    row
}
