//! Proves the app registration with a certificate: a signed assertion instead of a secret.
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The lifetime of an assertion, in seconds. Entra accepts at most ten minutes.
const LIFE: u64 = 9 * 60;

/// The time before now from which an assertion is valid, in seconds, because clocks differ.
const SKEW: u64 = 60;

/// A certificate and its private key.
pub struct Certificate {
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
    /// Reads PEM with a certificate and an RSA private key, in any order.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
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

    /// Returns a new assertion for one token request.
    pub fn assertion(&self, client_id: &str, audience: &str) -> Result<String, String> {
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

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};
    use serde_json::Value;

    use super::Certificate;

    /// Created for this test; it protects nothing.
    const PEM: &str = include_str!("../../../tests/fixtures/app-certificate.pem");
    const PUBLIC_KEY: &str = include_str!("../../../tests/fixtures/app-certificate.public.pem");

    #[test]
    fn assertion_is_signed_as_entra_requires() {
        let certificate = Certificate::from_pem(PEM).unwrap();
        let assertion = certificate.assertion("client", "https://login/token").unwrap();

        let header = jsonwebtoken::decode_header(&assertion).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::PS256, Some("JWT")));
        assert_eq!(header.x5t_s256.as_deref(), Some("oa5PRd6KL7z6f-6CofkFOkcvLHPpNxtfsuJfx2DaPi0"));

        let key = DecodingKey::from_rsa_pem(PUBLIC_KEY.as_bytes()).unwrap();
        let mut validation = Validation::new(Algorithm::PS256);
        validation.set_audience(&["https://login/token"]);
        validation.set_issuer(&["client"]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        let claims = jsonwebtoken::decode::<Value>(&assertion, &key, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "client");
        assert!(claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap() <= 600);
        assert!(uuid::Uuid::parse_str(claims["jti"].as_str().unwrap()).is_ok());
    }

    #[test]
    fn thumbprint_has_the_name_that_entra_expects() {
        use base64::Engine as _;
        let assertion = Certificate::from_pem(PEM).unwrap().assertion("client", "a").unwrap();
        let header = assertion.split('.').next().unwrap();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["x5t#S256"], "oa5PRd6KL7z6f-6CofkFOkcvLHPpNxtfsuJfx2DaPi0");
    }

    #[test]
    fn pem_without_certificate_or_key_is_rejected() {
        let (certificate, key) = PEM.split_once("-----BEGIN PRIVATE KEY-----").unwrap();
        assert!(Certificate::from_pem(certificate).is_err());
        assert!(Certificate::from_pem(&format!("-----BEGIN PRIVATE KEY-----{key}")).is_err());
        assert!(Certificate::from_pem(&PEM.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE")).is_err());
        assert!(Certificate::from_pem("").is_err());
    }
}
