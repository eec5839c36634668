//! The rows of the three tables as types, and the few ways they may be written: claim, take over, mark, unite.

mod actions;
pub mod claim;
mod columns;
pub mod coverage;
mod lock;
mod processed;
mod related;
pub mod retention;
mod rows;
mod span;
mod tenant_rows;
mod unite;

pub use actions::ActionRow;
pub use coverage::{CoverageRow, TenantState};
pub use lock::LockRow;
pub use processed::{FindingState, Notified, ProcessedRow};
pub use related::{AimRow, NearRow, TargetRow};
pub use rows::{LedgerRow, list, list_readable, load, put, readable, save};
pub use span::{Span, merge, without};
pub use tenant_rows::{OwedBlob, PendingRow, SeenRow, ServiceRow};
