use serde_json::{Value, json};
use uuid::Uuid;

use super::{answer, cmdlet_of};
use crate::world::{Contact, Permission, Tenant, World};

const ID: Uuid = Uuid::from_u128(7);
const RULE: u64 = 15_394_007_230_974_001_153;

fn world() -> World {
    let mut world = World::new(Uuid::from_u128(1), Uuid::from_u128(2));
    let tenant = world.add(Tenant::new(ID, "contoso.com", "Contoso"));
    tenant.add_person("bob", "Bob");
    tenant.contacts.push(Contact {
        alias: "outside".to_owned(),
        legacy_dn: "/o=ExchangeLabs/cn=outside".to_owned(),
        identity: "outside-identity".to_owned(),
        external_address: "x@evil.example".to_owned(),
    });
    let ann = tenant.add_person("ann", "Ann");
    ann.add_rule(RULE, "..", json!({ "ForwardTo": ["\"x\" [SMTP:x@evil.example]"], "From": [] }));
    ann.add_rule(5, "Delegate Rule 123", json!({})).hidden = true;
    let sweep = ann.rules[0].clone();
    ann.sweep_rules.push(sweep);
    ann.send_on_behalf.push("bob@contoso.com".to_owned());
    ann.send_as.push("bob".to_owned());
    for (rights, folder) in [("FullAccess, ReadPermission", None), ("Reviewer", Some("\\Inbox"))] {
        let folder = folder.map(str::to_owned);
        ann.permissions.push(Permission { user: "bob@contoso.com".to_owned(), rights: rights.to_owned(), folder });
    }
    world
}

fn call(world: &mut World, cmdlet: &str, parameters: &Value) -> (u16, Value) {
    let body = json!({ "CmdletInput": { "CmdletName": cmdlet, "Parameters": parameters } }).to_string();
    assert_eq!(cmdlet_of(body.as_bytes()).as_deref(), Some(cmdlet));
    let reply = answer(world, ID, "https://localhost:1", "", Some("UPN:ann@contoso.com"), body.as_bytes());
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

fn rows(world: &mut World, cmdlet: &str, parameters: &Value) -> Vec<Value> {
    let (status, body) = call(world, cmdlet, parameters);
    assert_eq!(status, 200, "{body}");
    body["value"].as_array().unwrap().clone()
}

fn kind(answer: &(u16, Value)) -> (u16, &str) {
    let kind = answer.1["error"]["innererror"]["internalexception"]["type"].as_str().unwrap();
    (answer.0, kind.rsplit('.').next().unwrap())
}

#[test]
fn a_rule_is_disabled_enabled_renamed_and_removed() {
    let mut world = world();
    let shown = rows(&mut world, "Get-InboxRule", &json!({ "Mailbox": "ann@contoso.com" }));
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["RuleIdentity"].as_u64(), Some(RULE));
    assert_eq!(shown[0]["From"], Value::Null);
    assert_eq!(shown[0]["Priority@data.type"], "System.Int32");
    assert_eq!(shown[0]["ForwardTo@odata.type"], "#Collection(String)");
    assert_eq!(rows(&mut world, "Get-InboxRule", &json!({ "Mailbox": "ann", "IncludeHidden": true })).len(), 2);

    let identity = shown[0]["Identity"].clone();
    let change = |identity: &Value| {
        json!({ "Identity": identity, "Mailbox": "ann@contoso.com", "Confirm": false, "Force": true,
                "AlwaysDeleteOutlookRulesBlob": true })
    };
    let unsure = json!({ "Identity": identity, "Mailbox": "ann", "Confirm": false });
    let refused = call(&mut world, "Disable-InboxRule", &unsure);
    assert_eq!(refused.0, 400);
    assert!(refused.1.to_string().contains("would prompt"));
    assert!(rows(&mut world, "Disable-InboxRule", &change(&identity)).is_empty());
    let enabled = |world: &mut World| rows(world, "Get-InboxRule", &json!({ "Mailbox": "ann" }))[0]["Enabled"].clone();
    assert_eq!(enabled(&mut world), false);
    rows(&mut world, "Enable-InboxRule", &change(&json!("..")));
    assert_eq!(enabled(&mut world), true);
    let mut rename = change(&json!(RULE));
    rename["Name"] = "harmless".into();
    rename["ForwardTo"] = Value::Null;
    rows(&mut world, "Set-InboxRule", &rename);
    let set = rows(&mut world, "Get-InboxRule", &json!({ "Mailbox": "ann", "Identity": "harmless" }));
    assert_eq!(set[0]["ForwardTo"], Value::Null);
    assert_eq!(call(&mut world, "Disable-InboxRule", &change(&json!("5"))).0, 400);
    rows(&mut world, "Remove-InboxRule", &change(&identity));
    let gone = call(&mut world, "Remove-InboxRule", &change(&identity));
    assert_eq!(kind(&gone), (404, "ManagementObjectNotFoundException"));
    assert_eq!(world.tenants[&ID].mailbox("ann").unwrap().client_rules_dropped, 4);
}

#[test]
fn a_sweep_rule_is_disabled() {
    let mut world = world();
    let get = json!({ "Mailbox": "ann" });
    let identity = rows(&mut world, "Get-SweepRule", &get)[0]["Identity"].clone();
    let change = json!({ "Identity": identity, "Mailbox": "ann", "Confirm": false });
    rows(&mut world, "Disable-SweepRule", &change);
    assert_eq!(rows(&mut world, "Get-SweepRule", &get)[0]["Enabled"], false);
    rows(&mut world, "Enable-SweepRule", &change);
    assert_eq!(rows(&mut world, "Get-SweepRule", &get)[0]["Enabled"], true);
}

#[test]
fn forwarding_delegates_client_access_and_automatic_replies_change() {
    let mut world = world();
    let ann = json!({ "Identity": "ann@contoso.com" });
    rows(
        &mut world,
        "Set-Mailbox",
        &json!({ "Identity": "ann", "ForwardingSmtpAddress": "x@evil.example", "ForwardingAddress": "x@evil.example",
                 "DeliverToMailboxAndForward": true }),
    );
    let set = rows(&mut world, "Get-Mailbox", &ann).remove(0);
    assert_eq!(set["ForwardingSmtpAddress"], "smtp:x@evil.example");
    assert_eq!(set["ForwardingAddress"], "outside-identity");
    assert_eq!(set["GrantSendOnBehalfTo"], json!(["bob@contoso.com"]));
    rows(
        &mut world,
        "Set-Mailbox",
        &json!({ "Identity": "ann", "ForwardingSmtpAddress": null, "ForwardingAddress": null,
                 "DeliverToMailboxAndForward": false,
                 "GrantSendOnBehalfTo": { "@odata.type": "#Exchange.GenericHashTable", "remove": ["bob"] } }),
    );
    let set = rows(&mut world, "Get-Mailbox", &ann).remove(0);
    assert_eq!(set["ForwardingSmtpAddress"], Value::Null);
    assert_eq!(set["ForwardingAddress"], Value::Null);
    assert_eq!(set["DeliverToMailboxAndForward"], false);
    assert_eq!(set["GrantSendOnBehalfTo"], json!([]));

    let off = json!({ "Identity": "ann", "OWAEnabled": false, "SmtpClientAuthenticationDisabled": true });
    rows(&mut world, "Set-CASMailbox", &off);
    let set = rows(&mut world, "Get-CASMailbox", &ann).remove(0);
    assert_eq!((&set["OWAEnabled"], &set["MAPIEnabled"]), (&json!(false), &json!(true)));
    assert_eq!(set["SmtpClientAuthenticationDisabled"], true);

    let reply = json!({ "Identity": "ann", "AutoReplyState": "enabled", "ExternalAudience": "None" });
    rows(&mut world, "Set-MailboxAutoReplyConfiguration", &reply);
    let set = rows(&mut world, "Get-MailboxAutoReplyConfiguration", &ann).remove(0);
    assert_eq!((&set["AutoReplyState"], &set["ExternalAudience"]), (&json!("Enabled"), &json!("None")));
}

#[test]
fn permissions_are_removed() {
    let mut world = world();
    let count = |world: &mut World, cmdlet: &str, id: &str| rows(world, cmdlet, &json!({ "Identity": id })).len();
    assert_eq!(count(&mut world, "Get-MailboxPermission", "ann"), 2);
    let access = json!({ "Identity": "ann", "User": "bob", "AccessRights": ["FullAccess"], "Confirm": false });
    rows(&mut world, "Remove-MailboxPermission", &access);
    let left = rows(&mut world, "Get-MailboxPermission", &json!({ "Identity": "ann", "User": "bob" }));
    assert_eq!(left[0]["AccessRights"], json!(["ReadPermission"]));
    let again = call(&mut world, "Remove-MailboxPermission", &access);
    assert_eq!((again.0, again.1["@adminapi.warnings"].as_array().unwrap().len()), (200, 1));

    assert_eq!(count(&mut world, "Get-RecipientPermission", "ann"), 2);
    let send_as =
        json!({ "Identity": "ann", "Trustee": "bob@contoso.com", "AccessRights": "SendAs", "Confirm": false });
    rows(&mut world, "Remove-RecipientPermission", &send_as);
    assert_eq!(count(&mut world, "Get-RecipientPermission", "ann"), 1);

    assert_eq!(count(&mut world, "Get-MailboxFolderPermission", "ann@contoso.com:\\Inbox"), 3);
    let folder = json!({ "Identity": "ann:\\inbox", "User": "bob@contoso.com", "Confirm": false });
    let unsure = json!({ "Identity": "ann:\\inbox", "User": "bob@contoso.com" });
    assert_eq!(call(&mut world, "Remove-MailboxFolderPermission", &unsure).0, 400);
    rows(&mut world, "Remove-MailboxFolderPermission", &folder);
    assert_eq!(count(&mut world, "Get-MailboxFolderPermission", "ann:\\Inbox"), 2);
    assert_eq!(call(&mut world, "Remove-MailboxFolderPermission", &folder).0, 404);
}

#[test]
fn recipients_and_the_organisation_are_shown() {
    let mut world = world();
    for name in ["outside", "/o=ExchangeLabs/cn=OUTSIDE", "outside-identity", "X@evil.example"] {
        let found = rows(&mut world, "Get-Recipient", &json!({ "Identity": name }));
        assert_eq!(found[0]["ExternalEmailAddress"], "SMTP:x@evil.example");
    }
    let found = rows(&mut world, "Get-Recipient", &json!({ "Identity": "ann" })).remove(0);
    assert_eq!(found["RecipientTypeDetails"], "UserMailbox");
    assert_eq!(rows(&mut world, "Get-Mailbox", &json!({ "Identity": found["DistinguishedName"] })).len(), 1);
    assert_eq!(rows(&mut world, "Get-AcceptedDomain", &json!({}))[0]["DomainName"], "contoso.com");
    assert_eq!(rows(&mut world, "Get-OrganizationConfig", &json!({}))[0]["DisplayName"], "Contoso");
    assert_eq!(rows(&mut world, "Get-AdminAuditLogConfig", &json!({}))[0]["UnifiedAuditLogIngestionEnabled"], true);
}

#[test]
fn what_does_not_exist_or_is_not_allowed_is_refused() {
    let mut world = world();
    let bogus = json!({ "Identity": "ann", "BogusParameter": 1 });
    let refused = call(&mut world, "Get-Mailbox", &bogus);
    assert_eq!(kind(&refused), (400, "AmbiguousParameterSetException"));
    assert!(refused.1["error"]["details"][0]["message"].as_str().unwrap().ends_with("BogusParameter"));
    assert_eq!(kind(&call(&mut world, "Get-Bogus", &json!({}))), (400, "AmbiguousParameterSetException"));
    let nobody = call(&mut world, "Get-Mailbox", &json!({ "Identity": "nobody" }));
    assert_eq!(kind(&nobody), (404, "ManagementObjectNotFoundException"));
    let body = br#"{"CmdletInput":{"CmdletName":"Get-Mailbox"}}"#;
    assert_eq!(answer(&mut world, ID, "", "", None, body).status, 400);
    assert_eq!(answer(&mut world, ID, "", "", Some("UPN:x"), b"{").status, 400);
    world.tenants.get_mut(&ID).unwrap().exchange_role = false;
    let refused = answer(&mut world, ID, "", "", Some("UPN:x"), body);
    assert_eq!(refused.status, 403);
    assert!(refused.body.iter().all(|byte| *byte == 0));
    assert!(refused.headers.iter().any(|(name, value)| name == "x-ms-diagnostics" && value.starts_with("2000003;")));
}

#[test]
fn listings_come_in_pages() {
    let mut world = world();
    world.rows_page = 1;
    let body = br#"{"CmdletInput":{"CmdletName":"Get-Mailbox","Parameters":{"ResultSize":"Unlimited"}}}"#;
    let mut page = |query: &str| {
        let reply = answer(&mut world, ID, "https://localhost:1", query, Some("UPN:x"), body);
        (reply.status, serde_json::from_slice::<Value>(&reply.body).unwrap())
    };
    let (_, first) = page("$select=Alias");
    assert_eq!(first["value"], json!([{ "Alias": "bob" }]));
    assert_eq!(first["@adminapi.warnings"].as_array().unwrap().len(), 1);
    let next = first["@odata.nextLink"].as_str().unwrap();
    let start = format!("https://localhost:1/adminapi/beta/{ID}/InvokeCommand?");
    let (status, second) = page(next.strip_prefix(&start).unwrap());
    assert_eq!((status, &second["value"]), (200, &json!([{ "Alias": "ann" }])));
    assert!(second.get("@odata.nextLink").is_none());
    assert_eq!(page("$skiptoken=9").0, 400);
}
