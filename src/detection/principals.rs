//! The mailbox owner and the actor of a record.

use uuid::Uuid;

use audit_log::AuditRecord;
use base::ids::MailAddress;

use super::conditions::OwnAddresses;
use super::grant;
use super::json;
use super::knowledge::{Answer, Knowledge, MailboxFacts};
use super::mailbox_ids::guid_in;
use super::rule_from_parameters::mailbox_and_rule;
use super::selection::OperationKind;

/// Owner and actor of one record.
#[derive(Debug, Clone)]
pub(super) struct Principals {
    /// The mailbox that was changed: a user principal name or address where it is known, else the alias of the record; empty where
    /// there is none.
    pub(super) mailbox: String,
    /// Entra object id of the mailbox, if Exchange returned it.
    pub(super) object_id: Option<String>,
    /// All addresses of the owner that are known.
    pub(super) own: OwnAddresses,
    /// `UserId`
    pub(super) actor: String,
    /// The actor is not the owner.
    pub(super) changed_by_another: bool,
    /// `true` if a transient error kept Exchange from returning the owner.
    pub(super) withheld: bool,
}

/// The mailbox as the record names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MailboxText {
    /// A user principal name, address, alias, GUID or path.
    pub(super) text: String,
    /// An address: known without asking.
    pub(super) is_plain: bool,
}

/// The mailbox that a record is about: `MailboxOwnerUPN`, else the parameter `Mailbox`, else the mailbox in `ObjectId` or
/// `Identity`. `None` when the record names none, as directory records and mail flow rules do.
pub(super) fn mailbox_text(record: &AuditRecord, operation_kind: OperationKind) -> Option<MailboxText> {
    let named = match operation_kind {
        OperationKind::MailboxRules => None,
        OperationKind::InboxRuleCmdlet | OperationKind::SweepRuleCmdlet | OperationKind::RuleRemoval => {
            mailbox_of_rule_cmdlet(record)
        }
        OperationKind::Mailbox
        | OperationKind::Permission
        | OperationKind::PermissionRemoval
        | OperationKind::Trust
        | OperationKind::AutoReply
        | OperationKind::ClientAccess => mailbox_of_cmdlet(record),
        OperationKind::SignInMethod => {
            let text = account_of_method(record)?;
            return Some(MailboxText { is_plain: true, text });
        }
        _ => return None,
    };
    let owner = record.mailbox_owner.as_deref().map(str::trim).filter(|owner| !owner.is_empty());
    let text = owner.or(named).or_else(|| mailbox_of_audit(record, operation_kind))?.trim();
    Some(MailboxText { text: text.to_owned(), is_plain: text.parse::<MailAddress>().is_ok() })
}

/// The account whose sign-in method was changed: `ObjectId` or the name among the targets.
pub(super) fn account_of_method(record: &AuditRecord) -> Option<String> {
    let is_name = |text: &&str| text.contains('@');
    let named = json::ids(record.target.as_ref()).find(is_name);
    record.object_id.as_deref().filter(is_name).or(named).map(|name| name.trim().to_owned())
}

/// The GUID of the mailbox, where a record of mailbox auditing does not name the owner.
fn mailbox_of_audit(record: &AuditRecord, operation_kind: OperationKind) -> Option<&str> {
    let guid = record.mailbox_guid.as_deref().map(str::trim).filter(|guid| Uuid::try_parse(guid).is_ok());
    guid.filter(|_| operation_kind == OperationKind::MailboxRules)
}

/// Returns whether the record says that an administrator or a delegate acted: then the mailbox is never the actor's.
fn is_by_another(record: &AuditRecord) -> bool {
    matches!(record.logon_type, Some(1 | 2))
}

fn mailbox_of_rule_cmdlet(record: &AuditRecord) -> Option<&str> {
    let stated = record.parameters.get("Mailbox").map(str::trim).filter(|mailbox| !mailbox.is_empty());
    stated.or_else(|| mailbox_and_rule(record).0)
}

/// `Identity` of Set-Mailbox and the permission cmdlets; of folder permissions `mailbox:\folder`.
fn mailbox_of_cmdlet(record: &AuditRecord) -> Option<&str> {
    let identity = record.parameters.get("Identity").or(record.object_id.as_deref())?;
    let mailbox = identity.split_once(":\\").map_or(identity, |(mailbox, _)| mailbox).trim();
    (!mailbox.is_empty()).then_some(mailbox)
}

/// Owner and actor, as far as they are known.
pub(super) fn principals(record: &AuditRecord, operation_kind: OperationKind, known: &Knowledge) -> Principals {
    let actor = record.user_id.trim().to_owned();
    let Some(mailbox) = mailbox_text(record, operation_kind) else {
        return match is_by_another(record) {
            true => Principals::of_nobody(actor),
            false => Principals::without_owner(actor, operation_kind),
        };
    };
    match known.mailboxes.get(&mailbox.text) {
        Some(Answer::Known(facts)) => Principals::resolved(actor, facts),
        _ if mailbox.is_plain => Principals::plain(actor, mailbox.text.to_lowercase()),
        None if known.offline && stated_owner(&mailbox.text, known).is_some() => {
            let owner = stated_owner(&mailbox.text, known).unwrap_or_default().to_owned();
            Principals::plain(actor, owner)
        }
        answer => {
            let withheld = matches!(answer, Some(Answer::Withheld)) || (answer.is_none() && !known.offline);
            let is_anothers = !may_be_own(operation_kind)
                || record.parameters.has("Mailbox")
                || grant::is_to_actor(record)
                || is_by_another(record)
                || known.mailbox_ids.acts_in_several(&actor);
            let is_nobodys = matches!(answer, Some(Answer::Unknown)) && Uuid::try_parse(&mailbox.text).is_ok();
            let principals = Principals::unresolved(actor, &mailbox.text, is_anothers);
            match is_nobodys && principals.changed_by_another {
                true => principals.without_name(),
                false => Principals { withheld, ..principals },
            }
        }
    }
}

/// Returns the owner of the mailbox that a text names by a GUID, if other records show the owner.
fn stated_owner<'k>(text: &str, known: &'k Knowledge) -> Option<&'k str> {
    known.mailbox_ids.owner(guid_in(text)?)
}

/// Returns whether a mailbox that is named by a GUID alone may be taken for the actor's. Users change their own rules, automatic replies
/// and senders with these cmdlets; the others are mostly used by administrators, on any mailbox.
fn may_be_own(operation_kind: OperationKind) -> bool {
    use OperationKind::*;
    matches!(operation_kind, InboxRuleCmdlet | SweepRuleCmdlet | MailboxRules | RuleRemoval | Trust | AutoReply)
}

impl Principals {
    /// Returns the principals of a record that names no mailbox: a cmdlet about rules works on the actor's own mailbox, and a
    /// consent or a sign-in method is the actor's.
    fn without_owner(actor: String, operation_kind: OperationKind) -> Self {
        use OperationKind::*;
        let is_own = matches!(
            operation_kind,
            InboxRuleCmdlet | SweepRuleCmdlet | MailboxRules | RuleRemoval | SignInMethod | Consent | Trust | AutoReply
        );
        if is_own && actor.parse::<MailAddress>().is_ok() {
            let mailbox = actor.to_lowercase();
            return Self::plain(actor, mailbox);
        }
        Self { changed_by_another: false, ..Self::of_nobody(actor) }
    }

    /// Someone acted in a mailbox that the record does not name.
    fn of_nobody(actor: String) -> Self {
        Self {
            mailbox: String::new(),
            object_id: None,
            own: OwnAddresses::default(),
            changed_by_another: true,
            actor,
            withheld: false,
        }
    }

    fn resolved(actor: String, facts: &MailboxFacts) -> Self {
        let mut addresses: Vec<String> = facts.addresses.iter().map(|address| address.to_lowercase()).collect();
        addresses.push(facts.upn.to_lowercase());
        let lower = actor.to_lowercase();
        let is_owner =
            addresses.contains(&lower) || facts.object_id.as_ref().is_some_and(|id| id.eq_ignore_ascii_case(&lower));
        Self {
            mailbox: facts.upn.to_lowercase(),
            object_id: facts.object_id.clone(),
            own: OwnAddresses { addresses },
            changed_by_another: !is_owner,
            actor,
            withheld: false,
        }
    }

    fn plain(actor: String, mailbox: String) -> Self {
        let is_same_person = actor.parse::<MailAddress>().is_ok_and(|actor| {
            mailbox.parse::<MailAddress>().is_ok_and(|owner| is_suffixed(owner.local(), actor.local()))
        });
        let mailbox = if is_same_person { actor.to_lowercase() } else { mailbox };
        Self {
            changed_by_another: !actor.eq_ignore_ascii_case(&mailbox),
            own: OwnAddresses { addresses: vec![mailbox.clone()] },
            object_id: None,
            mailbox,
            actor,
            withheld: false,
        }
    }

    /// Returns the principals for an alias, a GUID or a path that was not resolved. The actor is taken for the owner if the alias
    /// is the local part of the actor's name, or if the record gives only an id and nothing shows that the mailbox is another
    /// user's.
    fn unresolved(actor: String, text: &str, is_anothers: bool) -> Self {
        let alias = text.rsplit('/').next().unwrap_or(text).trim();
        let actor_address = actor.parse::<MailAddress>().ok();
        let is_actor = actor_address.is_some_and(|address| {
            address.local().eq_ignore_ascii_case(alias)
                || is_suffixed(alias, address.local())
                || (Uuid::try_parse(alias).is_ok() && !is_anothers)
        });
        if is_actor {
            let mailbox = actor.to_lowercase();
            return Self::plain(actor, mailbox);
        }
        Self {
            mailbox: alias.to_lowercase(),
            object_id: None,
            own: OwnAddresses::default(),
            changed_by_another: !actor.is_empty(),
            actor,
            withheld: false,
        }
    }

    /// Returns the principals of a record that gives an id as the mailbox, if no mailbox has the id: the owner is unknown, and only
    /// fingerprints contain the id.
    fn without_name(self) -> Self {
        Self { object_id: Some(self.mailbox), mailbox: String::new(), ..self }
    }

    /// Returns the mailbox as fingerprints contain it.
    pub(super) fn fingerprint_key(&self) -> String {
        self.object_id.as_ref().map_or_else(|| self.mailbox.clone(), |id| id.to_lowercase())
    }
}

/// Returns whether a name is the local part with `_` and ten hexadecimal digits, as Exchange writes the owners of some mailboxes.
fn is_suffixed(name: &str, local: &str) -> bool {
    name.rsplit_once('_').is_some_and(|(head, suffix)| {
        head.eq_ignore_ascii_case(local) && suffix.len() == 10 && suffix.bytes().all(|b| b.is_ascii_hexdigit())
    })
}
