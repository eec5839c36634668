//! Serves the applications of a tenant to the provider's technician: service principals and application permissions.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, Paging, denied, directory_roles, failure};
use crate::entra::Token;
use crate::entra::delegated::Client;
use crate::reply::Reply;
use crate::world::applications::{
    APP_ROLES, CLOUD_APPLICATION_ADMINISTRATOR, DIRECTORY_ROLES, GLOBAL_ADMINISTRATOR, GRAPH,
    PRIVILEGED_ROLE_ADMINISTRATOR,
};
use crate::world::{Consent, Directory, RESOURCES, ServicePrincipal, Tenant, Unkindness};

/// A request about applications or directory roles.
pub(super) struct Asked<'a> {
    pub(super) token: &'a Token,
    pub(super) call: &'a Call<'a>,
    pub(super) paging: &'a Paging<'a>,
    /// The provider's app.
    pub(super) client_id: Uuid,
    pub(super) unkindness: &'a Unkindness,
}

impl Asked<'_> {
    /// Returns whether the technician signed in through the Azure CLI, whose token lacks `RoleManagement.ReadWrite.Directory`.
    pub(super) fn is_cli(&self) -> bool {
        self.token.technician == Some(Client::AzureCli)
    }
}

/// Answers one request.
pub(super) fn answer(tenant: &mut Tenant, asked: &Asked<'_>, rest: &[&str]) -> Reply {
    let method = asked.call.method;
    if asked.token.technician.is_none() {
        return match (method, rest) {
            ("GET", [principal, "memberOf"]) if tenant.directory.holds("Directory.Read.All") => {
                directory_roles::member_of(tenant, asked, principal)
            }
            _ => denied(),
        };
    }
    if tenant.technician.roles.is_empty() {
        return denied();
    }
    if tenant.technician.cannot_write && method != "GET" {
        return failure(403, "Authorization_RequestDenied", "Unable to initialize the authorization context.");
    }
    forget_app_without_consent(tenant, asked.client_id);
    let body: Value = serde_json::from_slice(asked.call.body).unwrap_or_default();
    match (method, rest) {
        ("GET", ["servicePrincipals"]) => list(tenant, asked),
        ("POST", ["servicePrincipals"]) => create(tenant, asked, uuid(&body, "appId"), &body, false),
        ("PATCH", [principal]) if principal.starts_with("servicePrincipals(appId=") => {
            create(tenant, asked, quoted(principal), &body, true)
        }
        ("GET", ["servicePrincipals", id, "appRoleAssignments"]) => assignments(tenant, asked, id.parse().ok()),
        ("POST", ["servicePrincipals", _, "appRoleAssignedTo" | "appRoleAssignments"]) => {
            assign(tenant, asked.client_id, &body)
        }
        ("GET", [principal, "memberOf"]) | ("GET", ["servicePrincipals", principal, "memberOf"]) => {
            directory_roles::member_of(tenant, asked, principal)
        }
        _ => directory_roles::answer(tenant, asked, rest, &body),
    }
}

/// Turns a consent that is missing into a directory that lacks the app, so that onboarding can add it.
fn forget_app_without_consent(tenant: &mut Tenant, client_id: Uuid) {
    if tenant.consent == Consent::Missing {
        tenant.consent = Consent::Granted;
        tenant.directory.service_principals.retain(|principal| principal.app_id != client_id);
        tenant.directory.app_roles.clear();
        tenant.directory.roles.clear();
    }
}

/// Returns whether the technician holds one of some roles. A Global Administrator may do everything.
pub(super) fn holds_any(roles: &BTreeSet<Uuid>, wanted: &[Uuid]) -> bool {
    roles.contains(&GLOBAL_ADMINISTRATOR) || wanted.iter().any(|role| roles.contains(role))
}

/// Returns the first id between quotes.
pub(super) fn quoted(text: &str) -> Option<Uuid> {
    text.split('\'').find_map(|part| part.parse().ok())
}

pub(super) fn uuid(body: &Value, member: &str) -> Option<Uuid> {
    body.get(member)?.as_str()?.parse().ok()
}

pub(super) fn not_found() -> Reply {
    failure(
        404,
        "Request_ResourceNotFound",
        "Resource does not exist or one of its queried reference-property objects are not present.",
    )
}

/// Returns a service principal that has been replicated. One that has not counts down.
pub(super) fn replicated(directory: &mut Directory, id: Uuid) -> Option<ServicePrincipal> {
    let principal = directory.service_principals.iter_mut().find(|principal| principal.id == id)?;
    if principal.misses > 0 {
        principal.misses -= 1;
        return None;
    }
    Some(principal.clone())
}

fn list(tenant: &mut Tenant, asked: &Asked<'_>) -> Reply {
    let query = crate::entra::form(asked.call.query.as_bytes());
    let filter = query.get("$filter").map(String::as_str).unwrap_or_default();
    let wanted: Vec<Uuid> = filter.split('\'').filter_map(|part| part.parse().ok()).collect();
    let mut rows = Vec::new();
    for principal in &mut tenant.directory.service_principals {
        if !filter.is_empty() && !wanted.contains(&principal.app_id) {
            continue;
        }
        match principal.misses {
            0 => rows.push(row(principal)),
            _ => principal.misses -= 1,
        }
    }
    asked.paging.page(rows)
}

fn row(principal: &ServicePrincipal) -> Value {
    let roles = APP_ROLES.iter().filter(|role| role.resource == principal.app_id).map(
        |role| json!({"id": role.id, "value": role.value, "isEnabled": true, "allowedMemberTypes": ["Application"]}),
    );
    json!({"id": principal.id, "appId": principal.app_id, "displayName": principal.display_name,
        "accountEnabled": principal.enabled, "appRoles": roles.collect::<Vec<_>>()})
}

/// Creates a service principal: as an upsert, or as a plain creation that fails if there is one.
fn create(tenant: &mut Tenant, asked: &Asked<'_>, app_id: Option<Uuid>, body: &Value, is_upsert: bool) -> Reply {
    let Some(app_id) = app_id else { return failure(400, "Request_BadRequest", "Invalid value for 'appId'.") };
    if !holds_any(&tenant.technician.roles, &[CLOUD_APPLICATION_ADMINISTRATOR]) {
        return denied();
    }
    if tenant.directory.service_principal(app_id).is_some() {
        return match is_upsert {
            true => Reply::empty(204),
            false => failure(
                409,
                "Request_MultipleObjectsWithSameKeyValue",
                "The service principal cannot be created because the name is already in use.",
            ),
        };
    }
    if is_upsert && asked.call.prefer != Some("create-if-missing") {
        return not_found();
    }
    if tenant.directory.unlicensed.contains(&app_id) {
        return failure(
            400,
            "Request_BadRequest",
            "The appId does not reference a valid application object, or the tenant is not subscribed to it.",
        );
    }
    let known = RESOURCES.iter().find(|(id, _)| *id == app_id).map(|(_, name)| *name);
    let name = body.get("displayName").and_then(Value::as_str).or(known).unwrap_or("app").to_owned();
    tenant.directory.add(tenant.id, app_id, &name, asked.unkindness.replication_misses);
    match tenant.directory.service_principal(app_id) {
        Some(principal) => Reply::json(201, &row(principal)),
        None => not_found(),
    }
}

fn assignments(tenant: &mut Tenant, asked: &Asked<'_>, principal: Option<Uuid>) -> Reply {
    let Some(principal) = principal.and_then(|id| replicated(&mut tenant.directory, id)) else { return not_found() };
    let is_app = principal.app_id == asked.client_id;
    let held = APP_ROLES.iter().filter(|role| is_app && tenant.directory.app_roles.contains(&role.id));
    let rows = held.filter_map(|role| {
        let resource = tenant.directory.service_principal(role.resource)?;
        Some(json!({"id": Uuid::new_v5(&principal.id, role.id.as_bytes()), "appRoleId": role.id,
            "principalId": principal.id, "resourceId": resource.id, "resourceDisplayName": resource.display_name}))
    });
    asked.paging.page(rows.collect())
}

/// Assigns an application permission. Those of Graph need another role than the others.
fn assign(tenant: &mut Tenant, client_id: Uuid, body: &Value) -> Reply {
    let (principal, resource, role) = (uuid(body, "principalId"), uuid(body, "resourceId"), uuid(body, "appRoleId"));
    let (Some(principal), Some(resource), Some(role)) = (principal, resource, role) else {
        return failure(400, "Request_BadRequest", "Not a valid reference update.");
    };
    let (Some(principal), Some(resource)) =
        (replicated(&mut tenant.directory, principal), replicated(&mut tenant.directory, resource))
    else {
        return not_found();
    };
    let is_of_resource = APP_ROLES.iter().any(|known| known.id == role && known.resource == resource.app_id);
    if !is_of_resource || principal.app_id != client_id {
        return failure(400, "Request_BadRequest", "Not a valid reference update.");
    }
    let needed: &[Uuid] = match resource.app_id {
        GRAPH => &[PRIVILEGED_ROLE_ADMINISTRATOR],
        _ => &[PRIVILEGED_ROLE_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR],
    };
    if !holds_any(&tenant.technician.roles, needed) {
        return denied();
    }
    if !tenant.directory.app_roles.insert(role) {
        return failure(400, "Request_BadRequest", "Permission being assigned already exists on the object");
    }
    Reply::json(
        201,
        &json!({"id": Uuid::new_v5(&principal.id, role.as_bytes()), "principalId": principal.id,
            "resourceId": resource.id, "appRoleId": role}),
    )
}

/// Returns the name of a directory role.
pub(super) fn role_name(template: Uuid) -> &'static str {
    DIRECTORY_ROLES.iter().find(|(id, _)| *id == template).map_or("", |(_, name)| name)
}
