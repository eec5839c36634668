//! Signs a technician in, so that onboarding acts with the technician's own rights and never with those of the app.
//!
//! Three ways: the Azure CLI, a browser on this machine (`browser`), or a device code (`device`). The last two ask once, in the
//! provider's own tenant; the refresh token stays in memory and is redeemed in the tenant of each customer (`session`).

mod browser;
mod device;
mod session;

use std::collections::HashMap;
use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions};
use base::clock::Clock;
use base::ids::TenantId;
use uuid::Uuid;

use crate::hosts::Hosts;

pub use session::SignInError;
use session::{Session, SessionCredential};

/// The time before its end at which a token is replaced.
const MARGIN: azure_core::time::Duration = azure_core::time::Duration::minutes(5);

/// The technician's sign-in, from which tokens for every customer come. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SignIn(Source);

#[derive(Debug, Clone)]
enum Source {
    AzureCli,
    Session(Arc<Session>),
}

/// The registration and the tenant in which a technician signs in.
#[derive(Debug, Clone)]
pub struct Registration {
    /// `ONBOARD_CLIENT_ID`: a public client with the delegated scopes of onboarding.
    pub client_id: Uuid,
    /// The provider's own tenant.
    pub partner: TenantId,
    /// The hosts of the cloud.
    pub hosts: Hosts,
}

/// The way in which a person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// In a browser on this machine.
    Browser,
    /// With a code that is entered in a browser on any machine.
    DeviceCode,
}

impl SignIn {
    /// Returns the sign-in of the Azure CLI. The first token shows whether there is one.
    pub fn azure_cli() -> Self {
        Self(Source::AzureCli)
    }

    /// Signs a person in. `show` gets the address that the person has to open, or Entra's own instruction about the code.
    ///
    /// # Errors
    /// Returns [`SignInError`] if the person does not sign in, or Entra refuses.
    pub async fn interactive(
        way: Interaction,
        registration: Registration,
        http: reqwest::Client,
        clock: &Arc<dyn Clock>,
        show: impl Fn(&str) + Send,
    ) -> Result<Self, SignInError> {
        let refresh = match way {
            Interaction::Browser => browser::sign_in(&registration, &http, clock, show).await?,
            Interaction::DeviceCode => device::sign_in(&registration, &http, clock, show).await?,
        };
        Ok(Self(Source::Session(Arc::new(Session::new(registration, http, refresh)))))
    }

    /// Returns whether tokens come from the Azure CLI, which lacks some scopes.
    pub fn is_azure_cli(&self) -> bool {
        matches!(self.0, Source::AzureCli)
    }

    /// Returns a credential for one tenant.
    pub(crate) fn credential(&self, tenant: &TenantId) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let inner: Arc<dyn TokenCredential> = match &self.0 {
            Source::AzureCli => {
                let options = AzureCliCredentialOptions {
                    tenant_id: Some(tenant.to_string()),
                    ..AzureCliCredentialOptions::default()
                };
                AzureCliCredential::new(Some(options))?
            }
            Source::Session(session) => Arc::new(SessionCredential::new(Arc::clone(session), *tenant)),
        };
        Ok(Arc::new(Cached { inner, tokens: tokio::sync::Mutex::default() }))
    }
}

/// A credential that keeps its tokens while they are valid. The Azure CLI is a process of its own for each token.
#[derive(Debug)]
struct Cached {
    inner: Arc<dyn TokenCredential>,
    tokens: tokio::sync::Mutex<HashMap<String, AccessToken>>,
}

#[async_trait::async_trait]
impl TokenCredential for Cached {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut tokens = self.tokens.lock().await;
        let scope = scopes.join(" ");
        if let Some(token) = tokens.get(&scope)
            && token.expires_on > azure_core::time::OffsetDateTime::now_utc() + MARGIN
        {
            return Ok(token.clone());
        }
        let token = self.inner.get_token(scopes, options).await?;
        tokens.insert(scope, token.clone());
        Ok(token)
    }
}
