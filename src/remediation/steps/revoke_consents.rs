//! Applications that the user let into the mail within 30 days lose their grant. Graph does not say when a grant was given, so
//! the stored `Consent` findings do; grants that none of them shows are listed for review.

use chrono::TimeDelta;

use crate::detection::FindingKind;
use crate::tables::ProcessedRow;
use m365::graph::PermissionGrant;

use crate::remediation::accounts::Account;
use crate::remediation::context::RemediationContext;
use crate::remediation::findings::{self, Findings};
use crate::remediation::grants::explain;
use crate::remediation::step::{StepReport, quoted};

const RECENT: TimeDelta = TimeDelta::days(30);

/// The most consents of one account whose records are read, the newest first.
const CONSENTS_READ: usize = 50;

const GRANT: &str = "Grant DelegatedPermissionGrant.ReadWrite.All.";

/// Beginnings of the scopes that open a mailbox, in lower case
/// (<https://learn.microsoft.com/graph/permissions-reference>).
const MAIL_SCOPES: &[&str] = &[
    "mail.",
    "mailboxsettings.",
    "mailboxitem.",
    "mailboxfolder.",
    "ews.",
    "imap.",
    "pop.",
    "smtp.",
    "full_access_as_user",
];

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let findings = match context.findings().await {
        Ok(findings) => findings,
        Err(error) => return StepReport::failed(format!("Findings cannot be read: {error}")),
    };
    let mut reports = Vec::new();
    for account in &context.compromised {
        reports.push(context.in_time(account, revoke_all(context, account, findings)).await.about(account));
    }
    StepReport::all(reports)
}

async fn revoke_all(context: &RemediationContext<'_>, account: &Account, findings: &Findings) -> StepReport {
    let name = &account.name;
    let grants = match context.app.graph.permission_grants(context.tenant(), account.key()).await {
        Ok(grants) => grants,
        Err(error) => return StepReport::failed(format!("{name}: {}", explain(&error, GRANT))),
    };
    let since = context.app.clock.now() - RECENT;
    let recent = findings
        .rows
        .iter()
        .filter(|row| row.kind == FindingKind::Consent && row.event_time >= since && account.has_name(&row.actor));
    let mut consents = Vec::new();
    for finding in recent.rev().take(CONSENTS_READ) {
        match findings::whole(context.app, finding).await {
            Ok(consent) => consents.push(consent),
            Err(error) => return StepReport::failed(format!("{name}: findings cannot be read: {error}")),
        }
    }
    let mut reports = Vec::new();
    for grant in grants.iter().filter(|grant| grant.consent_type != "AllPrincipals" && opens_mail(grant)) {
        let is_recent = consents.iter().any(|consent| shows(consent, grant));
        reports.push(match is_recent {
            true => revoke(context, account, grant).await,
            false if !findings.is_complete => StepReport::failed(format!(
                "{name}: more findings are stored than one request reads, so it is not known whether this is recent. Review it \
                 manually: {}.",
                shown(grant)
            )),
            false => StepReport::skipped(format!(
                "{name}: left for review, because no finding shows that it is recent: {}.",
                shown(grant)
            )),
        });
    }
    match reports.is_empty() {
        true => StepReport::skipped(format!("{name}: no application has access to the mail by consent of this user.")),
        false => StepReport::all(reports),
    }
}

async fn revoke(context: &RemediationContext<'_>, account: &Account, grant: &PermissionGrant) -> StepReport {
    let (name, shown) = (&account.name, shown(grant));
    if context.preview {
        return StepReport::planned(format!("{name}: would be revoked: {shown}."));
    }
    if !context.may_go_on().await {
        return StepReport::planned("Time ran out. Run the remediation again to continue.");
    }
    match context.app.graph.delete_permission_grant(context.tenant(), &grant.id).await {
        Ok(()) => StepReport::done(format!("{name}: revoked: {shown}.")),
        Err(error) => StepReport::failed(format!("{name}: {shown}: {}", explain(&error, GRANT))),
    }
}

fn opens_mail(grant: &PermissionGrant) -> bool {
    grant.scope.split_whitespace().map(str::to_lowercase).any(|scope| MAIL_SCOPES.iter().any(|s| scope.starts_with(s)))
}

/// A consent's record names the service principal that was let in by its object id.
fn shows(consent: &ProcessedRow, grant: &PermissionGrant) -> bool {
    uuid::Uuid::try_parse(&grant.client_id).is_ok()
        && consent.record.to_lowercase().contains(&grant.client_id.to_lowercase())
}

fn shown(grant: &PermissionGrant) -> String {
    format!("application {} with {}", grant.client_id, quoted(&grant.scope))
}
