//! Microsoft Graph: customers of the partner, users, sign-in, domains, and inbox rules where Exchange is out of reach.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::TenantId;
use crate::settings::Hosts;

use super::ServiceError;
use super::tokens::Tokens;

/// A customer of the partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its default domain, where the listing says it.
    pub default_domain: Option<String>,
    /// Its name.
    pub display_name: String,
}

/// A user, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Object id.
    pub id: String,
    /// The name to sign in with.
    pub user_principal_name: String,
    /// Whether sign-in is allowed.
    pub account_enabled: Option<bool>,
    /// Whether the account comes from an on-premises directory.
    pub on_premises_sync_enabled: Option<bool>,
    /// Its main mail address.
    pub mail: Option<String>,
    /// All its addresses, `SMTP:` (primary) or `smtp:` before each.
    #[serde(default)]
    pub proxy_addresses: Vec<String>,
}

/// A domain of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantDomain {
    /// The domain name.
    pub id: String,
    /// Whether it is the default one.
    #[serde(default)]
    pub is_default: bool,
    /// Whether it is verified.
    #[serde(default)]
    pub is_verified: bool,
    /// `Email`, `OfficeCommunicationsOnline`, …
    #[serde(default)]
    pub supported_services: Vec<String>,
    /// `Managed`, or `Federated` where another identity provider keeps the passwords.
    #[serde(default)]
    pub authentication_type: Option<String>,
}

impl TenantDomain {
    /// Whether passwords of this domain are kept elsewhere.
    pub fn is_federated(&self) -> bool {
        self.authentication_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("Federated"))
    }
}

/// A sign-in method of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInMethod {
    /// Its id.
    pub id: String,
    /// Its OData type without `#microsoft.graph.`, e.g. `phoneAuthenticationMethod`.
    pub kind: String,
    /// What it is called or which number it holds, shortened for display.
    pub label: String,
    /// When it was added, where Graph says so.
    pub created: Option<DateTime<Utc>>,
}

/// A delegated permission grant (OAuth consent of one user).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionGrant {
    /// Its id.
    pub id: String,
    /// The service principal that was granted something.
    pub client_id: String,
    /// `Principal` or `AllPrincipals`
    pub consent_type: String,
    /// The user who granted it.
    pub principal_id: Option<String>,
    /// Space separated scopes.
    #[serde(default)]
    pub scope: String,
}

/// The client.
#[derive(Debug, Clone)]
pub struct Graph {}

/// Every call names the tenant it is made in; `user` is an object id or user principal name and is escaped here.
impl Graph {
    /// `partner` is the tenant whose customers are listed.
    pub fn new(hosts: &Hosts, partner: TenantId, http: reqwest::Client, tokens: Arc<Tokens>) -> Self {
        let _ = (hosts, partner, http, tokens);
        todo!()
    }
    /// `GET /contracts`, all pages.
    pub async fn contracts(&self) -> Result<Vec<Customer>, ServiceError> {
        todo!()
    }
    /// Customers with an active delegated admin relationship, all pages, each tenant once; Microsoft-led transitions
    /// (`MLT_…`) and relationships without a customer are left out.
    pub async fn gdap_customers(&self) -> Result<Vec<Customer>, ServiceError> {
        todo!()
    }
    /// The partner's look-up of any tenant: its default domain, where known.
    pub async fn find_default_domain(&self, tenant: &TenantId) -> Result<Option<String>, ServiceError> {
        let _ = tenant;
        todo!()
    }
    /// `GET /domains`, all pages.
    pub async fn domains(&self, tenant: &TenantId) -> Result<Vec<TenantDomain>, ServiceError> {
        let _ = tenant;
        todo!()
    }
    /// `GET /organization`: its display name.
    pub async fn organization_name(&self, tenant: &TenantId) -> Result<Option<String>, ServiceError> {
        let _ = tenant;
        todo!()
    }
    /// `GET /users/{user}`; `None` when there is no such user.
    pub async fn user(&self, tenant: &TenantId, user: &str) -> Result<Option<User>, ServiceError> {
        let _ = (tenant, user);
        todo!()
    }
    /// `PATCH /users/{user}` `accountEnabled`, and nothing else in the same call.
    pub async fn set_account_enabled(&self, tenant: &TenantId, user: &str, enabled: bool) -> Result<(), ServiceError> {
        let _ = (tenant, user, enabled);
        todo!()
    }
    /// `PATCH /users/{user}` `passwordProfile`, to be changed at the next sign-in.
    pub async fn set_password(
        &self,
        tenant: &TenantId,
        user: &str,
        password: &secrecy::SecretString,
    ) -> Result<(), ServiceError> {
        let _ = (tenant, user, password);
        todo!()
    }
    /// Password reset with writeback, for accounts that come from an on-premises directory (202).
    pub async fn reset_synced_password(
        &self,
        tenant: &TenantId,
        user: &str,
        password: &secrecy::SecretString,
    ) -> Result<(), ServiceError> {
        let _ = (tenant, user, password);
        todo!()
    }
    /// `POST /users/{user}/revokeSignInSessions`
    pub async fn revoke_sessions(&self, tenant: &TenantId, user: &str) -> Result<(), ServiceError> {
        let _ = (tenant, user);
        todo!()
    }
    /// `GET /users/{user}/authentication/methods`
    pub async fn sign_in_methods(&self, tenant: &TenantId, user: &str) -> Result<Vec<SignInMethod>, ServiceError> {
        let _ = (tenant, user);
        todo!()
    }
    /// `DELETE /users/{user}/authentication/<kind>s/{id}`; already gone is fine.
    pub async fn delete_sign_in_method(
        &self,
        tenant: &TenantId,
        user: &str,
        method: &SignInMethod,
    ) -> Result<(), ServiceError> {
        let _ = (tenant, user, method);
        todo!()
    }
    /// `GET /users/{user}/oauth2PermissionGrants`, all pages.
    pub async fn permission_grants(&self, tenant: &TenantId, user: &str) -> Result<Vec<PermissionGrant>, ServiceError> {
        let _ = (tenant, user);
        todo!()
    }
    /// `DELETE /oauth2PermissionGrants/{id}`; already gone is fine.
    pub async fn delete_permission_grant(&self, tenant: &TenantId, id: &str) -> Result<(), ServiceError> {
        let _ = (tenant, id);
        todo!()
    }
    /// `GET /users/{user}/mailFolders/inbox/messageRules`, all pages, as they stand.
    pub async fn message_rules(&self, tenant: &TenantId, user: &str) -> Result<Vec<Value>, ServiceError> {
        let _ = (tenant, user);
        todo!()
    }
    /// `PATCH …/messageRules/{id}` `isEnabled`
    pub async fn set_message_rule_enabled(
        &self,
        tenant: &TenantId,
        user: &str,
        rule: &str,
        enabled: bool,
    ) -> Result<(), ServiceError> {
        let _ = (tenant, user, rule, enabled);
        todo!()
    }
}
