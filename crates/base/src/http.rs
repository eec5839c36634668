//! The one kind of HTTP client that every connection uses: the roots of `SSL_CERT_FILE` where it is set, no redirects,
//! time-outs. Which addresses may be plain http (loopback storage, the platform's own identity endpoint) is decided where
//! settings are read.

mod proxy;

use std::path::Path;
use std::time::Duration;

use reqwest::Certificate;
use reqwest::redirect::Policy;

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a service may send nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Why no client could be made.
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
/// When `root_certificates` is no readable PEM file with at least one certificate, or a proxy variable names no proxy.
pub fn client(root_certificates: Option<&Path>) -> Result<reqwest::Client, HttpClientError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("tenantwatch/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        // Without this, reqwest sends plain http, the managed identity's calls among them, through HTTP_PROXY.
        .no_proxy();
    if let Some(proxy) = proxy::of_environment().map_err(HttpClientError::Proxy)? {
        builder = builder.proxy(proxy);
    }
    if let Some(path) = root_certificates {
        builder = builder.tls_certs_only(roots(path)?);
    }
    Ok(builder.build()?)
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

/// Says why a request failed: which host, what happened and what to check. Never the URL, which may contain a key.
pub fn describe(error: &reqwest::Error) -> String {
    let host = error.url().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    let host = host.map_or_else(|| "the host".to_owned(), |(host, port)| format!("{host}:{port}"));
    if error.is_timeout() {
        return format!("{host} did not respond in time");
    }
    if error.is_body() || error.is_decode() {
        return format!("{host} cut the response off");
    }
    format!("cannot connect to {host}: {}", cause(error))
}

/// Returns whether the request met a cause that a repetition within seconds does not change: a refused connection, a name that cannot
/// be resolved, or a certificate that is not accepted.
pub fn is_certain(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| Cause::of(cause).is_some())
}

/// A cause that is known by its innermost error.
enum Cause {
    Refused,
    UnknownName,
    Certificate(String),
}

impl Cause {
    fn of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let text = error.to_string();
        match kind {
            Some(std::io::ErrorKind::ConnectionRefused) => Some(Self::Refused),
            _ if text.contains("dns error") || text.contains("failed to lookup address") => Some(Self::UnknownName),
            _ if text.contains("certificate") => Some(Self::Certificate(plain(&text))),
            _ => None,
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("the connection was refused; check the port, the firewall and the proxy"),
            Self::UnknownName => f.write_str("the name cannot be resolved; check the name and the DNS of this machine"),
            Self::Certificate(text) => {
                write!(f, "its certificate is not accepted ({text}); check SSL_CERT_FILE, or a proxy that inspects TLS")
            }
        }
    }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}

/// Returns why no connection was made, with what to check.
fn cause(error: &reqwest::Error) -> String {
    if let Some(cause) = causes(error).find_map(Cause::of) {
        return cause.to_string();
    }
    causes(error).last().map_or_else(|| "the request failed".to_owned(), |last| plain(&last.to_string()))
}

/// A text without control characters, cut to a readable length.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// Sends a request and logs it in one line at `debug`: method, host, route, status and milliseconds. Ids and names in the route are
/// replaced by their place, and neither query, body nor token is logged.
///
/// # Errors
/// As [`reqwest::Client::execute`].
pub async fn send(http: &reqwest::Client, request: reqwest::Request) -> reqwest::Result<reqwest::Response> {
    let (method, url) = (request.method().clone(), request.url().clone());
    let started = std::time::Instant::now();
    let outcome = http.execute(request).await;
    let status = outcome.as_ref().map_or(0, |response| response.status().as_u16());
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let host = url.host_str().unwrap_or_default();
    tracing::debug!(%method, host, route = route(&url), status, milliseconds, "outbound request");
    outcome
}

/// The path of a URL as a template: a segment that can name a tenant, a user, a row or a blob becomes `{}`.
fn route(url: &reqwest::Url) -> String {
    let is_word = |segment: &str| {
        segment.len() <= 32 && segment.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '.' | '$'))
            || matches!(segment, "v1.0" | "v2.0" | "beta" | "oauth2")
    };
    let segments = url.path_segments().into_iter().flatten();
    segments.map(|segment| if is_word(segment) { format!("/{segment}") } else { "/{}".to_owned() }).collect()
}
