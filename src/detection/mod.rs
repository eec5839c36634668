//! Judging. Pure: no I/O, no clock, no settings; what it needs to know is handed in.
//!
//! [`is_selected`] says which operations are looked at, [`questions`] what must be looked up, [`judge`] makes the finding. On the
//! way, a record becomes evidence: rules of every layout become one `RuleShape`, each detection adds reasons, `verdict` turns them
//! into a severity and `score` into a number. What only other records can tell is added afterwards by `across`.

mod across;
mod audit_tampering;
mod conditions;
mod consent;
mod contact_retargeted;
mod data;
mod description;
mod evidence;
mod finding;
mod fold;
mod folders;
mod forwarding;
mod inbox_rule;
mod json;
mod judge;
mod knowledge;
mod live_rules;
mod mailbox_permission;
mod odd_name;
mod questions;
mod reason;
mod restriction;
mod rule;
mod rule_from_mailbox_audit;
mod rule_from_parameters;
mod score;
mod selection;
mod senders;
mod sign_in_method;
mod targets;
mod transport_rule;
mod verdict;
mod who;
mod words;

pub use across::{
    Judged, Judgement, add_method_changed_nearby, add_shared_target, raise_after_threat, raise_forwarding_target,
};
pub use finding::{Finding, FindingKind, Severity};
pub use folders::is_junk_folder;
pub use judge::{judge, pass_over};
pub use knowledge::{AcceptedDomains, Answer, Knowledge, LiveMailbox, MailboxFacts, Question, RecipientFacts};
pub use questions::questions;
pub use reason::{Reason, ReasonName};
pub use rule::{is_delegate_rule_name, is_exchange_rule_name};
pub use selection::is_selected;
pub use verdict::{Signs, severity};
