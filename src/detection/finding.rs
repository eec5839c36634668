//! An evaluated record.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use base::ids::{RecordId, TenantId};
use table_store::Digest;

use super::Reason;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Recorded without a notification.
    Low,
    /// A threat.
    Medium,
    /// A threat beyond doubt.
    High,
}

impl Severity {
    /// `Low`, `Medium`, `High`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The type of a finding: the column `Type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum FindingKind { $($(#[$doc])* $name),+ }

        impl FindingKind {
    /// Returns `SourceMailbox`. A finding that is not about a mailbox is about the account of its actor.
    pub fn source_mailbox<'a>(self, mailbox: &'a str, actor: &'a str) -> &'a str {
        if mailbox.is_empty() && !self.is_about_mailbox() { actor } else { mailbox }
    }

            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The text in the column `Type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }

        impl std::str::FromStr for FindingKind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $(stringify!($name) => Ok(Self::$name),)+
                    other => Err(format!("unknown finding type {other:?}")),
                }
            }
        }
    };
}

kinds! {
    /// An inbox or sweep rule.
    InboxRule,
    /// Forwarding on the mailbox itself.
    InboxForward,
    /// Access to a mailbox or folder.
    MailboxPermission,
    /// A mail flow rule of the organization.
    TransportRule,
    /// A journal rule of the organization.
    JournalRule,
    /// A connector through which mail enters or leaves the organization.
    Connector,
    /// Safe and blocked senders of a mailbox.
    MailboxTrust,
    /// The automatic reply of a mailbox.
    AutoReply,
    /// A protocol that was enabled for a mailbox.
    ClientAccess,
    /// Auditing or a protection that was disabled.
    AuditTampering,
    /// The consent to an application.
    Consent,
    /// A sign-in method or device that was added or removed.
    SignInMethod,
    /// A domain of the organization.
    Domain,
    /// A mail contact or mail user with a new external address.
    ContactRetargeted,
    /// A sign-in from an address that an attacker used in another account.
    KnownAttackerAddress,
    /// Not a record: the report of an investigation.
    Investigation,
    /// Not a record: the state of monitoring a tenant.
    Coverage,
    /// Not a record: a notification sent by `check --notify`.
    Test,
}

impl FindingKind {
    /// Returns whether it is about one mailbox, which has an owner. Findings of the other types are about the actor alone.
    pub fn is_about_mailbox(self) -> bool {
        match self {
            Self::InboxRule
            | Self::InboxForward
            | Self::MailboxPermission
            | Self::MailboxTrust
            | Self::AutoReply
            | Self::ClientAccess => true,
            Self::TransportRule
            | Self::JournalRule
            | Self::Connector
            | Self::AuditTampering
            | Self::Consent
            | Self::SignInMethod
            | Self::Domain
            | Self::ContactRetargeted
            | Self::KnownAttackerAddress
            | Self::Investigation
            | Self::Coverage
            | Self::Test => false,
        }
    }
}

/// An evaluated record, threat or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The record's id.
    pub record_id: RecordId,
    /// The tenant of the record.
    pub tenant_id: TenantId,
    /// The type.
    pub kind: FindingKind,
    /// `true` if a technician must be notified.
    pub threat: bool,
    /// `true` if only a target that a transient error withheld makes it a threat. The target may turn out to be internal.
    pub hinges_on_withheld_target: bool,
    /// The severity.
    pub severity: Severity,
    /// 0 to 100, to order findings.
    pub score: u8,
    /// Every cause, the weightiest first.
    pub reasons: Vec<Reason>,
    /// The cmdlet or mailbox operation.
    pub operation: String,
    /// The mailbox that was changed (the victim): a user principal name where it is known; empty where there is none.
    pub mailbox: String,
    /// The account that made the change.
    pub actor: String,
    /// The time of the change, UTC.
    pub event_time: DateTime<Utc>,
    /// Reaches a proven outside address.
    pub forwarding_externally: bool,
    /// No condition narrows the rule.
    pub applies_to_all_mail: bool,
    /// Deletes messages.
    pub deletes: bool,
    /// Exchange's own description of the rule, or one in the same style.
    pub description: String,
    /// Unsigned rule id as decimal text, empty where there is none.
    pub rule_id: String,
    /// Empty where unknown or blank.
    pub rule_name: String,
    /// The original's sentence about mailbox forwarding, empty for other kinds.
    pub forwarding_status: String,
    /// The destinations of the mail, joined with `;`.
    pub forwarding_address: String,
    /// Outside targets in comparable form, for `SharedTarget`.
    pub outside_targets: Vec<String>,
    /// `ClientIP` as it stood in the record.
    pub client_ip: Option<String>,
    /// The permissions that a consent grants; empty for other kinds.
    pub scopes: Vec<String>,
    /// Every key of the application of a consent: its service principal, its application id and its name.
    pub application: Vec<String>,
    /// Equal for the same thing done again.
    pub fingerprint: Digest,
    /// The objects that the record creates or changes: the rule by its id and by its name, the grant, the application. Coarser than the
    /// fingerprint, because a record that removes an object shows neither its conditions nor its targets.
    pub subjects: Vec<Digest>,
    /// The objects that the record removes or disables. They clear the fingerprint of every earlier finding that has one of them among its
    /// `subjects`: the same object created again is a new threat.
    pub removed: Vec<Digest>,
    /// The earlier finding that this one repeats, as far as [`super::correlate`] found one.
    pub repeat_of: Option<RecordId>,
    /// `true` if current settings were needed and a transient error withheld them, so that the record is evaluated again.
    pub rejudge: bool,
    /// The whole record as JSON.
    pub record: String,
}

impl Finding {
    /// Returns `SourceMailbox`.
    pub fn source_mailbox(&self) -> &str {
        self.kind.source_mailbox(&self.mailbox, &self.actor)
    }
}
