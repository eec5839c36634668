//! The online look-up. The service sends errors with status 200, so `success: false` is checked first.
//! <https://docs.apilayer.com/ipstack/docs/api-documentation>

use std::net::IpAddr;

use reqwest::Client;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

/// Why there is no location, in the words of the original runbooks. Never contains the URL of the request, because it contains
/// the key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("Unable to determine the location, issues with determining IP address type")]
    Type,
    #[error("Unable to determine the location, bad status code")]
    Status,
    #[error("Unable to determine the location, bad content")]
    Content,
}

pub(super) struct Ipstack {
    http: Client,
    base: Url,
    key: SecretString,
}

#[derive(Deserialize)]
struct Found {
    success: Option<bool>,
    #[serde(rename = "type")]
    kind: Option<String>,
    city: Option<String>,
    region_name: Option<String>,
    country_name: Option<String>,
}

impl Ipstack {
    pub(super) fn new(http: Client, base: Url, key: SecretString) -> Self {
        Self { http, base, key }
    }

    pub(super) async fn look_up(&self, address: IpAddr) -> Result<String, Failure> {
        let url = self.base.join(&format!("./{address}")).map_err(|_| Failure::Type)?;
        let request = self.http.get(url).query(&[("access_key", self.key.expose_secret())]);
        let request = request.build().map_err(|_| Failure::Status)?;
        let response = base::http::send(&self.http, request, Some(1)).await.map_err(|_| Failure::Status)?;
        if !response.status().is_success() {
            return Err(Failure::Status);
        }
        let found: Found = response.json().await.map_err(|_| Failure::Content)?;
        if found.success == Some(false) {
            return Err(Failure::Content);
        }
        found.kind.as_deref().filter(|kind| !kind.is_empty()).ok_or(Failure::Type)?;
        let place = super::place(found.city.as_deref(), found.region_name.as_deref(), found.country_name.as_deref());
        if place.is_empty() { Err(Failure::Type) } else { Ok(place) }
    }
}
