//! Serves Entra sign-in: the token endpoint, and the endpoint where a managed identity gets its tokens.
//!
//! [`delegated`] signs in the technician: in a browser, with a device code, and through the Azure CLI.

mod aadsts;
pub(crate) mod delegated;

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use aadsts::{FIELD_NUMBERS_OF_CREDENTIALS, FIELD_NUMBERS_OF_TENANTS};

use crate::reply::Reply;
use crate::world::applications::MARKER;
use crate::world::{Consent, World};
use delegated::{Client, SignIns};

/// The tokens that were issued.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    issued: HashMap<String, Token>,
    sign_ins: SignIns,
}

/// A request to Entra.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) now: DateTime<Utc>,
    pub(crate) origin: &'a str,
    /// The origins of the services that tokens are issued for, with the application of each.
    pub(crate) services: &'a [(String, Uuid)],
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
}

/// The content of a token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) tenant: Uuid,
    pub(crate) audience: String,
    pub(crate) rights: Rights,
    /// The program through which the technician signed in; `None` in a token of the app.
    pub(crate) technician: Option<Client>,
    expires: DateTime<Utc>,
}

/// The rights that a token carries. A right that is granted later is in later tokens only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    /// `ActivityFeed.Read`
    pub(crate) activity_feed: bool,
    /// A directory role for Exchange.
    pub(crate) exchange: bool,
    /// The permissions and roles that change users.
    pub(crate) users: bool,
}

#[cfg(test)]
impl Token {
    /// Returns a token with all rights in a tenant.
    pub(crate) fn for_test(tenant: Uuid) -> Self {
        let (audience, expires) = (String::new(), DateTime::<Utc>::MAX_UTC);
        Self { tenant, audience, rights: Rights::ALL, technician: None, expires }
    }

    /// Returns a token of the technician in a tenant.
    pub(crate) fn of_technician(tenant: Uuid, client: Client) -> Self {
        Self { technician: Some(client), ..Self::for_test(tenant) }
    }
}

impl Rights {
    const ALL: Self = Self { activity_feed: true, exchange: true, users: true };
    const NONE: Self = Self { activity_feed: false, exchange: false, users: false };

    /// Returns the rights of a token that is issued now.
    fn now_in(world: &World, tenant: Uuid) -> Self {
        match world.tenants.get(&tenant) {
            Some(tenant) if world.unkindness.reads_rights_from_token => Self {
                activity_feed: tenant.consent != Consent::WithoutActivityFeed
                    && tenant.directory.holds("ActivityFeed.Read"),
                exchange: tenant.exchange_role
                    && tenant.directory.holds("Exchange.ManageAsApp")
                    && tenant.directory.administers_exchange(),
                users: tenant.user_rights,
            },
            _ => Self::ALL,
        }
    }
}

/// The app's permissions and directory roles in a token.
#[derive(Debug, Default)]
struct Claimed {
    roles: Vec<&'static str>,
    wids: Option<Vec<Uuid>>,
}

impl Claimed {
    /// Returns the claims of a token that is issued now: the permissions on its audience only, and the directory roles with the marker
    /// that every service principal has.
    fn now_in(world: &World, tenant: Uuid, resource: Option<Uuid>) -> Self {
        let Some(tenant) = world.tenants.get(&tenant) else { return Self::default() };
        let mut roles = resource.map(|resource| tenant.directory.values_on(resource)).unwrap_or_default();
        roles.retain(|role| *role != "ActivityFeed.Read" || tenant.consent != Consent::WithoutActivityFeed);
        let held = tenant.directory.roles.iter().map(|(role, _)| *role);
        let wids = world.unkindness.tokens_have_wids.then(|| held.chain([MARKER]).collect());
        Self { roles, wids }
    }
}

impl Tokens {
    fn issue(&mut self, token: Token, claims: &Claimed) -> String {
        let mut payload = json!({"jti": Uuid::new_v4(), "tid": token.tenant, "aud": token.audience,
            "idtyp": if token.technician.is_some() { "user" } else { "app" }});
        if !claims.roles.is_empty() {
            payload["roles"] = json!(claims.roles);
        }
        if let Some(wids) = &claims.wids {
            payload["wids"] = json!(wids);
        }
        let text = format!("eyJ0eXAiOiJKV1QifQ.{}.c2ltdWxhdGVk", URL_SAFE_NO_PAD.encode(payload.to_string()));
        self.issued.insert(text.clone(), token);
        text
    }

    /// Returns the token of an `Authorization` header, unless it has expired.
    pub(crate) fn of(&self, authorization: Option<&str>, now: DateTime<Utc>) -> Option<Token> {
        let token = self.issued.get(authorization?.strip_prefix("Bearer ")?)?;
        (token.expires > now).then(|| token.clone())
    }

    /// Makes every token invalid that was issued so far.
    pub(crate) fn revoke_all(&mut self) {
        self.issued.clear();
    }

    /// Takes all rights from the tokens that were issued so far, for one tenant or for all.
    pub(crate) fn make_stale(&mut self, tenant: Option<Uuid>) {
        let tokens = self.issued.values_mut();
        for token in tokens.filter(|token| tenant.is_none_or(|tenant| token.tenant == tenant)) {
            token.rights = Rights::NONE;
        }
    }
}

/// Answers a request of sign-in: `POST /{tenant}/oauth2/v2.0/token`, and what signs a person in.
pub(crate) fn answer(world: &World, tokens: &mut Tokens, call: &Call<'_>) -> Reply {
    let mut segments = call.path.trim_matches('/').split('/');
    let Some(tenant) = segments.next().and_then(|segment| segment.parse::<Uuid>().ok()) else {
        return Reply::empty(404);
    };
    let form = form(call.body);
    match (call.method, segments.collect::<Vec<_>>().join("/").as_str()) {
        ("POST", "oauth2/v2.0/token") if form.get("grant_type").is_some_and(|kind| kind != "client_credentials") => {
            delegated::redeem(world, tokens, call, tenant, &form)
        }
        ("POST", "oauth2/v2.0/token") => app_token(world, tokens, call, tenant, &form),
        ("POST", "oauth2/v2.0/devicecode") => delegated::device_code(world, tokens, call, tenant, &form),
        ("GET", "oauth2/v2.0/authorize") => delegated::authorize(world, tokens, call, tenant),
        _ => Reply::empty(404),
    }
}

/// Issues a token of the app for one tenant and service.
fn app_token(
    world: &World,
    tokens: &mut Tokens,
    call: &Call<'_>,
    tenant: Uuid,
    form: &HashMap<String, String>,
) -> Reply {
    let now = call.now;
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("client_id") != world.client_id.to_string() {
        return aadsts::reply(700_016, now);
    }
    if let Err(reply) = proven(world, tokens, now, call.origin, tenant, form) {
        return *reply;
    }
    let Some(audience) = field("scope").strip_suffix("/.default") else {
        return aadsts::reply(70_011, now);
    };
    let resource = call.services.iter().find(|(origin, _)| origin == audience).map(|(_, resource)| *resource);
    if let Some(refusal) = refused(world, tenant, resource, now) {
        return refusal;
    }
    let expires = now + TimeDelta::seconds(world.token_seconds);
    let claims = Claimed::now_in(world, tenant, resource);
    let rights = Rights::now_in(world, tenant);
    let token = Token { tenant, audience: audience.to_owned(), rights, technician: None, expires };
    let token = tokens.issue(token, &claims);
    let seconds = world.token_seconds;
    Reply::json(
        200,
        &json!({"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}),
    )
}

/// Answers `GET /msi/token?resource=…&client_id=…` as App Service does.
pub(crate) fn identity(world: &World, tokens: &mut Tokens, now: DateTime<Utc>, query: &str) -> Reply {
    let query = form(query.as_bytes());
    let client_id = query.get("client_id").cloned().unwrap_or_default();
    let resource = query.get("resource").cloned().unwrap_or_default();
    if !world.federated_identities.contains(&client_id) {
        return Reply::json(
            400,
            &json!({"statusCode": 400, "message": "No managed identity found for this client id."}),
        );
    }
    let expires = now + TimeDelta::hours(1);
    let (tenant, audience) = (world.partner_tenant, resource.clone());
    let token = Token { tenant, audience, rights: Rights::ALL, technician: None, expires };
    let token = tokens.issue(token, &Claimed::default());
    let body = json!({"access_token": token, "expires_on": expires.timestamp().to_string(), "resource": resource,
        "token_type": "Bearer", "client_id": client_id});
    Reply::json(200, &body)
}

/// Checks the credential of the app: a secret, a certificate or a managed identity.
fn proven(
    world: &World,
    tokens: &Tokens,
    now: DateTime<Utc>,
    origin: &str,
    tenant: Uuid,
    form: &HashMap<String, String>,
) -> Result<(), Box<Reply>> {
    let no = |code| Err(Box::new(aadsts::reply(code, now)));
    if let Some(code) = world.credential_error {
        return no(code);
    }
    match (form.get("client_secret"), form.get("client_assertion")) {
        (Some(secret), _) if *secret == world.client_secret => Ok(()),
        (Some(_), _) => no(7_000_215),
        (None, Some(assertion))
            if is_signed(world, now, &format!("{origin}/{tenant}/oauth2/v2.0/token"), assertion) =>
        {
            Ok(())
        }
        (None, Some(assertion)) => {
            let vouched = tokens.of(Some(&format!("Bearer {assertion}")), now);
            match vouched {
                Some(token) if token.audience == "api://AzureADTokenExchange" => Ok(()),
                _ => no(700_027),
            }
        }
        (None, None) => no(7_000_218),
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

/// Returns whether an assertion is signed by a certificate of the app registration, for this endpoint and for at most ten
/// minutes.
fn is_signed(world: &World, now: DateTime<Utc>, endpoint: &str, assertion: &str) -> bool {
    let Ok(header) = jsonwebtoken::decode_header(assertion) else { return false };
    let thumbprint = |der: &[u8]| URL_SAFE_NO_PAD.encode(Sha256::digest(der));
    let known = world.certificates.iter().find(|der| header.x5t_s256.as_deref() == Some(&thumbprint(der)));
    let Some(key) = known.and_then(|der| public_key(der)) else { return false };
    let mut validation = Validation::new(header.alg);
    validation.algorithms = vec![Algorithm::PS256, Algorithm::RS256];
    validation.set_audience(&[endpoint]);
    // The simulator's clock decides below.
    validation.validate_exp = false;
    let Ok(token) = jsonwebtoken::decode::<Claims>(assertion, &key, &validation) else { return false };
    let client_id = world.client_id.to_string();
    let Claims { iss, sub, jti, nbf, exp } = token.claims;
    iss == client_id
        && sub == client_id
        && !jti.is_empty()
        && exp - nbf <= 660
        && (nbf - 60..exp).contains(&now.timestamp())
}

/// Returns the RSA public key of a certificate: the `BIT STRING` after the OID of rsaEncryption.
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

/// Returns the error of a tenant that has not let the app in, or that lacks the service.
fn refused(world: &World, tenant: Uuid, resource: Option<Uuid>, now: DateTime<Utc>) -> Option<Reply> {
    if tenant == world.partner_tenant {
        return None;
    }
    let customer = world.tenants.get(&tenant);
    let code = match customer.map(|customer| customer.consent) {
        Some(Consent::Granted | Consent::WithoutActivityFeed) => {
            let directory = &customer?.directory;
            let is_known = !directory.app_roles.is_empty() || directory.service_principal(world.client_id).is_some();
            match resource {
                _ if !is_known => 7_000_229,
                Some(resource) if directory.unlicensed.contains(&resource) => 500_014,
                Some(resource) if directory.service_principal(resource).is_none() => 500_011,
                _ => return None,
            }
        }
        Some(Consent::Missing) => 7_000_229,
        Some(Consent::AppDisabled) => 7_000_112,
        Some(Consent::Blocked) => 53_003,
        Some(Consent::Gone) | None => 90_002,
        Some(Consent::NoLicence) => 500_014,
        Some(Consent::Aadsts(code)) => code,
    };
    Some(aadsts::reply(code, now))
}

/// Decodes a form or query.
pub(crate) fn form(bytes: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let url = reqwest::Url::parse(&format!("http://form/?{text}"));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
