//! The storage account that holds the tables.

use secrecy::SecretString;
use url::Url;

/// A storage account and the credential for it.
#[derive(Debug, Clone)]
pub struct StorageAccount {
    /// The URL of the table service: https, or http on loopback for Azurite.
    pub table_endpoint: Url,
    /// The URL of the queue service, if it was set. Otherwise it follows from that of the tables.
    pub queue_endpoint: Option<Url>,
    /// The name of the account.
    pub account: String,
    /// The credential for the table service.
    pub access: StorageAccess,
}

/// The credential for the table service.
#[derive(Debug, Clone)]
pub enum StorageAccess {
    /// The key of the account, base64.
    SharedKey(SecretString),
    /// A managed identity: user-assigned by its client id, else the system-assigned one.
    ManagedIdentity(Option<String>),
    /// The sign-in of the developer's own tools, such as `az login`.
    DeveloperSignIn,
}
