//! Judging. Pure: no I/O, no clock, no settings; what it needs to know is handed in.

mod finding;
mod knowledge;
mod reason;

pub use finding::{Finding, FindingKind, Severity};
pub use knowledge::{
    AcceptedDomains, Answer, Knowledge, LiveMailbox, MailboxFacts, Question, RecipientFacts, is_selected, judge,
    questions,
};
pub use reason::{Reason, ReasonName};
