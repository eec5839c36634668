//! Models audit content: blobs that are listed, fetched and expire.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::Tenant;

/// Audit content that can be fetched.
#[derive(Debug, Clone)]
pub struct Blob {
    /// `contentId`
    pub id: String,
    /// `Audit.Exchange` and so on.
    pub content_type: String,
    /// `contentCreated`
    pub created: DateTime<Utc>,
    /// The time from which the blob is listed. Content can appear later than its `contentCreated` says.
    pub appears: DateTime<Utc>,
    /// `contentExpiration`
    pub expires: DateTime<Utc>,
    /// The content.
    pub body: BlobBody,
}

/// The content of a blob.
#[derive(Debug, Clone)]
pub enum BlobBody {
    /// A JSON array as it goes over the wire.
    Whole(Arc<[u8]>),
    /// A piece that is repeated, for blobs that must not be in memory: `[piece,piece,…,last]`.
    Repeated {
        /// One record.
        piece: Arc<[u8]>,
        /// The number of repetitions.
        times: u64,
        /// The records at the end.
        last: Arc<[u8]>,
    },
    /// The beginning of a blob, followed by blanks that come one by one without end.
    Dripping(Arc<[u8]>),
}

impl Tenant {
    /// Publishes records as one blob, created at `created` and retained for 7 days. Returns the content id.
    pub fn publish_at(&mut self, content_type: &str, created: DateTime<Utc>, records: &[Value]) -> String {
        // The real service escapes slashes, and a reader that searches bytes must know.
        let text = Value::from(records.to_vec()).to_string().replace('/', "\\/");
        let expires = created + TimeDelta::days(7);
        self.publish_body(content_type, created, expires, BlobBody::Whole(text.into_bytes().into()))
    }

    /// Publishes any body. Returns the content id.
    pub fn publish_body(
        &mut self,
        content_type: &str,
        created: DateTime<Utc>,
        expires: DateTime<Utc>,
        body: BlobBody,
    ) -> String {
        let number = format!("{}{:06}", created.format("%Y%m%d%H%M%S%3f"), self.content.len());
        let name = content_type.replace('.', "_");
        let id = format!("{number}${number}${}${name}", name.to_ascii_lowercase());
        let content_type = content_type.to_owned();
        self.content.push(Blob { id: id.clone(), content_type, created, appears: created, expires, body });
        id
    }
}
