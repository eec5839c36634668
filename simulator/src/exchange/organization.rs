//! What belongs to the organization as a whole.

use serde_json::json;

use super::Outcome;
use crate::world::Tenant;

pub(super) fn accepted_domains(tenant: &Tenant) -> Outcome {
    let row = |domain: &crate::world::AcceptedDomain| {
        json!({"DomainName": domain.name, "Name": domain.name, "DomainType": "Authoritative",
            "Default": domain.name == tenant.default_domain, "InitialDomain": false,
            "MatchSubDomains": domain.match_sub_domains, "MatchSubDomains@data.type": "System.Boolean",
            "AuthenticationType": "Managed"})
    };
    Ok(tenant.accepted_domains.iter().map(row).collect())
}

pub(super) fn config(tenant: &Tenant) -> Outcome {
    Ok(vec![json!({"Name": tenant.default_domain, "Identity": tenant.default_domain, "Guid": tenant.id,
        "DisplayName": tenant.display_name, "AuditDisabled": false, "EwsEnabled": null})])
}

pub(super) fn audit_log(tenant: &Tenant) -> Outcome {
    Ok(vec![json!({"UnifiedAuditLogIngestionEnabled": tenant.auditing, "AdminAuditLogEnabled": true})])
}
