//! Uses queue storage over REST with a shared key, as far as the host does.
//!
//! Source: "Authorize with Shared Key" and "Queue Service REST API" on learn.microsoft.com.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Utc;
use hmac::{Hmac, Mac as _};
use reqwest::{Method, Response, StatusCode, Url};
use sha2::Sha256;

use super::connection::Connection;

const VERSION: &str = "2021-12-02";

/// The reason for which the storage did not do what was requested.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The connection string is incomplete.
    #[error("the connection string lacks AccountName, AccountKey or QueueEndpoint")]
    Connection,
    /// There was no answer.
    #[error("queue storage: {0}")]
    Http(#[from] reqwest::Error),
    /// The answer has a status of failure.
    #[error("queue storage: {what} was answered with {status}: {body}")]
    Status {
        /// The request.
        what: &'static str,
        /// The status.
        status: StatusCode,
        /// The start of the body.
        body: String,
    },
    /// A URL or body cannot be parsed.
    #[error("queue storage: {0} cannot be read")]
    Unreadable(&'static str),
}

/// The queues of one account.
#[derive(Debug, Clone)]
pub(super) struct QueueAccount {
    connection: Connection,
    http: reqwest::Client,
}

/// One queue.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    account: QueueAccount,
    name: String,
}

/// A message that was taken and is invisible to others for a while.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) id: String,
    pub(super) pop_receipt: String,
    pub(super) dequeue_count: u64,
    pub(super) inserted: String,
    pub(super) expires: String,
    pub(super) next_visible: String,
    /// The text as it is stored: base64.
    pub(super) stored: String,
}

impl Taken {
    /// Returns the text of the message.
    pub(super) fn text(&self) -> Result<String, QueueError> {
        decoded(&self.stored)
    }
}

impl QueueAccount {
    pub(super) fn new(connection_string: &str, http: reqwest::Client) -> Result<Self, QueueError> {
        let connection = Connection::parse(connection_string).ok_or(QueueError::Connection)?;
        Ok(Self { connection, http })
    }

    pub(super) fn queue(&self, name: &str) -> Queue {
        Queue { account: self.clone(), name: name.to_owned() }
    }

    async fn send(
        &self,
        what: &'static str,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Response, QueueError> {
        let mut url = Url::parse(&format!("{}/{path}", self.connection.queue_endpoint))
            .map_err(|_| QueueError::Unreadable("the queue endpoint"))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let date = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let body = body.unwrap_or_default();
        let signature = self.signature(&method, &url, &date, body.len());
        let response = self
            .http
            .request(method, url)
            .header("x-ms-date", &date)
            .header("x-ms-version", VERSION)
            .header("authorization", format!("SharedKey {}:{signature}", self.connection.account))
            .header("content-type", "application/xml")
            .body(body)
            .send()
            .await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.text().await.unwrap_or_default().chars().take(300).collect();
        Err(QueueError::Status { what, status, body })
    }

    /// Returns the shared-key signature over method, length, type, `x-ms-` headers, path and query.
    fn signature(&self, method: &Method, url: &Url, date: &str, length: usize) -> String {
        let length = if length == 0 { String::new() } else { length.to_string() };
        let query: BTreeMap<String, String> =
            url.query_pairs().map(|(name, value)| (name.to_lowercase(), value.into_owned())).collect();
        let query: String = query.iter().map(|(name, value)| format!("\n{name}:{value}")).collect();
        let text = format!(
            "{method}\n\n\n{length}\n\napplication/xml\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{VERSION}\n/{}{}{query}",
            self.connection.account,
            url.path(),
        );
        // HMAC accepts keys of any length, so this never fails. The storage would reject an empty signature.
        Hmac::<Sha256>::new_from_slice(&self.connection.key)
            .map(|mut mac| {
                mac.update(text.as_bytes());
                BASE64.encode(mac.finalize().into_bytes())
            })
            .unwrap_or_default()
    }
}

impl Queue {
    /// Creates the queue unless it exists.
    pub(super) async fn create(&self) -> Result<(), QueueError> {
        self.account.send("create queue", Method::PUT, &self.name, &[], None).await.map(|_| ())
    }

    /// Appends a message.
    pub(super) async fn put(&self, bytes: &[u8]) -> Result<(), QueueError> {
        self.put_stored(&BASE64.encode(bytes)).await
    }

    /// Appends a message as it was stored in another queue.
    pub(super) async fn put_stored(&self, stored: &str) -> Result<(), QueueError> {
        let path = format!("{}/messages", self.name);
        self.account.send("put message", Method::POST, &path, &[], Some(message(stored))).await.map(|_| ())
    }

    /// Takes up to `count` messages (at most 32) and hides them from others.
    pub(super) async fn take(&self, count: usize, hidden: Duration) -> Result<Vec<Taken>, QueueError> {
        let count = count.clamp(1, 32).to_string();
        let hidden = hidden.as_secs().max(1).to_string();
        let path = format!("{}/messages", self.name);
        let query = [("numofmessages", count.as_str()), ("visibilitytimeout", hidden.as_str())];
        let xml = self.account.send("get messages", Method::GET, &path, &query, None).await?.text().await?;
        elements(&xml, "QueueMessage").map(taken).collect()
    }

    /// Returns the texts of up to 32 messages, which stay. There are none if the queue was never created.
    pub(super) async fn peek(&self) -> Result<Vec<String>, QueueError> {
        let path = format!("{}/messages", self.name);
        let query = [("peekonly", "true"), ("numofmessages", "32")];
        let xml = match self.account.send("peek messages", Method::GET, &path, &query, None).await {
            Ok(response) => response.text().await?,
            Err(QueueError::Status { status: StatusCode::NOT_FOUND, .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        elements(&xml, "MessageText").map(|text| decoded(&plain(text))).collect()
    }

    /// Removes a message that was taken.
    pub(super) async fn delete(&self, taken: &Taken) -> Result<(), QueueError> {
        let path = format!("{}/messages/{}", self.name, taken.id);
        let query = [("popreceipt", taken.pop_receipt.as_str())];
        self.account.send("delete message", Method::DELETE, &path, &query, None).await.map(|_| ())
    }

    /// Makes a message that was taken visible again after a while.
    pub(super) async fn release(&self, taken: &Taken, after: Duration) -> Result<(), QueueError> {
        let after = after.as_secs().to_string();
        let path = format!("{}/messages/{}", self.name, taken.id);
        let query = [("popreceipt", taken.pop_receipt.as_str()), ("visibilitytimeout", after.as_str())];
        self.account.send("update message", Method::PUT, &path, &query, Some(message(&taken.stored))).await.map(|_| ())
    }

    /// Returns the number of messages, invisible ones included.
    pub(super) async fn count(&self) -> Result<u64, QueueError> {
        let response =
            self.account.send("get queue metadata", Method::GET, &self.name, &[("comp", "metadata")], None).await?;
        let count = response.headers().get("x-ms-approximate-messages-count").and_then(|count| count.to_str().ok());
        count.and_then(|count| count.parse().ok()).ok_or(QueueError::Unreadable("the number of messages"))
    }
}

fn message(stored: &str) -> String {
    format!("<QueueMessage><MessageText>{stored}</MessageText></QueueMessage>")
}

fn taken(xml: &str) -> Result<Taken, QueueError> {
    let field = |name| elements(xml, name).next().map(plain).ok_or(QueueError::Unreadable("a message"));
    Ok(Taken {
        id: field("MessageId")?,
        pop_receipt: field("PopReceipt")?,
        dequeue_count: field("DequeueCount")?.parse().map_err(|_| QueueError::Unreadable("DequeueCount"))?,
        inserted: field("InsertionTime")?,
        expires: field("ExpirationTime")?,
        next_visible: field("TimeNextVisible")?,
        stored: field("MessageText")?,
    })
}

fn decoded(stored: &str) -> Result<String, QueueError> {
    let bytes = BASE64.decode(stored).map_err(|_| QueueError::Unreadable("a message that is not base64"))?;
    String::from_utf8(bytes).map_err(|_| QueueError::Unreadable("a message that is not UTF-8"))
}

/// Returns the content of every element of that name. The service's XML has neither attributes nor nested equal names.
fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (content, after) = after.split_once(&close)?;
        rest = after;
        Some(content)
    })
}

fn plain(xml: &str) -> String {
    xml.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}
