//! The session of a technician: a refresh token in memory that is redeemed in the tenant of any customer.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::time::{Duration, OffsetDateTime};
use base::http::RequestFailure;
use base::ids::TenantId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::Registration;
use crate::scrubber::Scrubber;

/// Why a technician could not be signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Entra did not answer.
    #[error("Entra ID could not be reached: {0}")]
    NoResponse(#[source] RequestFailure),
    /// Entra refused.
    #[error("the sign-in was refused: {0}")]
    Refused(String),
    /// The technician declined, or did not sign in within the time that Entra gives.
    #[error("the sign-in was not completed: {0}")]
    NotCompleted(String),
    /// The loopback address of this machine cannot be used.
    #[error("the browser cannot come back to this machine: {0}; use --sign-in device")]
    Loopback(#[source] std::io::Error),
    /// Something that Entra sent does not have its form.
    #[error("the response of Entra ID does not have the expected form")]
    Unreadable,
}

/// A response of the token endpoint.
#[derive(Deserialize)]
pub(super) struct Answer {
    access_token: Option<SecretString>,
    #[serde(default)]
    expires_in: i64,
    pub(super) refresh_token: Option<SecretString>,
    #[serde(default)]
    pub(super) error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
}

impl Answer {
    /// Returns Entra's own text, without trace ids.
    pub(super) fn text(&self) -> String {
        let line = self.error_description.lines().next().unwrap_or_default();
        let line = if line.is_empty() { &self.error } else { line };
        Scrubber::default().scrub(&line.chars().filter(|c| !c.is_control()).take(300).collect::<String>())
    }

    /// Returns the refresh token of a sign-in.
    pub(super) fn signed_in(self) -> Result<SecretString, SignInError> {
        if self.error.is_empty() {
            self.refresh_token.ok_or(SignInError::Unreadable)
        } else {
            Err(SignInError::Refused(self.text()))
        }
    }
}

/// Returns the URL of an endpoint of Entra in a tenant.
pub(super) fn endpoint(registration: &Registration, tenant: &TenantId, name: &str) -> Url {
    let mut url = registration.hosts.authority.clone();
    url.set_path(&format!("/{tenant}/oauth2/v2.0/{name}"));
    url
}

/// Returns the scopes of the sign-in itself: those that were registered for Graph, and a refresh token.
pub(super) fn scope(registration: &Registration) -> String {
    format!("{}/.default offline_access", registration.hosts.graph.as_str().trim_end_matches('/'))
}

/// Posts a form to the token endpoint, or to that of device codes.
pub(super) async fn post<T: serde::de::DeserializeOwned>(
    http: &reqwest::Client,
    url: Url,
    form: &[(&str, &str)],
) -> Result<T, SignInError> {
    let no_response = |error: reqwest::Error| SignInError::NoResponse(RequestFailure::of(&error));
    let request = http.post(url).form(form).build().map_err(no_response)?;
    let response = base::http::send(http, request, None).await.map_err(no_response)?;
    let body = response.bytes().await.map_err(no_response)?;
    serde_json::from_slice(&body).map_err(|_| SignInError::Unreadable)
}

/// A technician who has signed in.
pub(super) struct Session {
    registration: Registration,
    http: reqwest::Client,
    refresh: SecretString,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("client_id", &self.registration.client_id).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(registration: Registration, http: reqwest::Client, refresh: SecretString) -> Self {
        Self { registration, http, refresh }
    }
}

/// The tokens of a session in one tenant.
#[derive(Debug)]
pub(super) struct SessionCredential {
    session: Arc<Session>,
    tenant: TenantId,
}

impl SessionCredential {
    pub(super) fn new(session: Arc<Session>, tenant: TenantId) -> Self {
        Self { session, tenant }
    }
}

#[async_trait::async_trait]
impl TokenCredential for SessionCredential {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let Session { registration, http, refresh } = self.session.as_ref();
        let client_id = registration.client_id.to_string();
        let scope = scopes.join(" ");
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id.as_str()),
            ("refresh_token", refresh.expose_secret()),
            ("scope", scope.as_str()),
        ];
        let url = endpoint(registration, &self.tenant, "token");
        let answer: Answer = post(http, url, &form).await.map_err(|error| match error {
            SignInError::NoResponse(failure) => Error::with_error(ErrorKind::Connection, failure, "no response"),
            error => Error::with_message(ErrorKind::Credential, error.to_string()),
        })?;
        match &answer.access_token {
            Some(token) if answer.error.is_empty() => {
                let expires = OffsetDateTime::now_utc() + Duration::seconds(answer.expires_in);
                Ok(AccessToken::new(token.expose_secret().to_owned(), expires))
            }
            _ => Err(refused(&answer)),
        }
    }
}

/// Returns the error of a refresh token that is not redeemed, in the form of the other credentials.
fn refused(answer: &Answer) -> Error {
    let code = answer.error_codes.first().map(ToString::to_string);
    let kind = ErrorKind::HttpResponse { status: 400.into(), error_code: code, raw_response: None };
    Error::with_message(kind, answer.text())
}
