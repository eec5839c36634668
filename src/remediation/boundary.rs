//! Which addresses are inside the organization, and which outside ones are trusted.

use serde_json::json;

use crate::detection::AcceptedDomains;
use crate::microsoft::ServiceError;
use crate::microsoft::exchange::Row;
use crate::names::{Domain, MailAddress};
use crate::settings::TrustedTarget;

use super::case::Case;

/// The accepted domains of a tenant and the trusted targets.
pub struct Boundary {
    accepted: AcceptedDomains,
    trusted: Vec<TrustedTarget>,
    tenant_domain: Domain,
}

impl Boundary {
    pub async fn read(case: &Case<'_>) -> Result<Self, ServiceError> {
        let mut accepted = AcceptedDomains::default();
        for row in case.on_organization("Get-AcceptedDomain", json!({})).await? {
            let Some(Ok(domain)) = row.get("DomainName").and_then(|name| name.as_str()).map(str::parse::<Domain>)
            else {
                continue;
            };
            match is_true(&row, "MatchSubDomains") {
                true => accepted.with_sub_domains.insert(domain),
                false => accepted.exact.insert(domain),
            };
        }
        let trusted = case.app.settings.trust.targets.clone();
        Ok(Self { accepted, trusted, tenant_domain: case.finding.domain.clone() })
    }

    /// Whether mail to the address stays inside.
    pub fn is_inside(&self, address: &MailAddress) -> bool {
        self.accepted.contain(address.domain())
    }

    /// Whether the provider trusts the address in this tenant.
    pub fn is_trusted(&self, address: &MailAddress) -> bool {
        let here = |only_in: &Option<Domain>| only_in.as_ref().is_none_or(|domain| *domain == self.tenant_domain);
        self.trusted.iter().any(|target| match target {
            TrustedTarget::Domain { only_in, domain } => here(only_in) && domain == address.domain(),
            TrustedTarget::Address { only_in, address: trusted } => here(only_in) && trusted == address,
        })
    }
}

/// The addresses that mail to a target reaches, `None` where that cannot be told. A target is an address in one of Exchange's
/// forms (`"name" [SMTP:a@b]`, `smtp:a@b`, `a@b`) or a directory object.
pub async fn addresses_of(case: &Case<'_>, target: &str) -> Option<Vec<MailAddress>> {
    let inner = bracket(target).unwrap_or(target).trim();
    if let Some(address) = smtp(inner) {
        return Some(vec![address]);
    }
    let identity = inner.strip_prefix("EX:").unwrap_or(inner);
    let mut rows = case.invoke("Get-Recipient", json!({ "Identity": identity })).await.ok()?.into_iter();
    let (row, None) = (rows.next()?, rows.next()) else {
        return None;
    };
    let text = |member: &str| row.get(member).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    smtp(text("ExternalEmailAddress").or_else(|| text("PrimarySmtpAddress"))?).map(|address| vec![address])
}

/// What stands in the last square brackets.
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

/// A truth value of a row, in any of the forms that come.
pub fn is_true(row: &Row, member: &str) -> bool {
    match row.get(member) {
        Some(serde_json::Value::Bool(value)) => *value,
        Some(serde_json::Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}
