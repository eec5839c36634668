//! Office 365 Management Activity API: subscriptions, content listings and content blobs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::names::TenantId;
use crate::settings::Hosts;

use super::ServiceError;
use super::tokens::Tokens;

/// A content type that is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ContentType {
    /// `Audit.Exchange`
    #[serde(rename = "Audit.Exchange")]
    Exchange,
    /// `Audit.AzureActiveDirectory`
    #[serde(rename = "Audit.AzureActiveDirectory")]
    AzureActiveDirectory,
}

/// One blob of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Where it is fetched from.
    pub content_uri: String,
    /// What it is known by.
    pub content_id: String,
    /// When it became available. Listings are by this time, never by event time.
    pub content_created: DateTime<Utc>,
    /// Until when it can be fetched. Never computed.
    pub content_expiration: DateTime<Utc>,
}

/// One page of a listing.
#[derive(Debug, Clone)]
pub struct ContentPage {
    /// In no particular order.
    pub content: Vec<Content>,
    /// The value of `NextPageUri`, already checked for origin and tenant.
    pub next: Option<String>,
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
}

/// The client.
#[derive(Debug, Clone)]
pub struct ManagementActivity {}

impl ManagementActivity {
    /// `publisher` is the provider's own tenant and goes on every call as `PublisherIdentifier`.
    pub fn new(hosts: &Hosts, publisher: TenantId, http: reqwest::Client, tokens: Arc<Tokens>) -> Self {
        let _ = (hosts, publisher, http, tokens);
        todo!()
    }

    /// `POST …/subscriptions/start`
    pub async fn start(&self, tenant: &TenantId, of: ContentType) -> Result<SubscriptionStart, ServiceError> {
        let _ = (tenant, of);
        todo!()
    }

    /// The content types whose subscription is enabled: `GET …/subscriptions/list`.
    pub async fn subscriptions(&self, tenant: &TenantId) -> Result<Vec<String>, ServiceError> {
        let _ = tenant;
        todo!()
    }

    /// First page of the content that became available in `from <= t < to`, at most 24 h apart.
    pub async fn list(
        &self,
        tenant: &TenantId,
        of: ContentType,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<ContentPage, ServiceError> {
        let _ = (tenant, of, from, to);
        todo!()
    }

    /// A further page, from [`ContentPage::next`].
    pub async fn list_next(&self, tenant: &TenantId, next: &str) -> Result<ContentPage, ServiceError> {
        let _ = (tenant, next);
        todo!()
    }

    /// Begins to fetch a blob; `content_uri` is checked for origin and tenant before any token is sent. The body is read
    /// with `reqwest::Response::chunk`. A cut or corrupt body shows as an error there.
    pub async fn fetch(&self, tenant: &TenantId, content_uri: &str) -> Result<reqwest::Response, ServiceError> {
        let _ = (tenant, content_uri);
        todo!()
    }
}
