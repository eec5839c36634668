//! Carries out the cmdlets of the organization: domains, configuration and auditing.

use serde_json::json;

use super::params::Params;
use super::reply::{Failure, Outcome};
use crate::world::{DomainType, Tenant};

/// Parameters of `Set-AdminAuditLogConfig`.
pub(super) const SET_AUDIT_LOG: &[&str] = &["UnifiedAuditLogIngestionEnabled", "Confirm", "Force"];

/// Carries out `Get-AcceptedDomain`.
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
            "DomainType": match domain.domain_type {
                DomainType::Authoritative => "Authoritative",
                DomainType::InternalRelay => "InternalRelay",
                DomainType::ExternalRelay => "ExternalRelay",
            },
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

/// Carries out `Get-OrganizationConfig`. `IsDehydrated` turns `false` before the customization has had its effect.
pub(super) fn organization(tenant: &mut Tenant, _: &Params) -> Result<Outcome, Failure> {
    let is_dehydrated = tenant.oddities.dehydrated && tenant.oddities.customized_at.is_none();
    Ok(Outcome::rows([json!({
        "Name": tenant.default_domain,
        "Identity": tenant.default_domain,
        "Guid": tenant.id,
        "DisplayName": tenant.display_name,
        "AuditDisabled": tenant.oddities.audit_disabled,
        "EwsEnabled": null,
        "IsDehydrated": is_dehydrated,
        "IsValid": true,
        "ObjectState": "Unchanged",
    })]))
}

/// Carries out `Set-OrganizationConfig` for mailbox auditing.
pub(super) fn set_organization(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    if let Some(disabled) = params.flag("AuditDisabled")? {
        tenant.oddities.audit_disabled = disabled;
    }
    Ok(Outcome::done())
}

/// Carries out `Enable-OrganizationCustomization`, which succeeds at once and takes its effect later.
pub(super) fn enable_customization(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    if !tenant.oddities.dehydrated || tenant.oddities.customized_at.is_some() {
        return Err(Failure::bad_request(
            "This operation is not required. Organization is already enabled for customization.",
        ));
    }
    tenant.oddities.customized_at = Some(params.now());
    Ok(Outcome::done())
}

/// Carries out `Get-AdminAuditLogConfig`.
pub(super) fn audit_log(tenant: &mut Tenant, _: &Params) -> Result<Outcome, Failure> {
    Ok(Outcome::rows([json!({
        "Name": "Admin Audit Log Settings",
        "Identity": "Admin Audit Log Settings",
        "AdminAuditLogEnabled": true,
        "AdminAuditLogAgeLimit": "90.00:00:00",
        "UnifiedAuditLogIngestionEnabled": tenant.auditing && !tenant.oddities.audit_log_reads_false,
        "IsValid": true,
        "ObjectState": "Unchanged",
    })]))
}

/// Carries out `Set-AdminAuditLogConfig`, which a dehydrated tenant rejects.
pub(super) fn set_audit_log(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let hydrated_at = tenant.oddities.customized_at.map(|at| at + params.unkindness().hydration_time);
    if tenant.oddities.dehydrated && hydrated_at.is_none_or(|at| params.now() < at) {
        return Err(Failure::dehydrated());
    }
    if let Some(enabled) = params.flag("UnifiedAuditLogIngestionEnabled")? {
        tenant.auditing = enabled;
    }
    Ok(Outcome::done())
}
