//! The tenant that is checked.

use base::ids::{Domain, TenantId};

use crate::tables::CoverageRow;

/// The tenant that is checked.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The tenant id.
    pub tenant_id: TenantId,
    /// The domain.
    pub domain: &'a Domain,
    /// The coverage row that ordinary runs have stored, if the tenant was ever read.
    pub row: Option<&'a CoverageRow>,
}
