//! Ways to sign in that were added within 30 days are listed: an attacker who registered one comes back after the reset. They
//! are removed only where `REMOVE_SIGNIN_METHODS` says so, for the owner loses them as well.

use chrono::TimeDelta;

use m365::graph::SignInMethod;

use crate::remediation::accounts::Account;
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::explain;
use crate::remediation::step::{StepReport, quoted};

const RECENT: TimeDelta = TimeDelta::days(30);

const GRANT: &str = "Grant UserAuthenticationMethod.ReadWrite.All.";

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let mut reports = Vec::new();
    for account in &context.compromised {
        reports.push(context.in_time(account, review(context, account)).await.about(account));
    }
    StepReport::all(reports)
}

async fn review(context: &RemediationContext<'_>, account: &Account) -> StepReport {
    let name = &account.name;
    let methods = match context.app.graph.sign_in_methods(context.tenant(), account.key()).await {
        Ok(methods) => methods,
        Err(error) => return StepReport::failed(format!("{name}: {}", explain(&error, GRANT))),
    };
    // The password is no method of its own: it is reset.
    let methods: Vec<&SignInMethod> = methods.iter().filter(|m| m.kind != "passwordAuthenticationMethod").collect();
    let since = context.app.clock.now() - RECENT;
    let recent: Vec<&SignInMethod> =
        methods.iter().copied().filter(|method| method.created.is_some_and(|created| created >= since)).collect();
    let undated = methods.iter().filter(|method| method.created.is_none()).count();
    let undated = if undated == 0 { String::new() } else { format!(" {undated} more do not say when: review them.") };
    if recent.is_empty() {
        return StepReport::skipped(format!(
            "{name}: Graph shows no sign-in method that was added within 30 days.{undated}"
        ));
    }
    let shown: Vec<String> = recent.iter().map(|method| format!("{} {}", method.kind, quoted(&method.label))).collect();
    let shown = shown.join(", ");
    match (context.app.settings.actions.remove_signin_methods, context.preview) {
        (false, false) => StepReport::done(format!("{name}: review what was added within 30 days: {shown}.{undated}")),
        (false, true) => StepReport::planned(format!("{name}: would be listed for review: {shown}.{undated}")),
        (true, true) => StepReport::planned(format!("{name}: would be removed: {shown}.{undated}")),
        (true, false) => remove(context, account, &recent, &undated).await,
    }
}

async fn remove(
    context: &RemediationContext<'_>,
    account: &Account,
    methods: &[&SignInMethod],
    undated: &str,
) -> StepReport {
    let mut reports = Vec::new();
    for method in methods {
        if !context.may_go_on().await {
            reports.push(StepReport::planned("Time ran out. Run the remediation again to continue."));
            break;
        }
        let shown = format!("{}: {} {}", account.name, method.kind, quoted(&method.label));
        reports.push(match context.app.graph.delete_sign_in_method(context.tenant(), account.key(), method).await {
            Ok(()) => StepReport::done(format!("{shown} is removed.{undated}")),
            Err(error) => StepReport::failed(format!("{shown}: {}", explain(&error, GRANT))),
        });
    }
    StepReport::all(reports)
}
