//! Reduces records of every workload to activities.
//!
//! The members that contain the address, the session, the token, the client and the account differ by workload and have changed
//! over the years. So the members are tried in a fixed order, the same for every record.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;

use audit_log::{AnyRecord, ModifiedProperty};
use base::ids::RecordId;

use super::activity::{Act, Activity, is_guid};
use super::sign_in;
use crate::location::parse_client_ip;

/// Directory operations of which one consent consists.
const CONSENTS: [&str; 6] = [
    "add service principal",
    "add delegated permission grant",
    "add oauth2permissiongrant",
    "add app role assignment grant to user",
    "add app role assignment to service principal",
    "consent to application",
];

/// The claim that a person is a member of the directory.
pub const CLAIM: &str = "i:0#.f|membership|";

/// Returns whether the operation is one of those of which a consent consists.
pub fn is_consent(operation: &str) -> bool {
    let plain = operation.trim().trim_end_matches('.').to_ascii_lowercase();
    CONSENTS.contains(&plain.as_str())
}

/// Reduces a record; `None` without id, operation or time.
pub fn reduce(record: &AnyRecord<'_>) -> Option<Activity> {
    let operation = record.text("Operation")?.into_owned();
    let (id, time) = (record.id()?, record.time()?);
    let is_sign_in = ["UserLoggedIn", "UserLoginFailed"].iter().any(|name| operation.eq_ignore_ascii_case(name));
    let record_type = record.number("RecordType");
    let access = (operation == "MailItemsAccessed").then(|| record.properties("OperationProperties"));
    let act = if is_sign_in {
        Act::SignIn(sign_in::result(record, &operation))
    } else {
        Act::of(&operation, record_type, access.as_ref().and_then(|access| access.get("MailAccessType")))
    };
    let (context, device) = (record.value("AppAccessContext"), Device::of(record));
    let account = account_of(record.text("UserId"));
    let directory = (record_type == Some(8)).then(|| Directory::of(record, &operation));
    let directory = directory.unwrap_or_default();
    let client = client(record, is_sign_in);
    let sessions = sessions(record, context.as_ref(), device.session.as_deref());
    Some(Activity {
        id,
        time,
        tenant: record.text("OrganizationId").and_then(|text| text.parse().ok()),
        mailbox: mailbox(record, record_type, &account),
        target: directory.target,
        address: address(record),
        token: token(context.as_ref()).or_else(|| is_sign_in.then(|| token_of_sign_in(&id))),
        apps: apps(record, context.as_ref(), directory.actor),
        consented: directory.consented,
        is_service: is_service(record, context.as_ref(), &client),
        has_device: device.is_registered || record.text("DeviceId").is_some(),
        account_id: account_id(record, &account, &sessions).or(directory.actor_id),
        sessions,
        client,
        operation,
        act,
        account,
    })
}

/// The account without the claim before its name, with which SharePoint may write it.
fn account_of(text: Option<Cow<'_, str>>) -> String {
    let account = lower(text);
    account.strip_prefix(CLAIM).map(str::to_owned).unwrap_or(account)
}

fn lower(text: Option<Cow<'_, str>>) -> String {
    text.map(|text| text.trim().to_lowercase()).unwrap_or_default()
}

fn address(record: &AnyRecord<'_>) -> Option<IpAddr> {
    const MEMBERS: [&str; 4] = ["ClientIP", "ClientIPAddress", "ActorIpAddress", "ActorIP"];
    let read = |name: &&str| record.text(name).and_then(|text| parse_client_ip(&text));
    MEMBERS.iter().find_map(read).filter(|address| !address.is_unspecified())
}

/// The session of the sign-in, the token's and Exchange's own. They are one claim, so both are kept where they differ.
fn sessions(record: &AnyRecord<'_>, context: Option<&Value>, of_device: Option<&str>) -> Vec<String> {
    let of_token = context.and_then(|context| member(context, "AADSessionId"));
    let own = record.text("SessionId");
    let all = [of_device.map(Cow::Borrowed), of_token.map(Cow::Borrowed), own];
    let normal = |text: Cow<'_, str>| text.trim().to_lowercase();
    let is_one = |text: &String| text.chars().any(|c| c.is_ascii_alphanumeric() && c != '0');
    let found: BTreeSet<String> = all.into_iter().flatten().map(normal).filter(is_one).collect();
    found.into_iter().collect()
}

fn token(context: Option<&Value>) -> Option<String> {
    member(context?, "UniqueTokenId").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Returns the token that a sign-in issued: tokens are named by the id of the request, in another spelling.
fn token_of_sign_in(id: &RecordId) -> String {
    URL_SAFE_NO_PAD.encode(id.as_uuid().to_bytes_le())
}

/// The member of an object, whatever the case of its name, when it is text.
fn member<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let members = object.as_object()?;
    let found = members
        .get(name)
        .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value));
    found.and_then(Value::as_str)
}

/// The device of a sign-in, as `DeviceProperties` describes it.
#[derive(Default)]
struct Device {
    session: Option<String>,
    is_registered: bool,
}

impl Device {
    fn of(record: &AnyRecord<'_>) -> Self {
        let properties = record.properties("DeviceProperties");
        let filled = |name: &str| properties.get(name).filter(|text| !text.is_empty());
        Self { session: filled("SessionId").map(str::to_owned), is_registered: filled("Id").is_some() }
    }
}

fn client(record: &AnyRecord<'_>, is_sign_in: bool) -> String {
    let text = if is_sign_in {
        record.properties("ExtendedProperties").get("UserAgent").map(str::to_owned)
    } else {
        let named = ["ClientInfoString", "UserAgent", "ActorInfoString"];
        named.iter().find_map(|name| record.text(name)).map(Cow::into_owned)
    };
    text.or_else(|| of_details(record, "User-Agent")).unwrap_or_default()
}

/// Reads a member of `additionalDetails`, which is JSON in a text.
fn of_details(record: &AnyRecord<'_>, name: &str) -> Option<String> {
    let details = record.properties("ExtendedProperties");
    let details: Value = serde_json::from_str(details.get("additionalDetails")?).ok()?;
    member(&details, name).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn apps(record: &AnyRecord<'_>, context: Option<&Value>, of_actor: Vec<String>) -> Vec<String> {
    let own = ["ClientAppId", "AppId", "ApplicationId"];
    let texts = own.iter().filter_map(|name| record.text(name)).map(|text| text.trim().to_ascii_lowercase());
    let of_context = context.and_then(|context| member(context, "ClientAppId")).map(str::to_ascii_lowercase);
    let found: BTreeSet<String> =
        texts.chain(of_context).chain(of_actor).filter(|id| is_guid(id) && !is_first_party(id)).collect();
    found.into_iter().collect()
}

/// Resources such as Microsoft Graph and Exchange, which stand in every record that goes through them.
fn is_first_party(id: &str) -> bool {
    id.ends_with("-0000-c000-000000000000") || id.ends_with("-0ff1-ce00-000000000000")
}

/// The object id that is certainly the person's. `TokenObjectId` is only in a session: a token without a person has none, and the
/// application's id.
fn account_id(record: &AnyRecord<'_>, account: &str, sessions: &[String]) -> Option<String> {
    let id = |name: &str| record.text(name).map(|text| text.trim().to_lowercase()).filter(|text| is_guid(text));
    if is_guid(account) {
        return Some(account.to_owned());
    }
    id("UserKey").or_else(|| id("TokenObjectId").filter(|_| !sessions.is_empty()))
}

/// Background services write under the user's name from Microsoft's addresses.
fn is_service(record: &AnyRecord<'_>, context: Option<&Value>, client: &str) -> bool {
    let is = |name: &str, values: &[&str]| {
        record.text(name).is_some_and(|text| values.iter().any(|value| text.eq_ignore_ascii_case(value)))
    };
    let by_web_app = context.and_then(|context| member(context, "ClientAppName"));
    client.contains("Client=RESTSystem")
        || is("Platform", &["Service", "OfficeCollaborationService"])
        || is("ApplicationDisplayName", &["Service", "OfficeCollaborationService"])
        || by_web_app.is_some_and(|name| name.starts_with("Web") && !name.contains(' '))
}

/// The mailbox that the record is about: its owner, else what a cmdlet names, else for a rule the actor's own.
fn mailbox(record: &AnyRecord<'_>, record_type: Option<i64>, account: &str) -> String {
    if let Some(owner) = record.text("MailboxOwnerUPN") {
        return owner.trim().to_lowercase();
    }
    if record_type != Some(1) {
        return String::new();
    }
    let parameters = record.properties("Parameters");
    let mut named: Vec<String> =
        ["Mailbox", "Identity"].iter().filter_map(|name| parameters.get(name)).map(mailbox_in_path).collect();
    named.extend(record.text("ObjectId").map(|object| mailbox_in_path(&object)));
    named.retain(|name| !name.is_empty());
    // An address is better than an alias or a display name.
    let best = named.iter().find(|name| name.contains('@')).or_else(|| named.first());
    let name = best.cloned().unwrap_or_default();
    let is_rule = record.text("Operation").is_some_and(|operation| operation.ends_with("InboxRule"));
    if name.is_empty() && is_rule { account.to_owned() } else { name }
}

/// Returns the mailbox in a text such as `joey\rule`, `contoso.onmicrosoft.com/joey\rule` or `smtp:joey@contoso.com`.
fn mailbox_in_path(text: &str) -> String {
    let before_rule = text.split('\\').next().unwrap_or(text);
    let last = before_rule.rsplit('/').next().unwrap_or(before_rule);
    last.trim().to_lowercase().trim_start_matches("smtp:").to_owned()
}

/// The members that only directory records have.
#[derive(Default)]
struct Directory {
    target: String,
    /// The ids of an application that acted.
    actor: Vec<String>,
    /// The object id of a person who acted.
    actor_id: Option<String>,
    consented: Vec<String>,
}

impl Directory {
    fn of(record: &AnyRecord<'_>, operation: &str) -> Self {
        let (target, actor) = (ids(record.value("Target")), ids(record.value("Actor")));
        let object = lower(record.text("ObjectId"));
        let is_name = |text: &&String| text.contains('@');
        let named =
            target.iter().find(is_name).cloned().or_else(|| Some(object.clone()).filter(|text| text.contains('@')));
        let by_id = || target.iter().flat_map(|text| guids(text)).next();
        let is_app = actor.iter().any(|id| id.starts_with("serviceprincipal_"));
        let of_actor = || actor.iter().flat_map(|text| guids(text)).collect();
        // Beside the person stands the application through which the person acted, which many others use as well.
        let mut person = actor.iter().filter_map(|id| id.strip_prefix("user_")).filter(|id| is_guid(id));
        Self {
            consented: if is_consent(operation) { consented(record, operation, &target, &object) } else { Vec::new() },
            target: named.or_else(by_id).unwrap_or_default(),
            actor_id: person.next().filter(|_| !is_app).map(str::to_owned),
            actor: if is_app { of_actor() } else { Vec::new() },
        }
    }
}

/// Texts of a list such as `[{"ID":"joey@contoso.com","Type":5}]`.
fn ids(list: Option<Value>) -> Vec<String> {
    let Some(Value::Array(entries)) = list else { return Vec::new() };
    entries.iter().filter_map(|entry| member(entry, "ID")).map(str::to_lowercase).collect()
}

/// Every id of the application that is admitted. The target of a grant is the resource, so only properties name its application.
fn consented(record: &AnyRecord<'_>, operation: &str, target: &[String], object: &str) -> Vec<String> {
    let properties = record.modified_properties();
    let names_the_app = ["consent to", "add service principal"]
        .iter()
        .any(|begin| operation.trim().get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin)));
    let is_its_id = |property: &&ModifiedProperty| {
        let always = ["ServicePrincipal.AppId", "ServicePrincipal.ObjectID", "AppId"];
        let of_target = names_the_app && property.name.eq_ignore_ascii_case("TargetId.ServicePrincipalNames");
        of_target || always.iter().any(|name| property.name.eq_ignore_ascii_case(name))
    };
    let mut texts: Vec<&str> = properties.iter().filter(is_its_id).map(|property| property.new.as_str()).collect();
    let permissions =
        properties.iter().find(|property| property.name.eq_ignore_ascii_case("ConsentAction.Permissions"));
    texts.extend(permissions.and_then(|property| client_id(&property.new)));
    if names_the_app {
        texts.extend(target.iter().map(String::as_str).chain([object]));
    }
    let details = of_details(record, "AppId");
    texts.extend(details.as_deref());
    let found: BTreeSet<String> = texts.into_iter().flat_map(guids).filter(|id| !is_first_party(id)).collect();
    found.into_iter().collect()
}

/// The text behind `ClientId:` in a list of permissions.
fn client_id(permissions: &str) -> Option<&str> {
    let (_, rest) = permissions.rsplit_once("ClientId")?;
    rest.split(',').next()
}

/// Every GUID in a text, in lower case.
fn guids(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-')).filter(|part| part.len() == 36);
    parts.filter_map(|part| Uuid::try_parse(part).ok()).map(|id| id.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(record: &Value) -> Activity {
        AnyRecord::read(record.to_string().as_bytes(), reduce).unwrap().unwrap()
    }

    fn with(members: Value) -> Activity {
        let mut record = json!({"Id": "11111111-2222-4333-8444-555555555555", "CreationTime": "2026-11-20T08:00:00",
            "Operation": "Send", "RecordType": 2, "UserId": "V@Contoso.com"});
        record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        of(&record)
    }

    #[test]
    fn session_is_read_in_its_order_and_from_every_place() {
        let context = json!({"AppAccessContext": {"AADSessionId": "AAAA-1"}, "SessionId": "bbbb-2"});
        assert_eq!(with(context).sessions, ["aaaa-1", "bbbb-2"]);
        assert_eq!(with(json!({"SessionId": "00000000-0000-0000-0000-000000000000"})).sessions, [""; 0]);
        let sign_in = json!({"Operation": "UserLoggedIn", "RecordType": 15, "DeviceProperties": [{"Name": "SessionId", "Value": "S"}]});
        assert_eq!(with(sign_in).sessions, ["s"]);
        assert_eq!(with(json!({"AppAccessContext": {"APIId": ""}, "SessionId": "S"})).sessions, ["s"]);
    }

    #[test]
    fn address_is_read_without_its_port() {
        for member in ["ClientIP", "ClientIPAddress", "ActorIpAddress"] {
            assert_eq!(
                with(json!({member: "203.0.113.5:443"})).address,
                Some("203.0.113.5".parse().unwrap()),
                "{member}"
            );
        }
        assert_eq!(
            with(json!({"ClientIP": "<null>", "ClientIPAddress": "::ffff:203.0.113.5"})).address,
            Some("203.0.113.5".parse().unwrap())
        );
        assert_eq!(with(json!({"ClientIP": "0.0.0.0"})).address, None);
    }

    #[test]
    fn token_of_a_sign_in_is_its_id_in_another_spelling() {
        let sign_in = with(json!({"Operation": "UserLoggedIn", "RecordType": 15}));
        let token = sign_in.token.unwrap();
        assert_eq!(token.len(), 22);
        assert_eq!(with(json!({"AppAccessContext": {"UniqueTokenId": token.clone()}})).token, Some(token));
    }

    #[test]
    fn mailbox_is_taken_from_owner_parameter_and_path() {
        assert_eq!(with(json!({"MailboxOwnerUPN": "W@Contoso.com"})).mailbox, "w@contoso.com");
        let cmdlet = |members: Value| {
            let mut all = json!({"RecordType": 1, "Operation": "New-InboxRule"});
            all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            with(all).mailbox
        };
        assert_eq!(cmdlet(json!({"ObjectId": "NAMPR01/Organizations/contoso/joey\\rule"})), "joey");
        assert_eq!(cmdlet(json!({"Parameters": [{"Name": "Mailbox", "Value": "Amy@Contoso.com"}]})), "amy@contoso.com");
        assert_eq!(cmdlet(json!({})), "v@contoso.com");
    }

    #[test]
    fn consent_gives_ids_of_the_application_not_of_the_resource() {
        let app = "aaaaaaaa-0000-4000-8000-00000000000a";
        let consent = with(
            json!({"RecordType": 8, "Operation": "Consent to application.", "ObjectId": format!("{app};Mail Backup"),
            "Target": [{"ID": "ServicePrincipal_bbbbbbbb-0000-4000-8000-00000000000b", "Type": 2}]}),
        );
        assert_eq!(consent.consented, [app, "bbbbbbbb-0000-4000-8000-00000000000b"]);
        let grant = with(json!({"RecordType": 8, "Operation": "Add delegated permission grant.",
            "Target": [{"ID": "ServicePrincipal_cccccccc-0000-4000-8000-00000000000c", "Type": 2}],
            "ModifiedProperties": [{"Name": "ServicePrincipal.AppId", "NewValue": format!("\"{app}\""), "OldValue": ""}]}));
        assert_eq!(grant.consented, [app]);
    }
}
