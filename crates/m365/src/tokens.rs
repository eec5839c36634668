//! Tokens from Entra: one credential for each tenant, cached, all over one transport.
//!
//! A credential caches its tokens, refreshes them 5 minutes before they expire, and sends one request for many callers.

mod claims;
mod failure;
mod transport;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientMethodOptions, ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_core::time::Duration;
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::app_registration::{AppCredential, AppRegistration};
use crate::hosts::Hosts;
use base::clock::{Clock, Deadline};
use base::ids::TenantId;
use base::service_time::ServiceTime;

use super::certificate::Certificate;
use super::scrubber::Scrubber;
use super::sign_in::SignIn;
use super::{Service, TokenError, TokenFault};
pub use claims::Claims;
use failure::{classify, first_line};
use transport::SharedTransport;

/// The scope of the token with which a managed identity vouches for an app registration.
const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange/.default";

/// The time limit of one token. The credential itself waits as long as `Retry-After` says, however long that is.
const TOKEN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// The time within which a rejected token of one tenant and service is replaced only once.
const RENEWAL_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// Issues tokens for any tenant and service.
pub struct Tokens {
    client_id: String,
    proof: Proof,
    hosts: Hosts,
    options: ClientOptions,
    time: Arc<ServiceTime>,
    clock: Arc<dyn Clock>,
    credentials: Mutex<Credentials>,
}

/// The credentials so far: one for each tenant, and one more for each service that has rejected a token of it.
#[derive(Default)]
struct Credentials {
    of_tenant: HashMap<TenantId, Arc<dyn TokenCredential>>,
    renewed: HashMap<(TenantId, Service), Renewed>,
}

/// A credential that replaced one whose token a service rejected.
struct Renewed {
    credential: Arc<dyn TokenCredential>,
    at: DateTime<Utc>,
}

/// The proof of the app registration.
#[derive(Clone)]
enum Proof {
    Secret(SecretString),
    Certificate(Arc<Certificate>),
    Identity(Arc<ManagedIdentityCredential>),
    Technician(SignIn),
    #[cfg(test)]
    Given(Arc<dyn TokenCredential>),
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Prepares the credentials; no request is sent yet.
    ///
    /// # Errors
    /// Returns an error if the certificate cannot be used.
    pub fn new(
        partner: &AppRegistration,
        hosts: &Hosts,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TokenError> {
        let time = Arc::new(ServiceTime::default());
        let options = options(hosts, SharedTransport::new(http, Arc::clone(&time), Arc::clone(&clock)));
        let refuse = |why: String| TokenError {
            tenant: partner.tenant_id,
            fault: TokenFault::OurFault,
            aadsts: None,
            message: why,
        };
        let proof = match &partner.credential {
            AppCredential::Secret(secret) => Proof::Secret(secret.clone()),
            AppCredential::Certificate(pem) => {
                Proof::Certificate(Arc::new(Certificate::from_pem(pem.expose_secret()).map_err(refuse)?))
            }
            AppCredential::Federated { identity_client_id } => {
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: Some(UserAssignedId::ClientId(identity_client_id.clone())),
                    client_options: options.clone(),
                };
                let identity = ManagedIdentityCredential::new(Some(options))
                    .map_err(|error| refuse(first_line(&error.to_string())))?;
                Proof::Identity(identity)
            }
        };
        let client_id = partner.client_id.to_string();
        Ok(Self { client_id, proof, hosts: hosts.clone(), options, time, clock, credentials: Mutex::default() })
    }

    /// Prepares tokens of a technician, for clients that act with the technician's rights.
    pub fn of_technician(sign_in: SignIn, hosts: &Hosts, http: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let time = Arc::new(ServiceTime::default());
        Self {
            client_id: String::new(),
            proof: Proof::Technician(sign_in),
            hosts: hosts.clone(),
            options: options(hosts, SharedTransport::new(http, Arc::clone(&time), Arc::clone(&clock))),
            time,
            clock,
            credentials: Mutex::default(),
        }
    }

    /// Forgets the tokens of a tenant. The next ones carry the permissions and roles that were granted in the meantime.
    pub fn forget(&self, tenant: &TenantId) {
        let mut credentials = self.credentials.lock();
        credentials.of_tenant.remove(tenant);
        credentials.renewed.retain(|(of, _), _| of != tenant);
    }

    /// Returns the time of the token endpoint by its last response; `None` before the first response.
    pub fn service_time(&self) -> Option<DateTime<Utc>> {
        self.time.now(self.clock.as_ref())
    }

    /// Returns a token for `service` in `tenant`, from the cache while it is valid.
    ///
    /// # Errors
    /// Returns what Entra answered, classified by its AADSTS number.
    pub async fn token(&self, tenant: &TenantId, service: Service) -> Result<SecretString, TokenError> {
        let credential = self.credential(tenant, service)?;
        let scope = self.scope(service);
        let limit = Deadline::after(Arc::clone(&self.clock), TOKEN_TIMEOUT);
        match limit.limit(credential.get_token(&[&scope], None)).await {
            Some(Ok(token)) => Ok(token.token.secret().to_owned().into()),
            Some(Err(error)) => Err(classify(*tenant, &error, &self.secrets())),
            None => Err(TokenError {
                tenant: *tenant,
                fault: TokenFault::Transient,
                aadsts: None,
                message: format!("no token within {} s", TOKEN_TIMEOUT.as_secs()),
            }),
        }
    }

    /// Returns the time at which the credential for `service` in `tenant` was replaced; `None` while it is the first one.
    pub(super) fn renewed_at(&self, tenant: &TenantId, service: Service) -> Option<DateTime<Utc>> {
        self.credentials.lock().renewed.get(&(*tenant, service)).map(|renewed| renewed.at)
    }

    /// Returns whether there is another credential for `service` in `tenant` than the one whose token the service rejected, and makes
    /// one if there is none yet. `rejected` is the value of [`Self::renewed_at`] at the time of the rejected request: of several calls
    /// that run side by side, the first replaces the credential, and the others use it. It is replaced at most once per tenant, service
    /// and hour, because a service that rejects every token must not cost a token request for each call. The tokens of the other
    /// services stay.
    pub(super) fn renew(
        &self,
        tenant: &TenantId,
        service: Service,
        rejected: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> bool {
        let current = self.renewed_at(tenant, service);
        if current != rejected {
            return true;
        }
        if current.is_some_and(|at| (now - at).abs() < RENEWAL_INTERVAL) {
            return false;
        }
        // If no credential can be made, the next call says why.
        let Ok(fresh) = self.new_credential(tenant) else { return false };
        let mut credentials = self.credentials.lock();
        match credentials.renewed.get(&(*tenant, service)) {
            Some(renewed) if Some(renewed.at) != rejected => {}
            _ => {
                credentials.renewed.insert((*tenant, service), Renewed { credential: fresh, at: now });
            }
        }
        true
    }

    /// Returns the secrets of a token request.
    fn secrets(&self) -> Scrubber {
        match &self.proof {
            Proof::Secret(secret) => Scrubber::default().and(secret),
            _ => Scrubber::default(),
        }
    }

    fn scope(&self, service: Service) -> String {
        let host = match service {
            Service::Entra | Service::Graph => &self.hosts.graph,
            Service::ManagementActivity => &self.hosts.management,
            Service::Exchange => &self.hosts.exchange,
        };
        format!("{}/.default", host.as_str().trim_end_matches('/'))
    }

    fn credential(&self, tenant: &TenantId, service: Service) -> Result<Arc<dyn TokenCredential>, TokenError> {
        let mut credentials = self.credentials.lock();
        let renewed = credentials.renewed.get(&(*tenant, service)).map(|renewed| &renewed.credential);
        let made = renewed.or_else(|| credentials.of_tenant.get(tenant));
        if let Some(credential) = made {
            return Ok(Arc::clone(credential));
        }
        let credential = self.new_credential(tenant).map_err(|error| classify(*tenant, &error, &self.secrets()))?;
        credentials.of_tenant.insert(*tenant, Arc::clone(&credential));
        Ok(credential)
    }

    fn new_credential(&self, tenant: &TenantId) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let client_options = self.options.clone();
        let assertion = match &self.proof {
            Proof::Secret(secret) => {
                let options = ClientSecretCredentialOptions { client_options };
                let secret = Secret::new(secret.expose_secret().to_owned());
                let tenant = tenant.to_string();
                return Ok(ClientSecretCredential::new(&tenant, self.client_id.clone(), secret, Some(options))?);
            }
            Proof::Certificate(certificate) => Assertion::Signed {
                certificate: Arc::clone(certificate),
                client_id: self.client_id.clone(),
                audience: token_endpoint(&self.hosts.authority, tenant),
            },
            Proof::Identity(identity) => Assertion::Vouched(Arc::clone(identity)),
            Proof::Technician(sign_in) => return sign_in.credential(tenant),
            #[cfg(test)]
            Proof::Given(credential) => return Ok(Arc::clone(credential)),
        };
        let options = ClientAssertionCredentialOptions { client_options };
        Ok(ClientAssertionCredential::new(tenant.to_string(), self.client_id.clone(), assertion, Some(options))?)
    }
}

#[cfg(test)]
impl Tokens {
    /// Issues the tokens of `credential`, so that the clients can be tested without Entra.
    pub(super) fn given(hosts: &Hosts, http: reqwest::Client, credential: Arc<dyn TokenCredential>) -> Self {
        let (time, clock): (Arc<ServiceTime>, Arc<dyn Clock>) = (Arc::default(), Arc::new(base::clock::SystemClock));
        Self {
            client_id: String::new(),
            proof: Proof::Given(credential),
            hosts: hosts.clone(),
            options: options(hosts, SharedTransport::new(http, Arc::clone(&time), Arc::clone(&clock))),
            time,
            clock,
            credentials: Mutex::default(),
        }
    }
}

/// The proof that takes the place of a secret.
#[derive(Debug)]
enum Assertion {
    Signed { certificate: Arc<Certificate>, client_id: String, audience: String },
    Vouched(Arc<ManagedIdentityCredential>),
}

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        match self {
            Self::Signed { certificate, client_id, audience } => certificate
                .assertion(client_id, audience)
                .map_err(|why| azure_core::Error::with_message(ErrorKind::Credential, why)),
            Self::Vouched(identity) => {
                Ok(identity.get_token(&[EXCHANGE_AUDIENCE], None).await?.token.secret().to_owned())
            }
        }
    }
}

fn token_endpoint(authority: &Url, tenant: &TenantId) -> String {
    format!("{}/{tenant}/oauth2/v2.0/token", authority.as_str().trim_end_matches('/'))
}

/// Returns options with one transport for all credentials, and few retries: a function has a deadline, and its host tries again.
fn options(hosts: &Hosts, transport: SharedTransport) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = hosts.authority.to_string();
    ClientOptions {
        transport: Some(Transport::with_policy(Arc::new(transport))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            max_retries: 3,
            max_total_elapsed: Duration::seconds(20),
            max_delay: Duration::seconds(10),
            ..Default::default()
        }),
        ..Default::default()
    }
}
