//! Which tenants are watched.

use std::collections::BTreeSet;

use crate::names::{Domain, TenantId};

/// `TENANT_SOURCE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantSource {
    /// `contracts`: the partner's customer contracts (Graph `/contracts`).
    Contracts,
    /// `gdap`: active granular delegated admin relationships.
    Gdap,
    /// `list`: the tenants of `TENANTS`.
    List(Vec<ListedTenant>),
}

/// One entry of `TENANTS`: `contoso.com=<guid>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTenant {
    /// Its default domain.
    pub domain: Domain,
    /// Its GUID.
    pub tenant_id: TenantId,
}

/// Where the tenants come from and which are left out.
#[derive(Debug, Clone)]
pub struct TenantSettings {
    /// `TENANT_SOURCE` and `TENANTS`.
    pub source: TenantSource,
    /// `TENANTS_EXCLUDE`: the domains among its entries.
    pub excluded_domains: BTreeSet<Domain>,
    /// `TENANTS_EXCLUDE`: the GUIDs among its entries.
    pub excluded_ids: BTreeSet<TenantId>,
}

impl TenantSettings {
    /// Whether a tenant is to be left out.
    pub fn excludes(&self, tenant_id: &TenantId, domain: &Domain) -> bool {
        self.excluded_ids.contains(tenant_id) || self.excluded_domains.contains(domain)
    }
}
