//! Sign-in is blocked: no new tokens. By itself, never together with the password, for such a request fails as a whole and
//! leaves the account open.

use std::time::Duration;

use m365::graph::User;

use crate::remediation::accounts::Account;
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::explain;
use crate::remediation::snapshot::Snapshot;
use crate::remediation::step::StepReport;

/// The rights to grant if Graph denies access.
pub const GRANT: &str = "Grant User.EnableDisableAccount.All; for an administrator's account the app needs the directory role \
     Privileged Authentication Administrator.";

/// The time limit for reading the previous state, if it is not known yet. Blocking comes first.
const ACCOUNT_READ_TIMEOUT: Duration = Duration::from_secs(5);

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let mut reports = Vec::new();
    for account in &context.compromised {
        reports.push(context.in_time(account, block(context, account)).await.about(account));
    }
    StepReport::all(reports)
}

async fn block(context: &RemediationContext<'_>, account: &Account) -> StepReport {
    let name = &account.name;
    let user = state(context, account).await;
    let on_premises = match account.is_synced() {
        true => " The account comes from an on-premises directory: disable it on premises too.",
        false => "",
    };
    if user.account_enabled == Some(false) {
        return StepReport::already(format!("{name}: sign-in was blocked already.{on_premises}"));
    }
    if context.preview {
        return StepReport::planned(format!("{name}: sign-in would be blocked.{on_premises}"));
    }
    context.keep(Snapshot { users: vec![user], ..Snapshot::at(context.app.clock.now()) }).await;
    match context.app.graph.set_account_enabled(context.tenant(), account.key(), false).await {
        Ok(()) => StepReport::done(format!("{name}: sign-in is blocked.{on_premises}")),
        Err(error) => StepReport::failed(format!("{name}: {}{on_premises}", explain(&error, GRANT))),
    }
}

/// The account as it is before it is blocked; with nothing said of its state where Graph does not tell.
async fn state(context: &RemediationContext<'_>, account: &Account) -> User {
    if let Some(user) = &account.user {
        return user.clone();
    }
    let read = context.within(ACCOUNT_READ_TIMEOUT, context.app.graph.user(context.tenant(), account.key())).await;
    read.and_then(Result::ok).flatten().unwrap_or_else(|| User {
        id: account.key().to_owned(),
        user_principal_name: account.name.clone(),
        account_enabled: None,
        on_premises_sync_enabled: None,
        mail: None,
        proxy_addresses: Vec::new(),
        user_type: None,
    })
}
