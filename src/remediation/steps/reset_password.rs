//! The password is replaced by a random one that nobody is told, to be changed at the next sign-in.

use super::password;
use crate::remediation::accounts::Account;
use crate::remediation::context::RemediationContext;
use crate::remediation::step::{StepReport, explain};

/// What has to be granted where Graph refuses.
const GRANT: &str = "Grant User-PasswordProfile.ReadWrite.All and, in this tenant, the directory role User Administrator (for \
     an administrator's account: Privileged Authentication Administrator).";

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let mut reports = Vec::new();
    for account in &context.compromised {
        reports.push(context.in_time(account, reset(context, account)).await);
    }
    StepReport::all(reports)
}

async fn reset(context: &RemediationContext<'_>, account: &Account) -> StepReport {
    let name = &account.name;
    if let Some(domain) = federated_domain(context, account).await {
        return StepReport::failed(format!(
            "{name}: {domain} is federated, so the password is kept by its own identity provider: reset it there."
        ));
    }
    if context.preview {
        return StepReport::planned(format!("{name}: the password would be reset to a random one."));
    }
    let Ok(password) = password::random() else {
        return StepReport::failed(format!("{name}: {}", password::NoRandomness));
    };
    let (graph, tenant) = (&context.app.graph, context.tenant());
    if account.is_synced() {
        return match graph.reset_synced_password(tenant, account.key(), &password).await {
            Ok(()) => StepReport::done(format!(
                "{name}: a random password was handed to password writeback; check on premises that it arrived."
            )),
            Err(error) => StepReport::failed(format!(
                "{name}: {} The account comes from an on-premises directory: reset the password there, twice.",
                explain(&error, GRANT)
            )),
        };
    }
    match graph.set_password(tenant, account.key(), &password).await {
        Ok(()) => StepReport::done(format!(
            "{name}: the password is now a random one that nobody knows; give out a new one after the review."
        )),
        Err(error) => StepReport::failed(format!("{name}: {}", explain(&error, GRANT))),
    }
}

/// The domain of the account where it is federated. Where that cannot be asked, the reset itself will tell.
async fn federated_domain(context: &RemediationContext<'_>, account: &Account) -> Option<String> {
    let (_, domain) = account.name.rsplit_once('@')?;
    let domains = context.app.graph.domains(context.tenant()).await.ok()?;
    let federated = domains.iter().find(|known| known.id.eq_ignore_ascii_case(domain))?.is_federated();
    federated.then(|| domain.to_lowercase())
}
