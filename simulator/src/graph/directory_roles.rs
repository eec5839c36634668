//! Serves the directory roles of a tenant: unified role assignments, and the older member lists of activated roles.

use serde_json::{Value, json};
use uuid::Uuid;

use super::applications::{Asked, holds_any, not_found, quoted, replicated, role_name, uuid};
use super::{Paging, denied, failure};
use crate::reply::Reply;
use crate::world::applications::{DIRECTORY_ROLES, PRIVILEGED_ROLE_ADMINISTRATOR};
use crate::world::{RoleAssignment, Tenant};

/// Answers one request of the technician.
pub(super) fn answer(tenant: &mut Tenant, asked: &Asked<'_>, rest: &[&str], body: &Value) -> Reply {
    match (asked.call.method, rest) {
        (method, ["roleManagement", "directory", "roleAssignments"]) => {
            if asked.is_cli() {
                return failure(403, "UnknownError", PERMISSION_SCOPE_NOT_GRANTED);
            }
            if method == "GET" { assignments(tenant, asked) } else { assign(tenant, asked, body) }
        }
        ("POST", ["directoryRoles"]) => activate(tenant, asked, uuid(body, "roleTemplateId")),
        ("POST", [role, "members", "$ref"]) if role.starts_with("directoryRoles(roleTemplateId=") => {
            let member = body.get("@odata.id").and_then(Value::as_str).and_then(|link| link.rsplit('/').next());
            add_member(tenant, asked, quoted(role), member.and_then(|id| id.parse().ok()))
        }
        _ => failure(400, "BadRequest", "Resource not found for the segment."),
    }
}

/// The text of Graph about a token without the scope that a request needs. Source: Azure/azure-cli#26471 and #33778.
const PERMISSION_SCOPE_NOT_GRANTED: &str = r#"{"errorCode":"PermissionScopeNotGranted","message":"Authorization failed due to missing permission scope RoleManagement.ReadWrite.Directory."}"#;

/// Answers `servicePrincipals(appId='…')/memberOf`, or the same by object id.
pub(super) fn member_of(tenant: &mut Tenant, asked: &Asked<'_>, principal: &str) -> Reply {
    let id = match principal.contains('\'') {
        true => quoted(principal).and_then(|app| tenant.directory.service_principal(app)).map(|found| found.id),
        false => principal.parse().ok(),
    };
    let Some(principal) = id.and_then(|id| replicated(&mut tenant.directory, id)) else { return not_found() };
    let is_app = principal.app_id == asked.client_id;
    let held = tenant.directory.roles.iter().filter(|_| is_app);
    let row = |template: &Uuid| {
        json!({"@odata.type": "#microsoft.graph.directoryRole", "id": Uuid::new_v5(&tenant.id, template.as_bytes()),
            "displayName": role_name(*template), "roleTemplateId": template})
    };
    asked.paging.page(held.map(|(template, _)| row(template)).collect())
}

fn assignments(tenant: &Tenant, asked: &Asked<'_>) -> Reply {
    let query = crate::entra::form(asked.call.query.as_bytes());
    let wanted = query.get("$filter").and_then(|filter| quoted(filter));
    let app = tenant.directory.service_principal(asked.client_id).filter(|app| Some(app.id) == wanted);
    let rows = app.into_iter().flat_map(|app| tenant.directory.roles.iter().map(|(role, _)| assignment(app.id, *role)));
    asked.paging.page(rows.collect())
}

/// Answers `roleAssignments?$filter=principalId eq '…'` for the app: the roles of a user or group, of any scope.
pub(super) fn of_principal(tenant: &Tenant, paging: &Paging<'_>) -> Reply {
    if !tenant.directory.holds("Directory.Read.All") {
        return denied();
    }
    let query = crate::entra::form(paging.query.as_bytes());
    let Some(principal) = query.get("$filter").and_then(|filter| quoted(filter)) else {
        return failure(400, "Request_BadRequest", "The filter clause is not supported.");
    };
    let held = tenant.directory.role_assignments.iter().filter(|role| role.principal == principal);
    let row = |role: &RoleAssignment| {
        json!({"id": Uuid::new_v5(&principal, role.definition.as_bytes()), "principalId": principal,
            "roleDefinitionId": role.definition, "directoryScopeId": role.scope})
    };
    paging.page(held.map(row).collect())
}

fn assignment(principal: Uuid, role: Uuid) -> Value {
    json!({"id": Uuid::new_v5(&principal, role.as_bytes()), "principalId": principal, "roleDefinitionId": role,
        "directoryScopeId": "/"})
}

fn assign(tenant: &mut Tenant, asked: &Asked<'_>, body: &Value) -> Reply {
    let (Some(principal), Some(role)) = (uuid(body, "principalId"), uuid(body, "roleDefinitionId")) else {
        return failure(400, "Request_BadRequest", "A required property is missing.");
    };
    if !holds_any(&tenant.technician.roles, &[PRIVILEGED_ROLE_ADMINISTRATOR]) {
        return denied();
    }
    let Some(principal) = replicated(&mut tenant.directory, principal) else { return not_found() };
    if role_name(role).is_empty() || principal.app_id != asked.client_id {
        return failure(400, "Request_BadRequest", "The role definition or the principal is not valid.");
    }
    if tenant.directory.has_role(role) {
        let text =
            "A conflicting object with one or more of the specified property values is present in the directory.";
        return failure(400, "Request_BadRequest", text);
    }
    tenant.directory.roles.push((role, asked.call.now));
    Reply::json(201, &assignment(principal.id, role))
}

fn activate(tenant: &mut Tenant, asked: &Asked<'_>, role: Option<Uuid>) -> Reply {
    let Some(role) = role.filter(|role| DIRECTORY_ROLES.iter().any(|(id, _)| id == role)) else {
        return not_found();
    };
    if !may_change_members(tenant, asked) {
        return denied();
    }
    tenant.directory.activated.insert(role);
    Reply::json(201, &json!({"id": Uuid::new_v5(&tenant.id, role.as_bytes()), "roleTemplateId": role}))
}

fn add_member(tenant: &mut Tenant, asked: &Asked<'_>, role: Option<Uuid>, member: Option<Uuid>) -> Reply {
    let Some(role) = role.filter(|role| tenant.directory.activated.contains(role)) else { return not_found() };
    if !may_change_members(tenant, asked) {
        return denied();
    }
    let Some(principal) = member.and_then(|id| replicated(&mut tenant.directory, id)) else { return not_found() };
    if principal.app_id != asked.client_id {
        return not_found();
    }
    if tenant.directory.has_role(role) {
        let text =
            "One or more added object references already exist for the following modified properties: 'members'.";
        return failure(400, "Request_BadRequest", text);
    }
    tenant.directory.roles.push((role, asked.call.now));
    Reply::empty(204)
}

/// Returns whether the technician may change the members of a role with this token.
fn may_change_members(tenant: &Tenant, asked: &Asked<'_>) -> bool {
    let scope = !asked.is_cli() || asked.unkindness.cli_adds_role_members;
    scope && holds_any(&tenant.technician.roles, &[PRIVILEGED_ROLE_ADMINISTRATOR])
}
