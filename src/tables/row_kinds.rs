//! The kinds of rows, and the table of each.

use table_store::{Entity, StoreError, Stored, Table};

use super::{ACTIONS, COVERAGE, PROCESSED, RowVersion, TableRow};
use super::{
    AddedDomainRow, AttackerRow, BreakerRow, ConsentRow, CoverageRow, DeferredBlob, IncidentRow, InvestigationRow,
    LockRow, NotifiedFingerprintRow, OpenSnapshotsRow, PendingRow, ProcessedRow, RemovedRow, ServiceRow,
    TargetIndexRow, TargetRow, UserEventRow, WebhookRow,
};

macro_rules! table_rows {
    ($($row:ty => $table:expr),+ $(,)?) => {
        $(impl TableRow for $row {
            const TABLE: Table = $table;
            const COLUMNS: &'static [&'static str] = Self::COLUMNS;

            fn entity(&self) -> Entity {
                self.to_entity()
            }

            fn read(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
                Self::from_stored(stored)
            }
        })+
    };
}

table_rows! {
    ProcessedRow => PROCESSED,
    IncidentRow => PROCESSED,
    LockRow => ACTIONS,
    OpenSnapshotsRow => ACTIONS,
    InvestigationRow => ACTIONS,
    CoverageRow => COVERAGE,
    DeferredBlob => COVERAGE,
    NotifiedFingerprintRow => COVERAGE,
    PendingRow => COVERAGE,
    TargetRow => COVERAGE,
    TargetIndexRow => COVERAGE,
    UserEventRow => COVERAGE,
    ConsentRow => COVERAGE,
    RemovedRow => COVERAGE,
    AddedDomainRow => COVERAGE,
    ServiceRow => COVERAGE,
    AttackerRow => COVERAGE,
    BreakerRow => COVERAGE,
    WebhookRow => COVERAGE,
}
