//! The Office 365 Management Activity API as typed calls: subscriptions, content listings and content blobs.
//! <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference>

mod code;
mod failure;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_LENGTH, DATE, HeaderMap};
use reqwest::{Client, Method, Response};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::hosts::Hosts;
use base::clock::Clock;
use base::ids::TenantId;

pub use code::{ActivityCode, Remedy};

use super::call::Caller;
use super::tokens::Tokens;
use super::{Service, ServiceError};

/// The header that names the next page of a listing. (One Microsoft page calls it NextPageUrl; the wire does not.)
const NEXT_PAGE: &str = "NextPageUri";

/// A content type that is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ContentType {
    /// `Audit.Exchange`
    #[serde(rename = "Audit.Exchange")]
    Exchange,
    /// `Audit.AzureActiveDirectory`
    #[serde(rename = "Audit.AzureActiveDirectory")]
    AzureActiveDirectory,
    /// `Audit.SharePoint`
    #[serde(rename = "Audit.SharePoint")]
    SharePoint,
    /// `Audit.General`
    #[serde(rename = "Audit.General")]
    General,
}

impl ContentType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exchange => "Audit.Exchange",
            Self::AzureActiveDirectory => "Audit.AzureActiveDirectory",
            Self::SharePoint => "Audit.SharePoint",
            Self::General => "Audit.General",
        }
    }
}

/// One blob of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// The URL that it is fetched from.
    pub content_uri: String,
    /// Its id.
    pub content_id: String,
    /// The time when it became available. Listings are by this time, never by event time.
    pub content_created: DateTime<Utc>,
    /// The time until which it can be fetched, as the service says it.
    pub content_expiration: DateTime<Utc>,
}

/// One page of a listing.
#[derive(Debug)]
pub struct ContentPage {
    /// In no particular order.
    pub content: Vec<Content>,
    /// The value of `NextPageUri`, already checked for origin and tenant. One that cannot be followed keeps nothing of this page from
    /// being read.
    pub next: Option<Result<String, ServiceError>>,
    /// The `Date` header: the service's own clock.
    pub service_time: Option<DateTime<Utc>>,
}

/// The answer to the start of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionStart {
    /// 200
    Started,
    /// AF20024, which is a success.
    AlreadyEnabled,
    /// The service says that the tenant does not exist in the audit system: auditing is off.
    AuditingOff,
    /// The subscription was started less than 15 minutes ago (elastic/integrations pull request 15476).
    TooFrequent,
}

/// One row of `subscriptions/list`. A documented sample lacks `status`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    content_type: String,
    #[serde(default)]
    status: Option<String>,
}

/// Calls the Office 365 Management Activity API.
#[derive(Debug, Clone)]
pub struct ManagementActivity {
    caller: Caller,
    root: Url,
    publisher: TenantId,
}

impl ManagementActivity {
    /// Returns the API's own time by its last response; `None` before the first response.
    pub fn service_time(&self) -> Option<DateTime<Utc>> {
        self.caller.service_time()
    }

    /// Creates a client. `publisher` is the provider's own tenant, sent with every call as `PublisherIdentifier`: without it all
    /// callers of the world share one quota.
    pub fn new(hosts: &Hosts, publisher: TenantId, http: Client, tokens: Arc<Tokens>, clock: Arc<dyn Clock>) -> Self {
        Self {
            caller: Caller::new(Service::ManagementActivity, http, tokens, clock, failure::read_error).throttled(),
            root: hosts.management.clone(),
            publisher,
        }
    }

    /// `POST …/subscriptions/start`
    ///
    /// # Errors
    /// Returns what the service answered, except AF20024, a tenant without auditing and a start that comes too early: those are answers.
    pub async fn start(&self, tenant: &TenantId, of: ContentType) -> Result<SubscriptionStart, ServiceError> {
        self.start_named(tenant, of.as_str()).await
    }

    /// Starts the subscription of a content type by its name, as [`ManagementActivity::start`]. It also starts those that are not
    /// collected here.
    ///
    /// # Errors
    /// As [`ManagementActivity::start`].
    pub async fn start_named(&self, tenant: &TenantId, name: &str) -> Result<SubscriptionStart, ServiceError> {
        let url = self.operation(tenant, "subscriptions/start", &[("contentType", name)]);
        let request = self.caller.request(Method::POST, url).header(CONTENT_LENGTH, 0);
        match self.caller.whole_unless(tenant, request, failure::says_start_is_too_frequent).await {
            Ok(_) => Ok(SubscriptionStart::Started),
            Err(ref error) if failure::says_start_is_too_frequent(error) => Ok(SubscriptionStart::TooFrequent),
            Err(ref error) if ActivityCode::of(error) == Some(ActivityCode::AlreadyEnabled) => {
                Ok(SubscriptionStart::AlreadyEnabled)
            }
            Err(ServiceError::Answered { code, message, .. }) if failure::says_auditing_is_off(&code, &message) => {
                Ok(SubscriptionStart::AuditingOff)
            }
            Err(error) => Err(error),
        }
    }

    /// Lists the content types whose subscription is enabled: `GET …/subscriptions/list`.
    ///
    /// # Errors
    /// Returns an error if the tenant cannot be read.
    pub async fn subscriptions(&self, tenant: &TenantId) -> Result<Vec<String>, ServiceError> {
        let url = self.operation(tenant, "subscriptions/list", &[]);
        let answer = self.caller.whole(tenant, self.caller.request(Method::GET, url)).await?;
        let rows: Vec<Subscription> = self.caller.parsed("the list of subscriptions", &answer)?;
        let is_enabled =
            |row: &Subscription| row.status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case("enabled"));
        Ok(rows.into_iter().filter(is_enabled).map(|row| row.content_type).collect())
    }

    /// Lists the first page of the content that became available in `from <= t < to`, at most 24 h apart (a longer window may be
    /// answered in part only).
    ///
    /// # Errors
    /// Returns an error if the tenant cannot be read, or has no subscription (AF20022, AF20023).
    pub async fn list(
        &self,
        tenant: &TenantId,
        of: ContentType,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<ContentPage, ServiceError> {
        let time = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%S").to_string();
        let query = [("contentType", of.as_str()), ("startTime", &time(from)), ("endTime", &time(to))];
        self.page(tenant, self.operation(tenant, "subscriptions/content", &query)).await
    }

    /// Lists a further page, from [`ContentPage::next`].
    ///
    /// # Errors
    /// As [`ManagementActivity::list`]; AF20031 if the page is no longer known.
    pub async fn list_next(&self, tenant: &TenantId, next: &str) -> Result<ContentPage, ServiceError> {
        self.page(tenant, self.own_link(tenant, next)?).await
    }

    /// Begins to fetch a blob; `content_uri` is checked for origin and tenant before any token is sent. The body is read
    /// with `reqwest::Response::chunk`. A cut or corrupt body shows as an error there.
    ///
    /// # Errors
    /// Returns an error if the blob is gone (AF20050, AF20051) or cannot be read now, and [`ServiceError::NoContent`] for a 204.
    pub async fn fetch(&self, tenant: &TenantId, content_uri: &str) -> Result<Response, ServiceError> {
        let url = self.own_link(tenant, content_uri)?;
        self.caller.streamed(tenant, self.caller.request(Method::GET, url)).await
    }

    async fn page(&self, tenant: &TenantId, url: Url) -> Result<ContentPage, ServiceError> {
        let answer = self.caller.whole(tenant, self.caller.request(Method::GET, url)).await?;
        let next = self.next_page(&answer.headers).transpose();
        let next = next.map(|next| Ok(String::from(self.own_link(tenant, next?)?)));
        Ok(ContentPage {
            content: self.caller.parsed("the content listing", &answer)?,
            next,
            service_time: date(&answer.headers),
        })
    }

    /// Returns the link to the next page. A link that cannot be read is an error, never the end of the listing: the rest would be missed
    /// silently.
    fn next_page<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, ServiceError> {
        let Some(next) = headers.get(NEXT_PAGE) else { return Ok(None) };
        let next =
            next.to_str().map_err(|_| self.caller.unreachable("the link to the next page is no text".to_owned()))?;
        Ok(Some(next).filter(|next| !next.trim().is_empty()))
    }

    fn operation(&self, tenant: &TenantId, operation: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("/api/v1.0/{tenant}/activity/feed/{operation}"));
        url.query_pairs_mut().extend_pairs(query);
        self.with_publisher(url)
    }

    fn with_publisher(&self, mut url: Url) -> Url {
        let is_there = url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("PublisherIdentifier"));
        if !is_there {
            url.query_pairs_mut().append_pair("PublisherIdentifier", &self.publisher.to_string());
        }
        url
    }

    /// Returns a link of the service if it leads to the service and to the tenant. A token must never go elsewhere, and content of one
    /// tenant must never be read through the link of another.
    fn own_link(&self, tenant: &TenantId, link: &str) -> Result<Url, ServiceError> {
        let foreign = || ServiceError::ForeignLink { service: Service::ManagementActivity };
        let url = Url::parse(link.trim()).map_err(|_| foreign())?;
        let mut path = url.path_segments().ok_or_else(foreign)?;
        let is_own = url.origin() == self.root.origin()
            && url.username().is_empty()
            && path.next() == Some("api")
            && matches!(path.next(), Some("v1" | "v1.0"))
            && path.next().and_then(|segment| segment.parse().ok()) == Some(*tenant)
            && path.next() == Some("activity");
        if is_own { Ok(self.with_publisher(url)) } else { Err(foreign()) }
    }
}

fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}
