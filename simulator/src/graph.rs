//! Serves Microsoft Graph: customers of the partner, users, their sign-in methods and consents, domains, and inbox rules.

mod audit_search;
mod partner;
mod rules;
mod users;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::entra::{Token, form};
use crate::reply::Reply;
use crate::world::{Tenant, World};

/// Answers one request. The token says for which tenant.
pub(crate) fn answer(
    world: &mut World,
    origin: &str,
    token: Option<&Token>,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Reply {
    let Some(token) = token else {
        return failure(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.");
    };
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let Some((version @ &("v1.0" | "beta"), rest)) = segments.split_first() else {
        return failure(404, "UnknownError", "");
    };
    let paging = Paging { origin, path, query, size: world.rows_page };
    if token.tenant == world.partner_tenant {
        if let Some((user, ["sendMail"])) = user_of(rest) {
            return partner::send_mail(world, &user, body);
        }
        return partner::answer(world, &paging, rest);
    }
    let Some(tenant) = world.tenants.get_mut(&token.tenant) else {
        return failure(
            403,
            "Authorization_IdentityNotFound",
            "The identity of the calling application could not be established.",
        );
    };
    let may_change = tenant.user_rights && token.rights.users;
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some((user, below)) = user_of(rest) {
        return users::answer(tenant, &paging, &Call { method, user: &user, below, body: &body, may_change });
    }
    if let ["security", "auditLog", "queries", below @ ..] = rest {
        return audit_search::answer(tenant, &paging, (method, version), below, &body);
    }
    match (method, rest) {
        ("GET", ["domains"]) => paging.page(domains(tenant)),
        ("GET", ["organization"]) => paging.page(vec![json!({"id": tenant.id, "displayName": tenant.display_name})]),
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
struct Call<'a> {
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
