//! The log of every request: what was asked, of whom, and what was answered. Never a body or a header, which carry secrets.

use uuid::Uuid;

/// Which service was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Entra sign-in.
    Entra,
    /// The endpoint that gives managed identities their tokens.
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
    /// ipstack.
    Ipstack,
    /// Table storage behind a [`crate::storage_proxy::StorageProxy`].
    Tables,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Of whom.
    pub service: Service,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, unescaped.
    pub path: String,
    /// The query without secrets.
    pub query: String,
    /// The tenant that the path names.
    pub tenant: Option<Uuid>,
    /// The cmdlet, for Exchange.
    pub cmdlet: Option<String>,
    /// The status that was answered; 0 where the connection was dropped.
    pub status: u16,
    /// Whether a fault was put into the answer.
    pub faulted: bool,
    /// When it came, as [`crate::steps::Steps::order`] counts.
    pub order: u64,
}
