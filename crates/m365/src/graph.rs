//! Microsoft Graph as typed calls: customers of the partner, users, sign-in, domains, and inbox rules if Exchange denies access.
//! <https://learn.microsoft.com/graph/api/overview>

mod audit_search;
mod directory;
mod message_rule;
mod user_key;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::hosts::Hosts;
use base::clock::Clock;
use base::ids::TenantId;

use super::call::Caller;
use super::tokens::Tokens;
use super::{Service, ServiceError};
use user_key::UserKey;
use wire::{Contract, Membership, Method as WireMethod, Organization, Page, Relationship, TenantInformation};

pub use audit_search::{AuditQuery, AuditQueryState, AuditRecords, AuditSearch};
pub use directory::{AppRole, Change, ServicePrincipal};
pub use message_rule::MessageRule;

/// The most pages of one listing; more means that a link leads in a circle.
const PAGES: usize = 1_000;

/// The most principals whose role assignments are read for one user: the user and groups that roles can be assigned to.
const PRINCIPALS_LIMIT: usize = 20;

/// The longest part of a wrong id that an error repeats, in characters.
const ID_LIMIT: usize = 80;

/// A customer of the partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The id of its tenant.
    pub tenant_id: TenantId,
    /// Its default domain, if the listing contains it.
    pub default_domain: Option<String>,
    /// Its name.
    pub display_name: String,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Object id.
    pub id: String,
    /// The name to sign in with.
    pub user_principal_name: String,
    /// `Some(true)` if sign-in is allowed.
    pub account_enabled: Option<bool>,
    /// `Some(true)` if the account is synchronized from an on-premises directory.
    pub on_premises_sync_enabled: Option<bool>,
    /// Its main mail address.
    pub mail: Option<String>,
    /// All its addresses, `SMTP:` (primary) or `smtp:` before each.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub proxy_addresses: Vec<String>,
    /// `Member` or `Guest`. Absent in what earlier versions stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_type: Option<String>,
}

/// A domain of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantDomain {
    /// The domain name.
    pub id: String,
    /// `true` if it is the default domain.
    #[serde(default)]
    pub is_default: bool,
    /// `true` if the tenant has proved that it owns the domain.
    #[serde(default)]
    pub is_verified: bool,
    /// `Email`, `OfficeCommunicationsOnline`, …
    #[serde(default, deserialize_with = "wire::or_default")]
    pub supported_services: Vec<String>,
    /// `Managed`, or `Federated` if another identity provider has the passwords.
    #[serde(default)]
    pub authentication_type: Option<String>,
}

impl TenantDomain {
    /// Returns whether another identity provider has the passwords of this domain.
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
    /// Its name or phone number, shortened for display.
    pub label: String,
    /// The time when it was added, if Graph says it.
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
    #[serde(default, deserialize_with = "wire::or_default")]
    pub scope: String,
}

/// Calls Microsoft Graph.
#[derive(Debug, Clone)]
pub struct Graph {
    caller: Caller,
    root: Url,
    partner: TenantId,
}

/// Every call names the tenant it is made in. `user` is an object id or user principal name; anything else is
/// [`ServiceError::NotAUser`]. All calls fail with what Graph answered: `Authorization_RequestDenied` (403) if a permission or a
/// directory role is missing.
impl Graph {
    /// `partner` is the tenant whose customers are listed.
    pub fn new(hosts: &Hosts, partner: TenantId, http: Client, tokens: Arc<Tokens>, clock: Arc<dyn Clock>) -> Self {
        Self {
            caller: Caller::new(Service::Graph, http, tokens, clock, wire::read_error),
            root: hosts.graph.clone(),
            partner,
        }
    }

    /// `GET /contracts`, all pages.
    pub async fn contracts(&self) -> Result<Vec<Customer>, ServiceError> {
        let url = self.url(&["v1.0", "contracts"], &[("$top", "999")]);
        let contracts: Vec<Contract> = self.all(&self.partner, url, "the list of contracts").await?;
        Ok(contracts.into_iter().filter_map(Contract::customer).collect())
    }

    /// Customers with an active delegated admin relationship, all pages, each tenant once; Microsoft-led transitions
    /// (`MLT_…`) and relationships without a customer are left out.
    pub async fn gdap_customers(&self) -> Result<Vec<Customer>, ServiceError> {
        let path = ["v1.0", "tenantRelationships", "delegatedAdminRelationships"];
        let url = self.url(&path, &[("$filter", "status eq 'active'"), ("$top", "300")]);
        let relationships: Vec<Relationship> = self.all(&self.partner, url, "the list of relationships").await?;
        let mut known = BTreeSet::new();
        let customers = relationships.into_iter().filter_map(Relationship::customer);
        Ok(customers.filter(|customer| known.insert(customer.tenant_id)).collect())
    }

    /// Looks up the default domain of any tenant, as the partner; `None` if Graph does not know it.
    pub async fn find_default_domain(&self, tenant: &TenantId) -> Result<Option<String>, ServiceError> {
        let function = format!("findTenantInformationByTenantId(tenantId='{tenant}')");
        let url = self.url(&["v1.0", "tenantRelationships", &function], &[]);
        let found: Option<TenantInformation> = self.one(&self.partner, url, "the tenant's information").await?;
        Ok(found.and_then(|information| information.default_domain_name))
    }

    /// `GET /domains`, all pages.
    pub async fn domains(&self, tenant: &TenantId) -> Result<Vec<TenantDomain>, ServiceError> {
        self.all(tenant, self.url(&["v1.0", "domains"], &[]), "the list of domains").await
    }

    /// `GET /organization`: its display name.
    pub async fn organization_name(&self, tenant: &TenantId) -> Result<Option<String>, ServiceError> {
        let url = self.url(&["v1.0", "organization"], &[]);
        let rows: Vec<Organization> = self.all(tenant, url, "the organization").await?;
        Ok(rows.into_iter().find_map(|row| row.display_name))
    }

    /// `GET /users/{user}`; `None` if there is no such user.
    pub async fn user(&self, tenant: &TenantId, user: &str) -> Result<Option<User>, ServiceError> {
        const FIELDS: &str = "id,userPrincipalName,accountEnabled,onPremisesSyncEnabled,mail,proxyAddresses,userType";
        self.one(tenant, self.user_url(user, &[], &[("$select", FIELDS)])?, "the user").await
    }

    /// Returns whether a user, named by object id, has a directory role, directly or through groups. Roles for the whole tenant are
    /// among `GET /users/{user}/transitiveMemberOf`; roles for an administrative unit and custom roles are role assignments of the user
    /// or of a group that roles can be assigned to. Roles that the user is only eligible for are in neither.
    pub async fn has_directory_role(&self, tenant: &TenantId, user: &str) -> Result<bool, ServiceError> {
        let url = self.user_url(user, &["transitiveMemberOf"], &[("$top", "999")])?;
        let memberships: Vec<Membership> = self.all(tenant, url, "the list of memberships").await?;
        if memberships.iter().any(Membership::is_directory_role) {
            return Ok(true);
        }
        let groups = memberships.into_iter().filter_map(Membership::role_group);
        let principals: Vec<String> = std::iter::once(user.to_owned()).chain(groups).collect();
        if principals.len() > PRINCIPALS_LIMIT {
            return Ok(true);
        }
        for principal in &principals {
            if !self.role_assignments(tenant, principal).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `PATCH /users/{user}` `accountEnabled`, and nothing else in the same call.
    pub async fn set_account_enabled(&self, tenant: &TenantId, user: &str, enabled: bool) -> Result<(), ServiceError> {
        self.change(tenant, Method::PATCH, self.user_url(user, &[], &[])?, &json!({"accountEnabled": enabled})).await
    }

    /// `PATCH /users/{user}` `passwordProfile`, to be changed at the next sign-in.
    pub async fn set_password(
        &self,
        tenant: &TenantId,
        user: &str,
        password: &SecretString,
    ) -> Result<(), ServiceError> {
        let profile = json!({"forceChangePasswordNextSignIn": true, "password": password.expose_secret()});
        let url = self.user_url(user, &[], &[])?;
        let request = self.caller.request(Method::PATCH, url).json(&json!({"passwordProfile": profile}));
        self.caller.hiding(password).whole(tenant, request).await.map(drop)
    }

    /// `POST /users/{user}/revokeSignInSessions`
    pub async fn revoke_sessions(&self, tenant: &TenantId, user: &str) -> Result<(), ServiceError> {
        let url = self.user_url(user, &["revokeSignInSessions"], &[])?;
        self.caller.whole(tenant, self.caller.request(Method::POST, url).header(CONTENT_LENGTH, 0)).await.map(drop)
    }

    /// `GET /users/{user}/authentication/methods`
    pub async fn sign_in_methods(&self, tenant: &TenantId, user: &str) -> Result<Vec<SignInMethod>, ServiceError> {
        let url = self.user_url(user, &["authentication", "methods"], &[])?;
        let methods: Vec<WireMethod> = self.all(tenant, url, "the list of sign-in methods").await?;
        Ok(methods.into_iter().map(WireMethod::method).collect())
    }

    /// `DELETE /users/{user}/authentication/<kind>s/{id}`; already gone is fine. Fails with [`ServiceError::NotAnId`] if the id, which
    /// the tenant chose, cannot be one: `..` would address something different.
    pub async fn delete_sign_in_method(
        &self,
        tenant: &TenantId,
        user: &str,
        method: &SignInMethod,
    ) -> Result<(), ServiceError> {
        let kind = path_id(method.kind.strip_suffix("AuthenticationMethod").unwrap_or(&method.kind))?;
        let id = path_id(&method.id)?;
        self.delete(tenant, self.user_url(user, &["authentication", &format!("{kind}Methods"), id], &[])?).await
    }

    /// `GET /users/{user}/oauth2PermissionGrants`, all pages.
    pub async fn permission_grants(&self, tenant: &TenantId, user: &str) -> Result<Vec<PermissionGrant>, ServiceError> {
        let url = self.user_url(user, &["oauth2PermissionGrants"], &[])?;
        self.all(tenant, url, "the list of consents").await
    }

    /// `DELETE /oauth2PermissionGrants/{id}`; already gone is fine.
    pub async fn delete_permission_grant(&self, tenant: &TenantId, id: &str) -> Result<(), ServiceError> {
        self.delete(tenant, self.url(&["v1.0", "oauth2PermissionGrants", path_id(id)?], &[])).await
    }

    /// `GET /users/{user}/mailFolders/inbox/messageRules`, all pages. Hidden rules and sweep rules are not among them.
    pub async fn message_rules(&self, tenant: &TenantId, user: &str) -> Result<Vec<MessageRule>, ServiceError> {
        let url = self.user_url(user, &["mailFolders", "inbox", "messageRules"], &[])?;
        self.all(tenant, url, "the list of rules").await
    }

    /// `PATCH …/messageRules/{id}` `isEnabled`
    pub async fn set_message_rule_enabled(
        &self,
        tenant: &TenantId,
        user: &str,
        rule: &str,
        enabled: bool,
    ) -> Result<(), ServiceError> {
        let url = self.user_url(user, &["mailFolders", "inbox", "messageRules", path_id(rule)?], &[])?;
        self.change(tenant, Method::PATCH, url, &json!({"isEnabled": enabled})).await
    }

    /// `POST /users/{from}/sendMail` with MIME. The request is sent once, because what was accepted must not be sent
    /// again; only a token that Graph rejects is replaced.
    pub async fn send_mail(&self, tenant: &TenantId, from: &str, mime: &[u8]) -> Result<(), ServiceError> {
        let url = self.user_url(from, &["sendMail"], &[])?;
        let request =
            self.caller.request(Method::POST, url).header(CONTENT_TYPE, "text/plain").body(BASE64.encode(mime));
        self.caller.whole_unless(tenant, request, |error| error.status() != Some(401)).await.map(drop)
    }

    /// Reads all rows of a listing, page by page. A link to another origin is not followed.
    async fn all<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        first: Url,
        what: &str,
    ) -> Result<Vec<T>, ServiceError> {
        let mut rows = Vec::new();
        let mut next = Some(first);
        for _ in 0..PAGES {
            let Some(url) = next.take() else { return Ok(rows) };
            let answer = self.caller.whole(tenant, self.caller.request(Method::GET, url)).await?;
            let page: Page<T> = self.caller.parsed(what, &answer)?;
            rows.extend(page.value.ok_or_else(|| self.caller.no_rows(what))?);
            next = page.next.map(|link| self.own_link(&link)).transpose()?;
        }
        if next.is_none() { Ok(rows) } else { Err(self.caller.endless(what)) }
    }

    /// Reads one object; `None` if it does not exist.
    async fn one<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        url: Url,
        what: &str,
    ) -> Result<Option<T>, ServiceError> {
        match self.caller.whole(tenant, self.caller.request(Method::GET, url)).await {
            Ok(answer) => self.caller.parsed(what, &answer).map(Some),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn change(&self, tenant: &TenantId, method: Method, url: Url, body: &Value) -> Result<(), ServiceError> {
        self.caller.whole(tenant, self.caller.request(method, url).json(body)).await.map(drop)
    }

    async fn delete(&self, tenant: &TenantId, url: Url) -> Result<(), ServiceError> {
        match self.caller.whole(tenant, self.caller.request(Method::DELETE, url)).await {
            Ok(_) => Ok(()),
            Err(error) if error.status() == Some(404) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn own_link(&self, link: &str) -> Result<Url, ServiceError> {
        Url::parse(link)
            .ok()
            .filter(|url| url.origin() == self.root.origin() && url.username().is_empty())
            .ok_or(ServiceError::ForeignLink { service: Service::Graph })
    }

    /// The segments are escaped one by one, so that a `/` or `#` in a name stays a part of the name.
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn user_url(&self, user: &str, below: &[&str], query: &[(&str, &str)]) -> Result<Url, ServiceError> {
        let user = UserKey::parse(user)?.segments();
        let user: Vec<&str> = user.iter().map(String::as_str).collect();
        Ok(self.url(&[&["v1.0"], user.as_slice(), below].concat(), query))
    }
}

/// Returns an id as a segment of a path: a GUID, base64url, or base64 whose slashes the URL escapes. Nothing else reaches a path, for a
/// segment such as `..` names another object.
fn path_id(id: &str) -> Result<&str, ServiceError> {
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=+/".contains(&byte));
    match is_id {
        true => Ok(id),
        false => {
            let id = id.chars().take(ID_LIMIT).collect();
            Err(ServiceError::NotAnId { service: Service::Graph, id })
        }
    }
}
