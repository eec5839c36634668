//! A certificate as the proof of an app registration: a signed assertion instead of a secret.
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// How long an assertion lives, in seconds. Entra takes at most ten minutes.
const LIFE: u64 = 9 * 60;

/// How far back it is valid, for clocks that differ.
const SKEW: u64 = 60;

/// A certificate and its private key.
pub(crate) struct Certificate {
    thumbprint: String,
    key: EncodingKey,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: u64,
    exp: u64,
}

impl Certificate {
    /// From PEM with a certificate and an RSA private key, in any order.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, String> {
        let certificate = section(pem, "CERTIFICATE").ok_or("the PEM holds no certificate")?;
        let der = STANDARD
            .decode(certificate.body.split_whitespace().collect::<String>())
            .map_err(|_| "the certificate in the PEM is not base64")?;
        let key = ["PRIVATE KEY", "RSA PRIVATE KEY"]
            .iter()
            .find_map(|label| section(pem, label))
            .ok_or("the PEM holds no unencrypted private key")?;
        let key =
            EncodingKey::from_rsa_pem(key.whole.as_bytes()).map_err(|_| "the private key in the PEM is no RSA key")?;
        Ok(Self { thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(der)), key })
    }

    /// A new assertion for one token request.
    pub(crate) fn assertion(&self, client_id: &str, audience: &str) -> Result<String, String> {
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(self.thumbprint.clone());
        let now = jsonwebtoken::get_current_timestamp();
        let claims = Claims {
            aud: audience,
            iss: client_id,
            sub: client_id,
            jti: uuid::Uuid::new_v4().to_string(),
            nbf: now.saturating_sub(SKEW),
            exp: now + LIFE,
        };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| "the certificate's key cannot sign".to_owned())
    }
}

/// One section of a PEM text.
struct Section<'a> {
    whole: &'a str,
    body: &'a str,
}

fn section<'a>(pem: &'a str, label: &str) -> Option<Section<'a>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let from = pem.find(&begin)?;
    let length = pem.get(from..)?.find(&end)?;
    let whole = pem.get(from..from + length + end.len())?;
    let body = pem.get(from + begin.len()..from + length)?;
    Some(Section { whole, body })
}
