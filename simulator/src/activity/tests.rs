use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::answer;
use crate::entra::Token;
use crate::world::{Tenant, World};

const ID: Uuid = Uuid::from_u128(7);

fn world() -> World {
    let mut world = World::new(Uuid::from_u128(1), Uuid::from_u128(2));
    world.add(Tenant::new(ID, "contoso.com", "Contoso"));
    world
}

/// Calls an operation `minutes` after the beginning, and returns the status, the code and the message of the error.
fn call(world: &mut World, minutes: i64, method: &str, operation: &str) -> (u16, String, String) {
    let now: DateTime<Utc> = DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
    let path = format!("/api/v1.0/{ID}/activity/feed/subscriptions/{operation}");
    let token = Token::for_test(ID);
    let query = "contentType=Audit.Exchange";
    let reply = answer(world, now, "https://localhost:1", Some(&token), method, &path, query);
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
    (reply.status, text("code"), text("message"))
}

fn code(world: &mut World, minutes: i64, method: &str, operation: &str) -> (u16, String) {
    let (status, code, _) = call(world, minutes, method, operation);
    (status, code)
}

#[test]
fn start_within_fifteen_minutes_is_throttled() {
    let mut world = world();
    assert_eq!(call(&mut world, 0, "POST", "start").0, 200);
    let (status, code, message) = call(&mut world, 1, "POST", "start");
    assert_eq!((status, code.as_str()), (429, "429"));
    assert_eq!(message, "Too many frequent subscription start requests. Please retry again after 14m 0s.");
    world.unkindness.start_throttle_status = 403;
    assert_eq!(call(&mut world, 14, "POST", "start").0, 403);
    assert_eq!(call(&mut world, 15, "POST", "start").1, "AF20024");
}

#[test]
fn listing_lags_behind_a_restart_but_not_behind_the_first_start() {
    let mut world = world();
    assert_eq!(code(&mut world, 0, "GET", "content"), (400, "AF20022".to_owned()));
    call(&mut world, 0, "POST", "start");
    assert_eq!(call(&mut world, 0, "GET", "content").0, 200);
    call(&mut world, 20, "POST", "stop");
    assert_eq!(code(&mut world, 20, "GET", "content"), (400, "AF20023".to_owned()));
    assert_eq!(call(&mut world, 20, "POST", "start").0, 200);
    assert_eq!(code(&mut world, 24, "GET", "content"), (400, "AF20023".to_owned()));
    assert_eq!(call(&mut world, 25, "GET", "content").0, 200);
}

#[test]
fn start_is_rejected_while_auditing_is_off() {
    let mut world = world();
    world.tenants.get_mut(&ID).unwrap().auditing = false;
    let (status, code, message) = call(&mut world, 0, "POST", "start");
    assert!(status == 400 && code.starts_with("StartSubscription") && message.contains("does not exist"));
}
