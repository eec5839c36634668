use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Call, FIELD_NUMBERS_OF_CREDENTIALS, FIELD_NUMBERS_OF_TENANTS, Tokens, answer};
use crate::reply::Reply;
use crate::world::applications::{EXCHANGE, GRAPH};
use crate::world::{Consent, Tenant, World};

const ID: Uuid = Uuid::from_u128(7);
const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn world() -> World {
    let mut world = World::new(Uuid::from_u128(1), Uuid::from_u128(2));
    world.add(Tenant::new(ID, "contoso.com", "Contoso"));
    world
}

fn request(world: &World, tokens: &mut Tokens) -> (u16, Value) {
    let body = format!(
        "client_id={}&client_secret={}&scope=https%3A%2F%2Fx%2F.default&grant_type=client_credentials",
        world.client_id, world.client_secret
    );
    let path = format!("/{ID}/oauth2/v2.0/token");
    let call = Call {
        now: NOW,
        origin: "https://localhost:1",
        services: &[],
        method: "POST",
        path: &path,
        query: "",
        body: body.as_bytes(),
    };
    let reply = answer(world, tokens, &call);
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

#[test]
fn every_number_from_the_field_can_be_answered() {
    let mut world = world();
    for code in FIELD_NUMBERS_OF_TENANTS.iter().copied() {
        world.tenants.get_mut(&ID).unwrap().consent = Consent::Aadsts(code);
        let (status, body) = request(&world, &mut Tokens::default());
        assert!((400..=401).contains(&status));
        assert_eq!(body["error_codes"][0], code);
        assert!(body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{code}: ")), "{body}");
    }
    world.tenants.get_mut(&ID).unwrap().consent = Consent::Granted;
    for code in FIELD_NUMBERS_OF_CREDENTIALS.iter().copied() {
        world.credential_error = Some(code);
        assert_eq!(request(&world, &mut Tokens::default()).1["error_codes"][0], code);
    }
}

#[test]
fn token_carries_the_rights_of_its_time_of_issue() {
    let mut world = world();
    let mut tokens = Tokens::default();
    let mut rights = |world: &World| {
        let (_, body) = request(world, &mut tokens);
        let header = format!("Bearer {}", body["access_token"].as_str().unwrap());
        tokens.of(Some(&header), NOW).unwrap().rights
    };
    world.tenants.get_mut(&ID).unwrap().exchange_role = false;
    assert!(!rights(&world).exchange);
    world.tenants.get_mut(&ID).unwrap().exchange_role = true;
    assert!(rights(&world).exchange);
    world.unkindness.reads_rights_from_token = false;
    world.tenants.get_mut(&ID).unwrap().exchange_role = false;
    assert!(rights(&world).exchange, "the tenant decides at the time of the call");
}

/// Sends a request of sign-in to the provider's own tenant, or to another one.
fn sign_in(
    world: &World,
    tokens: &mut Tokens,
    method: &str,
    tenant: Uuid,
    end: &str,
    fields: &[(&str, &str)],
) -> Reply {
    let mut url = reqwest::Url::parse("https://localhost:1").unwrap();
    url.query_pairs_mut().extend_pairs(fields).append_pair("client_id", &world.technician.client_id.to_string());
    let (path, fields) = (format!("/{tenant}/oauth2/v2.0/{end}"), url.query().unwrap());
    let services = [("https://graph".to_owned(), GRAPH), ("https://exchange".to_owned(), EXCHANGE)];
    let is_get = method == "GET";
    let call = Call {
        now: NOW,
        origin: "https://localhost:1",
        services: &services,
        method,
        path: &path,
        query: if is_get { fields } else { "" },
        body: if is_get { b"" } else { fields.as_bytes() },
    };
    answer(world, tokens, &call)
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

/// Redeems a refresh token in the tenant of a customer.
fn redeemed(world: &World, tokens: &mut Tokens, refresh: &str) -> (u16, Value) {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", "https://graph/.default")];
    let reply = sign_in(world, tokens, "POST", ID, "token", &fields);
    (reply.status, body(&reply))
}

#[test]
fn code_is_redeemed_once_and_only_with_its_proof() {
    let (world, mut tokens) = (world(), Tokens::default());
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest("proof"));
    let mut code = || {
        let fields = [
            ("response_type", "code"),
            ("redirect_uri", "http://localhost:7"),
            ("state", "s"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let reply = sign_in(&world, &mut tokens, "GET", world.partner_tenant, "authorize", &fields);
        let location = reqwest::Url::parse(&reply.headers[0].1).unwrap();
        assert!(location.query_pairs().any(|(name, value)| name == "state" && value == "s"), "{location}");
        location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
    };
    let (first, second) = (code(), code());
    let mut redeem = |code: &str, proof: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", proof),
            ("redirect_uri", "http://localhost:7"),
            ("scope", "https://graph/.default offline_access"),
        ];
        let reply = sign_in(&world, &mut tokens, "POST", world.partner_tenant, "token", &fields);
        (reply.status, body(&reply))
    };
    assert_eq!(redeem(&first, "another").0, 400);
    let (status, signed_in) = redeem(&second, "proof");
    assert_eq!((status, redeem(&second, "proof").0), (200, 400));
    let refresh = signed_in["refresh_token"].as_str().unwrap();
    assert_eq!(redeemed(&world, &mut tokens, refresh).0, 200);
}

#[test]
fn device_code_is_pending_and_refresh_token_is_per_tenant() {
    let (mut world, mut tokens) = (world(), Tokens::default());
    let started = sign_in(&world, &mut tokens, "POST", world.partner_tenant, "devicecode", &[("scope", "x")]);
    let device = body(&started)["device_code"].as_str().unwrap().to_owned();
    let mut poll = |world: &World| {
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device.as_str()),
            ("scope", "https://graph/.default offline_access"),
        ];
        body(&sign_in(world, &mut tokens, "POST", world.partner_tenant, "token", &fields))
    };
    assert_eq!(poll(&world)["error"], "authorization_pending");
    let refresh = poll(&world)["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(redeemed(&world, &mut tokens, "made up").0, 400);
    assert_eq!(redeemed(&world, &mut tokens, &refresh).0, 200);
    world.tenants.get_mut(&ID).unwrap().technician.client_refused = Some(65_001);
    assert_eq!(redeemed(&world, &mut tokens, &refresh).1["error_codes"][0], 65_001);
}
