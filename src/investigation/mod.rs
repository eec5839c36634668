//! Answers what an attacker did in an account. Pure: activities in, a report out.
//!
//! [`reduce`] turns a record of any workload into an [`Activity`]. [`attribute`] passes over the activities and learns which addresses,
//! sessions and tokens are the attacker's and which places are the owner's; the [`Attribution`] then judges each activity, and
//! names the rule. The report counts what was judged.

mod activity;
mod attribution;
mod baseline;
mod builder;
mod change_text;
mod changes;
mod contexts;
mod details;
mod habits;
mod history;
mod investigate;
mod limits;
mod links;
mod listed;
mod networks;
mod numbers;
mod origin;
mod quarters;
mod reduce;
mod report;
mod seen;
mod sign_in;
mod start;
mod store;
mod subject;
mod texts;
mod threat;
mod timeline;
mod verdict;
mod words;
mod worth;

pub use activity::{Act, Activity, SignInResult, is_guid, is_person};
pub use attribution::{Attributed, Attribution, Judgement, Rule};
pub use builder::Builder;
pub use changes::{Change, ChangeKind, ChangeObject, ChangeState};
pub use details::{Details, details};
pub use investigate::attribute;
pub use limits::ALWAYS as LIMITS;
pub use numbers::{access_lasted, acted, files, messages_read, number, signed_in};
pub use reduce::{CLAIM, is_consent, reduce};
pub use report::{
    Access, ActivityRow, Address, Counts, Deleted, FileRow, Noted, OtherAccount, OtherKind, ReadFolder, Report, Sent,
    Session, SyncedFolder, utc,
};
pub use seen::Seen;
pub use store::{Activities, Reach};
pub use subject::{Names, Subject};
pub use threat::FixedPoints;
pub use timeline::{Lane, Mark, Timeline};
pub use words::{counted, lasted};
pub use worth::{Gaps, Known, Worth};
