//! Tells why a request got no response: which host, what happened, and what to check.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;

/// The longest text of another library that is repeated, in characters.
const TEXT_LIMIT: usize = 200;

/// A request without a usable response. It never contains the URL, which may contain a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFailure {
    /// `host:port`
    pub host: String,
    /// The reason.
    pub cause: FailureCause,
}

/// The reason for which a request got no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureCause {
    /// DNS does not know the name.
    NameNotResolved,
    /// No program accepts connections there.
    Refused,
    /// The certificate of the host is not trusted. The text is that of the TLS library.
    Certificate(String),
    /// The proxy did not open a tunnel.
    Proxy(String),
    /// There was no response in time.
    Timeout,
    /// The host closed the connection before it responded.
    Closed,
    /// The response ended too early.
    CutOff,
    /// The request could not be built, so nothing was sent.
    Invalid,
    /// Anything else. The text is that of the network library.
    Other(String),
}

impl RequestFailure {
    /// Classifies an error.
    pub fn of(error: &reqwest::Error) -> Self {
        let host = error.url().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
        let host = host.map_or_else(|| "the host".to_owned(), |(host, port)| format!("{host}:{port}"));
        Self { host, cause: FailureCause::of(error) }
    }

    /// Returns whether the cause will not pass within seconds: an unknown name, a refused connection, an untrusted certificate.
    /// Repeating the request at once only costs time.
    pub fn is_certain(&self) -> bool {
        matches!(
            self.cause,
            FailureCause::NameNotResolved
                | FailureCause::Refused
                | FailureCause::Certificate(_)
                | FailureCause::Proxy(_)
                | FailureCause::Invalid
        )
    }
}

impl FailureCause {
    fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        if error.is_body() || error.is_decode() {
            return Self::CutOff;
        }
        if error.is_builder() {
            return Self::Invalid;
        }
        let mut last = String::new();
        let mut next = error.source();
        while let Some(cause) = next {
            last = cause.to_string();
            if let Some(known) = Self::known(cause, &last) {
                return known;
            }
            next = cause.source();
        }
        Self::Other(plain(&last))
    }

    /// Returns the cause that one error of the chain stands for, if it is known.
    fn known(error: &(dyn Error + 'static), text: &str) -> Option<Self> {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        match kind {
            Some(ErrorKind::ConnectionRefused) => Some(Self::Refused),
            Some(ErrorKind::TimedOut) => Some(Self::Timeout),
            Some(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Some(Self::Closed),
            _ if text.contains("connection closed before message completed") => Some(Self::Closed),
            _ if text.contains("dns error") || text.contains("failed to lookup address") => Some(Self::NameNotResolved),
            _ if text.contains("certificate") => Some(Self::Certificate(plain(text))),
            _ if text.contains("InvalidContentType") => Some(Self::Other(
                "the server does not speak TLS on this port; check scheme and port of the URL".to_owned(),
            )),
            _ if text.starts_with("tunnel error") => Some(Self::Proxy(plain(text))),
            _ => None,
        }
    }
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match &self.cause {
            FailureCause::NameNotResolved => write!(
                f,
                "cannot connect to {host}: the name cannot be resolved; check the name and the DNS of this machine"
            ),
            FailureCause::Refused => write!(
                f,
                "cannot connect to {host}: the connection was refused; check the port, the firewall and the proxy"
            ),
            FailureCause::Certificate(why) => write!(
                f,
                "cannot connect to {host}: its certificate is not accepted ({why}); check SSL_CERT_FILE, or a proxy that inspects TLS"
            ),
            FailureCause::Proxy(why) => {
                write!(
                    f,
                    "cannot connect to {host}: the proxy opens no connection ({why}); check HTTPS_PROXY and NO_PROXY"
                )
            }
            FailureCause::Timeout => write!(f, "{host} did not respond in time; check the network and the proxy"),
            FailureCause::Closed => write!(f, "{host} closed the connection before it responded"),
            FailureCause::CutOff => write!(f, "{host} cut the response off"),
            FailureCause::Invalid => write!(f, "the request to {host} could not be built; check its URL"),
            FailureCause::Other(why) if why.is_empty() => write!(f, "the request to {host} failed"),
            FailureCause::Other(why) => write!(f, "the request to {host} failed: {why}"),
        }
    }
}

impl Error for RequestFailure {}

/// Returns a text without control characters and URLs, cut to a readable length.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|word| !word.contains("://")).collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(TEXT_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::client;

    async fn failure(url: &str) -> RequestFailure {
        let http = client(None).unwrap();
        let error = http.get(url).timeout(Duration::from_secs(5)).send().await.unwrap_err();
        RequestFailure::of(&error)
    }

    #[tokio::test]
    async fn refused_connection_names_its_host_and_what_to_check() {
        // A port that was free a moment ago accepts no connection.
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let failure = failure(&format!("http://127.0.0.1:{port}/?key=secret")).await;
        assert_eq!(failure.cause, FailureCause::Refused);
        assert!(failure.is_certain());
        let text = failure.to_string();
        assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("check the port"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn unknown_name_is_told_apart() {
        let failure = failure("http://no-such-host.invalid/").await;
        assert_eq!(failure.cause, FailureCause::NameNotResolved);
        assert!(failure.to_string().contains("no-such-host.invalid:80"), "{failure}");
    }

    #[tokio::test]
    async fn silent_host_is_a_timeout_and_not_certain() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let error = client(None).unwrap().get(url).timeout(Duration::from_millis(50)).send().await.unwrap_err();
        let failure = RequestFailure::of(&error);
        assert_eq!(failure.cause, FailureCause::Timeout);
        assert!(!failure.is_certain());
    }

    #[tokio::test]
    async fn response_that_ends_early_is_cut_off() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let _ = connection.read(&mut [0; 1024]).await;
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc").await.unwrap();
        });
        let error = client(None).unwrap().get(url).send().await.unwrap().bytes().await.unwrap_err();
        assert_eq!(RequestFailure::of(&error).cause, FailureCause::CutOff);
    }
}
