//! Every session ends. Taken twice: before the password is reset, and after it for whoever signed in between.

use super::accounts::Account;
use super::case::Case;
use super::step::{StepReport, explain};

const GRANT: &str = "Grant User.RevokeSessions.All.";

pub async fn run(case: &Case<'_>) -> StepReport {
    let mut reports = Vec::new();
    for account in &case.compromised {
        reports.push(case.in_time(account, revoke(case, account)).await);
    }
    StepReport::all(reports)
}

async fn revoke(case: &Case<'_>, account: &Account) -> StepReport {
    let name = &account.name;
    if case.preview {
        return StepReport::planned(format!("{name}: all sessions would be revoked."));
    }
    match case.app.graph.revoke_sessions(case.tenant(), account.key()).await {
        Ok(()) => {
            StepReport::done(format!("{name}: all sessions are revoked; access tokens live on for up to an hour."))
        }
        Err(error) => StepReport::failed(format!("{name}: {}", explain(&error, GRANT))),
    }
}
