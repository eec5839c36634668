use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, answer};
use crate::entra::Token;
use crate::entra::delegated::Client;
use crate::world::applications::{
    APP_ROLES, CLOUD_APPLICATION_ADMINISTRATOR, EXCHANGE, GRAPH, MANAGEMENT, PRIVILEGED_ROLE_ADMINISTRATOR,
    USER_ADMINISTRATOR,
};
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
    send(world, &token, method, &path, "", body.as_bytes())
}

fn send(world: &mut World, token: &Token, method: &str, path: &str, query: &str, body: &[u8]) -> (u16, Value) {
    let (now, prefer) = (DateTime::UNIX_EPOCH, Some("create-if-missing"));
    let call = Call { now, origin: "https://localhost:1", method, path, query, prefer, body };
    let reply = answer(world, Some(token), &call);
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
}

/// Sends a request of the technician, who signed in with the provider's registration.
fn as_technician(world: &mut World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let token = Token::of_technician(ID, Client::Registration);
    send(world, &token, method, &format!("/v1.0/{path}"), "", body.to_string().as_bytes())
}

fn onboardable() -> World {
    let mut world = World::new(Uuid::from_u128(1), Uuid::from_u128(2));
    world.tenants.insert(ID, Tenant::new(ID, "contoso.com", "Contoso").unknown_to_app());
    world
}

fn upsert(world: &mut World, app: Uuid) -> (u16, Value) {
    as_technician(world, "PATCH", &format!("servicePrincipals(appId='{app}')"), &json!({"displayName": "x"}))
}

#[test]
fn service_principal_is_created_once_and_replicated_late() {
    let mut world = onboardable();
    let app = world.client_id;
    let (status, created) = upsert(&mut world, app);
    assert_eq!((status, upsert(&mut world, app).0), (201, 204));
    let assignments = format!("servicePrincipals/{}/appRoleAssignments", created["id"].as_str().unwrap());
    assert_eq!(as_technician(&mut world, "GET", &assignments, &Value::Null).0, 404);
    assert_eq!(as_technician(&mut world, "GET", &assignments, &Value::Null).0, 200);
    world.tenants.get_mut(&ID).unwrap().directory.unlicensed.insert(MANAGEMENT);
    assert_eq!(upsert(&mut world, MANAGEMENT).0, 400);
}

#[test]
fn permission_of_graph_needs_privileged_role_administrator() {
    let mut world = onboardable();
    world.unkindness.replication_misses = 0;
    let app = world.client_id;
    upsert(&mut world, app);
    let directory = &world.tenants[&ID].directory;
    let id = |app: Uuid| directory.service_principal(app).unwrap().id;
    let (own, graph, exchange) = (id(app), id(GRAPH), id(EXCHANGE));
    let role = |value: &str| APP_ROLES.iter().find(|role| role.value == value).unwrap().id;
    let assign = |world: &mut World, resource: Uuid, value: &str| {
        let body = json!({"principalId": own, "resourceId": resource, "appRoleId": role(value)});
        as_technician(world, "POST", &format!("servicePrincipals/{resource}/appRoleAssignedTo"), &body)
    };
    world.tenants.get_mut(&ID).unwrap().technician.roles = [CLOUD_APPLICATION_ADMINISTRATOR].into();
    assert_eq!(assign(&mut world, exchange, "Exchange.ManageAsApp").0, 201);
    assert_eq!(assign(&mut world, graph, "User.Read.All").0, 403);
    world.tenants.get_mut(&ID).unwrap().technician.roles = [PRIVILEGED_ROLE_ADMINISTRATOR].into();
    assert_eq!(assign(&mut world, graph, "User.Read.All").0, 201);
    let (status, again) = assign(&mut world, graph, "User.Read.All");
    assert_eq!((status, &again["error"]["code"]), (400, &json!("Request_BadRequest")));
    assert_eq!(assign(&mut world, exchange, "User.Read.All").0, 400, "the role is not one of the resource");
}

#[test]
fn token_of_cli_assigns_roles_only_by_member_lists() {
    let mut world = onboardable();
    world.unkindness.replication_misses = 0;
    let app = world.client_id;
    upsert(&mut world, app);
    let own = world.tenants[&ID].directory.service_principal(app).unwrap().id;
    let cli = Token::of_technician(ID, Client::AzureCli);
    let post = |world: &mut World, path: &str, body: Value| {
        send(world, &cli, "POST", &format!("/v1.0/{path}"), "", body.to_string().as_bytes()).0
    };
    let role = json!({"principalId": own, "roleDefinitionId": USER_ADMINISTRATOR, "directoryScopeId": "/"});
    assert_eq!(post(&mut world, "roleManagement/directory/roleAssignments", role.clone()), 403);
    let members = format!("directoryRoles(roleTemplateId='{USER_ADMINISTRATOR}')/members/$ref");
    let member = json!({"@odata.id": format!("https://localhost:1/v1.0/directoryObjects/{own}")});
    assert_eq!(post(&mut world, &members, member.clone()), 404, "the role was never activated");
    world.unkindness.cli_adds_role_members = true;
    assert_eq!(post(&mut world, "directoryRoles", json!({"roleTemplateId": USER_ADMINISTRATOR})), 201);
    assert_eq!(post(&mut world, &members, member.clone()), 204);
    assert_eq!(post(&mut world, &members, member), 400);
    let conflict = as_technician(&mut world, "POST", "roleManagement/directory/roleAssignments", &role);
    assert_eq!(conflict.0, 400);
    assert!(conflict.1["error"]["message"].as_str().unwrap().starts_with("A conflicting object"));
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
