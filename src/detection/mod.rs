//! Evaluates records. Pure: no I/O, no clock, no settings; the facts it needs are passed in.
//!
//! [`is_selected`] selects operations, [`questions`] returns the facts that must be looked up, [`judge`] returns the finding. On the
//! way, a record becomes evidence: rules of every layout become one `RuleShape`, each detection adds reasons, `verdict` turns them
//! into a severity and `score` into a number. What only other records can tell is added afterwards by `across`.

mod across;
mod audit_tampering;
mod conditions;
mod consent;
mod contact_retargeted;
mod data;
mod description;
mod earlier_rules;
mod evidence;
mod exchange_rules;
mod finding;
mod fold;
mod folders;
mod forwarding;
mod inbox_rule;
mod json;
mod judge;
mod knowledge;
mod live_rules;
mod lookalike;
mod mailbox_permission;
mod odd_name;
mod principals;
mod questions;
mod reason;
mod resolution;
mod restriction;
mod rule;
mod rule_from_mailbox_audit;
mod rule_from_parameters;
mod rule_reasons;
mod rule_words;
mod score;
mod selection;
mod senders;
mod sign_in_method;
mod targets;
mod transport_rule;
mod trusted_target;
mod unread;
mod verdict;
mod words;

pub use across::{
    Judged, Judgement, add_method_changed_nearby, add_shared_target, raise_after_threat, raise_forwarding_target,
};
pub use earlier_rules::EarlierRules;
pub use exchange_rules::{is_delegate_rule_name, is_exchange_rule_name};
pub use finding::{Finding, FindingKind, Severity};
pub use folders::is_junk_folder;
pub use judge::{judge, system_noise};
pub use knowledge::{AcceptedDomains, Answer, GroupKind, Knowledge, MailboxFacts, Question, RecipientFacts};
pub use live_rules::LiveMailbox;
pub use questions::questions;
pub use reason::{Reason, ReasonName};

pub use selection::is_selected;
pub use trusted_target::TrustedTarget;
pub use verdict::{Signals, severity};
pub use words::{WordCounts, WordGroup};
