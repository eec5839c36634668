//! Makes the one kind of HTTP client that every connection uses: the roots of `SSL_CERT_FILE` if it is set, no redirects, time limits,
//! the proxy of the environment. Sends requests with one line of log each, and tells why one got no response.
//!
//! The settings decide which addresses may be plain http (loopback storage, the platform's own identity endpoint).

mod failure;
mod proxy;
mod public_only;
mod send;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Certificate;
use reqwest::redirect::Policy;

pub use failure::{FailureCause, RequestFailure};
pub use public_only::{is_public, is_refused_as_private};
pub use send::{send, send_to_secret_url};

/// The longest time until a connection is established.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest time in which a service may send nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A client that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// `SSL_CERT_FILE` cannot be read or holds no certificate.
    #[error("SSL_CERT_FILE: {0}")]
    RootCertificates(String),
    /// A variable of the environment does not contain the URL of a proxy.
    #[error("{0} must be the URL of a proxy, such as http://proxy.example:3128")]
    Proxy(&'static str),
    /// TLS could not be set up.
    #[error("the HTTP client cannot be made: {0}")]
    Build(#[from] reqwest::Error),
}

/// Makes the client that all services share, so that connections and TLS sessions are shared too.
///
/// # Errors
/// Returns an error if `root_certificates` is not a readable PEM file with at least one certificate, or if a proxy variable does not
/// contain the URL of a proxy.
pub fn client(root_certificates: Option<&Path>) -> Result<reqwest::Client, HttpClientError> {
    Ok(builder(root_certificates)?.build()?)
}

/// Makes a client that connects to a name only at a public address. The check is on the address that is then used, so that a name
/// cannot change its address in between. A proxy of the environment resolves names by itself; only its own name is exempt.
///
/// # Errors
/// As [`client`].
pub fn public_client(root_certificates: Option<&Path>) -> Result<reqwest::Client, HttpClientError> {
    let resolver = Arc::new(public_only::PublicOnly::except(proxy::host()));
    Ok(builder(root_certificates)?.dns_resolver(resolver).build()?)
}

fn builder(root_certificates: Option<&Path>) -> Result<reqwest::ClientBuilder, HttpClientError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("tenantwatch/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        // Without this, reqwest sends plain http, the managed identity's calls among them, through HTTP_PROXY.
        .no_proxy();
    if let Some(proxy) = proxy::of_environment().map_err(HttpClientError::Proxy)? {
        builder = builder.proxy(proxy);
    }
    if let Some(path) = root_certificates {
        builder = builder.tls_certs_only(roots(path)?);
    }
    Ok(builder)
}

fn roots(path: &Path) -> Result<Vec<Certificate>, HttpClientError> {
    let refuse = |why: String| HttpClientError::RootCertificates(why);
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let roots = Certificate::from_pem_bundle(&pem).map_err(|error| refuse(error.to_string()))?;
    if roots.is_empty() {
        return Err(refuse("holds no certificate".to_owned()));
    }
    Ok(roots)
}
