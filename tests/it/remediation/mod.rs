//! RemediateAccount through its own door, `functions::remediate_account::run`, against the simulated Microsoft 365: what is asserted
//! is what the mailbox and the account look like afterwards.

mod access;
mod accounts;
mod field;
mod kept;
mod limits;
mod locks;
mod old_runs;
mod over_http;
mod press;
mod proof;
mod refusals;
pub mod remediation_fixture;
mod repeated;
mod rules;
mod same_incident;
mod undo_targets;
