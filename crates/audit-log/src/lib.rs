//! Audit records: found in a stream of bytes, selected by their operation, parsed when selected.

mod glance;
mod key_values;
mod members;
mod properties;
mod record;

pub mod export;
pub mod select;

pub use glance::{Glance, Without};
pub use key_values::pairs as damaged_pairs;
pub use properties::{ModifiedProperty, Properties};
pub use record::{AuditRecord, RecordError};
pub use select::{Broken, Event, Selector};
