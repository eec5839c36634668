//! Securing an account because of one stored threat.
//!
//! [`request`] says what is asked for, [`accounts`] whose account it is, [`plan`] which steps there are and in which order,
//! [`press`] takes them one after the other under a `lock` and keeps the `record`; `history` knows what earlier runs did.
//! One file for each step. [`undo`] puts back what a `snapshot` holds; [`dismiss`] touches no account at all.

pub mod accounts;
mod block_sign_in;
mod boundary;
mod case;
mod clear_forwarding;
mod disable_auto_reply;
mod disable_client_access;
mod disable_inbox_rules;
pub mod dismiss;
mod findings;
mod history;
mod lock;
mod news;
mod password;
pub mod plan;
pub mod press;
mod record;
pub mod refusal;
mod remove_delegates;
mod report;
pub mod request;
mod reset_password;
mod review_sign_in_methods;
mod revoke_consents;
mod revoke_sessions;
mod rules;
mod snapshot;
mod step;
pub mod undo;
mod verify;

pub use refusal::Refusal;
pub use report::{Report, RunStatus};
pub use request::{AccountChoice, Action, BODY_LIMIT, Request};
pub use step::{Outcome, Step, StepName};
