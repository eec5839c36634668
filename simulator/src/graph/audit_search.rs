//! Serves the audit search: a query runs for a moment, and then gives the records of all content and of the archive.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Paging, denied, failure};
use crate::reply::Reply;
use crate::world::{AuditQuery, BlobBody, Tenant};

/// Answers a request below `security/auditLog/queries`.
pub(super) fn answer(
    tenant: &mut Tenant,
    paging: &Paging<'_>,
    (method, version): (&str, &str),
    below: &[&str],
    body: &Value,
) -> Reply {
    if !tenant.audit_search.is_allowed {
        return denied();
    }
    if tenant.audit_search.only_in_beta && version != "beta" {
        return failure(404, "UnknownError", "");
    }
    match (method, below) {
        ("POST", []) => {
            let query = AuditQuery { id: Uuid::new_v4(), body: body.clone(), asked: 0 };
            let reply = Reply::json(201, &row(&query, "notStarted"));
            tenant.audit_search.queries.push(query);
            reply
        }
        ("GET", [id]) => {
            let found = tenant.audit_search.queries.iter_mut().find(|query| query.id.to_string() == *id);
            let Some(query) = found else { return failure(404, "ResourceNotFound", "") };
            query.asked += 1;
            Reply::json(200, &row(query, if query.asked > 1 { "succeeded" } else { "running" }))
        }
        ("GET", [id, "records"]) => {
            let found = tenant.audit_search.queries.iter().find(|query| query.id.to_string() == *id);
            let Some(query) = found else { return failure(404, "ResourceNotFound", "") };
            let rows = records(tenant).filter(|record| matches(record, &query.body)).map(|record| envelope(&record));
            paging.page(rows.collect())
        }
        _ => failure(400, "BadRequest", "Resource not found for the segment."),
    }
}

fn row(query: &AuditQuery, status: &str) -> Value {
    let mut row = query.body.clone();
    row["@odata.type"] = json!("#microsoft.graph.security.auditLogQuery");
    row["id"] = json!(query.id);
    row["status"] = json!(status);
    row
}

fn records(tenant: &Tenant) -> impl Iterator<Item = Value> {
    let content = tenant.content.iter().filter_map(|blob| match &blob.body {
        BlobBody::Whole(bytes) => serde_json::from_slice::<Vec<Value>>(bytes).ok(),
        _ => None,
    });
    content.flatten().chain(tenant.audit_search.archive.iter().cloned())
}

fn matches(record: &Value, query: &Value) -> bool {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let created = NaiveDateTime::parse_from_str(text("CreationTime").trim_end_matches('Z'), "%Y-%m-%dT%H:%M:%S");
    let time = |name: &str| query[name].as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let is_in_time = created.is_ok_and(|created| {
        time("filterStartDateTime").is_none_or(|from| created.and_utc() >= from)
            && time("filterEndDateTime").is_none_or(|to| created.and_utc() < to)
    });
    let any = |name: &str, is: &dyn Fn(&str) -> bool| {
        query[name].as_array().is_none_or(|wanted| wanted.iter().filter_map(Value::as_str).any(is))
    };
    let keyword = query["keywordFilter"].as_str().unwrap_or_default();
    is_in_time
        && any("userPrincipalNameFilters", &|user| text("UserId").eq_ignore_ascii_case(user))
        && any("ipAddressFilters", &|ip| ["ClientIP", "ClientIPAddress"].iter().any(|name| text(name) == ip))
        && (keyword.is_empty() || record.to_string().contains(keyword))
}

/// The members beside `auditData` are as the service mixes them up: user and key are exchanged, and the address is missing.
fn envelope(record: &Value) -> Value {
    let mut data = record.clone();
    data["@odata.type"] = json!("#microsoft.graph.security.defaultAuditData");
    data["RecordType@odata.type"] = json!("#Int64");
    json!({
        "id": record["Id"], "createdDateTime": record["CreationTime"], "operation": record["Operation"],
        "userId": record["UserKey"], "userPrincipalName": record["UserId"], "clientIp": null, "auditData": data,
    })
}
