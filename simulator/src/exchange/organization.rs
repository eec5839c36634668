//! The organisation: domains, its configuration, auditing.

use serde_json::json;

use super::params::Params;
use super::reply::{Failure, Outcome};
use crate::world::Tenant;

/// `Get-AcceptedDomain`
pub(super) fn accepted_domains(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let wanted = params.text("Identity");
    let is = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(name));
    let found: Vec<_> = tenant.accepted_domains.iter().filter(|domain| is(&domain.name)).collect();
    if let (true, Some(name)) = (found.is_empty(), &wanted) {
        return Err(Failure::not_found(name));
    }
    let rows = found.into_iter().map(|domain| {
        json!({
            "DomainName": domain.name,
            "Name": domain.name,
            "Identity": domain.name,
            "DomainType": "Authoritative",
            "Default": domain.name.eq_ignore_ascii_case(&tenant.default_domain),
            "InitialDomain": domain.name.to_ascii_lowercase().ends_with(".onmicrosoft.com"),
            "MatchSubDomains": domain.match_sub_domains,
            "AuthenticationType": "Managed",
            "IsValid": true,
            "ObjectState": "Unchanged",
        })
    });
    Outcome::rows(rows).limited_by(params)
}

/// `Get-OrganizationConfig`
pub(super) fn organization(tenant: &mut Tenant, _: &Params) -> Result<Outcome, Failure> {
    Ok(Outcome::rows([json!({
        "Name": tenant.default_domain,
        "Identity": tenant.default_domain,
        "Guid": tenant.id,
        "DisplayName": tenant.display_name,
        "AuditDisabled": false,
        "EwsEnabled": null,
        "IsDehydrated": false,
        "IsValid": true,
        "ObjectState": "Unchanged",
    })]))
}

/// `Get-AdminAuditLogConfig`
pub(super) fn audit_log(tenant: &mut Tenant, _: &Params) -> Result<Outcome, Failure> {
    Ok(Outcome::rows([json!({
        "Name": "Admin Audit Log Settings",
        "Identity": "Admin Audit Log Settings",
        "AdminAuditLogEnabled": true,
        "AdminAuditLogAgeLimit": "90.00:00:00",
        "UnifiedAuditLogIngestionEnabled": tenant.auditing,
        "IsValid": true,
        "ObjectState": "Unchanged",
    })]))
}
