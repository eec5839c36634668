//! The password is replaced by a random one that nobody is told, to be changed at the next sign-in.

use super::password;
use crate::remediation::accounts::Account;
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::explain;
use crate::remediation::step::StepReport;

/// The rights to grant if Graph denies access.
const GRANT: &str = "Grant User-PasswordProfile.ReadWrite.All and, in this tenant, the directory role User Administrator (for \
     an administrator's account: Privileged Authentication Administrator).";

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let mut reports = Vec::new();
    for account in &context.compromised {
        reports.push(context.in_time(account, reset(context, account)).await.about(account));
    }
    StepReport::all(reports)
}

async fn reset(context: &RemediationContext<'_>, account: &Account) -> StepReport {
    let name = &account.name;
    if let Some(domain) = federated_domain(context, account).await {
        return StepReport::failed(format!(
            "{name}: {domain} is federated, so its identity provider manages the password. Reset it there."
        ));
    }
    if context.preview {
        return StepReport::planned(format!("{name}: the password would be reset to a random one."));
    }
    let Ok(password) = password::random() else {
        return StepReport::failed(format!("{name}: {}", password::NoRandomness));
    };
    let set = context.app.graph.set_password(context.tenant(), account.key(), &password).await;
    match (account.is_synced(), set) {
        (false, Ok(())) => StepReport::done(format!(
            "{name}: password reset to a random value that nobody knows. Give the user a new one after your review."
        )),
        (false, Err(error)) => StepReport::failed(format!("{name}: {}", explain(&error, GRANT))),
        (true, Ok(())) => {
            StepReport::done(format!("{name}: password reset in the cloud only: reset it on premises now."))
        }
        // No permission would help: an application cannot reset a synchronized password.
        (true, Err(error)) => StepReport::failed(format!(
            "{name}: the account is synchronized from an on-premises directory: reset the password on premises now. ({})",
            explain(&error, "")
        )),
    }
}

/// Returns the domain of the account if it is federated. If that cannot be read, the reset itself fails and says so.
async fn federated_domain(context: &RemediationContext<'_>, account: &Account) -> Option<String> {
    let (_, domain) = account.name.rsplit_once('@')?;
    let domains = context.app.graph.domains(context.tenant()).await.ok()?;
    let federated = domains.iter().find(|known| known.id.eq_ignore_ascii_case(domain))?.is_federated();
    federated.then(|| domain.to_lowercase())
}
