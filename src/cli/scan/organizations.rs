//! The organizations that the records come from, and what is known of each offline.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use uuid::Uuid;

use crate::detection::{AcceptedDomains, Knowledge, has_failed};
use audit_log::{AnyRecord, AuditRecord};
use base::ids::{Domain, MailAddress, TenantId};

use super::printable;

/// The id under which records without an organization are grouped.
const NO_ID: TenantId = TenantId::new(Uuid::nil());

/// One organization.
#[derive(Debug)]
pub(in crate::cli) struct Organization {
    /// `OrganizationName`, empty where no record has one.
    pub(in crate::cli) name: String,
    /// The facts with which its records are evaluated.
    pub(in crate::cli) knowledge: Knowledge,
}

/// All of them, by `OrganizationId`; records without one belong to the nil GUID.
#[derive(Debug)]
pub(in crate::cli) struct Organizations {
    given: BTreeSet<Domain>,
    by_id: BTreeMap<TenantId, Organization>,
    nameless: Organization,
}

impl Organizations {
    pub(in crate::cli) fn new(given: &[Domain]) -> Self {
        let given: BTreeSet<Domain> = given.iter().cloned().collect();
        let nameless = Organization::new(NO_ID, &given);
        Self { given, by_id: BTreeMap::new(), nameless }
    }

    /// Learns from a record: its organization's id and name, and addresses that are certainly the organization's own.
    pub(in crate::cli) fn note_record(&mut self, record: &AuditRecord) {
        let own = if self.given.is_empty() { own_addresses(record) } else { Vec::new() };
        self.note(record.organization_id, record.organization_name.as_deref(), &own);
        if let Some(organization) = self.by_id.get_mut(&id_of(record)) {
            organization.knowledge.mailbox_ids.note(record);
        }
    }

    /// Learns the domain of the mailbox owner from a record that is not selected.
    pub(in crate::cli) fn note_other(&mut self, json: &[u8]) {
        if !self.given.is_empty() {
            return;
        }
        let _ = AnyRecord::read(json, |record| {
            let owner = record.text("MailboxOwnerUPN").filter(|owner| is_own_address(owner));
            if let Some(owner) = owner {
                let id = record.text("OrganizationId").and_then(|id| id.parse().ok());
                self.note(id, record.text("OrganizationName").as_deref(), &[&owner]);
            }
        });
    }

    /// Learns the name of an organization, and the domains of these addresses as its own.
    pub(in crate::cli) fn note(&mut self, id: Option<TenantId>, name: Option<&str>, own: &[&str]) {
        let id = id.unwrap_or(NO_ID);
        let organization = self.by_id.entry(id).or_insert_with(|| Organization::new(id, &self.given));
        let name = name.filter(|name| !name.is_empty());
        if own.is_empty() && name == Some(&organization.name) {
            // Nearly always, and known already.
            return;
        }
        if let Some(name) = name.filter(|_| organization.name.is_empty()) {
            name.clone_into(&mut organization.name);
        }
        if !self.given.is_empty() {
            return;
        }
        let named = name.and_then(|name| name.parse::<Domain>().ok());
        let addresses = own.iter().filter_map(|address| address.parse::<MailAddress>().ok());
        let domains = named.into_iter().chain(addresses.map(|address| address.domain().clone()));
        for domain in domains.filter(|domain| domain.as_str().contains('.')) {
            organization.accept(domain);
        }
    }

    /// The organization of a record that was noted.
    pub(in crate::cli) fn of(&self, record: &AuditRecord) -> &Organization {
        self.by_id.get(&id_of(record)).unwrap_or(&self.nameless)
    }

    /// The organization of a tenant.
    pub(in crate::cli) fn of_tenant(&self, tenant: &TenantId) -> &Organization {
        self.by_id.get(tenant).unwrap_or(&self.nameless)
    }

    /// Every accepted domain, given or assumed.
    pub(in crate::cli) fn accepted_domains(&self) -> BTreeSet<&Domain> {
        let assumed = self.by_id.values().flat_map(|organization| &organization.knowledge.accepted.exact);
        self.given.iter().chain(assumed).collect()
    }

    /// Says which domains were assumed, by organization.
    pub(in crate::cli) fn tell_assumptions(&self, err: &mut dyn Write) -> io::Result<()> {
        if !self.given.is_empty() {
            return Ok(());
        }
        for (id, organization) in &self.by_id {
            let domains: Vec<_> = organization.knowledge.accepted.exact.iter().map(Domain::as_str).collect();
            let domains = if domains.is_empty() { "none".to_owned() } else { domains.join(", ") };
            let name = printable(&organization.name);
            writeln!(
                err,
                "Assumed accepted domains of organization {id} {name}: {domains} (name them with --accepted-domain)"
            )?;
        }
        Ok(())
    }
}

impl Organization {
    fn new(tenant_id: TenantId, given: &BTreeSet<Domain>) -> Self {
        let domain = given.first().cloned().unwrap_or_else(unknown_domain);
        let knowledge = Knowledge {
            offline: true,
            accepted: AcceptedDomains { exact: given.clone(), ..AcceptedDomains::default() },
            ..Knowledge::new(tenant_id, domain)
        };
        Self { name: String::new(), knowledge }
    }

    /// The first domain stands for the organization.
    fn accept(&mut self, domain: Domain) {
        if self.knowledge.accepted.exact.is_empty() {
            self.knowledge.domain = domain.clone();
        }
        self.knowledge.accepted.exact.insert(domain);
    }
}

/// Addresses in a record whose domain is one of the organization: the owner of the mailbox, the mailbox that a cmdlet names, and the
/// user who changes a mailbox without naming one, which is the user's own. A guest has an address of another organization. An attempt that
/// failed proves nothing: anything may have been named in it.
fn own_addresses(record: &AuditRecord) -> Vec<&str> {
    if has_failed(record) {
        return Vec::new();
    }
    let is_rule = ["InboxRule", "SweepRule"].iter().any(|noun| record.operation.contains(noun));
    let is_user = is_member(record) && record.user_id.contains('@');
    let naming = match is_rule {
        // The identity of a rule is a name that its author chose.
        true => "Mailbox",
        false => "Identity",
    };
    let identity = record.parameters.get(naming);
    let identity = identity.or_else(|| record.object_id.as_deref().filter(|_| !is_rule));
    let named = identity.filter(|name| {
        is_rule
            || acts_on_a_mailbox(&record.operation)
            || (acts_on_a_recipient(&record.operation) && is_near(record, name))
    });
    let own_rule = is_rule && record.parameters.get("Mailbox").is_none();
    let own_mailbox = !is_rule && acts_on_a_mailbox(&record.operation) && names_the_actor(record);
    let is_namesake = is_user && is_called_as_organization(record);
    let user = (is_user && (own_rule || own_mailbox || is_namesake)).then_some(&*record.user_id);
    let of_path = mailbox_of_rule(record).filter(|_| is_rule);
    let mailbox = named.or(of_path).map(mailbox_part);
    let own = record.mailbox_owner.as_deref().into_iter().chain(mailbox).chain(user);
    own.filter(|address| is_own_address(address)).collect()
}

fn is_own_address(address: &str) -> bool {
    address.contains('@') && !address.to_ascii_uppercase().contains("#EXT#")
}

/// The mailbox of `mailbox`, `mailbox:\folder` and `mailbox\rule`.
fn mailbox_part(text: &str) -> &str {
    let mailbox = text.split('\\').next().unwrap_or(text);
    mailbox.strip_suffix(':').unwrap_or(mailbox).trim()
}

/// The mailbox of a changed rule, if Exchange writes it in `ObjectId` as well. The author of a rule chooses only the name behind it.
fn mailbox_of_rule(record: &AuditRecord) -> Option<&str> {
    let identity = record.parameters.get("Identity").filter(|identity| identity.contains('\\')).map(mailbox_part)?;
    let object = record.object_id.as_deref().filter(|object| object.contains('\\')).map(mailbox_part)?;
    identity.eq_ignore_ascii_case(object).then_some(identity)
}

/// Returns whether the mailbox is named by the local part of the actor's name, as an alias or at the end of a path.
fn names_the_actor(record: &AuditRecord) -> bool {
    let Some((local, _)) = record.user_id.split_once('@') else { return false };
    let names = [record.parameters.get("Identity"), record.object_id.as_deref()];
    names.into_iter().flatten().any(|name| {
        let alias = mailbox_part(name).rsplit('/').next().unwrap_or_default();
        alias.trim().eq_ignore_ascii_case(local)
    })
}

/// Returns whether an address has the domain of a user of the organization who acts on it.
fn is_near(record: &AuditRecord, address: &str) -> bool {
    let domain = |text: &str| text.rsplit_once('@').map(|(_, domain)| domain.trim().to_ascii_lowercase());
    is_member(record) && domain(address).is_some() && domain(address) == domain(&record.user_id)
}

/// Returns whether the actor's domain is called as the organization is: `contoso.com` beside `contoso.onmicrosoft.com`. A mail flow rule
/// names no mailbox, and no attacker chooses the name of the actor's domain.
fn is_called_as_organization(record: &AuditRecord) -> bool {
    let label = |domain: &str| domain.split('.').next().map(str::to_ascii_lowercase).filter(|label| !label.is_empty());
    let name = record.organization_name.as_deref().map(str::trim);
    let initial = name.filter(|name| name.to_ascii_lowercase().ends_with(".onmicrosoft.com")).and_then(label);
    let own = record.user_id.rsplit_once('@').and_then(|(_, domain)| label(domain));
    initial.is_some() && initial == own
}

/// Returns whether the actor may be a user of the organization: not the system, an application, a partner's technician or a guest.
fn is_member(record: &AuditRecord) -> bool {
    !matches!(record.user_type, Some(3..=10))
}

/// The nouns of cmdlets that find only a mailbox of the organization. The identity of a contact, a mail user or a recipient may be an
/// outside address.
const NOUNS_OF_MAILBOXES: &[&str] = &[
    "Mailbox",
    "MailboxPermission",
    "MailboxFolderPermission",
    "MailboxAutoReplyConfiguration",
    "MailboxJunkEmailConfiguration",
    "MailboxAuditBypassAssociation",
    "CASMailbox",
];

fn acts_on_a_mailbox(operation: &str) -> bool {
    let noun = operation.trim().split_once('-').map(|(_, noun)| noun).unwrap_or_default();
    NOUNS_OF_MAILBOXES.iter().any(|known| known.eq_ignore_ascii_case(noun))
}

/// The recipient may be an outside one.
fn acts_on_a_recipient(operation: &str) -> bool {
    operation.trim().to_ascii_lowercase().ends_with("-recipientpermission")
}

fn id_of(record: &AuditRecord) -> TenantId {
    record.organization_id.unwrap_or(NO_ID)
}

#[expect(clippy::expect_used, reason = "the text is a sound domain name of a reserved top-level domain")]
fn unknown_domain() -> Domain {
    "unknown.invalid".parse().expect("a domain name")
}
