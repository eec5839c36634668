//! The app registration that Tenantwatch signs in with.

use base::ids::TenantId;
use secrecy::SecretString;

/// The provider and its multi-tenant app registration.
#[derive(Debug, Clone)]
pub struct AppRegistration {
    /// The provider's own tenant, and the `PublisherIdentifier` of every audit call.
    pub tenant_id: TenantId,
    /// The application (client) id.
    pub client_id: uuid::Uuid,
    /// The proof that a request comes from this app.
    pub credential: AppCredential,
}

/// The credential of the app registration.
#[derive(Debug, Clone)]
pub enum AppCredential {
    /// A client secret.
    Secret(SecretString),
    /// PEM: the certificate and its private key.
    Certificate(SecretString),
    /// A user-assigned managed identity that the app registration trusts.
    Federated {
        /// The client id of the managed identity.
        identity_client_id: String,
    },
}
