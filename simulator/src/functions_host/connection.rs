//! Parses storage connection strings.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The part of a connection string that the queues of an account need.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) account: String,
    pub(super) key: Vec<u8>,
    /// Without a trailing slash.
    pub(super) queue_endpoint: String,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Connection {
    /// Parses `Name=value;…`. Returns `None` if the account, its key or the queue endpoint is missing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: BTreeMap<&str, &str> = text.split(';').filter_map(|part| part.split_once('=')).collect();
        Some(Self {
            account: (*parts.get("AccountName")?).to_owned(),
            key: BASE64.decode(parts.get("AccountKey")?).ok()?,
            queue_endpoint: parts.get("QueueEndpoint")?.trim_end_matches('/').to_owned(),
        })
    }
}
