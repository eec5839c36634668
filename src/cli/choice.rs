//! Shared by the commands about tenants: the choice of tenants, and the progress over them.

use indicatif::{ProgressBar, ProgressStyle};

use crate::tenants::customers::Watched;

/// A tenant that was named and is no customer.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a customer; name a domain or a tenant id of the customer list")]
pub(super) struct NoCustomer(String);

/// Returns the customers that were named, or all of them.
pub(super) fn chosen(customers: Vec<Watched>, named: &[String]) -> Result<Vec<Watched>, NoCustomer> {
    let is = |customer: &Watched, name: &str| {
        customer.domain.as_str().eq_ignore_ascii_case(name) || customer.tenant_id.to_string().eq_ignore_ascii_case(name)
    };
    for name in named {
        if !customers.iter().any(|customer| is(customer, name)) {
            return Err(NoCustomer(name.clone()));
        }
    }
    let is_chosen = |customer: &Watched| named.is_empty() || named.iter().any(|name| is(customer, name));
    Ok(customers.into_iter().filter(is_chosen).collect())
}

/// Creates a bar on standard error. It draws nothing where that is no terminal.
pub(super) fn progress(tenants: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} tenants").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(tenants as u64).with_style(style)
}
