//! The conditions of automatic containment: two tables that take what was read and say what is not met. A value that could not be read
//! is `None`, and meets no condition.

use chrono::{DateTime, TimeDelta, Utc};

/// The oldest record whose account is contained.
const RECORD_AGE: TimeDelta = TimeDelta::hours(24);

/// The time for which a tenant must have been read without a gap.
const READ_WITHOUT_GAP: TimeDelta = TimeDelta::hours(24);

/// The time after an Undo in which an account is not contained again.
pub const AFTER_UNDO: TimeDelta = TimeDelta::hours(24);

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $unmet:literal),+ $(,)?) => {
        /// A condition of automatic containment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Condition { $($(#[$doc])* $name),+ }

        impl Condition {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the text after `Refused: `.
            pub fn unmet(self) -> &'static str {
                match self { $(Self::$name => $unmet),+ }
            }
        }
    };
}

conditions! {
    /// The finding is one of the tenant that is read.
    OwnTenant = "the stored finding is not one of the tenant that is read",
    /// The row is as Tenantwatch has stored it.
    Sealed = "the stored finding does not bear the seal of this installation, or was changed",
    /// The record is younger than 24 hours.
    RecordAge = "the record is older than 24 hours",
    /// The tenant has been read without a gap for more than 24 hours.
    ReadWithoutGap = "the tenant has not been read without a gap for 24 hours",
    /// Nothing of the tenant's audit log is still to be read.
    NoBacklog = "the tenant has a backlog",
    /// Mailbox owner and actor are known accounts of the tenant.
    KnownAccounts = "an account could not be read",
    /// The current rule was read, or the record is unambiguous.
    WholeChange = "Tenantwatch could not read the whole change",
    /// The accepted domains were read from Exchange or the directory.
    AcceptedDomains = "the accepted domains could not be read",
    /// If the threat is High only because mail is forwarded, one target is proven to be external.
    ExternalTarget = "no target is proven to be external",
    /// Sign-in is allowed for every account, or this incident has blocked it.
    Enabled = "sign-in of the account was already blocked",
    /// Every account is that of a member.
    Member = "an account is a guest, or its type could not be read",
    /// No account is in `PROTECTED_USERS`.
    NotProtected = "an account is in PROTECTED_USERS",
    /// No account has a directory role.
    NoRole = "an account has a directory role, or its roles could not be read",
    /// No account belongs to a shared or resource mailbox.
    PersonalMailbox = "an account has a shared or resource mailbox, or its type could not be read",
    /// No Undo was made for one of the accounts within 24 hours.
    NoRecentUndo = "an Undo for an account was made within 24 hours, or the earlier runs could not be read",
    /// There is room in the tenant's window.
    TenantLimit = "the limit of accounts for this tenant and 24 hours is reached, or could not be read",
    /// There is room in the window of all tenants.
    TotalLimit = "the limit of accounts for all tenants and one hour is reached, or could not be read",
    /// No other run holds the accounts.
    Free = "another run for these accounts is in progress",
    /// The conditions could be read in time.
    InTime = "the conditions could not be read in time",
    /// The run could be stored.
    Stored = "the run could not be stored",
}

/// The facts about the stored row itself. If one is not met, nothing is asked for with a token of a tenant.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// `true` if the row names the tenant and the domain that are read.
    pub is_of_tenant: bool,
    /// `true` if Tenantwatch has judged what the row says.
    pub is_sealed: bool,
}

/// The facts from the tables. No service is queried for them.
#[derive(Debug, Clone, Copy)]
pub struct Ours {
    /// The present time.
    pub now: DateTime<Utc>,
    /// The time of the record.
    pub event_time: DateTime<Utc>,
    /// Since when the tenant has been read without a gap.
    pub read_since: Option<DateTime<Utc>>,
    /// `true` if a part of the tenant's log is still to be read.
    pub has_backlog: Option<bool>,
}

/// The facts from the services of the tenant.
#[derive(Debug, Clone)]
pub struct Theirs {
    /// The present time.
    pub now: DateTime<Utc>,
    /// `true` if owner and actor were found among the accounts of the tenant.
    pub accounts_are_known: bool,
    /// `true` if the current rule was read, or the record is unambiguous.
    pub change_is_whole: bool,
    /// `true` if the accepted domains were read.
    pub domains_are_known: bool,
    /// `true` if a target is proven to be external. `None` if the threat is High without that.
    pub target_is_external: Option<bool>,
    /// Every account that a remediation would secure.
    pub accounts: Vec<AccountFacts>,
    /// The time of the last Undo for one of the accounts, if the earlier runs could be read.
    pub last_undo: Option<Option<DateTime<Utc>>>,
}

/// The facts about one account.
#[derive(Debug, Clone, Copy)]
pub struct AccountFacts {
    /// `true` if sign-in is allowed, or was until this incident.
    pub is_enabled: Option<bool>,
    /// `true` if it is a member's.
    pub is_member: Option<bool>,
    /// `true` if it is in `PROTECTED_USERS`.
    pub is_protected: bool,
    /// `true` if it has a directory role, directly or through a group.
    pub has_role: Option<bool>,
    /// `true` if it has the mailbox of a person, or none.
    pub mailbox_is_personal: Option<bool>,
}

type Row<T> = (Condition, fn(&T) -> bool);

/// The conditions on the row.
const ORIGIN: &[Row<Origin>] =
    &[(Condition::OwnTenant, |origin| origin.is_of_tenant), (Condition::Sealed, |origin| origin.is_sealed)];

/// The conditions on what the tables say.
const OURS: &[Row<Ours>] = &[
    (Condition::RecordAge, |ours| ours.now - ours.event_time < RECORD_AGE),
    (Condition::ReadWithoutGap, |ours| ours.read_since.is_some_and(|since| ours.now - since > READ_WITHOUT_GAP)),
    (Condition::NoBacklog, |ours| ours.has_backlog == Some(false)),
];

/// The conditions on what the tenant says.
const THEIRS: &[Row<Theirs>] = &[
    (Condition::KnownAccounts, |theirs| theirs.accounts_are_known && !theirs.accounts.is_empty()),
    (Condition::NotProtected, |theirs| theirs.accounts.iter().all(|account| !account.is_protected)),
    (Condition::Enabled, |theirs| theirs.accounts.iter().all(|account| account.is_enabled == Some(true))),
    (Condition::Member, |theirs| theirs.accounts.iter().all(|account| account.is_member == Some(true))),
    (Condition::NoRole, |theirs| theirs.accounts.iter().all(|account| account.has_role == Some(false))),
    (Condition::PersonalMailbox, |theirs| {
        theirs.accounts.iter().all(|account| account.mailbox_is_personal == Some(true))
    }),
    (Condition::WholeChange, |theirs| theirs.change_is_whole),
    (Condition::AcceptedDomains, |theirs| theirs.domains_are_known),
    (Condition::ExternalTarget, |theirs| theirs.target_is_external != Some(false)),
    (Condition::NoRecentUndo, |theirs| {
        theirs.last_undo.is_some_and(|last| last.is_none_or(|last| theirs.now - last > AFTER_UNDO))
    }),
];

impl Origin {
    /// Returns the first condition that is not met.
    pub fn unmet(&self) -> Option<Condition> {
        first_unmet(ORIGIN, self)
    }
}

impl Ours {
    /// Returns the first condition that is not met.
    pub fn unmet(&self) -> Option<Condition> {
        first_unmet(OURS, self)
    }
}

impl Theirs {
    /// Returns the first condition that is not met.
    pub fn unmet(&self) -> Option<Condition> {
        first_unmet(THEIRS, self)
    }
}

fn first_unmet<T>(table: &[Row<T>], read: &T) -> Option<Condition> {
    table.iter().find(|(_, is_met)| !is_met(read)).map(|(condition, _)| *condition)
}
