//! Every session ends. Taken twice: before the password is reset, and after it for whoever signed in between.

use crate::remediation::accounts::Account;
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::explain;
use crate::remediation::step::StepReport;

const GRANT: &str = "Grant User.RevokeSessions.All.";

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let mut reports = Vec::new();
    for account in &context.compromised {
        reports.push(context.in_time(account, revoke(context, account)).await.about(account));
    }
    StepReport::all(reports)
}

async fn revoke(context: &RemediationContext<'_>, account: &Account) -> StepReport {
    let name = &account.name;
    if context.preview {
        return StepReport::planned(format!("{name}: all sessions would be revoked."));
    }
    match context.app.graph.revoke_sessions(context.tenant(), account.key()).await {
        Ok(()) => {
            StepReport::done(format!("{name}: all sessions revoked. Access tokens remain valid for up to an hour."))
        }
        Err(error) => StepReport::failed(format!("{name}: {}", explain(&error, GRANT))),
    }
}
