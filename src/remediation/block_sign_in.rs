//! Sign-in is blocked: no new tokens. By itself, never together with the password, for such a request fails as a whole and
//! leaves the account open.

use super::accounts::Account;
use super::case::Case;
use super::step::{StepReport, explain};

/// What has to be granted where Graph refuses.
pub const GRANT: &str = "Grant User.EnableDisableAccount.All; for an administrator's account the app needs the directory role \
     Privileged Authentication Administrator.";

pub async fn run(case: &Case<'_>) -> StepReport {
    let mut reports = Vec::new();
    for account in &case.compromised {
        reports.push(case.in_time(account, block(case, account)).await);
    }
    StepReport::all(reports)
}

async fn block(case: &Case<'_>, account: &Account) -> StepReport {
    let name = &account.name;
    let on_premises = match account.is_synced() {
        true => " The account comes from an on-premises directory: disable it on premises too.",
        false => "",
    };
    if account.user.as_ref().is_some_and(|user| user.account_enabled == Some(false)) {
        return StepReport::already(format!("{name}: sign-in was blocked already.{on_premises}"));
    }
    if case.preview {
        return StepReport::planned(format!("{name}: sign-in would be blocked.{on_premises}"));
    }
    match case.app.graph.set_account_enabled(case.tenant(), account.key(), false).await {
        Ok(()) => StepReport::done(format!("{name}: sign-in is blocked.{on_premises}")),
        Err(error) => StepReport::failed(format!("{name}: {}{on_premises}", explain(&error, GRANT))),
    }
}
