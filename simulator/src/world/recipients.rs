//! Models recipients that are not mailboxes: contacts, mail users and groups.

/// A mail contact or mail user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its name and alias.
    pub alias: String,
    /// The legacy distinguished name.
    pub legacy_dn: String,
    /// The identity that `ForwardingAddress` names.
    pub identity: String,
    /// `ExternalEmailAddress`: the address that its mail is delivered to.
    pub external_address: String,
    /// `PrimarySmtpAddress`, if it is another. It may be an address of the tenant although all mail leaves the tenant.
    pub own_address: Option<String>,
    /// The kind of recipient.
    pub kind: ContactKind,
}

/// A kind of recipient whose mail is delivered elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactKind {
    /// `MailContact`
    Contact,
    /// `MailUser`: an account of the tenant without a mailbox in it.
    User,
}

impl Contact {
    /// Creates a mail contact that is known by its alias.
    pub fn new(alias: &str, external_address: &str) -> Self {
        Self {
            alias: alias.to_owned(),
            legacy_dn: legacy_dn(alias),
            identity: alias.to_owned(),
            external_address: external_address.to_owned(),
            own_address: None,
            kind: ContactKind::Contact,
        }
    }

    /// Creates a mail user with an address of the tenant, whose mail is delivered to `external_address`.
    pub fn mail_user(alias: &str, own_address: &str, external_address: &str) -> Self {
        let own_address = Some(own_address.to_owned());
        Self { own_address, kind: ContactKind::User, ..Self::new(alias, external_address) }
    }
}

/// A group that receives mail for its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name and alias.
    pub alias: String,
    /// The primary SMTP address.
    pub address: String,
    /// The legacy distinguished name.
    pub legacy_dn: String,
    /// The kind of group, which decides the cmdlet that lists the members.
    pub kind: GroupKind,
    /// The members, by any name of a mailbox, contact or group.
    pub members: Vec<String>,
}

/// A kind of group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// A distribution group; `Get-DistributionGroupMember` lists its members.
    Distribution,
    /// A dynamic distribution group; `Get-DynamicDistributionGroupMember` lists its members.
    Dynamic,
    /// A Microsoft 365 group; `Get-UnifiedGroupLinks` lists its members.
    Unified,
}

impl Group {
    /// Creates a group with the members that are named.
    pub fn new(kind: GroupKind, alias: &str, address: &str, members: &[&str]) -> Self {
        Self {
            alias: alias.to_owned(),
            address: address.to_owned(),
            legacy_dn: legacy_dn(alias),
            kind,
            members: members.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

fn legacy_dn(alias: &str) -> String {
    format!("/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={alias}")
}

/// An accepted domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedDomain {
    /// Its name.
    pub name: String,
    /// `true` if its sub-domains belong to the tenant as well.
    pub match_sub_domains: bool,
    /// `DomainType`
    pub domain_type: DomainType,
}

impl AcceptedDomain {
    /// Creates an authoritative domain without sub-domains.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), match_sub_domains: false, domain_type: DomainType::Authoritative }
    }
}

/// The kind of an accepted domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainType {
    /// All recipients are in the tenant.
    Authoritative,
    /// Some recipients are elsewhere in the same organization.
    InternalRelay,
    /// All recipients are elsewhere, outside the organization's control.
    ExternalRelay,
}
