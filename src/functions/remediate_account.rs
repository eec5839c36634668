//! RemediateAccount: secures one account because of one stored record.

use serde_json::Value;

use crate::app::App;

/// How long one request may take, in seconds. Azure cuts at 230, callers earlier.
pub const DEADLINE_SECONDS: u64 = 100;

/// The longest body that is read, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// What the caller gets: an HTTP status and a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON body; `{"Error": …}` when nothing was done.
    pub body: Value,
}

/// Answers one POST with this body.
pub async fn run(app: &App, body: &[u8]) -> Answer {
    let _ = (app, body);
    todo!()
}
