//! Signs the technician in: in a browser (authorization code with PKCE), with a device code, and through the Azure CLI. The refresh
//! token is redeemed in the tenant of any customer.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Call, Claimed, Rights, Token, Tokens, aadsts, form};
use crate::reply::Reply;
use crate::world::applications::EXCHANGE;
use crate::world::{Consent, World};

/// The grant type of a device code.
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The program through which the technician signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// The Azure CLI. Its token lacks `RoleManagement.ReadWrite.Directory`.
    AzureCli,
    /// The provider's public-client registration, with every scope that onboarding needs.
    Registration,
}

/// The sign-ins that are under way, and the refresh tokens that came of others.
#[derive(Debug, Default)]
pub(super) struct SignIns {
    codes: HashMap<String, Code>,
    /// Device codes and the number of polls that will still find the sign-in pending.
    devices: HashMap<String, u32>,
    refresh: HashSet<String>,
}

/// An authorization code, which is good for one redemption.
#[derive(Debug)]
struct Code {
    challenge: String,
    redirect: String,
}

/// Returns whether a request is of the public client with which technicians sign in.
fn is_of_technician(world: &World, fields: &HashMap<String, String>) -> bool {
    fields.get("client_id") == Some(&world.technician.client_id.to_string())
}

/// Answers the page on which a person signs in. The person is quick and always agrees.
pub(super) fn authorize(world: &World, tokens: &mut Tokens, call: &Call<'_>, tenant: Uuid) -> Reply {
    let query = form(call.query.as_bytes());
    let field = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    if tenant != world.partner_tenant || !is_of_technician(world, &query) {
        return aadsts::reply(700_016, call.now);
    }
    let is_loopback =
        ["http://localhost:", "http://127.0.0.1:"].iter().any(|own| field("redirect_uri").starts_with(own));
    let has_proof = field("code_challenge_method") == "S256" && field("code_challenge").len() == 43;
    if !is_loopback || !has_proof || field("response_type") != "code" {
        return aadsts::reply(900_144, call.now);
    }
    let Ok(mut back) = reqwest::Url::parse(field("redirect_uri")) else { return aadsts::reply(50_011, call.now) };
    match &world.technician.sign_in_error {
        Some(error) => {
            back.query_pairs_mut().append_pair("error", error).append_pair("error_description", "The user declined.");
        }
        None => {
            let code = format!("0.{}", Uuid::new_v4().simple());
            back.query_pairs_mut().append_pair("code", &code);
            let (challenge, redirect) = (field("code_challenge").to_owned(), field("redirect_uri").to_owned());
            tokens.sign_ins.codes.insert(code, Code { challenge, redirect });
        }
    }
    back.query_pairs_mut().append_pair("state", field("state"));
    Reply::empty(302).with_header("location", back.as_str())
}

/// Answers `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(super) fn device_code(
    world: &World,
    tokens: &mut Tokens,
    call: &Call<'_>,
    tenant: Uuid,
    form: &HashMap<String, String>,
) -> Reply {
    if tenant != world.partner_tenant || !is_of_technician(world, form) {
        return aadsts::reply(700_016, call.now);
    }
    let device = Uuid::new_v4().simple().to_string();
    tokens.sign_ins.devices.insert(device.clone(), world.technician.pending_polls);
    let page = format!("{}/devicelogin", call.origin);
    let message = format!("To sign in, use a web browser to open the page {page} and enter the code SIM4CODE.");
    Reply::json(
        200,
        &json!({"device_code": device, "user_code": "SIM4CODE", "verification_uri": page, "expires_in": 900,
            "interval": 1, "message": message}),
    )
}

/// Answers the token endpoint for a person: a code, a device code or a refresh token is redeemed.
pub(super) fn redeem(
    world: &World,
    tokens: &mut Tokens,
    call: &Call<'_>,
    tenant: Uuid,
    form: &HashMap<String, String>,
) -> Reply {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if !is_of_technician(world, form) {
        return aadsts::reply(700_016, call.now);
    }
    let signed_in = match field("grant_type") {
        "authorization_code" => with_code(tokens, field),
        DEVICE_CODE => with_device_code(world, tokens, field("device_code")),
        "refresh_token" if tokens.sign_ins.refresh.contains(field("refresh_token")) => Ok(()),
        "refresh_token" => Err("invalid_grant"),
        _ => Err("unsupported_grant_type"),
    };
    match (signed_in, world.technician.sign_in_aadsts) {
        (Err(error), _) => Reply::json(400, &json!({"error": error, "error_description": error})),
        (Ok(()), Some(code)) if tenant == world.partner_tenant => aadsts::reply(code, call.now),
        (Ok(()), _) => issue(world, tokens, call, tenant, Client::Registration, field("scope")),
    }
}

/// Answers the stand-in of `az account get-access-token`, in the form in which the CLI prints it.
pub(crate) fn azure_cli(world: &World, tokens: &mut Tokens, call: &Call<'_>) -> Reply {
    let query = form(call.query.as_bytes());
    let field = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    if !world.technician.signed_in_to_cli {
        return text(400, "ERROR: Please run 'az login' to setup account.");
    }
    let tenant = field("tenant").parse().unwrap_or(world.partner_tenant);
    let reply = issue(world, tokens, call, tenant, Client::AzureCli, field("scope"));
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if reply.status != 200 {
        return text(400, &format!("ERROR: {}", body["error_description"].as_str().unwrap_or_default()));
    }
    let expires = call.now + TimeDelta::seconds(world.token_seconds);
    let printed = json!({"accessToken": body["access_token"], "expiresOn": expires.format("%Y-%m-%d %H:%M:%S.%6f").to_string(),
        "expires_on": expires.timestamp(), "subscription": tenant, "tenant": tenant, "tokenType": "Bearer"});
    Reply::json(200, &printed)
}

fn text(status: u16, text: &str) -> Reply {
    Reply { status, headers: Vec::new(), body: text.as_bytes().to_vec(), blob: None }
}

fn with_code<'a>(tokens: &mut Tokens, field: impl Fn(&str) -> &'a str) -> Result<(), &'static str> {
    let code = tokens.sign_ins.codes.remove(field("code")).ok_or("invalid_grant")?;
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
    if proof == code.challenge && field("redirect_uri") == code.redirect { Ok(()) } else { Err("invalid_grant") }
}

fn with_device_code(world: &World, tokens: &mut Tokens, code: &str) -> Result<(), &'static str> {
    let pending = tokens.sign_ins.devices.get_mut(code).ok_or("bad_verification_code")?;
    if *pending > 0 {
        *pending -= 1;
        return Err("authorization_pending");
    }
    match world.technician.sign_in_error.as_deref() {
        Some("expired_token") => Err("expired_token"),
        Some(_) => Err("authorization_declined"),
        None => {
            tokens.sign_ins.devices.remove(code);
            Ok(())
        }
    }
}

/// Issues a token of the technician for one tenant and service.
fn issue(world: &World, tokens: &mut Tokens, call: &Call<'_>, tenant: Uuid, client: Client, scope: &str) -> Reply {
    let Some(audience) = scope.split(' ').find_map(|word| word.strip_suffix("/.default")) else {
        return aadsts::reply(70_011, call.now);
    };
    let resource = call.services.iter().find(|(origin, _)| origin == audience).map(|(_, resource)| *resource);
    if let Some(code) = refused(world, tenant, client, resource) {
        return aadsts::reply(code, call.now);
    }
    let expires = call.now + TimeDelta::seconds(world.token_seconds);
    let token = Token { tenant, audience: audience.to_owned(), rights: Rights::ALL, technician: Some(client), expires };
    let token = tokens.issue(token, &Claimed::default());
    let seconds = world.token_seconds;
    let mut body = json!({"token_type": "Bearer", "scope": scope, "expires_in": seconds, "access_token": token});
    if scope.split(' ').any(|word| word == "offline_access") {
        let refresh = format!("1.{}", Uuid::new_v4().simple());
        tokens.sign_ins.refresh.insert(refresh.clone());
        body["refresh_token"] = json!(refresh);
    }
    Reply::json(200, &body)
}

/// Returns the AADSTS number with which the technician gets no token in a tenant.
fn refused(world: &World, tenant: Uuid, client: Client, resource: Option<Uuid>) -> Option<u32> {
    if client == Client::AzureCli && resource == Some(EXCHANGE) && !world.unkindness.cli_reaches_exchange {
        return Some(65_002);
    }
    if tenant == world.partner_tenant {
        return None;
    }
    let Some(customer) = world.tenants.get(&tenant).filter(|customer| customer.consent != Consent::Gone) else {
        return Some(90_002);
    };
    let of_client = customer.technician.client_refused.filter(|_| client == Client::Registration);
    let is_absent = resource.is_some_and(|resource| customer.directory.service_principal(resource).is_none());
    customer.technician.refused.or(of_client).or(is_absent.then_some(500_011))
}
