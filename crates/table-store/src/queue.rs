//! Asks whether a queue of the storage account is there. Messages are the business of the Functions host alone.
//! <https://learn.microsoft.com/rest/api/storageservices/get-queue-metadata>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Utc;
use hmac::{Hmac, Mac as _};
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, StatusCode};
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use url::Url;

use base::http::RequestFailure;

use crate::account::{StorageAccess, StorageAccount};
use crate::tables::credential::Identity;
use crate::{StoreError, tables};

/// The version of the service's interface.
const VERSION: &str = "2021-12-02";

/// The scope of a token for the storage services.
const SCOPE: &str = "https://storage.azure.com/.default";

impl StorageAccount {
    /// Returns the URL of the queue service: the one that was set, else the neighbour of the table service.
    fn queue_url(&self) -> Option<Url> {
        if let Some(url) = &self.queue_endpoint {
            return Some(url.clone());
        }
        let mut url = self.table_endpoint.clone();
        match url.port() {
            // The ports of Azurite.
            Some(10_002) => url.set_port(Some(10_001)).ok()?,
            _ => {
                let host = url.host_str()?.replacen(".table.", ".queue.", 1);
                if !host.contains(".queue.") {
                    return None;
                }
                url.set_host(Some(&host)).ok()?;
            }
        }
        Some(url)
    }
}

/// Returns whether a queue is there, from its metadata.
///
/// # Errors
/// Returns [`StoreError::Refused`] if the account does not let us look, and [`StoreError::Unavailable`] if it does not answer.
pub async fn has_queue(account: &StorageAccount, http: &Client, name: &str) -> Result<bool, StoreError> {
    let unknown =
        || StoreError::Refused("the address of the queue service does not follow from that of the tables".to_owned());
    let mut url = account.queue_url().ok_or_else(unknown)?;
    if !tables::is_allowed(&url) {
        return Err(StoreError::Refused("the address of the queue service must be https".to_owned()));
    }
    url.path_segments_mut().map_err(|()| unknown())?.pop_if_empty().push(name);
    let date = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let authorization = authorization(account, http, url.path(), &date).await?;
    url.set_query(Some("comp=metadata"));
    let unsent = |error: reqwest::Error| StoreError::Unavailable(RequestFailure::of(&error).to_string());
    let request = http.get(url).header("x-ms-date", &date).header("x-ms-version", VERSION);
    let request = request.header(AUTHORIZATION, authorization).build().map_err(unsent)?;
    let response = base::http::send(http, request, None).await.map_err(unsent)?;
    match response.status() {
        status if status.is_success() => Ok(true),
        StatusCode::NOT_FOUND => Ok(false),
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(StoreError::Refused(format!(
            "{} {}: is the account key right, or does the identity have a role for queues?",
            status.as_u16(),
            error_code(&response)
        ))),
        status => Err(StoreError::Unavailable(format!("the queue service answered {status}"))),
    }
}

/// Returns the code that the service gives an error, without anything else that the response contains.
fn error_code(response: &reqwest::Response) -> String {
    let code = response.headers().get("x-ms-error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
    code.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

async fn authorization(account: &StorageAccount, http: &Client, path: &str, date: &str) -> Result<String, StoreError> {
    let identity = match &account.access {
        StorageAccess::SharedKey(key) => return signature(&account.account, key.expose_secret(), path, date),
        StorageAccess::ManagedIdentity(client_id) => Identity::managed(client_id.clone(), http.clone())?,
        StorageAccess::DeveloperSignIn => Identity::of_developer()?,
    };
    Ok(format!("Bearer {}", identity.token(SCOPE).await?))
}

/// Signs the request with the key of the account.
/// <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>
fn signature(account: &str, key: &str, path: &str, date: &str) -> Result<String, StoreError> {
    let refused = || StoreError::Refused("AccountKey of AzureWebJobsStorage is not base64".to_owned());
    let key = BASE64.decode(key).map_err(|_| refused())?;
    let headers = format!("x-ms-date:{date}\nx-ms-version:{VERSION}\n");
    let text = format!("GET\n\n\n\n\n\n\n\n\n\n\n\n{headers}/{account}{path}\ncomp:metadata");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| refused())?;
    mac.update(text.as_bytes());
    Ok(format!("SharedKey {account}:{}", BASE64.encode(mac.finalize().into_bytes())))
}
