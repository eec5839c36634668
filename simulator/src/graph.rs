//! Serves Microsoft Graph: customers of the partner, users, their sign-in methods and consents, domains, and inbox rules. For the
//! technician it serves the applications and directory roles of a tenant.

mod applications;
mod audit_search;
mod directory_roles;
mod partner;
mod rules;
mod users;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::entra::{Token, form};
use crate::reply::Reply;
use crate::world::{Tenant, World};

/// A request to Graph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) now: DateTime<Utc>,
    pub(crate) origin: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// The header `Prefer`.
    pub(crate) prefer: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// Answers one request. The token says for which tenant.
pub(crate) fn answer(world: &mut World, token: Option<&Token>, call: &Call<'_>) -> Reply {
    let Some(token) = token else {
        return failure(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.");
    };
    let segments: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let Some((version @ &("v1.0" | "beta"), rest)) = segments.split_first() else {
        return failure(404, "UnknownError", "");
    };
    let paging = Paging { origin: call.origin, path: call.path, query: call.query, size: world.rows_page };
    if token.tenant == world.partner_tenant {
        if let Some((user, ["sendMail"])) = user_of(rest) {
            return partner::send_mail(world, &user, call.body);
        }
        return partner::answer(world, &paging, rest);
    }
    let (client_id, unkindness) = (world.client_id, world.unkindness);
    let Some(tenant) = world.tenants.get_mut(&token.tenant) else {
        return failure(
            403,
            "Authorization_IdentityNotFound",
            "The identity of the calling application could not be established.",
        );
    };
    if token.technician.is_some() || rest.first().is_some_and(|first| first.starts_with("servicePrincipals")) {
        let asked = applications::Asked { token, call, paging: &paging, client_id, unkindness: &unkindness };
        return applications::answer(tenant, &asked, rest);
    }
    let may_change = tenant.user_rights && token.rights.users;
    let method = call.method;
    let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
    if let Some((user, below)) = user_of(rest) {
        return users::answer(tenant, &paging, &OfUser { method, user: &user, below, body: &body, may_change });
    }
    if let ["security", "auditLog", "queries", below @ ..] = rest {
        return audit_search::answer(tenant, &paging, (method, version), below, &body);
    }
    match (method, rest) {
        ("GET", ["domains"]) => paging.page(domains(tenant)),
        ("GET", ["organization"]) => paging.page(vec![json!({"id": tenant.id, "displayName": tenant.display_name})]),
        ("GET", ["roleManagement", "directory", "roleAssignments"]) => directory_roles::of_principal(tenant, &paging),
        ("DELETE", ["oauth2PermissionGrants", id]) => users::delete_grant(tenant, id, may_change),
        _ => failure(400, "BadRequest", "Resource not found for the segment."),
    }
}

/// Returns the user that a path names, as `users/{name}` or `users('{name}')`, and the segments after it.
fn user_of<'a>(rest: &'a [&'a str]) -> Option<(String, &'a [&'a str])> {
    match rest {
        ["users", user, below @ ..] => Some(((*user).to_owned(), below)),
        [quoted, below @ ..] => {
            let user = quoted.strip_prefix("users('")?.strip_suffix("')")?;
            Some((user.replace("''", "'"), below))
        }
        [] => None,
    }
}

/// A request about a user.
struct OfUser<'a> {
    method: &'a str,
    /// The object id or user principal name.
    user: &'a str,
    /// The segments of the path after the user.
    below: &'a [&'a str],
    body: &'a Value,
    /// `true` if the token lets the app change users.
    may_change: bool,
}

/// The position of a request in a listing.
struct Paging<'a> {
    origin: &'a str,
    path: &'a str,
    query: &'a str,
    size: usize,
}

impl Paging<'_> {
    fn page(&self, rows: Vec<Value>) -> Reply {
        let from = form(self.query.as_bytes()).get("$skiptoken").and_then(|skip| skip.parse().ok()).unwrap_or(0_usize);
        let to = (from + self.size).min(rows.len());
        let mut page = json!({
            "@odata.context": format!("{}/v1.0/$metadata", self.origin),
            "value": rows.get(from..to).unwrap_or_default(),
        });
        if to < rows.len() {
            page["@odata.nextLink"] = json!(format!("{}{}?$skiptoken={to}", self.origin, self.path));
        }
        Reply::json(200, &page)
    }
}

fn domains(tenant: &Tenant) -> Vec<Value> {
    let is_default = |name: &str| name == tenant.default_domain;
    let row = |name: &String| {
        json!({"id": name, "isDefault": is_default(name), "isInitial": false, "isVerified": true, "isRoot": true,
            "supportedServices": ["Email", "OfficeCommunicationsOnline"]})
    };
    tenant.accepted_domains.iter().map(|domain| row(&domain.name)).collect()
}

fn denied() -> Reply {
    failure(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

fn failure(status: u16, code: &str, message: &str) -> Reply {
    let inner =
        json!({"date": "2026-11-22T08:00:00", "request-id": Uuid::new_v4(), "client-request-id": Uuid::new_v4()});
    Reply::json(status, &json!({"error": {"code": code, "message": message, "innerError": inner}}))
}

#[cfg(test)]
mod tests;
