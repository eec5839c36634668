//! The rows of the three tables as types, and the few ways they may be written: claim, take over, mark, unite.

mod actions;
mod columns;
mod coverage;
mod processed;
mod span;
mod tenant_rows;

pub use actions::ActionRow;
pub use coverage::{CoverageRow, TenantState};
pub use processed::{FindingState, Notified, ProcessedRow};
pub use span::{Span, merge};
pub use tenant_rows::{OwedBlob, PendingRow, SeenRow, ServiceRow, TargetRow};
