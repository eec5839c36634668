//! Serves the Office 365 Management Activity API: subscriptions, content listings and blobs, with its codes, paging and
//! limits.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::entra::{Token, form};
use crate::reply::Reply;
use crate::world::{Blob, BlobBody, Consent, Start, Tenant, Unkindness, World};

const CONTENT_TYPES: [&str; 5] =
    ["Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All"];

/// Answers one request under `/api/v1.0/{tenant}/activity/feed/`.
pub(crate) fn answer(
    world: &mut World,
    now: DateTime<Utc>,
    origin: &str,
    token: Option<&Token>,
    method: &str,
    path: &str,
    query: &str,
) -> Reply {
    let Some(token) = token else {
        return Reply::json(401, &json!({"Message": "Authorization has been denied for this request."}));
    };
    let Some((tenant_id, operation)) = split(path) else {
        return Reply::error(400, "AF20013", "The tenant ID passed in the URL is not a valid GUID.");
    };
    if token.tenant != tenant_id {
        let text = format!(
            "The tenant ID passed in the URL ({tenant_id}) does not match the tenant ID passed in the access token ({}).",
            token.tenant
        );
        return Reply::error(400, "AF20010", &text);
    }
    let (page, unkindness) = (world.content_page, world.unkindness);
    let Some(tenant) = world.tenants.get_mut(&tenant_id) else {
        return Reply::error(
            400,
            "AF20011",
            &format!("Specified tenant ID ({tenant_id}) does not exist in the system or has been deleted."),
        );
    };
    if tenant.consent == Consent::WithoutActivityFeed || !token.rights.activity_feed {
        return Reply::error(
            401,
            "AF10001",
            "The permission set () sent in the request does not include the expected permission.",
        );
    }
    let query = form(query.as_bytes());
    let get = |name: &str| query.get(name).map(String::as_str);
    match (method, operation) {
        ("POST", "subscriptions/start") => start(tenant, now, &unkindness, get("contentType")),
        ("POST", "subscriptions/stop") => stop(tenant, get("contentType")),
        ("GET", "subscriptions/list") => list(tenant),
        ("GET", "subscriptions/content") => {
            let (from, to, next) = (get("startTime"), get("endTime"), get("nextPage"));
            let listing = Listing { now, unkindness, origin, page, from, to, next };
            listing.answer(tenant, get("contentType"))
        }
        ("GET", blob) if blob.starts_with("audit/") => fetch(tenant, now, blob.trim_start_matches("audit/")),
        _ => Reply::empty(404),
    }
}

/// Returns tenant and operation of a path; `v1` and `v1.0` are both served.
fn split(path: &str) -> Option<(Uuid, &str)> {
    let rest = path.strip_prefix("/api/v1.0/").or_else(|| path.strip_prefix("/api/v1/"))?;
    let (tenant, operation) = rest.split_once("/activity/feed/")?;
    Some((tenant.parse().ok()?, operation))
}

fn known(content_type: Option<&str>) -> Result<&str, Box<Reply>> {
    match content_type {
        None => Err(Box::new(Reply::error(400, "AF20001", "Missing parameter: contentType."))),
        Some(name) if CONTENT_TYPES.contains(&name) => Ok(name),
        Some(_) => Err(Box::new(Reply::error(400, "AF20020", "The specified content type is not valid."))),
    }
}

fn start(tenant: &mut Tenant, now: DateTime<Utc>, unkindness: &Unkindness, content_type: Option<&str>) -> Reply {
    let content_type = match known(content_type) {
        Ok(name) => name,
        Err(reply) => return *reply,
    };
    if !tenant.auditing {
        return unknown_to_audit_system(tenant.id, content_type);
    }
    let last = tenant.starts.get(content_type).copied();
    if let Some(wait) =
        last.map(|last| last.at + unkindness.start_interval - now).filter(|wait| *wait > TimeDelta::zero())
    {
        return throttled_start(unkindness.start_throttle_status, wait);
    }
    let state = tenant.subscriptions.get(content_type).copied();
    let is_restart = state == Some(false);
    // The lag of an earlier restart is over by now, because a start is throttled for longer.
    tenant.starts.insert(content_type.to_owned(), Start { at: now, is_restart });
    if state == Some(true) {
        return Reply::error(400, "AF20024", "The subscription is already enabled. No property change.");
    }
    tenant.subscriptions.insert(content_type.to_owned(), true);
    Reply::json(200, &json!({"contentType": content_type, "status": "enabled", "webhook": null}))
}

/// Returns the answer to a start in a tenant whose auditing is off. The code is free text, cut at an odd place.
fn unknown_to_audit_system(id: Uuid, content_type: &str) -> Reply {
    let code = format!(
        "StartSubscription [CorrId={}][TenantId={id},ContentType={content_type},ApplicationId=x,PublisherId=x][AppId",
        Uuid::new_v4()
    );
    let text = format!(
        "=x] failed. Exception: Microsoft.Office.Compliance.Audit.DataServiceException: Tenant {id} does not exist.\r\n   at Microsoft.Office.Compliance.Audit.API."
    );
    Reply::error(400, &code, &text)
}

/// Returns the answer to a start that follows another one too soon. Its code is a number, not `AF429`.
fn throttled_start(status: u16, wait: TimeDelta) -> Reply {
    let (minutes, seconds) = (wait.num_minutes(), wait.num_seconds() % 60);
    let text =
        format!("Too many frequent subscription start requests. Please retry again after {minutes}m {seconds}s.");
    Reply::error(status, "429", &text)
}

fn stop(tenant: &mut Tenant, content_type: Option<&str>) -> Reply {
    match known(content_type) {
        Ok(name) => {
            tenant.subscriptions.insert(name.to_owned(), false);
            Reply::empty(200)
        }
        Err(reply) => *reply,
    }
}

fn list(tenant: &Tenant) -> Reply {
    let rows: Vec<Value> = tenant
        .subscriptions
        .iter()
        .map(|(name, enabled)| {
            let status = if *enabled { "enabled" } else { "disabled" };
            json!({"contentType": name, "status": status, "webhook": null})
        })
        .collect();
    Reply::json(200, &Value::from(rows))
}

struct Listing<'a> {
    now: DateTime<Utc>,
    unkindness: Unkindness,
    origin: &'a str,
    page: usize,
    from: Option<&'a str>,
    to: Option<&'a str>,
    next: Option<&'a str>,
}

impl Listing<'_> {
    fn answer(&self, tenant: &Tenant, content_type: Option<&str>) -> Reply {
        let content_type = match known(content_type) {
            Ok(name) => name,
            Err(reply) => return *reply,
        };
        match tenant.subscriptions.get(content_type) {
            None => return Reply::error(400, "AF20022", "No subscription found for the specified content type."),
            Some(false) => return Reply::error(400, "AF20023", "The subscription was disabled."),
            Some(true) if self.lags(tenant, content_type) => {
                return Reply::error(400, "AF20023", "The subscription was disabled.");
            }
            Some(true) => {}
        }
        let (from, to) = match self.window() {
            Ok(window) => window,
            Err(reply) => return *reply,
        };
        let Some(offset) = self.next.map_or(Some(0), |next| next.parse::<usize>().ok()) else {
            return Reply::error(400, "AF20031", "Invalid nextPage Input.");
        };
        let is_listed = |blob: &&Blob| {
            blob.content_type == content_type && blob.created >= from && blob.created < to && blob.appears <= self.now
        };
        let rows: Vec<Value> = tenant.content.iter().filter(is_listed).map(|blob| self.row(tenant, blob)).collect();
        let end = (offset + self.page).min(rows.len());
        let mut reply = Reply::json(200, &Value::from(rows.get(offset..end).unwrap_or_default().to_vec()));
        if end < rows.len() {
            // The real link has another version in its path, and no PublisherIdentifier.
            let link = format!(
                "{}/api/v1/{}/activity/feed/subscriptions/content?contentType={content_type}&startTime={}&endTime={}&nextPage={end}",
                self.origin,
                tenant.id,
                from.format("%Y-%m-%dT%H:%M:%S"),
                to.format("%Y-%m-%dT%H:%M:%S"),
            );
            reply = reply.with_header("NextPageUri", link);
        }
        reply
    }

    /// Returns whether the listing does not know yet of the last start of the subscription.
    fn lags(&self, tenant: &Tenant, content_type: &str) -> bool {
        tenant.starts.get(content_type).is_some_and(|start| {
            let lag = if start.is_restart { self.unkindness.restart_lag } else { self.unkindness.first_start_lag };
            self.now < start.at + lag
        })
    }

    fn window(&self) -> Result<(DateTime<Utc>, DateTime<Utc>), Box<Reply>> {
        let refuse = |code| {
            let order = if code == "AF20055" { "prior to end time and start time " } else { "" };
            let text = format!(
                "Start time and end time must both be specified (or both omitted) and must be less than or equal to 24 hours apart, with the start time {order}no more than 7 days in the past."
            );
            Err(Box::new(Reply::error(400, code, &text)))
        };
        match (self.from, self.to) {
            (None, None) => Ok((self.now - TimeDelta::hours(24), self.now)),
            (Some(from), Some(to)) => match (time(from), time(to)) {
                (Some(from), Some(to)) if from < self.now - TimeDelta::hours(169) || from > to => refuse("AF20055"),
                (Some(from), Some(to)) if to - from <= TimeDelta::hours(24) => Ok((from, to)),
                _ => refuse("AF20030"),
            },
            _ => refuse("AF20030"),
        }
    }

    fn row(&self, tenant: &Tenant, blob: &Blob) -> Value {
        let time = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        json!({
            "contentUri": format!("{}/api/v1.0/{}/activity/feed/audit/{}", self.origin, tenant.id, blob.id),
            "contentId": blob.id,
            "contentType": blob.content_type,
            "contentCreated": time(blob.created),
            "contentExpiration": time(blob.expires),
        })
    }
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim_end_matches('Z');
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| time.and_utc())
}

fn fetch(tenant: &Tenant, now: DateTime<Utc>, id: &str) -> Reply {
    let Some(blob) = tenant.content.iter().find(|blob| blob.id == id) else {
        return Reply::error(400, "AF20050", &format!("The specified content ({id}) does not exist."));
    };
    if blob.expires <= now {
        let text = format!(
            "Content requested with the key {id} has already expired. Content older than 7 days cannot be retrieved."
        );
        return Reply::error(400, "AF20051", &text);
    }
    let mut reply = Reply::empty(200).with_header("content-type", "application/json; charset=utf-8");
    match &blob.body {
        BlobBody::Whole(bytes) => reply.body = bytes.to_vec(),
        repeated => reply.blob = Some(repeated.clone()),
    }
    reply
}

#[cfg(test)]
mod tests;
