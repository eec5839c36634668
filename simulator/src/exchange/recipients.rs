//! Resolves names to mailboxes, contacts and groups, and carries out `Get-Recipient`.

use serde_json::{Value, json};

use super::params::Params;
use super::reply::{Failure, Outcome};
use crate::world::{Contact, ContactKind, Group, GroupKind, Mailbox, Tenant};

/// Returns the mailbox of that name, which may be a distinguished name.
pub(super) fn mailbox<'t>(tenant: &'t Tenant, name: &str) -> Result<&'t Mailbox, Failure> {
    let is = |own: &&Mailbox| distinguished(tenant, &own.object_id.to_string()).eq_ignore_ascii_case(name);
    let found = tenant.mailbox(name).or_else(|| tenant.mailboxes.iter().find(is));
    found.ok_or_else(|| Failure::not_found(name))
}

/// Returns the same as [`mailbox`], to change it.
pub(super) fn mailbox_mut<'t>(tenant: &'t mut Tenant, name: &str) -> Result<&'t mut Mailbox, Failure> {
    let guid = mailbox(tenant, name)?.guid;
    let found = tenant.mailboxes.iter_mut().find(|own| own.guid == guid);
    found.ok_or_else(|| Failure::not_found(name))
}

/// Returns the mailboxes that `Identity` names, or all.
pub(super) fn mailboxes<'t>(tenant: &'t Tenant, params: &Params) -> Result<Vec<&'t Mailbox>, Failure> {
    let Some(name) = params.text("Identity") else { return Ok(tenant.mailboxes.iter().collect()) };
    match mailbox(tenant, &name) {
        Err(_) if params.unkindness().answers_to_parts_of_names => {
            only_one_with(tenant, &name).map(|found| vec![found])
        }
        found => found.map(|found| vec![found]),
    }
}

/// Returns the one mailbox whose alias or display name begins with `part`.
fn only_one_with<'t>(tenant: &'t Tenant, part: &str) -> Result<&'t Mailbox, Failure> {
    let part = part.to_lowercase();
    let begins = |mailbox: &&Mailbox| {
        let names = [mailbox.alias.clone(), display_name(tenant, mailbox)];
        names.iter().any(|name| name.to_lowercase().starts_with(&part))
    };
    let mut found = tenant.mailboxes.iter().filter(begins);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Failure::not_found(&part)),
    }
}

/// A mailbox, a contact or a group.
#[derive(Debug, Clone, Copy)]
pub(super) enum Recipient<'t> {
    Mailbox(&'t Mailbox),
    Contact(&'t Contact),
    Group(&'t Group),
}

impl Recipient<'_> {
    fn identity(self) -> String {
        match self {
            Self::Mailbox(mailbox) => mailbox.object_id.to_string(),
            Self::Contact(contact) => contact.identity.clone(),
            Self::Group(group) => group.alias.clone(),
        }
    }
}

/// Returns the row of a recipient as `Get-Recipient` shows it.
pub(super) fn recipient_row(tenant: &Tenant, recipient: Recipient<'_>) -> Value {
    let mut row = match recipient {
        Recipient::Mailbox(mailbox) => mailbox_row(tenant, mailbox),
        Recipient::Contact(contact) => contact_row(tenant, contact),
        Recipient::Group(group) => group_row(tenant, group),
    };
    row["IsValid"] = true.into();
    row["ObjectState"] = "Unchanged".into();
    row
}

fn mailbox_row(tenant: &Tenant, mailbox: &Mailbox) -> Value {
    json!({
        "Name": mailbox.object_id,
        "Alias": mailbox.alias,
        "DisplayName": display_name(tenant, mailbox),
        "PrimarySmtpAddress": mailbox.upn,
        "LegacyExchangeDN": mailbox.legacy_dn,
        "Identity": mailbox.object_id,
        "DistinguishedName": distinguished(tenant, &mailbox.object_id.to_string()),
        "EmailAddresses": addresses(mailbox),
        "ExternalEmailAddress": null,
        "ExternalDirectoryObjectId": mailbox.object_id,
        "ExchangeGuid": mailbox.guid,
        "RecipientType": "UserMailbox",
        "RecipientTypeDetails": "UserMailbox",
    })
}

fn contact_row(tenant: &Tenant, contact: &Contact) -> Value {
    let external = bare(&contact.external_address);
    let primary = contact.own_address.as_deref().map_or(external, bare);
    let kind = match contact.kind {
        ContactKind::Contact => "MailContact",
        ContactKind::User => "MailUser",
    };
    json!({
        "Name": contact.alias,
        "Alias": contact.alias,
        "DisplayName": contact.alias,
        "PrimarySmtpAddress": primary,
        "LegacyExchangeDN": contact.legacy_dn,
        "Identity": contact.identity,
        "DistinguishedName": distinguished(tenant, &contact.alias),
        "EmailAddresses": [format!("SMTP:{primary}")],
        "ExternalEmailAddress": format!("SMTP:{external}"),
        "ExchangeGuid": "00000000-0000-0000-0000-000000000000",
        "RecipientType": kind,
        "RecipientTypeDetails": kind,
    })
}

fn group_row(tenant: &Tenant, group: &Group) -> Value {
    let (kind, details) = match group.kind {
        GroupKind::Distribution => ("MailUniversalDistributionGroup", "MailUniversalDistributionGroup"),
        GroupKind::Dynamic => ("DynamicDistributionGroup", "DynamicDistributionGroup"),
        GroupKind::Unified => ("MailUniversalDistributionGroup", "GroupMailbox"),
    };
    json!({
        "Name": group.alias,
        "Alias": group.alias,
        "DisplayName": group.alias,
        "PrimarySmtpAddress": group.address,
        "LegacyExchangeDN": group.legacy_dn,
        "Identity": group.alias,
        "DistinguishedName": distinguished(tenant, &group.alias),
        "EmailAddresses": [format!("SMTP:{}", group.address)],
        "ExternalEmailAddress": null,
        "ExchangeGuid": "00000000-0000-0000-0000-000000000000",
        "RecipientType": kind,
        "RecipientTypeDetails": details,
    })
}

/// Carries out `Get-Recipient`.
pub(super) fn get(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let tenant = &*tenant;
    let found: Vec<Recipient<'_>> = match params.text("Identity") {
        Some(name) => vec![find(tenant, &name).ok_or_else(|| Failure::not_found(&name))?],
        None => {
            let mailboxes = tenant.mailboxes.iter().map(Recipient::Mailbox);
            let contacts = tenant.contacts.iter().map(Recipient::Contact);
            mailboxes.chain(contacts).chain(tenant.groups.iter().map(Recipient::Group)).collect()
        }
    };
    Outcome::rows(found.into_iter().map(|recipient| recipient_row(tenant, recipient))).limited_by(params)
}

/// Returns the members of a group of that kind. `None` if there is no such group.
pub(super) fn members<'t>(tenant: &'t Tenant, name: &str, kind: GroupKind) -> Option<Vec<Recipient<'t>>> {
    match find(tenant, name)? {
        Recipient::Group(group) if group.kind == kind => {
            Some(group.members.iter().filter_map(|member| find(tenant, member)).collect())
        }
        _ => None,
    }
}

/// Returns the value of `ForwardingAddress` for a recipient of that name.
pub(super) fn identity(tenant: &Tenant, name: &str) -> Result<String, Failure> {
    find(tenant, name).map(Recipient::identity).ok_or_else(|| Failure::not_found(name))
}

/// Returns whether both names belong to the same recipient.
pub(super) fn same(tenant: &Tenant, one: &str, other: &str) -> bool {
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    match (find(tenant, one), find(tenant, other)) {
        (Some(one), Some(other)) => one.identity() == other.identity(),
        _ => false,
    }
}

fn find<'t>(tenant: &'t Tenant, name: &str) -> Option<Recipient<'t>> {
    if let Ok(mailbox) = mailbox(tenant, name) {
        return Some(Recipient::Mailbox(mailbox));
    }
    let is = |own: &[&str]| own.iter().any(|own| bare(own).eq_ignore_ascii_case(bare(name)));
    let is_contact = |contact: &&Contact| {
        let names = [&contact.alias, &contact.legacy_dn, &contact.identity, &contact.external_address];
        is(&names.map(String::as_str))
            || is(&[contact.own_address.as_deref().unwrap_or(&contact.alias)])
            || is(&[&distinguished(tenant, &contact.alias)])
    };
    let is_group = |group: &&Group| {
        is(&[&group.alias, &group.address, &group.legacy_dn]) || is(&[&distinguished(tenant, &group.alias)])
    };
    let contact = tenant.contacts.iter().find(is_contact).map(Recipient::Contact);
    contact.or_else(|| tenant.groups.iter().find(is_group).map(Recipient::Group))
}

/// Returns the display name of the owner of a mailbox.
pub(super) fn display_name(tenant: &Tenant, mailbox: &Mailbox) -> String {
    let user = tenant.users.iter().find(|user| user.id == mailbox.object_id);
    user.map_or_else(|| mailbox.alias.clone(), |user| user.display_name.clone())
}

/// Returns `EmailAddresses`, in which upper case marks the primary address.
pub(super) fn addresses(mailbox: &Mailbox) -> Vec<String> {
    let others = mailbox.other_addresses.iter().map(|other| format!("smtp:{}", bare(other)));
    std::iter::once(format!("SMTP:{}", mailbox.upn)).chain(others).collect()
}

/// Returns the `DistinguishedName` of a recipient.
pub(super) fn distinguished(tenant: &Tenant, name: &str) -> String {
    format!(
        "CN={name},OU={},OU=Microsoft Exchange Hosted Organizations,DC=EURPR04A009,DC=PROD,DC=OUTLOOK,DC=COM",
        tenant.default_domain
    )
}

/// Returns an address without `smtp:`.
pub(super) fn bare(address: &str) -> &str {
    match address.split_at_checked(5) {
        Some((kind, rest)) if kind.eq_ignore_ascii_case("smtp:") => rest,
        _ => address,
    }
}
