//! The steps of a containment, and the settings that it leaves unchanged.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::settings::{ActionKey, ContainedTenants};
use tenantwatch_simulator::world::SyncedAccounts;

use super::{
    acting, all_told, attack, attacked, changes, enabled_rules, mailbox, observing, press, ready, runs, steps, told,
    user,
};
use crate::collector_fixture::{CollectorFixture, forwarding_rule};

#[tokio::test]
async fn containment_takes_the_least_that_stops_the_attacker() {
    let fixture = ready(acting).await;
    fixture.contoso(|tenant| {
        let mailbox = tenant.mailbox_mut("victor@contoso.com").unwrap();
        mailbox.add_rule(8, "Newsletters", json!({ "MoveToFolder": "News" }));
        mailbox.forwarding_smtp_address = Some("smtp:victor@private.example".to_owned());
    });
    attack(&fixture, 7, "Invoices");
    fixture.read().await.unwrap();
    let (user, mailbox) = (user(&fixture), mailbox(&fixture));
    assert!(!user.account_enabled);
    assert_eq!((user.session_revocations, user.password_resets), (2, 0));
    assert_eq!(enabled_rules(&fixture), ["Newsletters"]);
    assert!(mailbox.forwarding_smtp_address.is_some() && mailbox.client_access["OWAEnabled"]);

    let told = told(&fixture);
    assert_eq!(told["Containment"], "Done", "{told:#}");
    let [run] = <[_; 1]>::try_from(runs(&fixture).await).unwrap();
    assert_eq!((run.action.as_str(), run.status.as_str(), run.user.as_str()), ("Contain", "Completed", super::VICTOR));
    let taken: Value = serde_json::from_str(&run.steps).unwrap();
    assert_eq!(
        steps(&taken),
        [
            "Snapshot: Done",
            "BlockSignIn: Done",
            "RevokeSessions: Done",
            "DisableInboxRules: Done",
            "RevokeSessionsAgain: Done",
            "Verify: Done"
        ]
    );
    assert!(!fixture.coverage().await.pending);
    assert_eq!(runs(&fixture).await[0].incident_id, told["IncidentId"].as_str().unwrap());
}

#[tokio::test]
async fn forwarding_is_removed_and_no_rule_is_touched() {
    let fixture = ready(acting).await;
    fixture.set_rule(8, "Newsletters", json!({ "MoveToFolder": "News" }));
    fixture.contoso(|tenant| {
        let mailbox = tenant.mailbox_mut(super::VICTOR).unwrap();
        mailbox.forwarding_smtp_address = Some("smtp:eve@evil.example".to_owned());
    });
    let mut record = forwarding_rule(1, "x", "x@x.example", fixture.now());
    record["Operation"] = json!("Set-Mailbox");
    record["Parameters"] = json!([
        { "Name": "Identity", "Value": super::VICTOR },
        { "Name": "ForwardingSmtpAddress", "Value": "smtp:eve@evil.example" },
        { "Name": "DeliverToMailboxAndForward", "Value": "False" },
    ]);
    fixture.publish(vec![record]);
    fixture.read().await.unwrap();
    let told = told(&fixture);
    assert_eq!((&told["Type"], &told["Containment"]), (&json!("InboxForward"), &json!("Done")), "{told:#}");
    assert_eq!(mailbox(&fixture).forwarding_smtp_address, None);
    assert_eq!(enabled_rules(&fixture), ["Newsletters"]);
}

#[tokio::test]
async fn observing_changes_nothing_and_stores_no_run() {
    let fixture = attacked(observing).await;
    assert_eq!(told(&fixture)["Containment"], "WouldBe", "{:#}", told(&fixture));
    assert_eq!(told(&fixture)["UndoToken"], "");
    assert_eq!(changes(&fixture), 0);
    assert!(runs(&fixture).await.is_empty());
    assert!(user(&fixture).account_enabled);
}

#[tokio::test]
async fn acting_without_action_key_only_observes() {
    let fixture = attacked(|settings| {
        acting(settings);
        settings.actions.key = ActionKey::Unset;
    })
    .await;
    assert_eq!(told(&fixture)["Containment"], "WouldBe");
    assert_eq!(changes(&fixture), 0);
}

#[tokio::test]
async fn action_key_off_acts_without_an_undo_token() {
    let fixture = attacked(|settings| {
        acting(settings);
        settings.actions.key = ActionKey::Off;
    })
    .await;
    let told = told(&fixture);
    assert_eq!((&told["Containment"], &told["UndoToken"]), (&json!("Done"), &json!("")));
    assert!(!told["Card"].as_str().unwrap().contains("Let back in"));
    let undone = press(&fixture, &told, "Undo").await;
    assert_eq!(undone["Status"], "Undone", "{undone:#}");
}

#[tokio::test]
async fn unlisted_tenant_is_not_contained() {
    let fixture = attacked(|settings| {
        acting(settings);
        settings.containment.tenants = ContainedTenants::Listed(["fabrikam.com".parse().unwrap()].into());
    })
    .await;
    assert_eq!(told(&fixture)["Containment"], "");
    assert_eq!(changes(&fixture), 0);
}

#[tokio::test]
async fn request_of_a_person_goes_on_from_there() {
    let fixture = ready(acting).await;
    fixture.set_rule(8, "Newsletters", json!({ "MoveToFolder": "News" }));
    attack(&fixture, 7, "Invoices");
    fixture.read().await.unwrap();
    let secured = press(&fixture, &told(&fixture), "Remediate").await;
    assert_eq!(secured["Status"], "Completed", "{secured:#}");
    let user = user(&fixture);
    assert_eq!((user.account_enabled, user.password_resets, user.session_revocations), (false, 1, 3));
    assert_eq!(enabled_rules(&fixture), [""; 0]);
    let steps = steps(&secured["Steps"]);
    for step in ["BlockSignIn: AlreadyDone", "RevokeSessions: AlreadyDone", "ResetPassword: Done"] {
        assert!(steps.contains(&step.to_owned()), "{steps:?}");
    }
    let undone = press(&fixture, &json!({ "UndoToken": secured["UndoToken"], "LogID": told(&fixture)["LogID"], "ManagementDomain": "contoso.com", "SourceMailbox": super::VICTOR }), "Undo").await;
    assert_eq!(undone["Status"], "Undone", "{undone:#}");
    assert!(super::user(&fixture).account_enabled, "the containment's snapshot shows that it was enabled");
}

#[tokio::test]
async fn later_threat_adds_its_rule_and_counts_no_second_time() {
    let fixture = attacked(|settings| {
        acting(settings);
        settings.containment.limit = 1;
    })
    .await;
    fixture.wait(TimeDelta::hours(2));
    attack(&fixture, 9, "Payroll");
    fixture.read().await.unwrap();
    let told = all_told(&fixture);
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|told| told["Containment"] == "Done"), "{told:#?}");
    assert_eq!(told[0]["IncidentId"], told[1]["IncidentId"]);
    assert_eq!(enabled_rules(&fixture), [""; 0]);
    assert_eq!(runs(&fixture).await.len(), 2);
}

#[tokio::test]
async fn undo_lets_back_in_and_keeps_the_account_from_being_contained() {
    let fixture = attacked(acting).await;
    let first = told(&fixture);
    let client_access = mailbox(&fixture).client_access;
    let undone = press(&fixture, &first, "Undo").await;
    assert_eq!(undone["Status"], "Undone", "{undone:#}");
    assert!(user(&fixture).account_enabled);
    assert_eq!(enabled_rules(&fixture), [""; 0], "the rule that the threat names remains disabled");
    assert_eq!(mailbox(&fixture).client_access, client_access);
    assert!(!undone["ActionToken"].as_str().unwrap().is_empty());

    fixture.wait(TimeDelta::hours(12));
    attack(&fixture, 9, "Payroll");
    fixture.read().await.unwrap();
    let second = all_told(&fixture).pop().unwrap();
    assert!(second["Containment"].as_str().unwrap().starts_with("Refused: an Undo"), "{second:#}");
    assert!(user(&fixture).account_enabled);

    fixture.wait(TimeDelta::hours(13));
    fixture.read().await.unwrap();
    attack(&fixture, 10, "Refunds");
    fixture.read().await.unwrap();
    let third = all_told(&fixture).pop().unwrap();
    assert_eq!(third["Containment"], "Done", "{third:#}");
}

#[tokio::test]
async fn synced_account_is_blocked_where_that_is_possible() {
    for (is_accepted, containment) in [(true, "Done"), (false, "Partly")] {
        let fixture = ready(acting).await;
        fixture.contoso(|tenant| {
            tenant.oddities.synced_accounts = SyncedAccounts { accept_block: is_accepted, accept_password: false };
            tenant.user_mut(super::VICTOR).unwrap().synced = true;
        });
        attack(&fixture, 7, "Invoices");
        fixture.read().await.unwrap();
        let told = told(&fixture);
        assert_eq!(told["Containment"], containment, "{told:#}");
        assert!(told["Card"].as_str().unwrap().contains("disable it on premises too"), "{told:#}");
        assert_eq!((user(&fixture).session_revocations, enabled_rules(&fixture)), (2, Vec::new()));
    }
}

#[tokio::test]
async fn rule_that_is_gone_is_fine() {
    let fixture = ready(acting).await;
    fixture.publish(vec![super::robbing_rule(7, "Invoices", &fixture)]);
    fixture.read().await.unwrap();
    assert_eq!(told(&fixture)["Containment"], "Done", "{:#}", told(&fixture));
}

#[tokio::test]
async fn actor_and_owner_are_both_contained() {
    let fixture = ready(acting).await;
    super::add_person(&fixture, "mallory");
    let mut record = super::robbing_rule(7, "Invoices", &fixture);
    record["UserId"] = json!("mallory@contoso.com");
    record["Parameters"].as_array_mut().unwrap().push(json!({ "Name": "Mailbox", "Value": super::VICTOR }));
    fixture.set_rule(7, "Invoices", json!({ "ForwardTo": ["eve@evil.example"], "DeleteMessage": true }));
    fixture.publish(vec![record]);
    fixture.read().await.unwrap();
    let told = told(&fixture);
    assert_eq!((&told["Containment"], &told["Actor"]), (&json!("Done"), &json!("mallory@contoso.com")), "{told:#}");
    assert!(!user(&fixture).account_enabled);
    assert!(!fixture.contoso(|tenant| tenant.user("mallory@contoso.com").unwrap().account_enabled));
}

/// A fixture whose attack was contained, for tests of what comes after.
pub async fn contained() -> CollectorFixture {
    let fixture = attacked(acting).await;
    assert_eq!(told(&fixture)["Containment"], "Done");
    fixture
}
