//! Readiness: checks whether a tenant has everything that monitoring and remediation need, and says how to correct what is
//! missing.
//!
//! [`items`] is the one list of names. [`tenant`] checks one tenant and changes nothing.

pub mod items;
pub mod tenant;

pub use items::{Item, ItemState};
pub use tenant::{Asked, look};
