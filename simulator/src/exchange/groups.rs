//! Carries out the cmdlets that list the members of groups.

use super::params::Params;
use super::recipients::{members, recipient_row};
use super::reply::{Failure, Outcome};
use crate::world::{GroupKind, Tenant};

/// Carries out `Get-DistributionGroupMember`.
pub(super) fn distribution_members(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    list(tenant, params, GroupKind::Distribution)
}

/// Carries out `Get-DynamicDistributionGroupMember`.
pub(super) fn dynamic_members(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    list(tenant, params, GroupKind::Dynamic)
}

/// Carries out `Get-UnifiedGroupLinks`. Owners and subscribers are not simulated, so they are empty.
pub(super) fn unified_links(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let link_type = params.required("LinkType")?;
    match link_type.to_ascii_lowercase().as_str() {
        "members" | "member" => list(tenant, params, GroupKind::Unified),
        "owners" | "subscribers" | "aggregators" => Ok(Outcome::done()),
        _ => Err(Failure::bad_request(&format!("Cannot bind parameter 'LinkType': unable to match \"{link_type}\"."))),
    }
}

/// Lists the members of a group of that kind. A group of another kind does not exist for the cmdlet.
fn list(tenant: &Tenant, params: &Params, kind: GroupKind) -> Result<Outcome, Failure> {
    let name = params.required("Identity")?;
    let members = members(tenant, &name, kind).ok_or_else(|| Failure::not_found(&name))?;
    Outcome::rows(members.into_iter().map(|member| recipient_row(tenant, member))).limited_by(params)
}
