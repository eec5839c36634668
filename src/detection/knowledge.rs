//! The facts about a tenant that records are evaluated with.
//!
//! Evaluating returns [`Question`]s. The caller looks the answers up and adds them to [`Knowledge`]. Offline there are no questions
//! and the record alone decides.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use base::ids::{Domain, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
pub use m365::exchange::GroupKind;
use m365::exchange::{AcceptedDomain, DomainType};

use super::earlier_rules::EarlierRules;
use super::known_addresses::KnownAttackers;
use super::live_mailbox::LiveMailbox;
use super::mailbox_ids::MailboxIds;
use super::{Finding, FindingKind, TrustedTarget};

/// The time for which an added domain does not count as the tenant's own.
const ADDED_COUNTS: TimeDelta = TimeDelta::days(30);

/// A fact that a record needs. The text is the key of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// The mailbox of an identity (DN, alias, GUID, address), by `Get-Mailbox`. The answer belongs into [`Knowledge::mailboxes`].
    Mailbox(String),
    /// The current rules of the mailbox with this user principal name, by `Get-InboxRule` with and without `IncludeHidden`, and
    /// `Get-SweepRule`. The answer belongs into [`Knowledge::live`].
    LiveRules(String),
    /// The recipient of an address under an accepted domain, or of a directory name (legacy DN, DN, alias), by `Get-Recipient`.
    /// The answer belongs into [`Knowledge::recipients`].
    Recipient(String),
    /// The members of a group that is a target, at most 500, by the cmdlet of its kind. The answer belongs into
    /// [`Knowledge::groups`] under `identity`.
    GroupMembers {
        /// The text that the group was asked for with.
        identity: String,
        /// The kind, which decides the cmdlet.
        kind: GroupKind,
    },
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<T> {
    /// Known.
    Known(T),
    /// Exchange says that there is no such thing, or more than one.
    Unknown,
    /// A transient error withheld it: evaluate again later.
    Withheld,
    /// Access is denied permanently: evaluate the record alone.
    Refused,
}

/// The owner of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxFacts {
    /// User principal name, lower case.
    pub upn: String,
    /// Entra object id, where the mailbox has one.
    pub object_id: Option<String>,
    /// All its addresses, lower case without `smtp:`.
    pub addresses: Vec<String>,
}

/// The end of the way of mail to a recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientFacts {
    /// The addresses that mail reaches: `ExternalEmailAddress` of a contact or mail user, else the primary address.
    pub addresses: Vec<String>,
    /// Set if the recipient is a group: then its members count.
    pub group: Option<GroupKind>,
}

/// The members of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFacts {
    /// The addresses that mail to each member reaches, groups left out.
    pub addresses: Vec<String>,
    /// The groups among the members, by the text to ask for them with.
    pub groups: Vec<(String, GroupKind)>,
}

/// The accepted domains of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptedDomains {
    /// Exactly these.
    pub exact: BTreeSet<Domain>,
    /// These and all below them (`MatchSubDomains`).
    pub with_sub_domains: BTreeSet<Domain>,
    /// Those of the above whose unknown recipients are relayed to another mail system (`InternalRelay`, `ExternalRelay`).
    pub relayed: BTreeSet<Domain>,
    /// The domains beside these.
    pub others: OtherDomains,
}

/// The assumption about domains that are not listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OtherDomains {
    /// They are not the tenant's.
    #[default]
    External,
    /// They are the tenant's.
    Internal,
    /// They may be either, because the list could not be read.
    Unread,
}

impl AcceptedDomains {
    /// Returns the domains that Exchange lists.
    pub fn of_exchange(domains: &[AcceptedDomain]) -> Self {
        let mut accepted = Self::default();
        for domain in domains {
            if matches!(domain.kind, DomainType::InternalRelay | DomainType::ExternalRelay) {
                accepted.relayed.insert(domain.name.clone());
            }
            match domain.match_sub_domains {
                true => accepted.with_sub_domains.insert(domain.name.clone()),
                false => accepted.exact.insert(domain.name.clone()),
            };
        }
        accepted
    }

    /// Returns exactly these domains, such as the verified ones of a directory. Text that is not a domain is left out.
    pub fn of_directory<'a>(verified: impl IntoIterator<Item = &'a str>) -> Self {
        Self { exact: verified.into_iter().filter_map(|domain| domain.parse().ok()).collect(), ..Self::default() }
    }

    /// Returns whether mail to this domain is accepted by the tenant.
    pub fn contain(&self, domain: &Domain) -> bool {
        self.others == OtherDomains::Internal
            || self.exact.contains(domain)
            || is_or_is_below(&self.with_sub_domains, domain)
    }

    /// Returns whether mail to unknown recipients of this domain is relayed to another system.
    pub fn relay(&self, domain: &Domain) -> bool {
        self.relayed.contains(domain) || (!self.exact.contains(domain) && is_or_is_below(&self.relayed, domain))
    }
}

fn is_or_is_below(parents: &BTreeSet<Domain>, domain: &Domain) -> bool {
    parents.iter().any(|parent| parent == domain || domain.is_below(parent))
}

/// The facts of one tenant while a batch of its records is evaluated.
#[derive(Debug, Clone)]
pub struct Knowledge {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its ManagementDomain.
    pub domain: Domain,
    /// Nothing can be looked up: [`super::questions`] returns none.
    pub offline: bool,
    /// Its accepted domains.
    pub accepted: AcceptedDomains,
    /// Domains that were added within the last 30 days, with the time. They do not count as the tenant's own.
    pub recently_added: BTreeMap<Domain, DateTime<Utc>>,
    /// `TRUSTED_DOMAINS`
    pub trusted_targets: Vec<TrustedTarget>,
    /// `TRUSTED_APPS`
    pub trusted_apps: BTreeSet<uuid::Uuid>,
    /// `DETECTIONS_OFF`
    pub off: BTreeSet<FindingKind>,
    /// The addresses of attackers.
    pub attackers: Arc<KnownAttackers>,
    /// Answers to [`Question::Mailbox`].
    pub mailboxes: HashMap<String, Answer<MailboxFacts>>,
    /// Answers to [`Question::LiveRules`].
    pub live: HashMap<String, Answer<LiveMailbox>>,
    /// Answers to [`Question::Recipient`].
    pub recipients: HashMap<String, Answer<RecipientFacts>>,
    /// Answers to [`Question::GroupMembers`].
    pub groups: HashMap<String, Answer<GroupFacts>>,
    /// The rules of earlier records, for an evaluation offline: see [`Knowledge::note_rule`].
    pub earlier_rules: EarlierRules,
    /// The owners of mailboxes by GUID, for an evaluation offline.
    pub mailbox_ids: MailboxIds,
}

impl Knowledge {
    /// Returns the facts of a tenant of which nothing is known but its name, and about which questions can be asked.
    pub fn new(tenant_id: TenantId, domain: Domain) -> Self {
        Self {
            tenant_id,
            domain,
            offline: false,
            accepted: AcceptedDomains::default(),
            recently_added: BTreeMap::new(),
            trusted_targets: Vec::new(),
            trusted_apps: BTreeSet::new(),
            off: BTreeSet::new(),
            attackers: Arc::default(),
            mailboxes: HashMap::new(),
            live: HashMap::new(),
            recipients: HashMap::new(),
            groups: HashMap::new(),
            earlier_rules: EarlierRules::default(),
            mailbox_ids: MailboxIds::default(),
        }
    }

    /// Returns whether mail to this domain stays in the tenant. While no accepted domain is known, the tenant's own counts. A domain
    /// that was added a short time ago does not.
    pub(super) fn is_inside(&self, domain: &Domain) -> bool {
        let none_known = self.accepted.exact.is_empty() && self.accepted.with_sub_domains.is_empty();
        let is_new = self.recently_added.keys().any(|added| added == domain || domain.is_below(added));
        !is_new && (self.accepted.contain(domain) || (none_known && *domain == self.domain))
    }

    /// Keeps that a domain was added, if the finding says so.
    pub fn note_domain(&mut self, finding: &Finding) {
        if let Some(domain) = finding.added_domain() {
            let added = self.recently_added.entry(domain).or_insert(finding.event_time);
            *added = finding.event_time.max(*added);
        }
    }

    /// Forgets the domains that were added more than 30 days before `now`.
    pub fn forget_old_domains(&mut self, now: DateTime<Utc>) {
        self.recently_added.retain(|_, added| now - *added < ADDED_COUNTS);
    }
}
