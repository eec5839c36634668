//! A second read: what a call answered proves nothing, what is there now does.

use std::time::Duration;

use m365::exchange::{Forwarding, is_not_found};

use super::rules::Rule;
use super::{clear_forwarding, disable_client_access, disable_inbox_rules, rules};
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::{EXCHANGE_GRANT, USER_READ_GRANT, explain};
use crate::remediation::step::StepReport;
use crate::remediation::{Outcome, Step, StepName};

/// The time limit for reading the sign-in state.
const VERIFY_READ_TIMEOUT: Duration = Duration::from_secs(12);

/// The result of the verification of one step.
enum Reread {
    /// It holds, in these words.
    Holds(String),
    /// It does not.
    DoesNotHold(String),
    /// It could not be read.
    Unread(String),
}

/// The result of the verification of all steps.
pub struct Reading {
    /// In words.
    pub report: StepReport,
    /// True if a change is seen not to be in effect. A state that could not be read counts as neither.
    pub is_broken: bool,
}

/// Reads back sign-in, forwarding, rules and client access, and notes at each step what was found. A step that did not hold
/// becomes `Failed`, whatever its call answered.
pub async fn run(context: &RemediationContext<'_>, steps: &mut [Step]) -> Reading {
    let mut faults = Vec::new();
    let mut is_broken = false;
    for step in steps.iter_mut() {
        let found = match step.step {
            StepName::BlockSignIn => {
                let read = context.within(VERIFY_READ_TIMEOUT, sign_in(context)).await;
                read.unwrap_or_else(|| Reread::Unread(format!("no answer within {} s", VERIFY_READ_TIMEOUT.as_secs())))
            }
            _ if !context.accounts.has_mailbox => continue,
            StepName::ClearForwarding => forwarding(context).await,
            StepName::DisableInboxRules => inbox_rules(context, step).await,
            StepName::DisableClientAccess => client_access(context).await,
            _ => continue,
        };
        is_broken |= matches!(found, Reread::DoesNotHold(_));
        let fault = note(step, found);
        faults.extend(fault.map(|fault| format!("{:?}: {fault}", step.step)));
    }
    let report = match faults.is_empty() {
        true => StepReport::done("every change is in effect."),
        false => StepReport::failed(faults.join("; ")),
    };
    Reading { report, is_broken }
}

fn note(step: &mut Step, found: Reread) -> Option<String> {
    match found {
        Reread::Holds(text) => {
            step.verified = text;
            None
        }
        Reread::DoesNotHold(text) => {
            // A step that time cut short says so itself; the next press goes on with it.
            if step.outcome != Outcome::Planned {
                step.outcome = Outcome::Failed;
            }
            step.verified.clone_from(&text);
            Some(text)
        }
        Reread::Unread(text) => {
            step.verified = format!("could not be verified: {text}");
            Some(step.verified.clone())
        }
    }
}

async fn sign_in(context: &RemediationContext<'_>) -> Reread {
    let mut texts = Vec::new();
    for account in &context.compromised {
        let name = &account.name;
        match context.app.graph.user(context.tenant(), account.key()).await {
            Ok(Some(user)) if user.account_enabled == Some(false) => texts.push(format!("{name}: sign-in is blocked")),
            Ok(Some(_)) => return Reread::DoesNotHold(format!("{name}: sign-in is still allowed")),
            Ok(None) => return Reread::Unread(format!("{name}: there is no such user")),
            Err(error) => return Reread::Unread(format!("{name}: {}", explain(&error, USER_READ_GRANT))),
        }
    }
    Reread::Holds(texts.join("; "))
}

async fn forwarding(context: &RemediationContext<'_>) -> Reread {
    match clear_forwarding::read(context).await {
        Ok(None) => Reread::Holds("there is no mailbox".to_owned()),
        Ok(Some(forwarding)) if forwarding == Forwarding::default() => {
            Reread::Holds("the mailbox does not forward".to_owned())
        }
        Ok(Some(_)) => Reread::DoesNotHold("the mailbox still forwards".to_owned()),
        Err(error) => Reread::Unread(explain(&error, EXCHANGE_GRANT)),
    }
}

/// A rule that the step has left enabled, because Exchange refuses to disable it, is no surprise.
async fn inbox_rules(context: &RemediationContext<'_>, step: &Step) -> Reread {
    let rules = match rules::read(context).await {
        Ok(rules) => rules,
        Err(error) if is_not_found(&error) => return Reread::Holds("there is no mailbox".to_owned()),
        Err(error) => return Reread::Unread(explain(&error, EXCHANGE_GRANT)),
    };
    let meant = disable_inbox_rules::meant(context, &rules);
    let is_all_there_was = context.only_offending && !meant.is_empty();
    let on: Vec<&Rule> = meant.into_iter().filter(|rule| rule.is_to_be_disabled()).collect();
    let is_left = |rule: &&Rule| rule.is_for_delegate() && step.leaves(&rule.id);
    let (left, on): (Vec<&Rule>, Vec<&Rule>) = on.into_iter().partition(is_left);
    let (unproven, on): (Vec<&Rule>, Vec<&Rule>) = on.into_iter().partition(|rule| rule.is_unproven());
    if !on.is_empty() {
        return Reread::DoesNotHold(format!("still enabled: {}", disable_inbox_rules::names(&on)));
    }
    if !unproven.is_empty() {
        let names = disable_inbox_rules::names(&unproven);
        return Reread::Unread(format!("enabled, and their recipients cannot be determined: {names}"));
    }
    match rules.unread().filter(|_| !is_all_there_was) {
        Some(unread) => Reread::Unread(unread),
        None if context.only_offending => Reread::Holds("the rule is not enabled".to_owned()),
        None if left.is_empty() => Reread::Holds("no rule is enabled".to_owned()),
        None => Reread::Holds(format!(
            "no rule is enabled except those that cannot be disabled: {}",
            disable_inbox_rules::names(&left)
        )),
    }
}

async fn client_access(context: &RemediationContext<'_>) -> Reread {
    match disable_client_access::read(context).await {
        Ok(None) => Reread::Holds("there is no mailbox".to_owned()),
        Ok(Some(switches)) => match switches.open().as_slice() {
            [] => Reread::Holds("all client access is disabled".to_owned()),
            open => Reread::DoesNotHold(format!("still enabled: {}", disable_client_access::names(open))),
        },
        Err(error) => Reread::Unread(explain(&error, EXCHANGE_GRANT)),
    }
}
