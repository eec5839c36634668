//! Tokens from Entra: one credential per tenant, kept, all sharing one transport. A credential caches its tokens, refreshes
//! them 5 minutes before they end, and asks once for many callers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::app_registration::{AppCredential, AppRegistration};
use crate::hosts::Hosts;
use base::ids::TenantId;

use super::certificate::Certificate;
use super::{Service, TokenError, TokenFault, aadsts};

/// What a managed identity asks for to vouch for an app registration.
const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange/.default";

/// How long a token may take. The credential waits as long as `Retry-After` says, however long that is; nobody else does.
const TOKEN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// The time within which a rejected token of one tenant and service is replaced only once.
const RENEWAL_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// Gives tokens for any tenant and service.
pub struct Tokens {
    client_id: String,
    proof: Proof,
    hosts: Hosts,
    options: ClientOptions,
    credentials: Mutex<Credentials>,
}

/// What was made so far. One credential for each tenant, and one more for each service that has refused a token of it.
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

/// How the app registration proves who it is.
#[derive(Clone)]
enum Proof {
    Secret(SecretString),
    Certificate(Arc<Certificate>),
    Identity(Arc<ManagedIdentityCredential>),
    #[cfg(test)]
    Given(Arc<dyn TokenCredential>),
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Prepares; nothing is asked for yet.
    ///
    /// # Errors
    /// When the certificate cannot be used.
    pub fn new(partner: &AppRegistration, hosts: &Hosts, http: reqwest::Client) -> Result<Self, TokenError> {
        let options = options(hosts, http);
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
        Ok(Self { client_id, proof, hosts: hosts.clone(), options, credentials: Mutex::default() })
    }

    /// A token for `service` in `tenant`, from the cache while it lives.
    ///
    /// # Errors
    /// With what Entra said, classified by its AADSTS number.
    pub async fn token(&self, tenant: &TenantId, service: Service) -> Result<SecretString, TokenError> {
        let credential = self.credential(tenant, service)?;
        let scope = self.scope(service);
        match tokio::time::timeout(TOKEN_TIMEOUT, credential.get_token(&[&scope], None)).await {
            Ok(Ok(token)) => Ok(token.token.secret().to_owned().into()),
            Ok(Err(error)) => Err(classify(*tenant, &error)),
            Err(_) => Err(TokenError {
                tenant: *tenant,
                fault: TokenFault::Transient,
                aadsts: None,
                message: format!("no token within {} s", TOKEN_TIMEOUT.as_secs()),
            }),
        }
    }

    /// Drops the cached token for `service` in `tenant`, which the service rejected, and returns whether a fresh one can be had. At most
    /// once per tenant, service and hour: a service that rejects every token must not cost a token request for each call. The tokens
    /// of the other services stay.
    pub fn renew(&self, tenant: &TenantId, service: Service, now: DateTime<Utc>) -> bool {
        let key = (*tenant, service);
        {
            let credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
            if credentials.renewed.get(&key).is_some_and(|renewed| (now - renewed.at).abs() < RENEWAL_INTERVAL) {
                return false;
            }
        }
        // If no credential can be made, the next call says why.
        let Ok(fresh) = self.new_credential(tenant) else { return false };
        let mut credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        credentials.renewed.insert(key, Renewed { credential: fresh, at: now });
        true
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
        let mut credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        let renewed = credentials.renewed.get(&(*tenant, service)).map(|renewed| &renewed.credential);
        let made = renewed.or_else(|| credentials.of_tenant.get(tenant));
        if let Some(credential) = made {
            return Ok(Arc::clone(credential));
        }
        let credential = self.new_credential(tenant).map_err(|error| classify(*tenant, &error))?;
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
            #[cfg(test)]
            Proof::Given(credential) => return Ok(Arc::clone(credential)),
        };
        let options = ClientAssertionCredentialOptions { client_options };
        Ok(ClientAssertionCredential::new(tenant.to_string(), self.client_id.clone(), assertion, Some(options))?)
    }
}

#[cfg(test)]
impl Tokens {
    /// Gives what `credential` gives, so that the clients can be tested without Entra.
    pub(super) fn given(hosts: &Hosts, http: reqwest::Client, credential: Arc<dyn TokenCredential>) -> Self {
        Self {
            client_id: String::new(),
            proof: Proof::Given(credential),
            hosts: hosts.clone(),
            options: options(hosts, http),
            credentials: Mutex::default(),
        }
    }
}

/// What stands in for a secret.
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

/// One transport for all credentials; few retries, because a function has a deadline and its host tries again.
fn options(hosts: &Hosts, http: reqwest::Client) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = hosts.authority.to_string();
    ClientOptions {
        transport: Some(Transport::new(Arc::new(http))),
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

/// What the failure means, by Entra's own number. Numbers and meanings:
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
fn classify(tenant: TenantId, error: &azure_core::Error) -> TokenError {
    let answer = answered(error);
    let text = answer.map_or_else(|| error.to_string(), ToString::to_string);
    let (status, code) = match answer.map(azure_core::Error::kind) {
        Some(ErrorKind::HttpResponse { status, error_code, .. }) => (Some(u16::from(*status)), error_code.clone()),
        _ => (None, None),
    };
    let first_code = code.as_deref().and_then(|codes| codes.split(',').next()).and_then(|code| code.parse().ok());
    let aadsts = first_code.or_else(|| number_after(&text, "AADSTS"));
    let message = match (status, connection_failure(error)) {
        (None, Some(failure)) => failure,
        _ => first_line(&text),
    };
    TokenError { tenant, fault: fault(status, aadsts), aadsts, message }
}

/// The host that could not be reached and why, if no answer came.
fn connection_failure(error: &azure_core::Error) -> Option<String> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<reqwest::Error>() {
            return Some(base::http::describe(error));
        }
        next = error.source();
    }
    None
}

/// Entra's own answer, where there was one.
fn answered(error: &azure_core::Error) -> Option<&azure_core::Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<azure_core::Error>()
            && matches!(error.kind(), ErrorKind::HttpResponse { .. })
        {
            return Some(error);
        }
        next = error.source();
    }
    None
}

fn fault(status: Option<u16>, aadsts: Option<u32>) -> TokenFault {
    match (aadsts.and_then(aadsts::find), aadsts, status) {
        // Entra's own words for "busy" come with 400 at times.
        (Some(known), ..) => known.fault,
        (None, _, Some(408 | 429 | 500..) | None) => TokenFault::Transient,
        // No number of Entra's: the platform rejected the managed identity, which says nothing about the tenant.
        (None, None, Some(_)) => TokenFault::OurFault,
        // An unknown number is that tenant's: to blame the credential would notify for all tenants what may be true of one.
        (None, Some(_), Some(_)) => TokenFault::AccessLost,
    }
}

fn number_after(text: &str, mark: &str) -> Option<u32> {
    let (_, rest) = text.split_once(mark)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// What a person needs of Entra's text: not the ids of traces behind it.
fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::{TokenFault, fault, first_line, number_after};

    #[test]
    fn what_entra_says_tells_whose_fault_it_is() {
        let table = [
            (Some(401), Some(7_000_229), TokenFault::ConsentMissing),
            (Some(400), Some(700_016), TokenFault::ConsentMissing),
            (Some(400), Some(65_001), TokenFault::ConsentMissing),
            (Some(401), Some(7_000_112), TokenFault::AccessLost),
            (Some(400), Some(90_002), TokenFault::AccessLost),
            (Some(400), Some(500_014), TokenFault::AccessLost),
            (Some(400), Some(53_003), TokenFault::AccessLost),
            (Some(401), Some(50_999), TokenFault::AccessLost),
            (Some(401), Some(7_000_215), TokenFault::OurFault),
            (Some(401), Some(7_000_222), TokenFault::OurFault),
            (Some(401), Some(700_027), TokenFault::OurFault),
            (Some(503), None, TokenFault::Transient),
            (Some(429), None, TokenFault::Transient),
            (Some(400), Some(90_033), TokenFault::Transient),
            (None, None, TokenFault::Transient),
        ];
        for (status, aadsts, expected) in table {
            assert_eq!(fault(status, aadsts), expected, "{status:?} {aadsts:?}");
        }
    }

    #[test]
    fn a_managed_identity_that_the_platform_refuses_is_not_blamed_on_the_tenant() {
        assert_eq!(fault(Some(400), None), TokenFault::OurFault);
        assert_eq!(fault(Some(403), None), TokenFault::OurFault);
    }

    #[test]
    fn the_number_is_found_in_the_text_and_ids_of_traces_are_left_out() {
        let text = "AADSTS7000215: Invalid client secret is provided.\r\nTrace ID: 1\r\nCorrelation ID: 2";
        assert_eq!(number_after(text, "AADSTS"), Some(7_000_215));
        assert_eq!(first_line(text), "AADSTS7000215: Invalid client secret is provided.");
    }
}
