use serde_json::{Value, json};
use uuid::Uuid;

use super::answer;
use crate::entra::Token;
use crate::world::{Tenant, World};

const ID: Uuid = Uuid::from_u128(7);

fn world() -> World {
    let mut world = World::new(Uuid::from_u128(1), Uuid::from_u128(2));
    let tenant = world.add(Tenant::new(ID, "contoso.com", "Contoso"));
    let ann = tenant.add_person("ann", "Ann");
    let target = json!({"ForwardTo": ["\"x\" [SMTP:x@evil.example]"], "SubjectContainsWords": ["pay"]});
    ann.add_rule(5, "..", target);
    ann.add_rule(6, "Delegate Rule 1", json!({}));
    ann.add_rule(7, "hidden", json!({})).hidden = true;
    world
}

fn call(world: &mut World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let token = Token::for_test(ID);
    let path = format!("/v1.0/users/ann@contoso.com{path}");
    let body = body.to_string();
    let reply = answer(world, "https://localhost:1", Some(&token), method, &path, "", body.as_bytes());
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
}

#[test]
fn writeback_reset_is_denied_to_every_application() {
    let mut world = world();
    let path = "/authentication/methods/28c10230-6103-485e-b985-444c60001490/resetPassword";
    let (status, body) = call(&mut world, "POST", path, &json!({"newPassword": "Aa1!Aa1!Aa1!Aa1!"}));
    assert_eq!((status, &body["error"]["code"]), (403, &json!("accessDenied")));
    assert_eq!(world.tenants[&ID].users[0].password_resets, 0);
}

#[test]
fn synced_password_is_accepted_or_rejected_by_switch() {
    let mut world = world();
    let password = json!({"passwordProfile": {"password": "Aa1!Aa1!Aa1!Aa1!"}});
    let block = json!({"accountEnabled": false});
    world.tenants.get_mut(&ID).unwrap().users[0].synced = true;
    assert_eq!(call(&mut world, "PATCH", "", &password).0, 204);
    assert_eq!(call(&mut world, "PATCH", "", &block).0, 400);
    let synced = &mut world.tenants.get_mut(&ID).unwrap().oddities.synced_accounts;
    (synced.accept_password, synced.accept_block) = (false, true);
    assert_eq!(call(&mut world, "PATCH", "", &password).0, 400);
    assert_eq!(call(&mut world, "PATCH", "", &block).0, 204);
    let user = &world.tenants[&ID].users[0];
    assert_eq!((user.password_resets, user.account_enabled), (1, false));
}

#[test]
fn message_rules_are_listed_disabled_and_deleted() {
    let mut world = world();
    let path = "/mailFolders/inbox/messageRules";
    let (_, listed) = call(&mut world, "GET", path, &Value::Null);
    let rules = listed["value"].as_array().unwrap().clone();
    assert_eq!(rules.len(), 2, "hidden rules are not listed");
    assert_eq!(rules[0]["actions"]["forwardTo"][0]["emailAddress"]["address"], "x@evil.example");
    assert_eq!(rules[0]["conditions"]["subjectContains"], json!(["pay"]));
    let rule = |at: usize| format!("{path}/{}", rules[at]["id"].as_str().unwrap());
    let (status, changed) = call(&mut world, "PATCH", &rule(0), &json!({"isEnabled": false}));
    assert_eq!((status, &changed["isEnabled"]), (200, &json!(false)));
    assert!(!world.tenants[&ID].mailboxes[0].rules[0].enabled);
    assert_eq!(call(&mut world, "PATCH", &rule(1), &json!({"isEnabled": false})).0, 400);
    assert_eq!(call(&mut world, "DELETE", &rule(0), &Value::Null).0, 204);
    assert_eq!(world.tenants[&ID].mailboxes[0].rules.len(), 2);
}
