//! The directory of a tenant: service principals, application permissions and directory roles. Onboarding changes them with a
//! technician's token; the app itself only reads its own roles.
//! <https://learn.microsoft.com/graph/api/resources/serviceprincipal>

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use base::ids::TenantId;

use super::{Graph, wire};
use crate::ServiceError;

/// The outcome of a change that may have been made before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was made now.
    Done,
    /// It had been made before.
    AlreadyThere,
}

/// An application in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// Its object id.
    pub id: String,
    /// The id of the application.
    pub app_id: String,
    /// `true` if the application may get tokens.
    #[serde(default)]
    pub account_enabled: Option<bool>,
    /// The permissions that it offers to other applications.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub app_roles: Vec<AppRole>,
}

/// An application permission.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppRole {
    /// Its id.
    pub id: String,
    /// Its name, as in the claim `roles`.
    #[serde(default)]
    pub value: Option<String>,
}

impl ServicePrincipal {
    /// Returns the id of a permission that this application offers.
    pub fn role_id(&self, value: &str) -> Option<&str> {
        self.app_roles.iter().find(|role| role.value.as_deref() == Some(value)).map(|role| role.id.as_str())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    #[serde(default)]
    app_role_id: String,
    #[serde(default)]
    resource_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleAssignment {
    #[serde(default)]
    role_definition_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DirectoryObject {
    role_template_id: Option<String>,
}

/// Texts with which Graph says that a change had been made before. Its code says only `Request_BadRequest`.
/// Sources: public scripts for `appRoleAssignedTo`; dod-ccpo/atat pull request 1554; CIPP for the members of a role.
const ALREADY_THERE: [&str; 4] = [
    "Permission being assigned already exists on the object",
    "A conflicting object with one or more of the specified property values is present in the directory",
    "added object references already exist",
    "EntitlementGrant entry already exists",
];

/// Every call fails with what Graph answered. Right after a service principal was created, Graph answers 404
/// `Request_ResourceNotFound` about it for a while.
impl Graph {
    /// Lists the service principals of some applications, with the permissions that each offers.
    pub async fn service_principals(
        &self,
        tenant: &TenantId,
        app_ids: &[&str],
    ) -> Result<Vec<ServicePrincipal>, ServiceError> {
        let filter = format!("appId in ('{}')", app_ids.join("','"));
        let query = [("$filter", filter.as_str()), ("$select", "id,appId,displayName,accountEnabled,appRoles")];
        self.all(tenant, self.url(&["v1.0", "servicePrincipals"], &query), "the list of service principals").await
    }

    /// Creates the service principal of an application, unless it is there. `name` is the display name of the provider's own app.
    pub async fn create_service_principal(
        &self,
        tenant: &TenantId,
        app_id: &str,
        name: Option<&str>,
    ) -> Result<(), ServiceError> {
        let url = self.url(&["v1.0", &format!("servicePrincipals(appId='{app_id}')")], &[]);
        let body = name.map_or_else(|| json!({}), |name| json!({ "displayName": name }));
        let request = self.caller.request(Method::PATCH, url).header("Prefer", "create-if-missing").json(&body);
        self.caller.whole(tenant, request).await.map(drop)
    }

    /// Lists the permissions that a service principal holds: the resource's object id and the id of the permission.
    pub async fn app_role_assignments(
        &self,
        tenant: &TenantId,
        principal: &str,
    ) -> Result<Vec<(String, String)>, ServiceError> {
        let url = self.url(&["v1.0", "servicePrincipals", principal, "appRoleAssignments"], &[]);
        let rows: Vec<Assignment> = self.all(tenant, url, "the list of permissions").await?;
        Ok(rows.into_iter().map(|row| (row.resource_id, row.app_role_id)).collect())
    }

    /// Grants a service principal a permission that `resource` offers.
    pub async fn assign_app_role(
        &self,
        tenant: &TenantId,
        principal: &str,
        resource: &str,
        role: &str,
    ) -> Result<Change, ServiceError> {
        let url = self.url(&["v1.0", "servicePrincipals", resource, "appRoleAssignedTo"], &[]);
        let body = json!({"principalId": principal, "resourceId": resource, "appRoleId": role});
        made(self.change(tenant, Method::POST, url, &body).await)
    }

    /// Lists the template ids of the directory roles of a service principal, from the unified role assignments.
    pub async fn role_assignments(&self, tenant: &TenantId, principal: &str) -> Result<Vec<String>, ServiceError> {
        let filter = format!("principalId eq '{principal}'");
        let url = self.url(&["v1.0", "roleManagement", "directory", "roleAssignments"], &[("$filter", &filter)]);
        let rows: Vec<RoleAssignment> = self.all(tenant, url, "the list of role assignments").await?;
        Ok(rows.into_iter().map(|row| row.role_definition_id).collect())
    }

    /// Lists the template ids of the directory roles of an application: `GET /servicePrincipals(appId='…')/memberOf`. The app needs
    /// `Directory.Read.All` for it.
    pub async fn directory_roles_of(&self, tenant: &TenantId, app_id: &str) -> Result<Vec<String>, ServiceError> {
        let url = self.url(&["v1.0", &format!("servicePrincipals(appId='{app_id}')"), "memberOf"], &[]);
        let rows: Vec<DirectoryObject> = self.all(tenant, url, "the list of memberships").await?;
        Ok(rows.into_iter().filter_map(|row| row.role_template_id).collect())
    }

    /// Assigns a directory role, named by its template id, for the whole tenant.
    pub async fn assign_directory_role(
        &self,
        tenant: &TenantId,
        principal: &str,
        template: &str,
    ) -> Result<Change, ServiceError> {
        let url = self.url(&["v1.0", "roleManagement", "directory", "roleAssignments"], &[]);
        let body = json!({"principalId": principal, "roleDefinitionId": template, "directoryScopeId": "/"});
        made(self.change(tenant, Method::POST, url, &body).await)
    }

    /// Adds a service principal to the members of a directory role, and activates a role that the tenant never used.
    pub async fn add_role_member(
        &self,
        tenant: &TenantId,
        principal: &str,
        template: &str,
    ) -> Result<Change, ServiceError> {
        match self.add_member(tenant, principal, template).await {
            // The role was never activated in the tenant.
            Err(error) if error.status() == Some(404) => {
                let url = self.url(&["v1.0", "directoryRoles"], &[]);
                let body = json!({ "roleTemplateId": template });
                made_before(self.change(tenant, Method::POST, url, &body).await)?;
                self.add_member(tenant, principal, template).await
            }
            outcome => outcome,
        }
    }

    async fn add_member(&self, tenant: &TenantId, principal: &str, template: &str) -> Result<Change, ServiceError> {
        let role = format!("directoryRoles(roleTemplateId='{template}')");
        let url = self.url(&["v1.0", &role, "members", "$ref"], &[]);
        let member = self.url(&["v1.0", "directoryObjects", principal], &[]);
        made(self.change(tenant, Method::POST, url, &json!({ "@odata.id": member.as_str() })).await)
    }
}

/// Returns what became of a change that Graph refuses when it had been made before.
fn made(outcome: Result<(), ServiceError>) -> Result<Change, ServiceError> {
    match outcome {
        Ok(()) => Ok(Change::Done),
        Err(error) if is_already_there(&error) => Ok(Change::AlreadyThere),
        Err(error) => Err(error),
    }
}

/// Passes over the error of a role that another request has activated.
fn made_before(outcome: Result<(), ServiceError>) -> Result<(), ServiceError> {
    made(outcome).map(drop)
}

fn is_already_there(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Answered { status: 400 | 409, message, .. }
        if ALREADY_THERE.iter().any(|text| message.contains(text)))
}
