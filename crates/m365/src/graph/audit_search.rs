//! The audit search of Microsoft Purview through Graph: a query that runs for minutes, then its records.
//! <https://learn.microsoft.com/graph/api/resources/security-auditlogquery>

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use url::Url;

use base::ids::TenantId;

use super::Graph;
use super::wire::Page;
use crate::ServiceError;

/// The versions of Graph that serve the search. `v1.0` answers 404 in some tenants in which `beta` works.
const VERSIONS: [&str; 2] = ["v1.0", "beta"];

/// The records of one page.
const PAGE: &str = "999";

/// The filters of an audit search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditSearch {
    /// The name under which the query is listed in the tenant.
    pub name: String,
    /// The actors, by user principal name.
    pub users: Vec<String>,
    /// Addresses of clients.
    pub addresses: Vec<String>,
    /// A text in the record.
    pub keyword: String,
}

/// A query that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    id: String,
    version: &'static str,
}

/// The state of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditQueryState {
    /// It waits or runs.
    Running,
    /// Its records can be read. Some are missing if the query found more than the service gives.
    Succeeded {
        /// `true` if records are missing.
        is_cut: bool,
    },
    /// It failed or was cancelled.
    Failed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryRow {
    id: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    is_record_count_limit_exceeded: Option<bool>,
}

/// One page of records, each in the envelope of the search.
#[derive(Debug)]
pub struct AuditRecords {
    /// The records as JSON.
    pub records: Vec<Box<RawValue>>,
    /// The link to the next page.
    pub next: Option<String>,
}

impl Graph {
    /// `POST /security/auditLog/queries`
    ///
    /// # Errors
    /// Returns what Graph answered; 403 without `AuditLogsQuery.Read.All`.
    pub async fn start_audit_search(
        &self,
        tenant: &TenantId,
        search: &AuditSearch,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<AuditQuery, ServiceError> {
        let body = body(search, from, to);
        let [first, second] = VERSIONS;
        match self.post_query(tenant, first, &body).await {
            Err(error) if error.status() == Some(404) => self.post_query(tenant, second, &body).await,
            answer => answer,
        }
    }

    async fn post_query(
        &self,
        tenant: &TenantId,
        version: &'static str,
        body: &Value,
    ) -> Result<AuditQuery, ServiceError> {
        let request = self.caller.request(Method::POST, self.queries(version, &[])).json(body);
        let answer = self.caller.whole(tenant, request).await?;
        let row: QueryRow = self.caller.parsed("the audit search", &answer)?;
        Ok(AuditQuery { id: row.id, version })
    }

    /// `GET /security/auditLog/queries/{id}`
    ///
    /// # Errors
    /// Returns what Graph answered.
    pub async fn audit_search_state(
        &self,
        tenant: &TenantId,
        query: &AuditQuery,
    ) -> Result<AuditQueryState, ServiceError> {
        let url = self.queries(query.version, &[&query.id]);
        let answer = self.caller.whole(tenant, self.caller.request(Method::GET, url)).await?;
        let row: QueryRow = self.caller.parsed("the audit search", &answer)?;
        Ok(match row.status.as_deref().unwrap_or_default() {
            status if status.eq_ignore_ascii_case("succeeded") => {
                AuditQueryState::Succeeded { is_cut: row.is_record_count_limit_exceeded.unwrap_or(false) }
            }
            status if ["failed", "cancelled"].iter().any(|end| status.eq_ignore_ascii_case(end)) => {
                AuditQueryState::Failed
            }
            _ => AuditQueryState::Running,
        })
    }

    /// `GET /security/auditLog/queries/{id}/records`, the first page or the one that `next` names.
    ///
    /// # Errors
    /// Returns what Graph answered, and an error if the link leads elsewhere.
    pub async fn audit_search_records(
        &self,
        tenant: &TenantId,
        query: &AuditQuery,
        next: Option<&str>,
    ) -> Result<AuditRecords, ServiceError> {
        let url = match next {
            Some(next) => self.own_link(next)?,
            None => {
                let mut url = self.queries(query.version, &[&query.id, "records"]);
                url.query_pairs_mut().append_pair("$top", PAGE);
                url
            }
        };
        let answer = self.caller.whole(tenant, self.caller.request(Method::GET, url)).await?;
        let page: Page<Box<RawValue>> = self.caller.parsed("the records of the audit search", &answer)?;
        Ok(AuditRecords { records: page.value.unwrap_or_default(), next: page.next })
    }

    fn queries(&self, version: &str, below: &[&str]) -> Url {
        self.url(&[&[version, "security", "auditLog", "queries"], below].concat(), &[])
    }
}

fn body(search: &AuditSearch, from: DateTime<Utc>, to: DateTime<Utc>) -> Value {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut body = json!({
        "displayName": search.name,
        "filterStartDateTime": time(from),
        "filterEndDateTime": time(to),
    });
    if !search.users.is_empty() {
        body["userPrincipalNameFilters"] = json!(search.users);
    }
    if !search.addresses.is_empty() {
        body["ipAddressFilters"] = json!(search.addresses);
    }
    if !search.keyword.is_empty() {
        body["keywordFilter"] = json!(search.keyword);
    }
    body
}
