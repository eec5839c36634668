//! Logs every request: which service was called, how, and with which answer. Bodies and headers are left out because
//! they carry secrets.

use uuid::Uuid;

/// A simulated service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Entra sign-in.
    Entra,
    /// The endpoint where managed identities get their tokens.
    Identity,
    /// Office 365 Management Activity API.
    Activity,
    /// Microsoft Graph.
    Graph,
    /// Exchange Online admin API.
    Exchange,
    /// The Power Automate flow.
    Flow,
    /// The Teams webhook.
    Teams,
    /// A receiver of signed webhooks.
    Webhook,
    /// Slack's incoming webhook.
    Slack,
    /// ipstack.
    Ipstack,
    /// Table storage behind a [`crate::storage_proxy::StorageProxy`].
    Tables,
}

/// A logged request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The service that was called.
    pub service: Service,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, with percent-escapes decoded.
    pub path: String,
    /// The query without secrets.
    pub query: String,
    /// The tenant that the path names.
    pub tenant: Option<Uuid>,
    /// The cmdlet, for Exchange.
    pub cmdlet: Option<String>,
    /// The HTTP status of the answer; 0 if there was none.
    pub status: u16,
    /// `true` if a fault changed the response.
    pub faulted: bool,
    /// The time of arrival, as [`crate::steps::Steps::order`] counts.
    pub order: u64,
}
