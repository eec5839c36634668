//! What must be known of a tenant to judge its records. Judging asks for it in [`Question`]s; whoever can look things up
//! answers into [`Knowledge`]; offline nothing is asked and the record alone decides.

use std::collections::{BTreeSet, HashMap};

use crate::settings::TrustedTarget;
use base::ids::{Domain, TenantId};
use m365::exchange::{AcceptedDomain, InboxRule, SweepRule};
use m365::graph::TenantDomain;

use super::FindingKind;

/// Something that must be looked up before a record can be judged. The text is the key under which the answer is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// Which mailbox is this identity (DN, alias, GUID, address)? `Get-Mailbox`; answer into [`Knowledge::mailboxes`].
    Mailbox(String),
    /// Which rules does this mailbox have now? `Get-InboxRule` with and without `IncludeHidden`, `Get-SweepRule`; answer into
    /// [`Knowledge::live`]. The text is the user principal name.
    LiveRules(String),
    /// Who is this recipient (legacy DN, DN, alias)? `Get-Recipient`; answer into [`Knowledge::recipients`].
    Recipient(String),
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<T> {
    /// Known.
    Known(T),
    /// Exchange says that there is no such thing, or more than one.
    Unknown,
    /// A passing fault withheld it: judge again later.
    Withheld,
    /// We are refused for good: judge by the record alone.
    Refused,
}

/// Who owns a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxFacts {
    /// User principal name, lower case.
    pub upn: String,
    /// Entra object id, where the mailbox has one.
    pub object_id: Option<String>,
    /// All its addresses, lower case without `smtp:`.
    pub addresses: Vec<String>,
}

/// Where mail to a directory object ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientFacts {
    /// The addresses that mail reaches: `ExternalEmailAddress` of a contact or mail user, else the primary address.
    pub addresses: Vec<String>,
}

/// The rules of a mailbox as they are now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveMailbox {
    /// The inbox rules that the owner can see.
    pub visible: Vec<InboxRule>,
    /// All inbox rules, with the hidden ones.
    pub all: Vec<InboxRule>,
    /// The sweep rules, if they were read.
    pub sweep: Vec<SweepRule>,
}

/// The accepted domains of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptedDomains {
    /// Exactly these.
    pub exact: BTreeSet<Domain>,
    /// These and all below them (`MatchSubDomains`).
    pub with_sub_domains: BTreeSet<Domain>,
}

impl AcceptedDomains {
    /// Returns those that Exchange lists.
    pub fn of_exchange(domains: &[AcceptedDomain]) -> Self {
        let (with_sub_domains, exact): (Vec<_>, Vec<_>) = domains.iter().partition(|domain| domain.match_sub_domains);
        let names = |domains: Vec<&AcceptedDomain>| domains.into_iter().map(|domain| domain.name.clone()).collect();
        Self { exact: names(exact), with_sub_domains: names(with_sub_domains) }
    }

    /// The verified ones of a directory.
    pub fn of_directory(domains: &[TenantDomain]) -> Self {
        let verified = domains.iter().filter(|domain| domain.is_verified);
        Self { exact: verified.filter_map(|domain| domain.id.parse().ok()).collect(), ..Self::default() }
    }

    /// Whether mail to this domain stays inside.
    pub fn contain(&self, domain: &Domain) -> bool {
        self.exact.contains(domain)
            || self.with_sub_domains.iter().any(|parent| parent == domain || domain.is_below(parent))
    }
}

/// What is known of one tenant while a batch of its records is judged.
#[derive(Debug, Clone)]
pub struct Knowledge {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its ManagementDomain.
    pub domain: Domain,
    /// Nothing can be looked up: [`super::questions`] asks nothing.
    pub offline: bool,
    /// Its accepted domains.
    pub accepted: AcceptedDomains,
    /// `TRUSTED_DOMAINS`
    pub trusted_targets: Vec<TrustedTarget>,
    /// `TRUSTED_APPS`
    pub trusted_apps: BTreeSet<uuid::Uuid>,
    /// `DETECTIONS_OFF`
    pub off: BTreeSet<FindingKind>,
    /// Answers to [`Question::Mailbox`].
    pub mailboxes: HashMap<String, Answer<MailboxFacts>>,
    /// Answers to [`Question::LiveRules`].
    pub live: HashMap<String, Answer<LiveMailbox>>,
    /// Answers to [`Question::Recipient`].
    pub recipients: HashMap<String, Answer<RecipientFacts>>,
}
