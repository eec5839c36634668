//! Reads and changes users: sign-in, password, sessions, sign-in methods and consents.

use serde_json::{Value, json};

use super::{OfUser, Paging, denied, failure, rules};
use crate::reply::Reply;
use crate::world::{Directory, Grant, SignInMethod, SyncedAccounts, Tenant, User};

/// Answers one request under `/users/{user}`.
pub(super) fn answer(tenant: &mut Tenant, paging: &Paging<'_>, call: &OfUser<'_>) -> Reply {
    if !is_permitted(&tenant.directory, call) {
        return denied();
    }
    if let ["mailFolders", "inbox", "messageRules", rule @ ..] = call.below {
        return rules::answer(tenant, paging, call, rule);
    }
    let mailbox = tenant.mailbox(call.user);
    let addresses: Vec<String> = mailbox.map(|mailbox| mailbox.other_addresses.clone()).unwrap_or_default();
    let synced = tenant.oddities.synced_accounts;
    if let (("GET", ["transitiveMemberOf"]), Some(user)) = ((call.method, call.below), tenant.user(call.user)) {
        return paging.page(memberships(user, &tenant.directory));
    }
    let Some(user) = tenant.user_mut(call.user) else {
        let text = format!(
            "Resource '{}' does not exist or one of its queried reference-property objects are not present.",
            call.user
        );
        return failure(404, "Request_ResourceNotFound", &text);
    };
    match (call.method, call.below) {
        ("GET", []) => Reply::json(200, &shown(user, &addresses)),
        ("GET", ["authentication", "methods"]) => paging.page(user.methods.iter().map(method_row).collect()),
        ("GET", ["oauth2PermissionGrants"]) => {
            paging.page(user.grants.iter().map(|grant| grant_row(user, grant)).collect())
        }
        ("POST", ["authentication", "methods", _, "resetPassword"]) => reset_password(),
        _ if !call.may_change || user.administrator => denied(),
        ("PATCH", []) => patch(user, synced, call.body),
        ("POST", ["revokeSignInSessions"]) => {
            user.session_revocations += 1;
            Reply::json(200, &json!({"@odata.context": "$metadata#Edm.Boolean", "value": true}))
        }
        ("DELETE", ["authentication", kind, id]) => delete_method(user, kind, id),
        _ => failure(400, "BadRequest", "Resource not found for the segment."),
    }
}

/// Returns whether the app holds a permission for a request, and for a password a directory role as well.
///
/// Source: tables of permissions in the Graph reference, and for the role `Update user`, section on passwords.
fn is_permitted(directory: &Directory, call: &OfUser<'_>) -> bool {
    const READ: &[&str] = &["User.Read.All", "Directory.Read.All"];
    let sets_password = call.body["passwordProfile"].is_object();
    let any_of: &[&str] = match (call.method, call.below) {
        (_, ["mailFolders", ..]) => &["MailboxSettings.ReadWrite"],
        (_, ["authentication", ..]) => &["UserAuthenticationMethod.ReadWrite.All"],
        ("POST", ["revokeSignInSessions"]) => &["User.RevokeSessions.All"],
        ("PATCH", []) if sets_password => &["User-PasswordProfile.ReadWrite.All"],
        ("PATCH", []) => &["User.EnableDisableAccount.All"],
        ("GET", ["oauth2PermissionGrants"]) => &["DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All"],
        _ => READ,
    };
    any_of.iter().any(|permission| directory.holds(permission)) && (!sets_password || directory.administers_users())
}

/// Deletes a consent of any user.
pub(super) fn delete_grant(tenant: &mut Tenant, id: &str, may_change: bool) -> Reply {
    if !may_change || !tenant.directory.holds("DelegatedPermissionGrant.ReadWrite.All") {
        return denied();
    }
    for user in &mut tenant.users {
        if let Some(at) = user.grants.iter().position(|grant| grant.id == id) {
            user.grants.remove(at);
            return Reply::empty(204);
        }
    }
    failure(404, "Request_ResourceNotFound", "Resource does not exist.")
}

/// Denies a reset with writeback, because Graph supports none for application permissions.
///
/// Source: Graph reference, `authenticationMethod: resetPassword`, table of permissions.
fn reset_password() -> Reply {
    failure(403, "accessDenied", "Request Authorization failed")
}

fn delete_method(user: &mut User, kind: &str, id: &str) -> Reply {
    let kind = kind.trim_end_matches("Methods");
    let before = user.methods.len();
    user.methods.retain(|method| method.id != id || !method.kind.starts_with(kind));
    Reply::empty(if user.methods.len() < before { 204 } else { 404 })
}

fn shown(user: &User, other_addresses: &[String]) -> Value {
    let mut addresses = vec![format!("SMTP:{}", user.upn)];
    addresses.extend(other_addresses.iter().map(|address| format!("smtp:{address}")));
    json!({
        "@odata.context": "$metadata#users/$entity",
        "id": user.id,
        "userPrincipalName": user.upn,
        "displayName": user.display_name,
        "accountEnabled": user.account_enabled,
        "onPremisesSyncEnabled": user.synced.then_some(true),
        "mail": user.upn,
        "proxyAddresses": addresses,
        "userType": if user.guest { "Guest" } else { "Member" },
    })
}

/// The groups of the user, and the roles for the whole tenant that the user has directly or through one of them. Roles for an
/// administrative unit and custom roles are not among them.
fn memberships(user: &User, directory: &Directory) -> Vec<Value> {
    let row = |kind: &str, id: String| json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": id});
    let groups = user.groups.iter().map(|group| {
        let is_assigned = directory.role_assignments.iter().any(|role| role.principal == group.id);
        let mut shown = row("group", group.id.to_string());
        shown["isAssignableToRole"] = (group.has_directory_role || is_assigned).then_some(true).into();
        shown
    });
    let has_role = user.administrator || user.groups.iter().any(|group| group.has_directory_role);
    let role = has_role.then(|| row("directoryRole", "4d9bd6e7-0000-4000-8000-000000000001".to_owned()));
    groups.chain(role).collect()
}

fn method_row(method: &SignInMethod) -> Value {
    json!({
        "@odata.type": format!("#microsoft.graph.{}", method.kind),
        "id": method.id,
        "displayName": method.label,
        "createdDateTime": method.created,
    })
}

fn grant_row(user: &User, grant: &Grant) -> Value {
    json!({
        "id": grant.id,
        "clientId": grant.client_id,
        "consentType": "Principal",
        "principalId": user.id,
        "scope": grant.scope,
    })
}

/// Changes the account or its password. A change of both at once fails as a whole, as it was seen to do.
fn patch(user: &mut User, synced: SyncedAccounts, body: &Value) -> Reply {
    let (enabled, profile) = (body["accountEnabled"].as_bool(), &body["passwordProfile"]);
    if enabled.is_some() && profile.is_object() {
        return denied();
    }
    let is_accepted = if enabled.is_some() { synced.accept_block } else { synced.accept_password };
    if user.synced && !is_accepted {
        return failure(
            400,
            "Request_BadRequest",
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.",
        );
    }
    if let Some(enabled) = enabled {
        user.account_enabled = enabled;
        return Reply::empty(204);
    }
    if !is_strong(&profile["password"]) {
        let text = "The specified password does not comply with password complexity requirements.";
        return failure(400, "Request_BadRequest", text);
    }
    user.password_resets += 1;
    Reply::empty(204)
}

/// Returns whether a password has 16 characters or more, of all four kinds.
fn is_strong(password: &Value) -> bool {
    let password = password.as_str().unwrap_or_default();
    let has = |kind: fn(&char) -> bool| password.chars().any(|c| kind(&c));
    password.chars().count() >= 16
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit)
        && has(char::is_ascii_punctuation)
}
