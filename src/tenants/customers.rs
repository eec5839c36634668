//! Lists the tenants: the customers that the partner's directory or a setting names, and those that are already known.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::App;
use crate::settings::{ListedTenant, TenantSource};
use crate::tables::CoverageRow;
use crate::tables::RowVersion;
use crate::tables::{COVERAGE, keys};
use base::clock::Deadline;
use base::ids::{Domain, TenantId};
use m365::ServiceError;
use m365::graph::Customer;
use table_store::{Query, StoreError, list_all};

use super::stop::stop_in_time;

/// The coverage rows of all tenants that were ever queued and read, with their versions.
pub type Known = BTreeMap<TenantId, (CoverageRow, RowVersion)>;

/// A tenant that is to be monitored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The tenant id.
    pub tenant_id: TenantId,
    /// Its domain: the one first seen.
    pub domain: Domain,
    /// Its name, as it is called now.
    pub display_name: String,
}

impl Watched {
    /// Returns the names of the customer: the tenant id and the domain.
    pub fn names(&self) -> (TenantId, &Domain) {
        (self.tenant_id, &self.domain)
    }
}

/// Returns every tenant that has a coverage row, and the errors of rows that cannot be read: such a row stops no other tenant.
pub async fn known(app: &App) -> Result<(Known, Vec<StoreError>), StoreError> {
    let stored = list_all(app.store.as_ref(), COVERAGE, Query::partition(keys::tenants())).await?;
    let (mut known, mut unreadable) = (Known::new(), Vec::new());
    for stored in &stored {
        match CoverageRow::from_stored(stored) {
            Ok((row, etag)) => drop(known.insert(row.tenant_id, (row, etag))),
            Err(error) => unreadable.push(error),
        }
    }
    Ok((known, unreadable))
}

/// Returns the customers of the partner, each once, without excluded ones.
///
/// # Errors
/// Returns [`ListingError`] if the listing fails or is empty: an empty one would end the monitoring of every tenant.
pub async fn listed(app: &App, deadline: &Deadline, known: &Known) -> Result<Vec<Watched>, ListingError> {
    let customers = match &app.settings.tenants.source {
        TenantSource::Contracts => app.graph.contracts().await?,
        TenantSource::Gdap => app.graph.gdap_customers().await?,
        TenantSource::List(tenants) => tenants.iter().map(customer).collect(),
    };
    // An empty list never counts as complete: the first one would mean that no tenant is monitored, without any notice.
    if customers.is_empty() {
        let source = source_name(&app.settings.tenants.source);
        return Err(match known.is_empty() {
            true => ListingError::NoneYet(source, in_the_other_source(app).await),
            false => ListingError::Empty(source),
        });
    }
    let mut taken: BTreeSet<Domain> = known.values().map(|(row, _)| row.domain.clone()).collect();
    let mut seen = BTreeSet::new();
    let mut watched = Vec::new();
    for customer in customers.into_iter().filter(|customer| seen.insert(customer.tenant_id)) {
        let domain = match known.get(&customer.tenant_id) {
            Some((row, _)) => row.domain.clone(),
            // A look-up takes time. The next run looks up the customers that this run does not reach; those that it did reach are
            // known by then.
            None if stop_in_time(deadline).is_err() => continue,
            None => first_domain(app, &customer, &mut taken).await,
        };
        let (tenant_id, display_name) = (customer.tenant_id, customer.display_name);
        watched.push(Watched { tenant_id, domain, display_name });
    }
    watched.retain(|tenant| !app.settings.tenants.excludes(&tenant.tenant_id, &tenant.domain));
    Ok(watched)
}

/// The reason why the customers are not known.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// Graph did not list them.
    #[error("the customers cannot be listed: {0}{grant}", grant = grant(.0))]
    Service(#[from] ServiceError),
    /// Graph listed none.
    #[error("no customers found by {0}; Tenantwatch continues to monitor the known tenants")]
    Empty(&'static str),
    /// Graph listed none, and no tenant is known either.
    #[error("no customers found by {0}; {1}; TENANT_SOURCE chooses the list")]
    NoneYet(&'static str, String),
}

/// Returns what has to be granted, if Graph denied the list.
fn grant(error: &ServiceError) -> &'static str {
    match error.status() {
        Some(401 | 403) => {
            "; grant the app Directory.Read.All in the partner's tenant, or with TENANT_SOURCE=gdap DelegatedAdminRelationship.Read.All"
        }
        _ => "",
    }
}

/// Says what the source lists that was not chosen, because an empty first list is mostly the wrong choice.
async fn in_the_other_source(app: &App) -> String {
    let (other, customers) = match app.settings.tenants.source {
        TenantSource::Contracts => ("gdap", app.graph.gdap_customers().await),
        TenantSource::Gdap | TenantSource::List(_) => ("contracts", app.graph.contracts().await),
    };
    match customers {
        Ok(customers) => format!("{other} lists {}", customers.len()),
        Err(error) => format!("{other} cannot be listed: {error}"),
    }
}

fn customer(tenant: &ListedTenant) -> Customer {
    Customer {
        tenant_id: tenant.tenant_id,
        default_domain: Some(tenant.domain.to_string()),
        display_name: tenant.domain.to_string(),
    }
}

/// The domain of a tenant that is seen for the first time: as listed, else its default one, else what the partner's look-up
/// says, else its GUID. A domain that another tenant was first seen with stays that tenant's.
async fn first_domain(app: &App, customer: &Customer, taken: &mut BTreeSet<Domain>) -> Domain {
    let mut name = customer.default_domain.clone();
    if name.is_none() {
        name = default_domain(app, customer).await;
    }
    let domain = name.and_then(|name| name.parse::<Domain>().ok()).filter(|domain| !taken.contains(domain));
    let domain = domain.unwrap_or_else(|| guid_as_domain(&customer.tenant_id));
    taken.insert(domain.clone());
    domain
}

async fn default_domain(app: &App, customer: &Customer) -> Option<String> {
    let (tenant, name) = (&customer.tenant_id, customer.display_name.as_str());
    match app.graph.domains(tenant).await {
        Ok(domains) => {
            if let Some(domain) = domains.into_iter().find(|domain| domain.is_default) {
                return Some(domain.id);
            }
        }
        Err(error) => {
            tracing::debug!(%tenant, name, "the tenant's domains cannot be read, so the partner's look-up is used: {error}")
        }
    }
    match app.graph.find_default_domain(tenant).await {
        Ok(domain) => domain,
        Err(error) => {
            tracing::warn!(%tenant, name, "the tenant's domain is unknown, so its id is used instead: {error}");
            None
        }
    }
}

#[expect(clippy::expect_used, reason = "a hyphenated GUID is one sound label")]
fn guid_as_domain(tenant: &TenantId) -> Domain {
    tenant.to_string().parse().expect("a sound label")
}

/// Returns the value of TENANT_SOURCE.
pub fn source_name(source: &TenantSource) -> &'static str {
    match source {
        TenantSource::Contracts => "contracts",
        TenantSource::Gdap => "gdap",
        TenantSource::List(_) => "list",
    }
}
