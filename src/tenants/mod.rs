//! The monitored tenants: who they are, whether they can be read, and the notices when they cannot.
//!
//! [`customers`] lists them, [`states`] and [`service`] hold the state of each and of Tenantwatch itself, [`audit_check`] asks whether
//! auditing is on, and [`housekeeping`] does the work of a day. [`message`] is the queue message for one tenant, [`stop`] why its
//! run ends early, [`report`] its numbers.

pub mod audit_check;
pub mod customers;
pub mod housekeeping;
pub mod message;
pub mod report;
pub mod service;
pub mod states;
pub mod stop;
pub mod undelivered;

pub use message::{MessageError, TenantMessage};
pub use report::Report;
pub use states::{LATE_AFTER, enter};
pub use stop::Stop;
pub use undelivered::undelivered;

use crate::app::App;
use crate::tables::{CoverageRow, CoverageSession, coverage};
use table_store::StoreError;

/// Opens the coverage row of a tenant; stores a new one with what the message says if there is none.
///
/// # Errors
/// If the store cannot be used or the row is malformed.
pub async fn open_session<'a>(app: &'a App, message: &TenantMessage) -> Result<CoverageSession<'a>, StoreError> {
    let store = app.store.as_ref();
    let (row, version) = match coverage::read(store, &message.tenant_id).await? {
        Some(known) => known,
        None => coverage::write(store, &app.clock, first_row(app, message), None).await?,
    };
    Ok(CoverageSession::new(store, app.clock.clone(), row, version))
}

/// The coverage row of a tenant that was never read.
pub fn first_row(app: &App, message: &TenantMessage) -> CoverageRow {
    CoverageRow::first(message.tenant_id, message.domain.clone(), message.display_name.clone(), app.clock.now())
}
