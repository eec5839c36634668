//! Microsoft Graph: customers of the partner, users, their sign-in methods and consents, domains, and inbox rules.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::entra::{Token, form};
use crate::reply::Reply;
use crate::world::{Tenant, User, World};

/// One request. The token says in which tenant.
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
    let Some((&("v1.0" | "beta"), rest)) = segments.split_first() else {
        return failure(404, "UnknownError", "");
    };
    let paging = Paging { origin, path, query, size: world.rows_page };
    if token.tenant == world.partner_tenant {
        return partner(world, &paging, rest);
    }
    let Some(tenant) = world.tenants.get_mut(&token.tenant) else {
        return failure(
            403,
            "Authorization_IdentityNotFound",
            "The identity of the calling application could not be established.",
        );
    };
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match (method, rest) {
        ("GET", ["domains"]) => paging.page(domains(tenant)),
        ("GET", ["organization"]) => paging.page(vec![json!({"id": tenant.id, "displayName": tenant.display_name})]),
        ("DELETE", ["oauth2PermissionGrants", id]) => delete_grant(tenant, id),
        (_, ["users", user, below @ ..]) => users(tenant, &paging, method, user, below, &body),
        (_, [quoted, below @ ..]) if quoted.starts_with("users('") => {
            let user = quoted.trim_start_matches("users('").trim_end_matches("')").replace("''", "'");
            users(tenant, &paging, method, &user, below, &body)
        }
        _ => failure(400, "BadRequest", "Resource not found for the segment."),
    }
}

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

fn partner(world: &World, paging: &Paging<'_>, rest: &[&str]) -> Reply {
    match rest {
        ["contracts"] => paging.page(world.tenants.values().filter(|tenant| tenant.contract).map(contract).collect()),
        ["tenantRelationships", "delegatedAdminRelationships"] => {
            let customers = world.tenants.values().filter(|tenant| tenant.gdap);
            let mut rows: Vec<Value> = customers.map(|tenant| relationship(tenant, "Admin relationship")).collect();
            // What every partner has besides: transitions led by Microsoft, and relationships nobody accepted.
            rows.extend(world.tenants.values().take(1).map(|tenant| relationship(tenant, "MLT_transition")));
            rows.push(
                json!({"id": "pending", "displayName": "Offered", "customer": {"tenantId": null}, "status": "active"}),
            );
            paging.page(rows)
        }
        ["tenantRelationships", find] => find_tenant(world, find),
        _ => failure(400, "BadRequest", "Resource not found for the segment."),
    }
}

fn contract(tenant: &Tenant) -> Value {
    json!({"id": Uuid::new_v5(&tenant.id, b"contract"), "contractType": "ResellerPartner", "customerId": tenant.id,
        "defaultDomainName": tenant.default_domain, "displayName": tenant.display_name})
}

fn relationship(tenant: &Tenant, name: &str) -> Value {
    json!({"@odata.etag": "W/\"x\"", "id": Uuid::new_v5(&tenant.id, name.as_bytes()), "displayName": name, "duration": "P730D",
        "customer": {"tenantId": tenant.id, "displayName": tenant.display_name}, "status": "active"})
}

fn find_tenant(world: &World, call: &str) -> Reply {
    let id = call.strip_prefix("findTenantInformationByTenantId(tenantId='").and_then(|rest| rest.strip_suffix("')"));
    match id.and_then(|id| id.parse().ok()).and_then(|id: Uuid| world.tenants.get(&id)) {
        Some(tenant) => Reply::json(
            200,
            &json!({"tenantId": tenant.id, "displayName": tenant.display_name, "defaultDomainName": tenant.default_domain}),
        ),
        None => failure(404, "Request_ResourceNotFound", "Tenant not found."),
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

fn delete_grant(tenant: &mut Tenant, id: &str) -> Reply {
    if !tenant.user_rights {
        return denied();
    }
    for user in &mut tenant.users {
        if let Some(at) = user.grants.iter().position(|grant| grant.id == id) {
            user.grants.remove(at);
            return Reply::empty(204);
        }
    }
    failure(404, "Request_ResourceNotFound", "Resource does not exist.")
}

fn users(tenant: &mut Tenant, paging: &Paging<'_>, method: &str, name: &str, below: &[&str], body: &Value) -> Reply {
    let rights = tenant.user_rights;
    let addresses: Vec<String> =
        tenant.mailbox(name).map(|mailbox| mailbox.other_addresses.clone()).unwrap_or_default();
    if let ["mailFolders", "inbox", "messageRules", rule @ ..] = below {
        return message_rules(tenant, paging, method, name, rule, body);
    }
    let Some(user) = tenant.user_mut(name) else {
        return failure(
            404,
            "Request_ResourceNotFound",
            &format!(
                "Resource '{name}' does not exist or one of its queried reference-property objects are not present."
            ),
        );
    };
    match (method, below) {
        ("GET", []) => Reply::json(200, &shown(user, &addresses)),
        ("GET", ["authentication", "methods"]) => paging.page(user.methods.iter().map(method_row).collect()),
        ("GET", ["oauth2PermissionGrants"]) => paging.page(grants(user)),
        _ if !rights || user.administrator => denied(),
        ("PATCH", []) => patch(user, body),
        ("POST", ["revokeSignInSessions"]) => {
            user.session_revocations += 1;
            Reply::json(200, &json!({"@odata.context": "$metadata#Edm.Boolean", "value": true}))
        }
        ("POST", ["authentication", "methods", _, "resetPassword"]) if is_strong(&body["newPassword"]) => {
            user.password_resets += 1;
            Reply::empty(202)
        }
        ("DELETE", ["authentication", kind, id]) => {
            let kind = kind.trim_end_matches("Methods");
            let before = user.methods.len();
            user.methods.retain(|method| method.id != *id || !method.kind.starts_with(kind));
            Reply::empty(if user.methods.len() < before { 204 } else { 404 })
        }
        _ => failure(400, "BadRequest", "Resource not found for the segment."),
    }
}

fn shown(user: &User, other_addresses: &[String]) -> Value {
    let mut addresses = vec![format!("SMTP:{}", user.upn)];
    addresses.extend(other_addresses.iter().map(|address| format!("smtp:{address}")));
    json!({"@odata.context": "$metadata#users/$entity", "id": user.id, "userPrincipalName": user.upn, "displayName": user.display_name,
        "accountEnabled": user.account_enabled, "onPremisesSyncEnabled": user.synced.then_some(true), "mail": user.upn,
        "proxyAddresses": addresses})
}

fn method_row(method: &crate::world::SignInMethod) -> Value {
    json!({"@odata.type": format!("#microsoft.graph.{}", method.kind), "id": method.id, "displayName": method.label,
        "createdDateTime": method.created})
}

fn grants(user: &User) -> Vec<Value> {
    let row = |grant: &crate::world::Grant| json!({"id": grant.id, "clientId": grant.client_id, "consentType": "Principal", "principalId": user.id, "scope": grant.scope});
    user.grants.iter().map(row).collect()
}

/// As the directory does it: a change of the account and of the password together fails as a whole.
fn patch(user: &mut User, body: &Value) -> Reply {
    let (enabled, profile) = (body["accountEnabled"].as_bool(), &body["passwordProfile"]);
    if enabled.is_some() && profile.is_object() {
        return denied();
    }
    if user.synced {
        return failure(
            400,
            "Request_BadRequest",
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.",
        );
    }
    if let Some(enabled) = enabled {
        user.account_enabled = enabled;
    } else if is_strong(&profile["password"]) {
        user.password_resets += 1;
    } else {
        return failure(
            400,
            "Request_BadRequest",
            "The specified password does not comply with password complexity requirements.",
        );
    }
    Reply::empty(204)
}

/// Sixteen characters or more of all four kinds.
fn is_strong(password: &Value) -> bool {
    let password = password.as_str().unwrap_or_default();
    let has = |kind: fn(&char) -> bool| password.chars().any(|c| kind(&c));
    password.chars().count() >= 16
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit)
        && has(char::is_ascii_punctuation)
}

fn message_rules(
    tenant: &mut Tenant,
    paging: &Paging<'_>,
    method: &str,
    name: &str,
    rule: &[&str],
    body: &Value,
) -> Reply {
    let upn = tenant.user(name).map(|user| user.upn.clone()).unwrap_or_default();
    let Some(mailbox) = tenant.mailbox_mut(&upn) else {
        return failure(
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        );
    };
    // The id of a rule here is another than in Exchange; hidden rules are not shown.
    let id_of = |id: u64| format!("AQ{id:016x}=");
    match (method, rule) {
        ("GET", []) => {
            let rows = mailbox.rules.iter().filter(|rule| !rule.hidden).map(|rule| {
                json!({"id": id_of(rule.id), "displayName": rule.name, "sequence": 1, "isEnabled": rule.enabled, "hasError": false,
                    "isReadOnly": false, "conditions": {}, "actions": actions(&rule.properties)})
            });
            paging.page(rows.collect())
        }
        ("PATCH", [id]) => {
            let Some(rule) = mailbox.rules.iter_mut().find(|rule| id_of(rule.id) == *id) else {
                return failure(404, "ErrorItemNotFound", "The specified object was not found in the store.");
            };
            rule.enabled = body["isEnabled"].as_bool().unwrap_or(rule.enabled);
            Reply::json(200, &json!({"id": id, "displayName": rule.name, "isEnabled": rule.enabled}))
        }
        _ => failure(400, "BadRequest", "Resource not found for the segment."),
    }
}

/// The targets of a rule in Graph's words.
fn actions(properties: &serde_json::Map<String, Value>) -> Value {
    let names =
        [("ForwardTo", "forwardTo"), ("ForwardAsAttachmentTo", "forwardAsAttachmentTo"), ("RedirectTo", "redirectTo")];
    let mut actions = json!({});
    for (cmdlets, graphs) in names {
        let Some(targets) = properties.get(cmdlets).and_then(Value::as_array) else { continue };
        let address = |target: &str| target.rsplit("SMTP:").next().unwrap_or_default().trim_end_matches(']').to_owned();
        let row = |target: &Value| Some(json!({"emailAddress": {"address": address(target.as_str()?)}}));
        actions[graphs] = targets.iter().filter_map(row).collect();
    }
    actions
}

fn denied() -> Reply {
    failure(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

fn failure(status: u16, code: &str, message: &str) -> Reply {
    let inner =
        json!({"date": "2026-11-22T08:00:00", "request-id": Uuid::new_v4(), "client-request-id": Uuid::new_v4()});
    Reply::json(status, &json!({"error": {"code": code, "message": message, "innerError": inner}}))
}
