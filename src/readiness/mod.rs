//! Readiness: checks whether a tenant has everything that monitoring and remediation need, and says how to correct what is
//! missing.
//!
//! [`items`] is the one list of names. [`tenant`] checks one tenant and changes nothing; `mailboxes` is the part about mailbox
//! auditing. [`daily`] does so once a day for each tenant and stores the result.

mod asked;
pub mod daily;
pub mod items;
mod mailboxes;
pub mod tenant;

pub use asked::Asked;
pub use items::{Item, ItemState};
pub use tenant::look;
