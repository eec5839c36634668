//! Whether the attacker's changes are still there, in live reports.

use serde_json::{Value, json};
use tenantwatch_simulator::world::Permission;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::{later, on, publish, reports, start, stored};
use crate::collector_fixture::{CONTOSO, CollectorFixture};
use crate::containment::{acting, attack, ready};
use crate::investigate::records::{A, Records, S, V, W};

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
            let refused = FaultKind::Status { status: 403, headers: vec![], body: String::new() };
            fixture.sim.inject(Fault::new(Service::Exchange, cmdlet, refused));
        }
    })
    .await;
    let expected = [Some("Unread"), Some("Present"), Some("Unread")];
    assert_eq!(states(&found).iter().map(|(_, state)| *state).take(3).collect::<Vec<_>>(), expected, "{found:#}");
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
