//! Shared by the commands about tenants: the choice of tenants, and the progress over them.

use indicatif::{ProgressBar, ProgressStyle};

use base::ids::{Domain, TenantId};

/// A tenant that was named and is no customer.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a customer; name a domain or a tenant id of the customer list")]
pub(super) struct NoCustomer(pub(super) String);

/// Returns the tenants that were named by domain or id, or all of them if none was named. `names` returns the names of one.
///
/// # Errors
/// Returns [`NoCustomer`] if a name is that of no tenant.
pub(super) fn chosen<T>(
    mut tenants: Vec<T>,
    named: &[String],
    names: impl Fn(&T) -> (TenantId, &Domain),
) -> Result<Vec<T>, NoCustomer> {
    let is = |tenant: &T, name: &str| {
        let (id, domain) = names(tenant);
        name.parse() == Ok(id) || name.parse().is_ok_and(|named: Domain| named == *domain)
    };
    if let Some(unknown) = named.iter().find(|name| !tenants.iter().any(|tenant| is(tenant, name))) {
        return Err(NoCustomer(unknown.clone()));
    }
    tenants.retain(|tenant| named.is_empty() || named.iter().any(|name| is(tenant, name)));
    Ok(tenants)
}

/// Creates a bar on standard error. It draws nothing where that is no terminal.
pub(super) fn progress(tenants: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} tenants").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(tenants as u64).with_style(style)
}
