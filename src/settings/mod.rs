//! What the product is told through environment variables, one file per concern. Everything that is wrong is found in one
//! reading and listed in one message, by setting name and without printing a secret.

mod actions;
mod channels;
mod cloud;
mod collection;
mod credential;
mod location;
mod partner;
mod storage;
mod tenants;
mod trust;

pub use actions::{ActionSettings, ProtectedUser};
pub use channels::ChannelSettings;
pub use cloud::{Cloud, Hosts};
pub use collection::CollectionSettings;
pub use credential::CredentialSettings;
pub use location::LocationSettings;
pub use partner::PartnerSettings;
pub use storage::{StorageAccess, StorageSettings, TableNames};
pub use tenants::{ListedTenant, TenantSettings, TenantSource};
pub use trust::{TrustSettings, TrustedTarget};

use std::path::PathBuf;

/// Everything. Built once at start, handed around in the `App`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who we are.
    pub partner: PartnerSettings,
    /// Which Microsoft cloud, and its hosts.
    pub hosts: Hosts,
    /// Which tenants are watched.
    pub tenants: TenantSettings,
    /// When GetDomain runs and how far ProcessAuditLog looks.
    pub collection: CollectionSettings,
    /// Where rows are kept. `None` when the embedded store is used.
    pub storage: Option<StorageSettings>,
    /// The names of the three tables.
    pub tables: TableNames,
    /// Who is told.
    pub channels: ChannelSettings,
    /// What RemediateAccount may do and demands.
    pub actions: ActionSettings,
    /// What is never external, and which detections are off.
    pub trust: TrustSettings,
    /// Where an IP address is looked up.
    pub location: LocationSettings,
    /// `SSL_CERT_FILE`: PEM root certificates that replace the system's.
    pub root_certificates: Option<PathBuf>,
}
