//! Who is meant by a name, and `Get-Recipient`.

use serde_json::{Value, json};

use super::params::Params;
use super::reply::{Failure, Outcome};
use crate::world::{Contact, Mailbox, Tenant};

/// The mailbox that goes by that name, the distinguished name included.
pub(super) fn mailbox<'t>(tenant: &'t Tenant, name: &str) -> Result<&'t Mailbox, Failure> {
    let is = |own: &&Mailbox| distinguished(tenant, &own.object_id.to_string()).eq_ignore_ascii_case(name);
    let found = tenant.mailbox(name).or_else(|| tenant.mailboxes.iter().find(is));
    found.ok_or_else(|| Failure::not_found(name))
}

/// As [`mailbox`], to change it.
pub(super) fn mailbox_mut<'t>(tenant: &'t mut Tenant, name: &str) -> Result<&'t mut Mailbox, Failure> {
    let guid = mailbox(tenant, name)?.guid;
    let found = tenant.mailboxes.iter_mut().find(|own| own.guid == guid);
    found.ok_or_else(|| Failure::not_found(name))
}

/// The mailboxes that `Identity` names, or all.
pub(super) fn mailboxes<'t>(tenant: &'t Tenant, params: &Params) -> Result<Vec<&'t Mailbox>, Failure> {
    match params.text("Identity") {
        Some(name) => Ok(vec![mailbox(tenant, &name)?]),
        None => Ok(tenant.mailboxes.iter().collect()),
    }
}

/// A mailbox or a contact.
#[derive(Debug, Clone, Copy)]
enum Recipient<'t> {
    Mailbox(&'t Mailbox),
    Contact(&'t Contact),
}

impl Recipient<'_> {
    fn identity(self) -> String {
        match self {
            Self::Mailbox(mailbox) => mailbox.object_id.to_string(),
            Self::Contact(contact) => contact.identity.clone(),
        }
    }

    fn row(self, tenant: &Tenant) -> Value {
        match self {
            Self::Mailbox(mailbox) => json!({
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
                "IsValid": true,
                "ObjectState": "Unchanged",
            }),
            Self::Contact(contact) => {
                let address = bare(&contact.external_address);
                json!({
                    "Name": contact.alias,
                    "Alias": contact.alias,
                    "DisplayName": contact.alias,
                    "PrimarySmtpAddress": address,
                    "LegacyExchangeDN": contact.legacy_dn,
                    "Identity": contact.identity,
                    "DistinguishedName": distinguished(tenant, &contact.alias),
                    "EmailAddresses": [format!("SMTP:{address}")],
                    "ExternalEmailAddress": format!("SMTP:{address}"),
                    "ExchangeGuid": "00000000-0000-0000-0000-000000000000",
                    "RecipientType": "MailContact",
                    "RecipientTypeDetails": "MailContact",
                    "IsValid": true,
                    "ObjectState": "Unchanged",
                })
            }
        }
    }
}

/// `Get-Recipient`
pub(super) fn get(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let tenant = &*tenant;
    let found = match params.text("Identity") {
        Some(name) => vec![find(tenant, &name).ok_or_else(|| Failure::not_found(&name))?],
        None => tenant
            .mailboxes
            .iter()
            .map(Recipient::Mailbox)
            .chain(tenant.contacts.iter().map(Recipient::Contact))
            .collect(),
    };
    Outcome::rows(found.into_iter().map(|recipient| recipient.row(tenant))).limited_by(params)
}

/// What `ForwardingAddress` holds for a recipient of that name.
pub(super) fn identity(tenant: &Tenant, name: &str) -> Result<String, Failure> {
    find(tenant, name).map(Recipient::identity).ok_or_else(|| Failure::not_found(name))
}

/// Whether both names mean the same recipient.
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
    let is = |contact: &&Contact| {
        [&contact.alias, &contact.legacy_dn, &contact.identity].iter().any(|own| own.eq_ignore_ascii_case(name))
            || bare(&contact.external_address).eq_ignore_ascii_case(bare(name))
            || distinguished(tenant, &contact.alias).eq_ignore_ascii_case(name)
    };
    tenant.contacts.iter().find(is).map(Recipient::Contact)
}

/// The name of the person whose mailbox it is.
pub(super) fn display_name(tenant: &Tenant, mailbox: &Mailbox) -> String {
    let user = tenant.users.iter().find(|user| user.id == mailbox.object_id);
    user.map_or_else(|| mailbox.alias.clone(), |user| user.display_name.clone())
}

/// `EmailAddresses`: the primary address in upper case.
pub(super) fn addresses(mailbox: &Mailbox) -> Vec<String> {
    let others = mailbox.other_addresses.iter().map(|other| format!("smtp:{}", bare(other)));
    std::iter::once(format!("SMTP:{}", mailbox.upn)).chain(others).collect()
}

/// `DistinguishedName`
pub(super) fn distinguished(tenant: &Tenant, name: &str) -> String {
    format!(
        "CN={name},OU={},OU=Microsoft Exchange Hosted Organizations,DC=EURPR04A009,DC=PROD,DC=OUTLOOK,DC=COM",
        tenant.default_domain
    )
}

/// An address without `smtp:`.
pub(super) fn bare(address: &str) -> &str {
    match address.split_at_checked(5) {
        Some((kind, rest)) if kind.eq_ignore_ascii_case("smtp:") => rest,
        _ => address,
    }
}
