//! Readiness: whether everything that the watch and a press need is there in a tenant, and what mends what is missing.
//!
//! [`items`] is the one list of names. [`tenant`] asks about one tenant and changes nothing.

pub mod items;
pub mod tenant;

pub use items::{Item, ItemState};
pub use tenant::{Asked, look};
