//! Who we are: the provider's own tenant, its app registration and how the app proves who it is.

use crate::names::TenantId;

use super::CredentialSettings;

/// The provider and its multi-tenant app registration.
#[derive(Debug, Clone)]
pub struct PartnerSettings {
    /// `PARTNER_TENANT_ID`: the provider's own tenant, and the `PublisherIdentifier` of every audit call.
    pub tenant_id: TenantId,
    /// `CLIENT_ID`: the app registration.
    pub client_id: uuid::Uuid,
    /// Exactly one of the ways to prove it.
    pub credential: CredentialSettings,
}
