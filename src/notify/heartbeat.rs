//! One GET to a monitor outside after every cycle, which raises the alarm if none arrives.
//!
//! The convention is that of healthchecks.io (<https://healthchecks.io/docs/http_api/>): `/fail` after the path reports a failure.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::settings::{HeartbeatSettings, HeartbeatStyle};

/// The time limit of the request.
const LIMIT: Duration = Duration::from_secs(10);

/// Reports whether a cycle succeeded. Never fails the cycle.
#[derive(Debug)]
pub struct Heartbeat {
    url: Option<SecretString>,
    style: HeartbeatStyle,
    http: reqwest::Client,
}

impl Heartbeat {
    /// Nothing is sent yet.
    pub fn new(settings: &HeartbeatSettings, http: reqwest::Client) -> Self {
        Self { url: settings.url.clone(), style: settings.style, http }
    }

    /// Reports one cycle. A failed one is reported with `/fail`, or in the plain style by silence.
    pub async fn report(&self, succeeded: bool) {
        let Some(url) = self.url.as_ref().and_then(|url| Url::parse(url.expose_secret()).ok()) else { return };
        let url = match (succeeded, self.style) {
            (true, _) => url,
            (false, HeartbeatStyle::Healthchecks) => failed(url),
            (false, HeartbeatStyle::Plain) => return,
        };
        let mut request = reqwest::Request::new(reqwest::Method::GET, url);
        *request.timeout_mut() = Some(LIMIT);
        match base::http::send_to_secret_url(&self.http, request, 1).await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::warn!("HEARTBEAT_URL was answered with {}", answer.status().as_u16()),
            Err(error) => tracing::warn!("HEARTBEAT_URL could not be reached: {}", error.without_url()),
        }
    }
}

/// Appends `/fail` to the path, before a query.
fn failed(mut url: Url) -> Url {
    let path = format!("{}/fail", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}
