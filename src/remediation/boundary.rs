//! Decides which addresses are internal, and which external ones are trusted.

use crate::detection::AcceptedDomains;
use crate::settings::TrustedTarget;
use base::ids::{Domain, MailAddress};
use m365::ServiceError;
use m365::exchange;

use super::context::RemediationContext;

/// The accepted domains of a tenant and the trusted targets.
pub struct Boundary {
    accepted: AcceptedDomains,
    trusted: Vec<TrustedTarget>,
    tenant_domain: Domain,
}

impl Boundary {
    /// As judging does: Exchange's accepted domains, else the directory's verified ones.
    pub async fn read(context: &RemediationContext<'_>) -> Result<Self, ServiceError> {
        let accepted = match context.accepted_domains().await {
            Ok(domains) if !domains.is_empty() => AcceptedDomains::of_exchange(&domains),
            Ok(_) => verified_domains(context).await?,
            // The error of Exchange is returned, because access to Exchange has to be granted.
            Err(error) => verified_domains(context).await.map_err(|_| error)?,
        };
        let trusted = context.app.settings.trust.targets.clone();
        Ok(Self { accepted, trusted, tenant_domain: context.finding.domain.clone() })
    }

    /// Returns whether mail to the address stays in the organization.
    pub fn is_inside(&self, address: &MailAddress) -> bool {
        self.accepted.contain(address.domain())
    }

    /// Returns whether the provider trusts the address in this tenant.
    pub fn is_trusted(&self, address: &MailAddress) -> bool {
        let (domain, tenant) = (address.domain(), &self.tenant_domain);
        self.trusted.iter().any(|target| target.covers(domain, Some(address), tenant))
    }
}

async fn verified_domains(context: &RemediationContext<'_>) -> Result<AcceptedDomains, ServiceError> {
    let domains = context.ask_graph("domains", context.app.graph.domains(context.tenant())).await?;
    let verified = domains.iter().filter(|domain| domain.is_verified);
    Ok(AcceptedDomains::of_directory(verified.map(|domain| domain.id.as_str())))
}

/// The recipient that mail to a target reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// One mailbox of the tenant.
    Mailbox(MailAddress),
    /// A contact, or a group whose members nobody has looked at.
    Other(MailAddress),
    /// Nobody whom Exchange knows.
    None,
    /// It could not be looked up.
    Unread,
}

/// The address of a target that names one, in any of Exchange's forms (`"name" [SMTP:a@b]`, `smtp:a@b`, `a@b`). Others name an
/// object of the directory.
pub fn smtp_target(target: &str) -> Option<MailAddress> {
    smtp(inner(target))
}

/// Looks a target up in the directory.
pub async fn look_up(context: &RemediationContext<'_>, target: &str) -> Recipient {
    let identity = match smtp_target(target) {
        Some(address) => address.to_string(),
        None => inner(target).strip_prefix("EX:").unwrap_or(inner(target)).to_owned(),
    };
    let call = context.app.exchange.recipient(context.tenant(), &identity);
    match context.ask_exchange("recipient", call).await {
        Ok(found) => found.as_ref().map_or(Recipient::None, recipient),
        Err(_) => Recipient::Unread,
    }
}

fn recipient(found: &exchange::Recipient) -> Recipient {
    match found.target().and_then(|address| address.parse().ok()) {
        Some(address) if found.is_mailbox() => Recipient::Mailbox(address),
        // A group mailbox is a group: guests may be among its members.
        Some(address) => Recipient::Other(address),
        None => Recipient::None,
    }
}

fn inner(target: &str) -> &str {
    bracket(target).unwrap_or(target).trim()
}

/// Returns the text in the last square brackets.
fn bracket(target: &str) -> Option<&str> {
    let (_, inner) = target.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    Some(inner)
}

fn smtp(text: &str) -> Option<MailAddress> {
    let address = match text.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case("smtp:") => text.get(5..)?,
        _ => text,
    };
    address.parse().ok()
}
