//! Notes which kinds of records a tenant has at all, so that missing records are not mistaken for missing acts.

use chrono::{DateTime, Utc};

use super::activity::{Act, Activity};

/// How operations on files begin.
const FILES: [&str; 6] = ["File", "AnonymousLink", "SecureLink", "CompanyLink", "AddedToSecureLink", "Sharing"];

/// Kinds of records that were read of one tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// The first and the last record.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// `true` if there are sign-ins.
    pub sign_ins: bool,
    /// `true` if there are records of mailboxes.
    pub mail: bool,
    /// `true` if there are records of mail that was read.
    pub mail_reads: bool,
    /// `true` if there are records of files.
    pub files: bool,
}

impl Seen {
    /// Takes note of a record.
    pub fn note(&mut self, activity: &Activity) {
        let (first, last) = self.span.unwrap_or((activity.time, activity.time));
        self.span = Some((first.min(activity.time), last.max(activity.time)));
        self.sign_ins |= activity.is_sign_in();
        self.mail |= !activity.mailbox.is_empty();
        self.mail_reads |= matches!(activity.act, Act::MailRead | Act::FolderSync);
        self.files |= matches!(activity.act, Act::FileRead | Act::FileShared | Act::FileChanged);
    }

    /// Returns whether a record with this operation may show a kind that was not seen yet.
    pub fn may_learn(&self, operation: &str, has_mailbox: bool) -> bool {
        let is_sign_in =
            || operation.eq_ignore_ascii_case("UserLoggedIn") || operation.eq_ignore_ascii_case("UserLoginFailed");
        let may_be_file = || FILES.iter().any(|begin| operation.starts_with(begin));
        let act = || Act::of(operation, None, None);
        (!self.mail && has_mailbox)
            || (!self.sign_ins && is_sign_in())
            || (!self.mail_reads && operation == "MailItemsAccessed")
            || (!self.files && may_be_file() && matches!(act(), Act::FileRead | Act::FileShared | Act::FileChanged))
    }

    /// Adds what was seen elsewhere.
    pub fn join(&mut self, other: &Self) {
        let (first, last) = (self.span.or(other.span), other.span.or(self.span));
        self.span = first.zip(last).map(|((a, b), (c, d))| (a.min(c), b.max(d)));
        self.sign_ins |= other.sign_ins;
        self.mail |= other.mail;
        self.mail_reads |= other.mail_reads;
        self.files |= other.files;
    }
}
