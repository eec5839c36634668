//! The one kind of HTTP client that every connection uses: https only, the roots of `SSL_CERT_FILE` where it is set, no
//! redirects, time-outs.

use std::path::Path;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// `SSL_CERT_FILE` cannot be read or holds no certificate.
    #[error("SSL_CERT_FILE: {0}")]
    RootCertificates(String),
    /// TLS could not be set up.
    #[error("the HTTP client cannot be made: {0}")]
    Build(#[from] reqwest::Error),
}

/// Makes the client that all services share, so that connections and TLS sessions are shared too.
pub fn client(root_certificates: Option<&Path>) -> Result<reqwest::Client, HttpClientError> {
    let _ = root_certificates;
    todo!()
}
