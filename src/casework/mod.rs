//! Live investigations: what an attacker did in an account, from the tenant's own feed.
//!
//! [`investigate_due`] does so by itself after a threat was told. [`look_back`] reads the feed back and judges it with the same code as an investigation of exported files ([`Gathered`], [`Made`]).

mod attackers;
mod automatic;
mod changes;
mod feed;
mod filter;
mod gathered;
mod kept;
mod less;
mod look_back;
mod made;
mod marks;
mod needle;
mod search;
mod secured;
mod sieve;
mod spill;
mod subscriptions;
mod unread;

pub use automatic::investigate_due;
pub use feed::{NoProgress, Progress, ReadBack};
pub use gathered::{Gathered, Source, activity};
pub use look_back::{LookBackError, Looked, Question, look_back};
pub use made::{Made, Scope, make, row};
pub use secured::{note_contained, note_secured};
pub use spill::{Spill, SpillError};
pub use subscriptions::start_subscriptions;

use m365::management_activity::ContentType;

/// The content types that an investigation reads, in this order: the directory has little volume and gives addresses and sessions.
pub const CONTENT_TYPES: [ContentType; 4] =
    [ContentType::AzureActiveDirectory, ContentType::Exchange, ContentType::SharePoint, ContentType::General];

/// Does work that takes long on a thread of its own, so that other runs go on meanwhile.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The process is ending.
        Err(_) => std::future::pending().await,
    }
}
