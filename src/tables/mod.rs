//! The rows of the three tables as types, and the few ways they may be written: claim, take over, mark, unite.

mod actions;
mod breaker;
mod channel;
pub mod claim;
mod columns;
mod containment;
pub mod coverage;
mod coverage_session;
mod finding_state;
pub mod incidents;
mod investigations;
pub mod keys;
mod lock;
mod marks;
mod open_snapshots;
pub mod pending;
mod processed;
mod readiness;
mod related;
pub mod retention;
mod row_kinds;
mod rows;
mod span;
pub mod stored_finding;
mod tenant_rows;
mod version;

use table_store::Table;

use crate::settings::TableNames;

pub use actions::ActionRow;
pub use breaker::{BreakerRow, BreakerScope, Counters, Reservation};
pub use channel::WebhookRow;
pub use containment::Containment;
pub use coverage::{CoverageRow, TenantState};
pub use coverage_session::CoverageSession;
pub use finding_state::{FindingState, Notified, Unanswered, UnansweredChannels};
pub use incidents::IncidentRow;
pub use investigations::{AttackerRow, InvestigationRow, VictimAccount};
pub use lock::LockRow;
pub use marks::{AddedDomainRow, ConsentRow, RemovedRow, added_domains};
pub use open_snapshots::{IndexedRun, OpenSnapshotsRow};
pub use processed::{ProcessedRow, is_containable};
pub use readiness::{StoredItem, StoredReadiness};
pub use related::{TargetIndexRow, TargetRow, UserEventRow};
pub use rows::{TableRow, insert_new, list, list_readable, load, put, readable, save, update};
pub use span::{Span, merge, without};
pub use tenant_rows::{DeferredBlob, NotifiedFingerprintRow, PendingRow, ServiceRow};
pub use version::RowVersion;

/// `ProcessedAuditLogs`: one row for every evaluated record.
pub const PROCESSED: Table = Table::named("ProcessedAuditLogs");

/// `AuditLogActionsLog`: one row for every remediation run.
pub const ACTIONS: Table = Table::named("AuditLogActionsLog");

/// `AuditLogCoverage`: how far each tenant's log has been read, and its deferred blobs.
pub const COVERAGE: Table = Table::named("AuditLogCoverage");

/// The names in the storage account, by table.
impl From<TableNames> for table_store::TableNames {
    fn from(names: TableNames) -> Self {
        [(PROCESSED, names.processed), (ACTIONS, names.actions), (COVERAGE, names.coverage)].into_iter().collect()
    }
}
