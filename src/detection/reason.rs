//! Named reasons. Each finding has the ones that hold for it, each with a sentence for a technician.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The name of a cause.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ReasonName { $($(#[$doc])* $name),+ }

        impl ReasonName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name as it is stored and printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

reasons! {
    /// A rule sends mail to a proven outside address.
    ForwardsExternally,
    /// A target could not be resolved.
    TargetUnresolved,
    /// Only inside targets.
    ForwardsInternally,
    /// Only trusted outside targets.
    ForwardsToTrusted,
    /// Messages are deleted.
    DeletesMessages,
    /// Moved to a folder people do not open.
    HidesInFolder,
    /// Moved to Archive or Junk.
    MovesToArchiveOrJunk,
    /// Marked as read.
    MarksAsRead,
    /// No further rules run.
    StopsProcessing,
    /// No condition narrows the rule.
    AppliesToAllMail,
    /// Matches words about money, payroll, security, or replies and bounces.
    SensitiveWords,
    /// Matches mail from the help desk, from Microsoft's notices or from payroll services.
    TargetsSenders,
    /// The name has no letter, digit, ideograph or emoji. Rows of the first version call it `OddName`.
    #[serde(alias = "OddName")]
    NamelessRule,
    /// The name is one character, or one character repeated.
    ShortName,
    /// A name, word or folder was written to look like another.
    LookalikeText,
    /// The actor is not the owner.
    ChangedByAnother,
    /// Seen only with hidden rules included.
    HiddenRule,
    /// What the rule does cannot be seen from the server.
    ContentNotVisible,
    /// Forwarding on the mailbox to an outside address.
    MailboxForwardsExternally,
    /// Forwarding on the mailbox to an inside address.
    MailboxForwardsInternally,
    /// Forwarded without a copy in the mailbox.
    KeepsNoCopy,
    /// The same outside target on another mailbox within 7 days.
    SharedTarget,
    /// A sign-in method changed within 24 h before.
    MethodChangedNearby,
    /// The actor granted himself access.
    GrantsToSelf,
    /// Access for a guest, an outsider, everyone or anonymous.
    GrantsBroadly,
    /// Access was granted.
    GrantsAccess,
    /// A mail flow rule copies or redirects to an outside address.
    TransportsExternally,
    /// A mail flow rule deletes.
    TransportDeletes,
    /// A mail flow rule was made or changed.
    TransportRuleChanged,
    /// Auditing was switched off or around.
    AuditingWeakened,
    /// Automatic forwarding to the outside was allowed.
    ForwardingLoosened,
    /// A protection was removed.
    ProtectionRemoved,
    /// An application may read or send mail, contacts or files.
    AppReadsMail,
    /// An application was consented to.
    AppConsented,
    /// A way to sign in was added or removed.
    MethodChanged,
    /// A way to sign in was changed within 24 h after a threat.
    MethodChangedAfterThreat,
    /// A contact points to another outside address.
    ContactPointsElsewhere,
}

/// One cause, with what a technician should read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Its name.
    #[serde(rename = "Reason")]
    pub name: ReasonName,
    /// One plain sentence. May hold text that an attacker chose.
    #[serde(rename = "Sentence")]
    pub sentence: String,
}

impl Reason {
    /// A reason with its sentence.
    pub fn new(name: ReasonName, sentence: impl Into<String>) -> Self {
        Self { name, sentence: sentence.into() }
    }
}
