//! The coverage row of a tenant, and how runs that are under way at the same time store it.

mod merge_concurrent;
mod row;

pub use merge_concurrent::{merge_concurrent, read, still_owed, write};
pub(super) use row::tenant_state;
pub use row::{CoverageRow, TenantState};
