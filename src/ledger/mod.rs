//! The rows of the three tables as types, and the few ways they may be written: claim, take over, mark, unite.

mod actions;
mod coverage;
mod processed;

pub use actions::ActionRow;
pub use coverage::{CoverageRow, OwedBlob, SeenRow, Span, TenantState};
pub use processed::{FindingState, Notified, ProcessedRow};
