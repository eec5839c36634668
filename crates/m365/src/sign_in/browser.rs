//! Signs in with a browser on this machine: an authorization code with PKCE that comes back to a loopback address (RFC 8252, RFC 7636).

use std::sync::Arc;
use std::time::Duration;

use base::clock::{Clock, Deadline};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::Registration;
use super::session::{Answer, SignInError, endpoint, post, scope};

/// The time that the technician has to sign in.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The longest request line that is read, in bytes.
const REQUEST_LIMIT: usize = 16 * 1024;

/// The page that the technician sees at the end.
const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n\r\n\
     <!doctype html><title>Tenantwatch</title><p>You can close this page and go back to the command line.";

/// Signs in and returns the refresh token.
pub(super) async fn sign_in(
    registration: &Registration,
    http: &reqwest::Client,
    clock: &Arc<dyn Clock>,
    show: impl Fn(&str),
) -> Result<SecretString, SignInError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(SignInError::Loopback)?;
    let port = listener.local_addr().map_err(SignInError::Loopback)?.port();
    let (redirect, state, verifier) = (format!("http://localhost:{port}"), random()?, random()?);
    show(address(registration, &redirect, &state, &verifier).as_str());
    let limit = Deadline::after(Arc::clone(clock), SIGN_IN_TIMEOUT);
    let code = limit.limit(Box::pin(code(&listener, &state))).await;
    let code =
        code.unwrap_or_else(|| Err(SignInError::NotCompleted("nobody signed in within 10 minutes".to_owned())))?;
    let (client_id, scope) = (registration.client_id.to_string(), scope(registration));
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", &client_id),
        ("code", &code),
        ("redirect_uri", &redirect),
        ("code_verifier", &verifier),
        ("scope", &scope),
    ];
    let answer: Answer = post(http, endpoint(registration, &registration.partner, "token"), &form).await?;
    answer.signed_in()
}

/// Returns the address that the technician opens.
fn address(registration: &Registration, redirect: &str, state: &str, verifier: &str) -> Url {
    let mut url = endpoint(registration, &registration.partner, "authorize");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    url.query_pairs_mut()
        .append_pair("client_id", &registration.client_id.to_string())
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", redirect)
        .append_pair("scope", &scope(registration))
        .append_pair("state", state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .append_pair("prompt", "select_account");
    url
}

/// Waits for the browser to come back with the code. A request that does not carry `state` is none of this sign-in and is ignored.
async fn code(listener: &TcpListener, state: &str) -> Result<String, SignInError> {
    loop {
        let (mut stream, _) = listener.accept().await.map_err(SignInError::Loopback)?;
        let Some(url) = requested(&mut stream).await else { continue };
        let field = |name: &str| url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
        if field("state").as_deref() != Some(state) {
            continue;
        }
        // A page that is not shown does not undo the sign-in.
        let _ = stream.write_all(PAGE.as_bytes()).await;
        let _ = stream.shutdown().await;
        return match (field("code"), field("error")) {
            (Some(code), None) => Ok(code),
            (_, error) => Err(SignInError::NotCompleted(word(&error.unwrap_or_default()))),
        };
    }
}

/// Returns an OAuth error as far as it is a word. It comes from the address of a request, which anyone on this machine can send.
fn word(error: &str) -> String {
    error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect()
}

/// Reads the target of a request.
async fn requested(stream: &mut TcpStream) -> Option<Url> {
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 1_024];
    while !bytes.windows(2).any(|end| end == b"\r\n") && bytes.len() < REQUEST_LIMIT {
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut chunk)).await.ok()?.ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(chunk.get(..read)?);
    }
    let line = String::from_utf8(bytes).ok()?;
    let target = line.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    Url::parse("http://localhost").ok()?.join(&target).ok()
}

/// Returns 32 random bytes as text.
fn random() -> Result<String, SignInError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| SignInError::Loopback(std::io::Error::other(error)))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
