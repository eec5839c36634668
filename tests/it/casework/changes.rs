//! Whether the attacker's changes are still there, in live reports.

use serde_json::{Value, json};
use tenantwatch_simulator::world::{Grant, Permission};
use tenantwatch_simulator::{Fault, Service};
use uuid::Uuid;

use super::{later, on, publish, reports, start, stored};
use crate::collector_fixture::{CONTOSO, CollectorFixture};
use crate::containment::{acting, attack, ready};
use crate::investigate::records::{A, O, OWNER, Records, S, V, W};

/// An incident with a rule, forwarding, a permission and a consent, and what of it is in the tenant.
async fn changes(prepare: impl FnOnce(&CollectorFixture)) -> Value {
    let fixture = start().await;
    let (mut records, _, rule) = Records::incident();
    let cmdlet = |name: &str, value: &str| {
        json!({"ClientIP": A, "SessionId": S, "ObjectId": V, "ResultStatus": "True",
            "Parameters": [{"Name": "Identity", "Value": V}, {"Name": name, "Value": value}]})
    };
    records.add("19T10:06:00", V, "Set-Mailbox", 1, cmdlet("ForwardingSmtpAddress", "smtp:thief@evil.example"));
    records.add("19T10:07:00", V, "Add-MailboxPermission", 1, cmdlet("User", W));
    records.add("19T10:08:00", V, "Remove-InboxRule", 1, cmdlet("Force", "True"));
    records.add("19T10:09:00", V, "Set-CASMailbox", 1, cmdlet("ImapEnabled", "True"));
    prepare(&fixture);
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let row = stored(&fixture, &rule).await.unwrap();
    let report: Value = serde_json::from_str(&row.report).unwrap();
    report["Changes"].clone()
}

fn states(changes: &Value) -> Vec<(&str, Option<&str>)> {
    changes
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["Operation"].as_str().unwrap(), change["State"].as_str()))
        .collect()
}

fn put_all(fixture: &CollectorFixture) {
    fixture.contoso(|tenant| {
        let mailbox = tenant.mailbox_mut(V).unwrap();
        mailbox.add_rule(7, ".", json!({"ForwardTo": ["thief@evil.example"], "DeleteMessage": true}));
        mailbox.forwarding_smtp_address = Some("smtp:thief@evil.example".to_owned());
        let permission = Permission { user: W.to_owned(), rights: "FullAccess".to_owned(), folder: None };
        mailbox.permissions.push(permission);
    });
}

#[tokio::test]
async fn changes_that_are_still_there_are_said_to_be() {
    let found = changes(put_all).await;
    let expected = [
        ("New-InboxRule", Some("Present")),
        ("Set-Mailbox", Some("Present")),
        ("Add-MailboxPermission", Some("Present")),
        ("Remove-InboxRule", None),
        ("Set-CASMailbox", Some("Unchecked")),
    ];
    assert_eq!(states(&found), expected, "{found:#}");
}

#[tokio::test]
async fn changes_that_were_undone_are_gone() {
    let found = changes(|fixture| {
        put_all(fixture);
        fixture.contoso(|tenant| {
            let mailbox = tenant.mailbox_mut(V).unwrap();
            mailbox.rules[0].enabled = false;
            mailbox.forwarding_smtp_address = Some("smtp:other@contoso.com".to_owned());
            mailbox.permissions.clear();
        });
    })
    .await;
    let expected = [Some("Disabled"), Some("Gone"), Some("Gone")];
    assert_eq!(states(&found).iter().map(|(_, state)| *state).take(3).collect::<Vec<_>>(), expected, "{found:#}");
    let found = changes(|_| ()).await;
    assert_eq!(states(&found)[0], ("New-InboxRule", Some("Gone")), "{found:#}");
}

#[tokio::test]
async fn changes_that_cannot_be_read_are_not_said_to_be_gone() {
    let found = changes(|fixture| {
        put_all(fixture);
        for cmdlet in ["Get-InboxRule", "Get-MailboxPermission"] {
            fixture.sim.inject(Fault::status(Service::Exchange, cmdlet, 403));
        }
    })
    .await;
    let expected = [Some("Unread"), Some("Present"), Some("Unread")];
    assert_eq!(states(&found).iter().map(|(_, state)| *state).take(3).collect::<Vec<_>>(), expected, "{found:#}");
}

/// An incident with access for others, a sweep rule and an automatic reply, and what of it is in the tenant.
async fn grants(prepare: impl FnOnce(&CollectorFixture)) -> Vec<String> {
    let fixture = start().await;
    let (mut records, _, rule) = Records::incident();
    let mut cmdlet = |time: &str, operation: &str, object: &str, parameters: &[(&str, &str)]| {
        let parameters: Vec<Value> =
            parameters.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let members = json!({"ClientIP": A, "SessionId": S, "ObjectId": object, "ResultStatus": "True", "Parameters": parameters});
        records.add(time, V, operation, 1, members);
    };
    let mailbox = ("Identity", V);
    cmdlet("19T10:06:00", "Add-MailboxPermission", V, &[mailbox, ("User", W), ("AccessRights", "FullAccess")]);
    cmdlet("19T10:07:00", "Add-RecipientPermission", V, &[mailbox, ("Trustee", "w"), ("AccessRights", "SendAs")]);
    cmdlet("19T10:08:00", "Set-MailboxAutoReplyConfiguration", V, &[mailbox, ("AutoReplyState", "Enabled")]);
    cmdlet("19T10:09:00", "New-SweepRule", "v\\23", &[("Mailbox", V), ("Name", "Tidy"), ("Provider", "Exchange16")]);
    prepare(&fixture);
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    states_of(&fixture, &rule).await.split_off(1)
}

/// Returns the state of each change in the stored report about a record.
async fn states_of(fixture: &CollectorFixture, record: &Value) -> Vec<String> {
    let row = stored(fixture, record).await.unwrap();
    let report: Value = serde_json::from_str(&row.report).unwrap();
    let state = |(operation, state): (&str, Option<&str>)| format!("{operation} {}", state.unwrap_or("-"));
    states(&report["Changes"]).into_iter().map(state).collect()
}

fn put_grants(fixture: &CollectorFixture) {
    fixture.contoso(|tenant| {
        let mailbox = tenant.mailbox_mut(V).unwrap();
        let permission = Permission { user: W.to_owned(), rights: "FullAccess".to_owned(), folder: None };
        mailbox.permissions.push(permission);
        mailbox.send_as.push(W.to_owned());
        mailbox.auto_reply_state = "Enabled".to_owned();
        let rule = mailbox.add_rule(23, "Tidy", json!({})).clone();
        mailbox.rules.clear();
        mailbox.sweep_rules.push(rule);
    });
}

const GRANTS: [&str; 4] =
    ["Add-MailboxPermission", "Add-RecipientPermission", "Set-MailboxAutoReplyConfiguration", "New-SweepRule"];

fn all_are(state: &str) -> Vec<String> {
    GRANTS.iter().map(|operation| format!("{operation} {state}")).collect()
}

/// Exchange lists a delegate by address, although the attacker may have named it by alias.
#[tokio::test]
async fn access_reply_and_sweep_rule_are_found() {
    assert_eq!(grants(put_grants).await, all_are("Present"));
}

#[tokio::test]
async fn access_reply_and_sweep_rule_that_were_undone_are_gone() {
    assert_eq!(grants(|_| ()).await, all_are("Gone"));
    let of_another = grants(|fixture| {
        put_grants(fixture);
        fixture.contoso(|tenant| {
            let mailbox = tenant.mailbox_mut(V).unwrap();
            mailbox.permissions[0].user = "someone@contoso.com".to_owned();
            mailbox.send_as = vec!["someone@contoso.com".to_owned()];
            mailbox.auto_reply_state = "Disabled".to_owned();
            mailbox.sweep_rules[0].id = 24;
            mailbox.sweep_rules[0].name = "Newsletters".to_owned();
        });
    });
    assert_eq!(of_another.await, all_are("Gone"));
}

#[tokio::test]
async fn sweep_rule_that_is_disabled_is_told_so() {
    let found = grants(|fixture| {
        put_grants(fixture);
        fixture.contoso(|tenant| tenant.mailbox_mut(V).unwrap().sweep_rules[0].enabled = false);
    });
    assert_eq!(found.await[3], "New-SweepRule Disabled");
}

#[tokio::test]
async fn access_reply_and_sweep_rule_that_are_refused_are_unread() {
    for (number, cmdlet) in
        ["Get-MailboxPermission", "Get-RecipientPermission", "Get-MailboxAutoReplyConfiguration", "Get-SweepRule"]
            .into_iter()
            .enumerate()
    {
        let found = grants(|fixture| {
            put_grants(fixture);
            fixture.sim.inject(Fault::status(Service::Exchange, cmdlet, 403));
        });
        let mut expected = all_are("Present");
        expected[number] = format!("{} Unread", GRANTS[number]);
        assert_eq!(found.await, expected);
    }
}

const PRINCIPAL: &str = "12345678-0000-4000-8000-00000000000b";

/// A consent of the account, its grant, and an application of which only the id is known.
async fn consent(of_principal: bool, prepare: impl FnOnce(&CollectorFixture)) -> Vec<String> {
    let fixture = start().await;
    let app = "99999999-aaaa-4bbb-8ccc-999999999999";
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    records.sign_in("19T09:00:10", V, A, S, "0");
    records.all.last_mut().unwrap()["ApplicationId"] = json!(app);
    let actor = json!([{"ID": V, "Type": 5}]);
    let client = if of_principal { format!("ClientId: {PRINCIPAL}, ") } else { String::new() };
    let consent = records.add("19T09:00:00", V, "Consent to application.", 8, json!({
        "ObjectId": app, "Actor": actor, "Target": [{"ID": "Mail Backup Pro", "Type": 1}], "ResultStatus": "Success",
        "ModifiedProperties": [{"Name": "ConsentContext.IsAdminConsent", "NewValue": "False", "OldValue": ""},
            {"Name": "ConsentAction.Permissions", "OldValue": "",
             "NewValue": format!("[] => [[Id: x, {client}Scope: Mail.ReadWrite Mail.Send offline_access]]")}],
    }));
    records.add("19T09:00:01", V, "Add service principal.", 8, json!({
        "ObjectId": app, "Actor": actor, "Target": [{"ID": "Mail Backup Pro", "Type": 1}], "ResultStatus": "Success",
    }));
    prepare(&fixture);
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    states_of(&fixture, &consent).await
}

fn put_consent(fixture: &CollectorFixture) {
    let grant =
        Grant { id: "grant-1".to_owned(), client_id: PRINCIPAL.parse().unwrap(), scope: "Mail.ReadWrite".to_owned() };
    fixture.contoso(|tenant| tenant.user_mut(V).unwrap().grants.push(grant));
}

#[tokio::test]
async fn consent_is_present_until_its_grant_is_revoked() {
    // The application itself stays when a grant is revoked.
    let with =
        |state: &str| [format!("Consent to application. {state}"), "Add service principal. Unchecked".to_owned()];
    assert_eq!(consent(true, put_consent).await, with("Present"));
    assert_eq!(consent(true, |_| ()).await, with("Gone"));
    let of_another_app = |fixture: &CollectorFixture| {
        put_consent(fixture);
        fixture.contoso(|tenant| tenant.user_mut(V).unwrap().grants[0].client_id = Uuid::from_u128(7));
    };
    assert_eq!(consent(true, of_another_app).await, with("Gone"));
    let refused = |fixture: &CollectorFixture| {
        put_consent(fixture);
        fixture.sim.inject(Fault::status(Service::Graph, "oauth2PermissionGrants", 403));
    };
    assert_eq!(consent(true, refused).await, with("Unread"));
}

/// Graph names a grant by the application's object in the tenant, which such a record does not have.
#[tokio::test]
async fn consent_without_an_object_id_is_not_said_to_be_gone() {
    assert_eq!(consent(false, put_consent).await[0], "Consent to application. Unread");
    assert_eq!(consent(false, |_| ()).await[0], "Consent to application. Gone");
}

#[tokio::test]
async fn containment_after_a_report_is_followed_by_another() {
    let fixture = ready(|settings| {
        acting(settings);
        on(settings);
    })
    .await;
    attack(&fixture, 7, "Invoices");
    fixture.read().await.unwrap();
    let told = reports(&fixture);
    assert_eq!(told.len(), 1, "{told:#?}");
    attack(&fixture, 8, "Payments");
    fixture.read().await.unwrap();
    let told = reports(&fixture);
    assert_eq!(told.iter().map(|body| &body["Operation"]).collect::<Vec<_>>(), ["Report 1", "Report 2"]);
    later(&fixture, 1).await;
    assert_eq!(reports(&fixture).len(), 2);
}
