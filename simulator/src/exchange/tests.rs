use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, answer, cmdlet_of};
use crate::entra::Token;
use crate::reply::Reply;
use crate::world::{
    AcceptedDomain, Anchors, Contact, DomainType, ExchangeDenial, Group, GroupKind, Permission, Tenant, World,
};

const ID: Uuid = Uuid::from_u128(7);
const RULE: u64 = 15_394_007_230_974_001_153;

fn world() -> World {
    let mut world = World::new(Uuid::from_u128(1), Uuid::from_u128(2));
    let tenant = world.add(Tenant::new(ID, "contoso.com", "Contoso"));
    tenant.add_person("bob", "Bob");
    tenant.contacts.push(Contact {
        legacy_dn: "/o=ExchangeLabs/cn=outside".to_owned(),
        identity: "outside-identity".to_owned(),
        ..Contact::new("outside", "x@evil.example")
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
    let reply = send(world, "", Some("UPN:ann@contoso.com"), body.as_bytes());
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

fn send(world: &mut World, query: &str, anchor: Option<&str>, body: &[u8]) -> Reply {
    send_at(world, DateTime::UNIX_EPOCH, query, anchor, body)
}

fn send_at(world: &mut World, now: DateTime<Utc>, query: &str, anchor: Option<&str>, body: &[u8]) -> Reply {
    answer(world, &Token::for_test(ID), &Call { now, origin: "https://localhost:1", query, anchor, body })
}

fn tenant(world: &mut World) -> &mut Tenant {
    world.tenants.get_mut(&ID).unwrap()
}

/// Returns the message of a rejection.
fn message(answer: &(u16, Value)) -> &str {
    answer.1["error"]["innererror"]["internalexception"]["message"].as_str().unwrap()
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
fn rule_is_disabled_enabled_renamed_and_removed() {
    let mut world = world();
    let shown = rows(&mut world, "Get-InboxRule", &json!({ "Mailbox": "ann@contoso.com" }));
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["RuleIdentity"].as_u64(), Some(RULE));
    assert_eq!(shown[0]["From"], Value::Null);
    assert_eq!(shown[0]["Priority@data.type"], "System.Int32");
    assert_eq!(shown[0]["ForwardTo@odata.type"], "#Collection(String)");
    assert_eq!(rows(&mut world, "Get-InboxRule", &json!({ "Mailbox": "ann", "IncludeHidden": true })).len(), 2);

    let identity = shown[0]["Identity"].clone();
    let change = |identity: &Value| json!({ "Identity": identity, "Confirm": false, "Force": true, "AlwaysDeleteOutlookRulesBlob": true });
    let by_name = |name: &str| {
        let mut parameters = change(&json!(name));
        parameters["Mailbox"] = "ann@contoso.com".into();
        parameters
    };
    let unsure = json!({ "Identity": identity, "Confirm": false });
    let refused = call(&mut world, "Disable-InboxRule", &unsure);
    assert_eq!(refused.0, 400);
    assert!(refused.1.to_string().contains("would prompt"));
    assert!(rows(&mut world, "Disable-InboxRule", &change(&identity)).is_empty());
    let enabled = |world: &mut World| rows(world, "Get-InboxRule", &json!({ "Mailbox": "ann" }))[0]["Enabled"].clone();
    assert_eq!(enabled(&mut world), false);
    rows(&mut world, "Enable-InboxRule", &by_name(".."));
    assert_eq!(enabled(&mut world), true);
    let mut rename = by_name(&RULE.to_string());
    rename["Name"] = "harmless".into();
    rename["ForwardTo"] = Value::Null;
    rows(&mut world, "Set-InboxRule", &rename);
    let set = rows(&mut world, "Get-InboxRule", &json!({ "Mailbox": "ann", "Identity": "harmless" }));
    assert_eq!(set[0]["ForwardTo"], Value::Null);
    assert_eq!(call(&mut world, "Disable-InboxRule", &by_name("5")).0, 400);
    rows(&mut world, "Remove-InboxRule", &change(&identity));
    let gone = call(&mut world, "Remove-InboxRule", &change(&identity));
    assert_eq!(kind(&gone), (404, "ManagementObjectNotFoundException"));
    assert_eq!(world.tenants[&ID].mailbox("ann").unwrap().client_rules_dropped, 4);
}

#[test]
fn sweep_rule_is_disabled_enabled_and_removed() {
    let mut world = world();
    let get = json!({ "Mailbox": "ann" });
    let identity = rows(&mut world, "Get-SweepRule", &get)[0]["Identity"].clone();
    let change = json!({ "Identity": identity, "Confirm": false });
    rows(&mut world, "Disable-SweepRule", &change);
    assert_eq!(rows(&mut world, "Get-SweepRule", &get)[0]["Enabled"], false);
    rows(&mut world, "Enable-SweepRule", &change);
    assert_eq!(rows(&mut world, "Get-SweepRule", &get)[0]["Enabled"], true);
    rows(&mut world, "Remove-SweepRule", &change);
    assert!(rows(&mut world, "Get-SweepRule", &get).is_empty());
}

#[test]
fn rule_change_with_identity_and_mailbox_is_rejected() {
    let mut world = world();
    let identity = rows(&mut world, "Get-InboxRule", &json!({ "Mailbox": "ann" }))[0]["Identity"].clone();
    let both = json!({ "Identity": identity, "Mailbox": "ann", "Confirm": false, "Force": true,
                       "AlwaysDeleteOutlookRulesBlob": true });
    for cmdlet in ["Disable-InboxRule", "Enable-InboxRule", "Remove-InboxRule"] {
        let rejected = call(&mut world, cmdlet, &both);
        assert_eq!(kind(&rejected), (400, "InvalidOperationException"), "{cmdlet}");
        assert!(message(&rejected).starts_with("You can't use both the Identity and Mailbox parameters"), "{cmdlet}");
    }
    let both = json!({ "Identity": identity, "Mailbox": "ann", "Confirm": false });
    assert_eq!(call(&mut world, "Disable-SweepRule", &both).0, 400);
    assert!(tenant(&mut world).mailboxes[1].rules[0].enabled);
    world.unkindness.rejects_mailbox_beside_identity = false;
    assert_eq!(call(&mut world, "Disable-SweepRule", &both).0, 200);
}

#[test]
fn rule_change_is_rejected_in_every_form_by_switch() {
    let mut world = world();
    tenant(&mut world).oddities.rejects_rule_changes = true;
    let identity = rows(&mut world, "Get-InboxRule", &json!({ "Mailbox": "ann" }))[0]["Identity"].clone();
    for given in [json!({ "Identity": identity }), json!({ "Identity": RULE.to_string(), "Mailbox": "ann" })] {
        for cmdlet in ["Disable-InboxRule", "Disable-SweepRule"] {
            let rejected = call(&mut world, cmdlet, &given);
            assert_eq!(kind(&rejected), (400, "CmdletAccessDeniedException"), "{cmdlet} {given}");
        }
    }
}

#[test]
fn client_access_parameter_is_rejected_by_switch() {
    let mut world = world();
    tenant(&mut world).oddities.rejected_client_access.insert("EwsEnabled".to_owned());
    let all = json!({ "Identity": "ann", "OWAEnabled": false, "EwsEnabled": false });
    let rejected = call(&mut world, "Set-CASMailbox", &all);
    assert_eq!(rejected.0, 400);
    assert!(message(&rejected).ends_with("matches parameter name 'EwsEnabled'."));
    let one = json!({ "Identity": "ann", "OWAEnabled": false });
    rows(&mut world, "Set-CASMailbox", &one);
    let access = &tenant(&mut world).mailboxes[1].client_access;
    assert_eq!((access["OWAEnabled"], access["EwsEnabled"]), (false, true));
}

#[test]
fn wrong_anchor_needs_a_proxy() {
    let mut world = world();
    let object_id = tenant(&mut world).mailboxes[1].object_id;
    let forms = [
        ("UPN:ann@contoso.com".to_owned(), Anchors { upn: true, ..Anchors::default() }),
        ("ann@contoso.com".to_owned(), Anchors { upn: true, ..Anchors::default() }),
        (format!("OID:{object_id}@{ID}"), Anchors { object_id: true, ..Anchors::default() }),
        (object_id.to_string(), Anchors { object_id: true, ..Anchors::default() }),
        (
            format!("APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{ID}"),
            Anchors { system_mailbox: true, ..Anchors::default() },
        ),
    ];
    let body = br#"{"CmdletInput":{"CmdletName":"Get-InboxRule","Parameters":{"Mailbox":"ann"}}}"#;
    for (_, accepted) in &forms {
        tenant(&mut world).mailboxes[1].anchors = Some(*accepted);
        for (anchor, own) in &forms {
            let reply = send(&mut world, "", Some(anchor), body);
            assert_eq!(reply.status, if own == accepted { 200 } else { 400 }, "{anchor} {accepted:?}");
            let needs_proxy = String::from_utf8_lossy(&reply.body).contains("Cmdlet needs proxy");
            assert_eq!(needs_proxy, own != accepted);
        }
    }
    tenant(&mut world).mailboxes[1].anchors = Some(Anchors { upn: true, object_id: true, system_mailbox: true });
    assert_eq!(send(&mut world, "", Some("UPN:bob@contoso.com"), body).status, 400, "the mailbox of another person");
}

#[test]
fn audit_log_of_a_new_tenant_is_enabled_after_customization() {
    let mut world = world();
    *tenant(&mut world) = Tenant::new(ID, "contoso.com", "Contoso").brand_new();
    let on = br#"{"CmdletInput":{"CmdletName":"Set-AdminAuditLogConfig","Parameters":{"UnifiedAuditLogIngestionEnabled":true}}}"#;
    let start = DateTime::UNIX_EPOCH;
    let set = |world: &mut World, minutes| {
        let reply = send_at(world, start + TimeDelta::minutes(minutes), "", Some("UPN:x"), on);
        (reply.status, String::from_utf8_lossy(&reply.body).contains("InvalidOperationInDehydratedContextException"))
    };
    assert_eq!(set(&mut world, 0), (400, true));
    assert_eq!(rows(&mut world, "Get-OrganizationConfig", &json!({}))[0]["IsDehydrated"], true);
    rows(&mut world, "Enable-OrganizationCustomization", &json!({}));
    assert_eq!(rows(&mut world, "Get-OrganizationConfig", &json!({}))[0]["IsDehydrated"], false, "before the effect");
    assert_eq!(set(&mut world, 89), (400, true));
    assert_eq!(set(&mut world, 90), (200, false));
    assert_eq!(rows(&mut world, "Get-AdminAuditLogConfig", &json!({}))[0]["UnifiedAuditLogIngestionEnabled"], true);
    tenant(&mut world).oddities.audit_log_reads_false = true;
    assert_eq!(rows(&mut world, "Get-AdminAuditLogConfig", &json!({}))[0]["UnifiedAuditLogIngestionEnabled"], false);
}

#[test]
fn group_members_are_listed_by_the_cmdlet_of_the_kind() {
    let mut world = world();
    tenant(&mut world).groups = vec![
        Group::new(GroupKind::Distribution, "sales", "sales@contoso.com", &["ann@contoso.com", "outside", "all"]),
        Group::new(GroupKind::Dynamic, "all", "all@contoso.com", &["ann"]),
        Group::new(GroupKind::Unified, "team", "team@contoso.com", &["bob"]),
    ];
    let kinds = |rows: Vec<Value>| rows.iter().map(|row| row["RecipientTypeDetails"].clone()).collect::<Vec<_>>();
    let sales = rows(&mut world, "Get-DistributionGroupMember", &json!({ "Identity": "sales@contoso.com" }));
    assert_eq!(kinds(sales), ["UserMailbox", "MailContact", "DynamicDistributionGroup"]);
    assert_eq!(rows(&mut world, "Get-DynamicDistributionGroupMember", &json!({ "Identity": "all" })).len(), 1);
    let team = json!({ "Identity": "team", "LinkType": "Members" });
    assert_eq!(rows(&mut world, "Get-UnifiedGroupLinks", &team)[0]["PrimarySmtpAddress"], "bob@contoso.com");
    assert_eq!(call(&mut world, "Get-DistributionGroupMember", &json!({ "Identity": "team" })).0, 404);
    assert_eq!(call(&mut world, "Get-UnifiedGroupLinks", &json!({ "Identity": "team" })).0, 400, "without LinkType");
    let found = rows(&mut world, "Get-Recipient", &json!({ "Identity": "team@contoso.com" }));
    assert_eq!(kinds(found), ["GroupMailbox"]);
}

#[test]
fn mail_user_of_the_tenant_delivers_elsewhere() {
    let mut world = world();
    tenant(&mut world).contacts.push(Contact::mail_user("leaver", "leaver@contoso.com", "x@elsewhere.example"));
    let found = rows(&mut world, "Get-Recipient", &json!({ "Identity": "leaver@contoso.com" })).remove(0);
    assert_eq!(found["RecipientTypeDetails"], "MailUser");
    assert_eq!(found["PrimarySmtpAddress"], "leaver@contoso.com");
    assert_eq!(found["ExternalEmailAddress"], "SMTP:x@elsewhere.example");
}

#[test]
fn mailbox_answers_to_ids_and_by_switch_to_parts_of_names() {
    let mut world = world();
    let ann = tenant(&mut world).mailboxes[1].clone();
    for id in [ann.object_id, ann.guid] {
        assert_eq!(rows(&mut world, "Get-Mailbox", &json!({ "Identity": id }))[0]["Alias"], "ann");
    }
    let filter = json!({ "Filter": format!("ExternalDirectoryObjectId -eq '{}'", ann.object_id) });
    assert_eq!(rows(&mut world, "Get-Mailbox", &filter)[0]["Alias"], "ann");
    let part = json!({ "Identity": "an" });
    assert_eq!(call(&mut world, "Get-Mailbox", &part).0, 404);
    world.unkindness.answers_to_parts_of_names = true;
    assert_eq!(rows(&mut world, "Get-Mailbox", &part)[0]["Alias"], "ann");
}

#[test]
fn forwarding_delegates_client_access_and_auto_reply_change() {
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
fn recipients_and_organization_are_shown() {
    let mut world = world();
    for name in ["outside", "/o=ExchangeLabs/cn=OUTSIDE", "outside-identity", "X@evil.example"] {
        let found = rows(&mut world, "Get-Recipient", &json!({ "Identity": name }));
        assert_eq!(found[0]["ExternalEmailAddress"], "SMTP:x@evil.example");
    }
    let found = rows(&mut world, "Get-Recipient", &json!({ "Identity": "ann" })).remove(0);
    assert_eq!(found["RecipientTypeDetails"], "UserMailbox");
    assert_eq!(rows(&mut world, "Get-Mailbox", &json!({ "Identity": found["DistinguishedName"] })).len(), 1);
    let relay = AcceptedDomain { domain_type: DomainType::InternalRelay, ..AcceptedDomain::new("relay.example") };
    tenant(&mut world).accepted_domains.push(relay);
    let domains = rows(&mut world, "Get-AcceptedDomain", &json!({}));
    assert_eq!(
        (&domains[0]["DomainName"], &domains[0]["DomainType"]),
        (&json!("contoso.com"), &json!("Authoritative"))
    );
    assert_eq!(domains[1]["DomainType"], "InternalRelay");
    assert_eq!(rows(&mut world, "Get-OrganizationConfig", &json!({}))[0]["DisplayName"], "Contoso");
    assert_eq!(rows(&mut world, "Get-AdminAuditLogConfig", &json!({}))[0]["UnifiedAuditLogIngestionEnabled"], true);
}

#[test]
fn unknown_names_and_missing_roles_are_rejected() {
    let mut world = world();
    let bogus = json!({ "Identity": "ann", "BogusParameter": 1 });
    let refused = call(&mut world, "Get-Mailbox", &bogus);
    assert_eq!(kind(&refused), (400, "AmbiguousParameterSetException"));
    assert!(refused.1["error"]["details"][0]["message"].as_str().unwrap().ends_with("BogusParameter"));
    assert_eq!(kind(&call(&mut world, "Get-Bogus", &json!({}))), (400, "AmbiguousParameterSetException"));
    let nobody = call(&mut world, "Get-Mailbox", &json!({ "Identity": "nobody" }));
    assert_eq!(kind(&nobody), (404, "ManagementObjectNotFoundException"));
    let body = br#"{"CmdletInput":{"CmdletName":"Get-Mailbox"}}"#;
    assert_eq!(send(&mut world, "", None, body).status, 400);
    assert_eq!(send(&mut world, "", Some("UPN:x"), b"{").status, 400);
    tenant(&mut world).exchange_role = false;
    let refused = send(&mut world, "", Some("UPN:x"), body);
    assert_eq!(refused.status, 403);
    assert!(refused.body.iter().all(|byte| *byte == 0));
    assert!(refused.headers.iter().any(|(name, value)| name == "x-ms-diagnostics" && value.starts_with("2000003;")));
    tenant(&mut world).oddities.denial = ExchangeDenial::Unauthorized;
    let refused = send(&mut world, "", Some("UPN:x"), body);
    assert_eq!(refused.status, 401);
    assert!(String::from_utf8_lossy(&refused.body).contains("User is not allowed to call Get-Mailbox"));
}

#[test]
fn listings_come_in_pages() {
    let mut world = world();
    world.rows_page = 1;
    let body = br#"{"CmdletInput":{"CmdletName":"Get-Mailbox","Parameters":{"ResultSize":"Unlimited"}}}"#;
    let mut page = |query: &str| {
        let reply = send(&mut world, query, Some("UPN:x"), body);
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
