use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{Tokens, answer};
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
    let reply = answer(world, tokens, NOW, "https://localhost:1", &[], &path, body.as_bytes());
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

#[test]
fn every_number_from_the_field_can_be_answered() {
    let mut world = world();
    let of_tenants = [
        50_020, 50_177, 53_003, 65_001, 90_002, 500_011, 500_014, 650_051, 650_052, 700_016, 900_023, 5_000_224,
        7_000_229,
    ];
    for code in of_tenants {
        world.tenants.get_mut(&ID).unwrap().consent = Consent::Aadsts(code);
        let (status, body) = request(&world, &mut Tokens::default());
        assert!((400..=401).contains(&status));
        assert_eq!(body["error_codes"][0], code);
        assert!(body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{code}: ")), "{body}");
    }
    world.tenants.get_mut(&ID).unwrap().consent = Consent::Granted;
    for code in [70_021, 700_212, 7_002_138] {
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
