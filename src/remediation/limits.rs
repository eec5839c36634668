//! The time limits that several parts of a request share.

use std::time::Duration;

/// The time limit of the store for everything after the first row.
pub const STORE_CALL_TIMEOUT: Duration = Duration::from_millis(2_500);
