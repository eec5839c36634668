//! Settings of the provider: its own tenant, its app registration and the credential of the app.

use crate::names::TenantId;

use super::CredentialSettings;
use super::source::Source;

/// The provider and its multi-tenant app registration.
#[derive(Debug, Clone)]
pub struct PartnerSettings {
    /// `PARTNER_TENANT_ID`: the provider's own tenant, and the `PublisherIdentifier` of every audit call.
    pub tenant_id: TenantId,
    /// `CLIENT_ID`: the app registration.
    pub client_id: uuid::Uuid,
    /// The credential of the app registration.
    pub credential: CredentialSettings,
}

impl PartnerSettings {
    pub(super) fn from_source(source: &mut Source) -> Option<Self> {
        let tenant_id = source
            .required("PARTNER_TENANT_ID")
            .and_then(|_| source.parsed("PARTNER_TENANT_ID", "a GUID", |text| text.parse().ok()));
        let client_id =
            source.required("CLIENT_ID").and_then(|_| source.parsed("CLIENT_ID", "a GUID", |text| text.parse().ok()));
        let credential = CredentialSettings::from_source(source);
        Some(Self { tenant_id: tenant_id?, client_id: client_id?, credential: credential? })
    }
}
