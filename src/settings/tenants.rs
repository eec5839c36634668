//! Settings of the monitored tenants.

use std::collections::BTreeSet;

use base::ids::{Domain, TenantId};

use super::source::Source;

/// The source of the customer list, `TENANT_SOURCE`.
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
    /// The default domain of the tenant.
    pub domain: Domain,
    /// The tenant id.
    pub tenant_id: TenantId,
}

/// The source of the customer list, and the excluded tenants.
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
    /// Returns whether a tenant is excluded.
    pub fn excludes(&self, tenant_id: &TenantId, domain: &Domain) -> bool {
        self.excluded_ids.contains(tenant_id) || self.excluded_domains.contains(domain)
    }
}

impl TenantSettings {
    pub(super) fn from_source(source: &mut Source) -> Self {
        let kind = source
            .parsed("TENANT_SOURCE", "contracts, gdap or list", |text| {
                let text = text.to_ascii_lowercase();
                ["contracts", "gdap", "list"].into_iter().find(|kind| *kind == text)
            })
            .unwrap_or("contracts");
        let listed = source.list("TENANTS", "of the form domain=<guid>", listed);
        reject_duplicates(source, &listed);
        // A value of commas alone names no tenant, so nothing would be monitored.
        let names_any =
            source.text("TENANTS").is_some_and(|list| list.split(',').any(|entry| !entry.trim().is_empty()));
        match (kind, names_any) {
            ("list", false) => source.reject("TENANTS", "is required if TENANT_SOURCE is list"),
            ("contracts" | "gdap", true) => {
                let why = format!("is set, but TENANT_SOURCE is {kind}; TENANTS is used only with TENANT_SOURCE=list");
                source.reject("TENANTS", why);
            }
            _ => {}
        }
        let excluded = source.list("TENANTS_EXCLUDE", "a domain or a GUID", excluded_entry);
        let (mut excluded_domains, mut excluded_ids) = (BTreeSet::new(), BTreeSet::new());
        for entry in excluded {
            match entry {
                Excluded::Domain(domain) => excluded_domains.insert(domain),
                Excluded::Id(id) => excluded_ids.insert(id),
            };
        }
        Self {
            source: match kind {
                "gdap" => TenantSource::Gdap,
                "list" => TenantSource::List(listed),
                _ => TenantSource::Contracts,
            },
            excluded_domains,
            excluded_ids,
        }
    }
}

enum Excluded {
    Domain(Domain),
    Id(TenantId),
}

fn listed(entry: &str) -> Option<ListedTenant> {
    let (domain, tenant_id) = entry.split_once('=')?;
    Some(ListedTenant { domain: domain.parse().ok()?, tenant_id: tenant_id.parse().ok()? })
}

fn excluded_entry(entry: &str) -> Option<Excluded> {
    let by_id = entry.parse().ok().map(Excluded::Id);
    by_id.or_else(|| entry.parse().ok().map(Excluded::Domain))
}

fn reject_duplicates(source: &mut Source, listed: &[ListedTenant]) {
    let mut domains = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for tenant in listed {
        if !domains.insert(&tenant.domain) {
            source.reject("TENANTS", format!("contains the domain {} more than once", tenant.domain));
        }
        if !ids.insert(tenant.tenant_id) {
            source.reject("TENANTS", format!("contains the GUID {} more than once", tenant.tenant_id));
        }
    }
}
