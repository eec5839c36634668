//! Why a run ends before everything is read.

use std::time::Duration;

use crate::tables::TenantState;
use base::clock::Deadline;
use m365::ServiceError;
use table_store::StoreError;

use super::states::state_behind;

/// The time at the end of a run that is reserved for storing its work.
const RESERVE: Duration = Duration::from_secs(30);

/// Why a run ends before everything is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Its time is over. The next run continues.
    #[error("stopped at the time limit; the next run continues")]
    OutOfTime,
    /// A subscription gives no content yet.
    #[error("{0}")]
    Starting(Start),
    /// The tenant cannot be read until someone restores the access.
    #[error("{1}")]
    AccessBlocked(TenantState, String),
    /// A failure that may be transient.
    #[error("{0}")]
    Transient(String),
}

/// The result of starting a subscription that gives no content yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Start {
    /// The service accepted it, and does not list its content yet.
    #[error("the subscription was started; the service does not list its content yet")]
    Accepted,
    /// The service accepts no start for now, because one was requested a short time ago.
    #[error(
        "the service starts the subscription no sooner than 15 minutes after the last request; the next run continues"
    )]
    Throttled,
}

impl From<ServiceError> for Stop {
    fn from(error: ServiceError) -> Self {
        match state_behind(&error) {
            Some(state) => Self::AccessBlocked(state, error.to_string()),
            None => Self::Transient(error.to_string()),
        }
    }
}

/// A store that refuses is not the tenant's fault, and there is nowhere else to note it: the host keeps the message.
impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Transient(error.to_string())
    }
}

/// Returns [`Stop::OutOfTime`] if the time is nearly over, so that nothing new is begun.
pub fn stop_in_time(deadline: &Deadline) -> Result<(), Stop> {
    if deadline.left() <= RESERVE { Err(Stop::OutOfTime) } else { Ok(()) }
}

/// Does the work, but no longer than there is time. Work that does not end in time is dropped, as by a kill.
pub async fn in_time(deadline: &Deadline, work: impl Future<Output = Result<(), Stop>>) -> Result<(), Stop> {
    deadline.sooner(RESERVE).limit(work).await.unwrap_or(Err(Stop::OutOfTime))
}
