//! Audit records: found in a stream of bytes, selected by their operation, parsed when selected.

mod record;

pub use record::{AuditRecord, ModifiedProperty, Properties, RecordError};
