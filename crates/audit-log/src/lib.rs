//! Audit records: found in a stream of bytes, selected by their operation, parsed when selected.

mod glance;
mod members;
mod properties;
mod record;

pub mod export;
pub mod select;

pub use glance::{Glance, Without};
pub use properties::{ModifiedProperty, Properties};
pub use record::{AuditRecord, RecordError};
pub use select::{Broken, Event, Selector};
