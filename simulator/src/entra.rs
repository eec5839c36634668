//! Entra sign-in: the token endpoint, and the endpoint where a managed identity gets its tokens.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::reply::Reply;
use crate::world::{Consent, World};

/// Tokens that were given out.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    given: HashMap<String, Token>,
}

/// What a token is good for.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) tenant: Uuid,
    pub(crate) audience: String,
    expires: DateTime<Utc>,
}

impl Tokens {
    fn give(&mut self, token: Token) -> String {
        // Looks like a token, holds nothing.
        let text = format!("eyJ0eXAiOiJKV1QifQ.{}.c2ltdWxhdGVk", Uuid::new_v4().simple());
        self.given.insert(text.clone(), token);
        text
    }

    /// The token of an `Authorization` header, while it lives.
    pub(crate) fn of(&self, authorization: Option<&str>, now: DateTime<Utc>) -> Option<Token> {
        let token = self.given.get(authorization?.strip_prefix("Bearer ")?)?;
        (token.expires > now).then(|| token.clone())
    }

    pub(crate) fn forget_all(&mut self) {
        self.given.clear();
    }
}

/// `POST /{tenant}/oauth2/v2.0/token`
pub(crate) fn answer(
    world: &World,
    tokens: &mut Tokens,
    now: DateTime<Utc>,
    origin: &str,
    path: &str,
    body: &[u8],
) -> Reply {
    let form: HashMap<String, String> = form(body);
    let mut segments = path.trim_matches('/').split('/');
    let tenant: Option<Uuid> = segments.next().and_then(|segment| segment.parse().ok());
    let (Some(tenant), "oauth2/v2.0/token") = (tenant, segments.collect::<Vec<_>>().join("/").as_str()) else {
        return Reply::empty(404);
    };
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("client_id") != world.client_id.to_string() {
        return refuse(400, "unauthorized_client", 700_016, "Application was not found in the directory.", now);
    }
    if let Err(reply) = proven(world, tokens, now, origin, tenant, &form) {
        return *reply;
    }
    let Some(audience) = field("scope").strip_suffix("/.default") else {
        return refuse(
            400,
            "invalid_scope",
            70_011,
            "The provided value for the input parameter 'scope' is not valid.",
            now,
        );
    };
    if let Some(refusal) = refused(world, tenant, audience, now) {
        return refusal;
    }
    let expires = now + TimeDelta::seconds(world.token_seconds);
    let token = tokens.give(Token { tenant, audience: audience.to_owned(), expires });
    let seconds = world.token_seconds;
    Reply::json(
        200,
        &json!({"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}),
    )
}

/// `GET /msi/token?resource=…&client_id=…`, as App Service answers it.
pub(crate) fn identity(world: &World, tokens: &mut Tokens, now: DateTime<Utc>, query: &str) -> Reply {
    let query = form(query.as_bytes());
    let client_id = query.get("client_id").cloned().unwrap_or_default();
    let resource = query.get("resource").cloned().unwrap_or_default();
    if !client_id.is_empty() && !world.federated_identities.contains(&client_id) {
        return Reply::json(
            400,
            &json!({"statusCode": 400, "message": "No managed identity found for this client id."}),
        );
    }
    let expires = now + TimeDelta::hours(1);
    let token = tokens.give(Token { tenant: world.partner_tenant, audience: resource.clone(), expires });
    let body = json!({"access_token": token, "expires_on": expires.timestamp().to_string(), "resource": resource,
        "token_type": "Bearer", "client_id": client_id});
    Reply::json(200, &body)
}

fn proven(
    world: &World,
    tokens: &Tokens,
    now: DateTime<Utc>,
    origin: &str,
    tenant: Uuid,
    form: &HashMap<String, String>,
) -> Result<(), Box<Reply>> {
    let no = |code, text| Err(Box::new(refuse(401, "invalid_client", code, text, now)));
    match (form.get("client_secret"), form.get("client_assertion")) {
        (Some(secret), _) if *secret == world.client_secret => Ok(()),
        (Some(_), _) => no(
            7_000_215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.",
        ),
        (None, Some(assertion)) if is_signed(world, &format!("{origin}/{tenant}/oauth2/v2.0/token"), assertion) => {
            Ok(())
        }
        (None, Some(assertion)) => {
            let vouched = tokens.of(Some(&format!("Bearer {assertion}")), now);
            match vouched {
                Some(token) if token.audience == "api://AzureADTokenExchange" => Ok(()),
                _ => no(
                    700_027,
                    "The certificate with identifier used to sign the client assertion is not registered on application.",
                ),
            }
        }
        (None, None) => no(
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        ),
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    jti: String,
    nbf: i64,
    exp: i64,
}

/// Whether an assertion is signed by a certificate that the app registration knows, for this endpoint, for ten minutes at most.
fn is_signed(world: &World, endpoint: &str, assertion: &str) -> bool {
    let Ok(header) = jsonwebtoken::decode_header(assertion) else { return false };
    let thumbprint = |der: &[u8]| URL_SAFE_NO_PAD.encode(Sha256::digest(der));
    let known = world.certificates.iter().find(|der| header.x5t_s256.as_deref() == Some(&thumbprint(der)));
    let Some(key) = known.and_then(|der| public_key(der)) else { return false };
    let mut validation = Validation::new(header.alg);
    validation.algorithms = vec![Algorithm::PS256, Algorithm::RS256];
    validation.set_audience(&[endpoint]);
    let Ok(token) = jsonwebtoken::decode::<Claims>(assertion, &key, &validation) else { return false };
    let client_id = world.client_id.to_string();
    let Claims { iss, sub, jti, nbf, exp } = token.claims;
    iss == client_id && sub == client_id && !jti.is_empty() && exp - nbf <= 660
}

/// The RSA public key inside a certificate: the `BIT STRING` after the OID of rsaEncryption.
fn public_key(certificate: &[u8]) -> Option<DecodingKey> {
    const RSA: [u8; 13] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let at = certificate.windows(RSA.len()).position(|window| window == RSA)? + RSA.len();
    let rest = certificate.get(at..)?;
    let length = match rest {
        [0x03, 0x82, high, low, 0x00, ..] => usize::from(*high) << 8 | usize::from(*low),
        _ => return None,
    };
    Some(DecodingKey::from_rsa_der(rest.get(5..4 + length)?))
}

fn refused(world: &World, tenant: Uuid, audience: &str, now: DateTime<Utc>) -> Option<Reply> {
    if tenant == world.partner_tenant {
        return None;
    }
    let Some(customer) = world.tenants.get(&tenant) else {
        return Some(refuse(
            400,
            "invalid_request",
            90_002,
            "Tenant not found. Check to make sure you have the correct tenant ID.",
            now,
        ));
    };
    let app = world.client_id;
    Some(match customer.consent {
        Consent::Granted | Consent::WithoutActivityFeed => return None,
        Consent::Missing => refuse(
            401,
            "invalid_client",
            7_000_229,
            &format!("The client application {app} is missing service principal in the tenant {tenant}."),
            now,
        ),
        Consent::AppDisabled => {
            refuse(401, "unauthorized_client", 7_000_112, &format!("Application '{app}' is disabled."), now)
        }
        Consent::Blocked => {
            refuse(400, "invalid_grant", 53_003, "Access has been blocked by Conditional Access policies.", now)
        }
        Consent::Gone => refuse(400, "invalid_request", 90_002, &format!("Tenant '{tenant}' not found."), now),
        Consent::NoLicence => refuse(
            400,
            "invalid_resource",
            500_014,
            &format!("The service principal for resource '{audience}' is disabled."),
            now,
        ),
    })
}

fn refuse(status: u16, error: &str, code: u32, text: &str, now: DateTime<Utc>) -> Reply {
    let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
    let time = now.format("%Y-%m-%d %H:%M:%SZ").to_string();
    let description =
        format!("AADSTS{code}: {text}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {time}");
    Reply::json(
        status,
        &json!({"error": error, "error_description": description, "error_codes": [code], "timestamp": time,
            "trace_id": trace, "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}")}),
    )
}

/// A form or query, decoded.
pub(crate) fn form(bytes: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let url = reqwest::Url::parse(&format!("http://form/?{text}"));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}
