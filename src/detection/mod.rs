//! Evaluates records. Pure: no I/O, no clock, no settings; the facts it needs are passed in.
//!
//! [`is_selected`] selects operations, [`questions`] returns the facts that must be looked up, [`judge`] returns the finding. On
//! the way, a record becomes evidence: rules of every layout become one `RuleShape`, each detection adds reasons, `verdict` turns
//! them into a severity and `score` into a number. `correlation` adds afterwards what only other records show.

mod addresses;
mod audit_tampering;
mod auto_reply;
mod client_access;
mod conditions;
mod connector;
mod consent;
mod contact_retargeted;
mod correlation;
mod data;
mod description;
mod domain;
mod earlier_rules;
mod encoded_target;
mod evidence;
mod exchange_rules;
mod finding;
mod fold;
mod folders;
mod forwarding;
mod grant;
mod imitation;
mod inbox_rule;
mod journal_rule;
mod json;
mod judge;
mod judgement;
mod knowledge;
mod known_addresses;
mod known_attacker;
mod list_values;
mod live_mailbox;
mod live_rules;
mod lookalike;
mod mail_targets;
mod mailbox_ids;
mod mailbox_permission;
mod mailbox_trust;
mod note_rule;
mod odd_name;
mod principals;
mod questions;
mod reason;
mod record_facts;
mod relations;
mod resolution;
mod restriction;
mod rule;
mod rule_from_mailbox_audit;
mod rule_from_parameters;
mod rule_from_record;
mod rule_reasons;
mod rule_words;
mod score;
mod seen_rule;
mod selection;
mod senders;
mod sentence;
mod sign_in_method;
mod taken_away;
mod targets;
mod transport_conditions;
mod transport_rule;
mod trivial_text;
mod unread;
mod unread_part;
mod verdict;
mod words;

pub use base::trust::TrustedTarget;
pub use correlation::{
    CONSENT_JOINS, NEARBY, add_change_nearby, add_shared_target, concerned_accounts, consent_names, has_new_scope,
    is_change_near_threats, join_consent, joins_consent, raise_after_threat, raise_forwarding_target,
};
pub use earlier_rules::EarlierRules;
pub use exchange_rules::{is_delegate_rule_name, is_exchange_rule_name};
pub use finding::{Finding, FindingKind, Severity};
pub use folders::is_junk_folder;
pub use inbox_rule::shows_whole_rule;
pub use judge::{judge, judge_without_domains, system_noise};
pub use judgement::{Judged, Judgement};
pub use knowledge::{
    AcceptedDomains, Answer, GroupFacts, GroupKind, Knowledge, MailboxFacts, OtherDomains, Question, RecipientFacts,
};
pub use known_addresses::{KnownAddress, KnownAttackers};
pub use known_attacker::is_sign_in;
pub use live_mailbox::LiveMailbox;
pub use mail_targets::MailTargets;
pub use mailbox_ids::MailboxIds;
pub use questions::questions;
pub use reason::{Reason, ReasonName};
pub use record_facts::has_failed;
pub use relations::{can_relate, correlate, unite_consents};
pub use selection::is_selected;
pub use verdict::{Signals, is_high_without_forwarding, severity};
pub use words::{WordCounts, WordGroup};
