//! The report: one structure for every format. The activities themselves are written one by one beside it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use base::ids::RecordId;

use super::attribution::{Attributed, Rule};
use super::changes::Change;
use super::worth::Worth;

/// A time as `2026-11-20T08:00:00Z`.
pub fn utc<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.format("%Y-%m-%dT%H:%M:%SZ"))
}

/// The report on an attacker in one account, without the activities.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The account.
    pub account: String,
    /// The id of its tenant, empty where no record names it.
    pub tenant: String,
    /// The begin of the reported time.
    #[serde(serialize_with = "utc")]
    pub from: DateTime<Utc>,
    /// Its end.
    #[serde(serialize_with = "utc")]
    pub to: DateTime<Utc>,
    /// The answer in one sentence.
    pub verdict: String,
    /// The numbers of the attacker's acts.
    pub counts: Counts,
    /// The meaning of the numbers: known, too small, or not logged.
    #[serde(skip)]
    pub worth: Worth,
    /// The attacker's first and last act, if there is one.
    pub access: Option<Access>,
    /// Whether the account was seen from the threat's address before, in a sentence; empty if the threat has no address.
    pub origin: String,
    /// The beginning of the attack, in sentences.
    pub beginning: Vec<String>,
    /// Every address that can be one of a person.
    pub addresses: Vec<Address>,
    /// The attacker's sessions.
    pub sessions: Vec<Session>,
    /// Other accounts in which the attacker was, or tried to be.
    pub other_accounts: Vec<OtherAccount>,
    /// Messages that the attacker sent.
    pub sent: Vec<Sent>,
    /// Folders that the attacker read messages of.
    pub read: Vec<ReadFolder>,
    /// Folders that the attacker copied as a whole.
    pub synchronised: Vec<SyncedFolder>,
    /// Messages that the attacker deleted.
    pub deleted: Vec<Deleted>,
    /// The attacker's searches.
    pub searches: Vec<Noted>,
    /// Files that the attacker read, downloaded or shared.
    pub files: Vec<FileRow>,
    /// The attacker's changes.
    pub changes: Vec<Change>,
    /// The response to the attack.
    pub response: Vec<Noted>,
    /// The attacker's acts after the first response.
    pub after_response: Vec<Noted>,
    /// The acts that were not recorded, so that they remain unknown.
    pub not_logged: Vec<String>,
}

impl Report {
    /// Returns the accounts in which the attacker was.
    pub fn victims(&self) -> impl Iterator<Item = &OtherAccount> {
        self.other_accounts.iter().filter(|other| other.kind == OtherKind::SignedIn)
    }

    /// Returns the report with at most so many rows in each list.
    #[must_use]
    pub fn with_rows(&self, most: usize) -> Self {
        fn first<T: Clone>(rows: &[T], most: usize) -> Vec<T> {
            rows.iter().take(most).cloned().collect()
        }
        Self {
            account: self.account.clone(),
            tenant: self.tenant.clone(),
            from: self.from,
            to: self.to,
            verdict: self.verdict.clone(),
            counts: self.counts.clone(),
            worth: self.worth,
            access: self.access,
            origin: self.origin.clone(),
            beginning: first(&self.beginning, most),
            addresses: first(&self.addresses, most),
            sessions: first(&self.sessions, most),
            other_accounts: first(&self.other_accounts, most),
            sent: first(&self.sent, most),
            read: first(&self.read, most),
            synchronised: first(&self.synchronised, most),
            deleted: first(&self.deleted, most),
            searches: first(&self.searches, most),
            files: first(&self.files, most),
            changes: first(&self.changes, most),
            response: first(&self.response, most),
            after_response: first(&self.after_response, most),
            not_logged: first(&self.not_logged, most),
        }
    }
}

/// Numbers of the attacker's acts, by the account or on its mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Counts {
    /// Successful sign-ins.
    pub sign_ins: u64,
    /// Addresses, without Microsoft's.
    pub addresses: u64,
    /// Distinct messages that were opened or served.
    pub messages_read: u64,
    /// Distinct folders that were copied.
    pub folders_synchronised: u64,
    /// Distinct messages that were sent.
    pub messages_sent: u64,
    /// Distinct messages that were deleted.
    pub messages_deleted: u64,
    /// Distinct files that were read, downloaded or shared.
    pub files: u64,
    /// Other accounts.
    pub other_accounts: u64,
}

/// From when to when the attacker acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Access {
    /// The first act; where the attacker was in, the first one inside.
    #[serde(serialize_with = "utc")]
    pub first: DateTime<Utc>,
    /// The last act; where the attacker was in, the last one inside.
    #[serde(serialize_with = "utc")]
    pub last: DateTime<Utc>,
    /// `true` if anything shows that the attacker had access.
    pub is_proven: bool,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Address {
    /// The address.
    #[serde(rename = "IP")]
    pub ip: IpAddr,
    /// The side that it is attributed to.
    pub attribution: Attributed,
    /// Why.
    pub rule: Rule,
    /// `city, region, country`, empty without a database of places.
    pub place: String,
    /// The owner of the network, empty without a database of networks.
    pub network: String,
    /// The first activity.
    #[serde(serialize_with = "utc")]
    pub first: DateTime<Utc>,
    /// The last activity.
    #[serde(serialize_with = "utc")]
    pub last: DateTime<Utc>,
    /// The number of activities.
    pub activities: u64,
    /// The clients, at most five.
    pub clients: Vec<String>,
}

/// One session of the attacker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Session {
    /// Its id.
    pub session: String,
    /// The account.
    pub account: String,
    /// `true` if the owner uses it too.
    pub is_shared: bool,
    /// Its addresses.
    #[serde(rename = "IPs")]
    pub ips: Vec<IpAddr>,
    /// The first activity.
    #[serde(serialize_with = "utc")]
    pub first: DateTime<Utc>,
    /// The last activity.
    #[serde(serialize_with = "utc")]
    pub last: DateTime<Utc>,
    /// The number of the attacker's activities.
    pub activities: u64,
}

/// The degree of the attacker's access to another account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum OtherKind {
    /// Signed in, or active without a sign-in: a second victim.
    SignedIn,
    /// The password is known, but something stopped the sign-in.
    Stopped,
    /// Only tried.
    Tried,
}

impl OtherKind {
    /// Returns the kind in words.
    pub fn as_text(self) -> &'static str {
        match self {
            Self::SignedIn => "was in: investigate this account too",
            Self::Stopped => "password known, sign-in stopped",
            Self::Tried => "tried",
        }
    }
}

/// Another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OtherAccount {
    /// The account.
    pub account: String,
    /// The degree of the attacker's access.
    pub kind: OtherKind,
    /// The first activity.
    #[serde(serialize_with = "utc")]
    pub first: DateTime<Utc>,
    /// The last activity.
    #[serde(serialize_with = "utc")]
    pub last: DateTime<Utc>,
    /// The number of activities.
    pub activities: u64,
    /// The attacker's addresses that it was used from.
    #[serde(rename = "IPs")]
    pub ips: Vec<IpAddr>,
}

/// A message that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Sent {
    /// When.
    #[serde(serialize_with = "utc")]
    pub time: DateTime<Utc>,
    /// The subject.
    pub subject: String,
    /// To whom; empty where it was not recorded.
    pub recipients: Vec<String>,
    /// From which mailbox.
    pub mailbox: String,
    /// `InternetMessageId`, else the id of the record.
    pub message: String,
    /// The record.
    pub id: RecordId,
}

/// A folder of which messages were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReadFolder {
    /// The mailbox.
    pub mailbox: String,
    /// The folder.
    pub folder: String,
    /// Distinct messages.
    pub messages: u64,
    /// Their size, where it was recorded.
    pub bytes: u64,
}

/// A folder that was copied as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Hash)]
#[serde(rename_all = "PascalCase")]
pub struct SyncedFolder {
    /// The mailbox.
    pub mailbox: String,
    /// The folder.
    pub folder: String,
}

/// A message that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Deleted {
    /// When first.
    #[serde(serialize_with = "utc")]
    pub time: DateTime<Utc>,
    /// The subject.
    pub subject: String,
    /// The folder.
    pub folder: String,
    /// The operation.
    pub operation: String,
}

/// An act with what it was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Noted {
    /// When.
    #[serde(serialize_with = "utc")]
    pub time: DateTime<Utc>,
    /// The account that acted.
    pub account: String,
    /// The operation.
    pub operation: String,
    /// The object of the act.
    pub text: String,
    /// The record.
    pub id: RecordId,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileRow {
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// The operations on it.
    pub operations: Vec<String>,
    /// The time of the first one.
    #[serde(serialize_with = "utc")]
    pub time: DateTime<Utc>,
    /// In bytes, 0 where it was not recorded.
    pub bytes: u64,
}

/// One activity as the report lists it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ActivityRow<'a> {
    /// The record.
    pub id: RecordId,
    /// When.
    #[serde(serialize_with = "utc")]
    pub time: DateTime<Utc>,
    /// The account that acted.
    pub account: &'a str,
    /// The mailbox, empty if the act concerned none.
    pub mailbox: &'a str,
    /// The operation.
    pub operation: &'a str,
    /// The address of the client, empty if none was recorded.
    #[serde(rename = "IP")]
    pub ip: String,
    /// In which session, empty where none was recorded.
    pub session: &'a str,
    /// The side that it is attributed to.
    pub attribution: Attributed,
    /// Why.
    pub rule: Rule,
    /// User agent or client string.
    pub client: &'a str,
    /// The result of a sign-in, empty for all else.
    pub result: &'a str,
}
