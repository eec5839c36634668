//! Finds audit records in a stream of bytes, selects them by their operation, and parses the selected ones.

mod any_record;
mod key_values;
mod lenient;
mod mailbox_items;
mod members;
mod prefilter;
mod properties;
mod record;
mod time;
mod traces;

pub mod export;
pub mod select;

pub use any_record::AnyRecord;
pub use key_values::pairs as damaged_pairs;
pub use mailbox_items::MailboxItems;
pub use prefilter::{ForbiddenNames, Prefilter};
pub use properties::{ModifiedProperty, Properties};
pub use record::{AuditRecord, RecordError};
pub use select::{Broken, Event, Selector};
pub use traces::Traces;
