//! Builds records of Entra.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::User;

use super::{DIRECTORY, Envelope, SIGN_IN, members};

/// The application through which administrators change the directory.
const PORTAL: &str = "74658136-14ec-4630-ad9b-26e160ff0fc6";

/// Returns `Consent to application.`, in which the permissions are a string inside a list of changes.
pub fn consent(
    envelope: &Envelope,
    user: &User,
    app: Uuid,
    app_name: &str,
    scope: &str,
    by_administrator: bool,
) -> Value {
    let kind = if by_administrator { "AllPrincipals" } else { "Principal" };
    let permissions = format!(
        "[] => [[Id: {}, ClientId: {app}, PrincipalId: {}, ResourceId: {}, ConsentType: {kind}, Scope: {scope}, \
         CreatedDateTime: {}, LastModifiedDateTime: ]]; ",
        envelope.session.simple(),
        user.id,
        Uuid::new_v5(&envelope.tenant, b"graph"),
        envelope.created.format("%Y-%m-%dT%H:%M:%SZ"),
    );
    let changed = json!([
        {"Name": "ConsentContext.IsAdminConsent", "NewValue": if by_administrator { "True" } else { "False" }, "OldValue": ""},
        {"Name": "ConsentContext.IsAppOnly", "NewValue": "False", "OldValue": ""},
        {"Name": "ConsentContext.OnBehalfOfAll", "NewValue": if by_administrator { "True" } else { "False" }, "OldValue": ""},
        {"Name": "ConsentAction.Permissions", "NewValue": permissions, "OldValue": ""},
        {"Name": "TargetId.ServicePrincipalNames", "NewValue": app, "OldValue": ""},
    ]);
    let target = json!([
        {"ID": format!("ServicePrincipal_{}", Uuid::new_v5(&envelope.tenant, app.as_bytes())), "Type": 2},
        {"ID": app_name, "Type": 1},
        {"ID": app, "Type": 4},
    ]);
    of_directory(envelope, "Consent to application.", &app.to_string(), &changed, &target)
}

/// Returns `Update user.` with a phone as another sign-in method.
pub fn update_user_strong_auth(envelope: &Envelope, user: &User, phone: &str) -> Value {
    let method = json!([{"MethodType": 6, "Default": true}]).to_string();
    let details =
        json!([{"PhoneNumber": phone, "AlternativePhoneNumber": null, "Email": null, "VoiceOnlyPhoneNumber": null}]);
    let changed = json!([
        {"Name": "StrongAuthenticationMethod", "NewValue": method, "OldValue": "[]"},
        {"Name": "StrongAuthenticationUserDetails", "NewValue": details.to_string(), "OldValue": "[]"},
        {
            "Name": "Included Updated Properties",
            "NewValue": "StrongAuthenticationMethod, StrongAuthenticationUserDetails",
            "OldValue": "",
        },
    ]);
    let target = json!([{"ID": format!("User_{}", user.id), "Type": 2}, {"ID": user.upn, "Type": 5}]);
    of_directory(envelope, "Update user.", &user.upn, &changed, &target)
}

/// Returns any other record of the directory. `changed` holds name, new and old value.
pub fn directory_change(envelope: &Envelope, operation: &str, object: &str, changed: &[(&str, &str, &str)]) -> Value {
    let changed =
        changed.iter().map(|(name, new, old)| json!({"Name": name, "NewValue": new, "OldValue": old})).collect();
    of_directory(envelope, operation, object, &changed, &json!([{"ID": object, "Type": 5}]))
}

/// Returns a sign-in.
pub fn user_logged_in(envelope: &Envelope) -> Value {
    let mut record = envelope.record("AzureActiveDirectory", SIGN_IN, 0, "UserLoggedIn", "Success");
    record.extend(members(json!({
        "ClientIP": envelope.client_ip,
        "ActorIpAddress": envelope.client_ip,
        "ObjectId": "00000002-0000-0ff1-ce00-000000000000",
        "ApplicationId": "9199bf20-a13f-4107-85dc-02114787ef48",
        "AzureActiveDirectoryEventType": 1,
        "ExtendedProperties": [
            {"Name": "ResultStatusDetail", "Value": "Success"},
            {"Name": "UserAgent", "Value": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"},
            {"Name": "RequestType", "Value": "OAuth2:Authorize"},
        ],
        "ModifiedProperties": [],
        "InterSystemsId": envelope.session,
        "ErrorNumber": "0",
    })));
    Value::Object(record)
}

fn of_directory(envelope: &Envelope, operation: &str, object: &str, changed: &Value, target: &Value) -> Value {
    let mut record = envelope.record("AzureActiveDirectory", DIRECTORY, 0, operation, "Success");
    record.extend(members(json!({
        "ClientIP": envelope.client_ip,
        "ObjectId": object,
        "AzureActiveDirectoryEventType": 1,
        // The third is the portal, which every administrator uses.
        "Actor": [
            {"ID": envelope.actor, "Type": 5},
            {"ID": envelope.user_key, "Type": 3},
            {"ID": PORTAL, "Type": 2},
            {"ID": format!("User_{}", envelope.actor_id), "Type": 2},
            {"ID": envelope.actor_id, "Type": 2},
            {"ID": "User", "Type": 2},
        ],
        "ActorContextId": envelope.tenant,
        "TargetContextId": envelope.tenant,
        "Target": target,
        "ModifiedProperties": changed,
        "ExtendedProperties": [],
        "InterSystemsId": envelope.session,
        "SupportTicketId": "",
    })));
    Value::Object(record)
}
