//! Readiness: whether everything that the watch and a press need is there in a tenant, and what mends what is missing.
//!
//! [`items`] is the one list of names. [`tenant`] asks about one tenant and changes nothing; [`mailboxes`] is the part about mailbox
//! auditing. [`daily`] asks once a day for each tenant and stores what it found.

pub mod daily;
pub mod items;
mod mailboxes;
pub mod tenant;

pub use items::{Item, ItemState};
pub use tenant::{Asked, look};
