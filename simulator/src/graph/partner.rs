//! Lists the partner's customers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Paging, failure};
use crate::reply::Reply;
use crate::world::{Tenant, World};

/// Answers one request in the partner's tenant.
pub(super) fn answer(world: &World, paging: &Paging<'_>, rest: &[&str]) -> Reply {
    match rest {
        ["contracts"] => {
            let listed = world.tenants.values().filter(|tenant| tenant.contract && world.lists_contracts);
            paging.page(listed.map(contract).collect())
        }
        ["tenantRelationships", "delegatedAdminRelationships"] => {
            let customers = world.tenants.values().filter(|tenant| tenant.gdap);
            let mut rows: Vec<Value> = customers.map(|tenant| relationship(tenant, "Admin relationship")).collect();
            // Every partner also has transitions led by Microsoft and relationships that no customer has accepted.
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

/// Takes a mail as MIME in base64, from the one mailbox that the app may send from.
pub(super) fn send_mail(world: &mut World, from: &str, body: &[u8]) -> Reply {
    if !from.eq_ignore_ascii_case(&world.mail_sender) {
        return failure(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.");
    }
    match BASE64.decode(body) {
        Ok(mime) if mime.windows(4).any(|window| window == b"\r\n\r\n") => {
            world.sent_mail.push(mime);
            Reply::empty(202)
        }
        _ => failure(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content."),
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
