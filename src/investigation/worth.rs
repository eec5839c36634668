//! Tells a number that is known from one that is too small or not logged.

/// The kinds of records of which some were not read, as opposed to those that are not logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Records of the directory are missing.
    pub sign_ins: bool,
    /// Records of mailboxes are missing.
    pub mail: bool,
    /// Records of files are missing.
    pub files: bool,
}

/// The meaning of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Known {
    /// It is the number.
    #[default]
    All,
    /// There may be more.
    AtLeast,
    /// It is 0 because nothing was logged.
    NotLogged,
    /// It is 0, and a part of the records is missing.
    Unknown,
    /// It is 0 because folders were copied as a whole.
    WholeFolders,
}

impl Known {
    /// A number that is 0 where nothing was logged, and too small where records are missing.
    pub(super) fn of(count: u64, is_logged: bool, has_gap: bool) -> Self {
        match (count, is_logged, has_gap) {
            (0, _, true) => Self::Unknown,
            (0, false, false) => Self::NotLogged,
            (1.., _, true) => Self::AtLeast,
            (_, _, false) => Self::All,
        }
    }
}

/// The meaning of each number of a report. It is no part of the written report, whose `NotLogged` says it in sentences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worth {
    /// `SignIns`
    pub sign_ins: Known,
    /// Addresses of successful sign-ins; the attacker may have used more.
    pub sign_in_addresses: u64,
    /// The attacker signed in to another account, such as a delegate's, and acted from it.
    pub is_through_another: bool,
    /// `MessagesRead`
    pub messages_read: Known,
    /// `FoldersSynchronised`
    pub folders_synchronised: Known,
    /// `MessagesSent`
    pub messages_sent: Known,
    /// `MessagesDeleted`
    pub messages_deleted: Known,
    /// `Files`
    pub files: Known,
}
