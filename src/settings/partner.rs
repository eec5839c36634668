//! Settings of the provider: its own tenant, its app registration and the credential of the app.

use m365::AppRegistration;

use super::credential::credential;
use super::source::Source;

/// Reads the app registration.
pub(super) fn app_registration(source: &mut Source) -> Option<AppRegistration> {
    let tenant_id = source
        .required("PARTNER_TENANT_ID")
        .and_then(|_| source.parsed("PARTNER_TENANT_ID", "a GUID", |text| text.parse().ok()));
    let client_id =
        source.required("CLIENT_ID").and_then(|_| source.parsed("CLIENT_ID", "a GUID", |text| text.parse().ok()));
    let credential = credential(source);
    Some(AppRegistration { tenant_id: tenant_id?, client_id: client_id?, credential: credential? })
}
