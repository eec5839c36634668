//! Secures an account because of one stored threat.
//!
//! [`request`] parses the caller's request and [`accounts`] finds the accounts that it is about. [`remediate`] takes the
//! [`steps`] one after the other under a `lock` and writes each to the `journal`; `history` knows the earlier runs.
//! [`contain`] takes the least of them without a request. [`undo`] restores a snapshot; [`dismiss`] touches no account.

pub mod accounts;
mod boundary;
pub mod contain;
mod context;
pub mod dismiss;
mod findings;
mod grants;
mod history;
mod journal;
mod limits;
mod lock;
mod look_ups;
mod notified_fingerprints;
pub mod refusal;
pub mod remediate;
mod report;
pub mod request;
mod snapshot;
mod step;
pub mod steps;
pub mod told;
pub mod undo;

pub use refusal::Refusal;
pub use report::{Report, RunStatus};
pub use request::{AccountChoice, Action, BODY_LIMIT, Request};
pub use step::{Outcome, Step, StepName};
