//! Describes the simulated Microsoft 365 as plain data, which tests and the demo read and change at any time.

mod account;
pub mod applications;
mod content;
mod directory;
mod mailbox;
mod recipients;
mod technician;
mod tenant;
mod unkindness;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

pub use account::{Grant, SecurityGroup, SignInMethod, User};
pub use content::{Blob, BlobBody};
pub use directory::{Directory, RESOURCES, RoleAssignment, ServicePrincipal};
pub use mailbox::{Anchors, Mailbox, MailboxAudit, Permission, Rule};
pub use recipients::{AcceptedDomain, Contact, ContactKind, DomainType, Group, GroupKind};
pub use technician::{Technician, TechnicianAccess};
pub(crate) use tenant::Start;
pub use tenant::{AuditQuery, AuditSearch, Consent, ExchangeDenial, Oddities, SyncedAccounts, Tenant};
pub use unkindness::Unkindness;

/// The provider and all of its customers.
#[derive(Debug, Clone)]
pub struct World {
    /// The provider's own tenant.
    pub partner_tenant: Uuid,
    /// The provider's app registration.
    pub client_id: Uuid,
    /// Its secret.
    pub client_secret: String,
    /// Certificates of the app registration, as DER.
    pub certificates: Vec<Vec<u8>>,
    /// Client ids of managed identities that the app registration trusts.
    pub federated_identities: BTreeSet<String>,
    /// An AADSTS number with which Entra rejects the app's credential, whatever tenant a token is requested for.
    pub credential_error: Option<u32>,
    /// The person who onboards customers.
    pub technician: Technician,
    /// The customers, by tenant id.
    pub tenants: BTreeMap<Uuid, Tenant>,
    /// `true` if `/contracts` lists customers. The list is empty for partners that are neither resellers nor advisers.
    /// Source: Graph, resource type `contract`; microsoftgraph/microsoft-graph-explorer#2953.
    pub lists_contracts: bool,
    /// The number of blobs on one page of a content listing.
    pub content_page: usize,
    /// The number of rows on one page of a Graph or Exchange listing.
    pub rows_page: usize,
    /// The lifetime of a token, in seconds.
    pub token_seconds: i64,
    /// The ways in which the services are less helpful than documented.
    pub unkindness: Unkindness,
    /// The one mailbox of the provider from which the app may send: the role `Application Mail.Send` is scoped to it.
    pub mail_sender: String,
    /// The mails that were sent, as MIME, in order.
    pub sent_mail: Vec<Vec<u8>>,
}

impl World {
    /// Creates a provider without customers.
    pub fn new(partner_tenant: Uuid, client_id: Uuid) -> Self {
        Self {
            partner_tenant,
            client_id,
            client_secret: format!("simulated-secret-{client_id}"),
            certificates: Vec::new(),
            federated_identities: BTreeSet::new(),
            credential_error: None,
            technician: Technician::new(Uuid::new_v5(&partner_tenant, b"onboarding client")),
            tenants: BTreeMap::new(),
            lists_contracts: true,
            content_page: 20,
            rows_page: 100,
            token_seconds: 3_599,
            unkindness: Unkindness::default(),
            mail_sender: "alerts@provider.example".to_owned(),
            sent_mail: Vec::new(),
        }
    }

    /// Adds a customer and returns it.
    pub fn add(&mut self, mut tenant: Tenant) -> &mut Tenant {
        let id = tenant.id;
        if !tenant.directory.app_roles.is_empty() {
            // A tenant that has consented has the app and the resources.
            tenant.directory.add(id, self.client_id, "Tenantwatch", 0);
        }
        self.tenants.insert(id, tenant);
        self.tenants.entry(id).or_insert_with(|| Tenant::new(id, "", ""))
    }
}
