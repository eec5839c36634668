//! Decides which addresses are internal, and which external ones are trusted.

use tokio::sync::Mutex;

use crate::detection::{AcceptedDomains, Knowledge};
use crate::settings::TrustedTarget;
use base::ids::{Domain, MailAddress};

/// The accepted domains of a tenant, the trusted targets, and what was looked up about other targets during the press.
pub struct Boundary {
    pub(super) accepted: AcceptedDomains,
    pub(super) trusted: Vec<TrustedTarget>,
    pub(super) tenant_domain: Domain,
    /// Set when the first target is to be proven.
    pub(super) known: Mutex<Option<Knowledge>>,
}

impl Boundary {
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

/// Returns the address or name within a target.
pub(super) fn inner(target: &str) -> &str {
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
