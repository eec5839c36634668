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
    /// The attacker of one account was in another one.
    SameAttacker,
    /// A sign-in came from an address that an attacker used in another account.
    KnownAttackerAddress,
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
    /// The actions of the rule are not visible on the server.
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
    /// Another change to the same account within 24 h before.
    ChangeNearby,
    /// A change within 24 h after a threat to the same account.
    AfterThreat,
    /// The actor granted their own account access.
    GrantsToSelf,
    /// Access for a guest, an external user, everyone or anonymous.
    GrantsBroadly,
    /// Access was granted.
    GrantsAccess,
    /// A mail flow rule copies or redirects to an outside address.
    TransportsExternally,
    /// A mail flow rule deletes.
    TransportDeletes,
    /// A mail flow rule lets mail of an external domain past two protections or more.
    TransportBypassesProtection,
    /// A mail flow rule quarantines messages by words about security.
    TransportQuarantinesWarnings,
    /// A mail flow rule was created or changed.
    TransportRuleChanged,
    /// A journal rule copies mail to an external address.
    JournalsExternally,
    /// A journal rule was created or changed.
    JournalRuleChanged,
    /// A connector was created or changed.
    ConnectorChanged,
    /// The organization's own domain, its help desk or a look-alike is a safe sender.
    TrustsLookalike,
    /// Senders that warn the mailbox owner are blocked.
    BlocksWarnings,
    /// The safe or blocked senders of a mailbox were changed.
    MailTrustChanged,
    /// An automatic reply was set.
    AutoReplySet,
    /// IMAP, POP or SMTP AUTH was enabled for a mailbox.
    ClientAccessOpened,
    /// Auditing was disabled or bypassed.
    AuditingWeakened,
    /// Automatic forwarding to external recipients was allowed.
    ForwardingLoosened,
    /// A protection was removed.
    ProtectionRemoved,
    /// An application that was seen in account takeovers.
    AppSeenInTakeovers,
    /// The name of an application imitates a Microsoft product.
    AppImitatesMicrosoft,
    /// An application may read or send mail, contacts or files.
    AppReadsMail,
    /// An application was consented to.
    AppConsented,
    /// A sign-in method or device was added or removed.
    MethodChanged,
    /// The authentication or federation of a domain was changed.
    DomainSignInChanged,
    /// A domain was added to the organization.
    DomainAdded,
    /// A domain was turned into a relay.
    DomainRelays,
    /// A domain of the organization was changed.
    DomainChanged,
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
