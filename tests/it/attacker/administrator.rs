//! Administers a customer's tenant, and so chooses every answer of it.

use std::collections::BTreeSet;

use base::ids::RecordId;
use chrono::TimeDelta;
use serde_json::json;
use table_store::Digest;
use tenantwatch::tables::{COVERAGE, TargetRow};
use tenantwatch_simulator::Trouble;
use tenantwatch_simulator::world::{Mailbox, Tenant, User};
use uuid::Uuid;

use crate::channels::{mail::mails, only};
use crate::collector_fixture::{CollectorFixture, FABRIKAM, forwarding_rule};
use crate::remediation::remediation_fixture::{BOB, CONTOSO, RULE, Ward, threat};

const HARRY: &str = "harry@contoso.com";

#[tokio::test]
async fn alias_of_another_mailbox_leads_to_the_mailbox_of_the_account() {
    let ward = Ward::open_with(&[("ACTION_KEY", "off"), ("PROTECTED_USERS", HARRY)]).await;
    // Exchange knows bob's name as an alias of harry's mailbox, and bob's own mailbox by its object id only.
    let harry = ward.contoso(|tenant| {
        let mut at = tenant.mailboxes.iter().position(|mailbox| mailbox.is(HARRY)).unwrap();
        let harry = tenant.mailboxes.remove(at);
        tenant.mailboxes.insert(0, harry);
        tenant.mailboxes[0].other_addresses.push(BOB.to_owned());
        at = tenant.mailboxes.iter().rposition(|mailbox| mailbox.is(BOB)).unwrap();
        tenant.mailboxes[at].upn = "bob.b@contoso.com".to_owned();
        tenant.mailboxes[0].clone()
    });
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    let (now, bob) =
        ward.contoso(|tenant| (tenant.mailboxes[0].clone(), tenant.mailbox("bob.b@contoso.com").unwrap().clone()));
    assert_eq!(format!("{now:?}"), format!("{harry:?}"), "the protected mailbox is unchanged");
    let rule = bob.rules.iter().find(|rule| rule.id == RULE).unwrap();
    assert!(!rule.enabled, "{:#}", answer.body);
}

/// Returns the object ids of the people whose account or mailbox a remediation run changed in more than its name.
fn touched(before: &Tenant, after: &Tenant) -> BTreeSet<Uuid> {
    let without_name = |user: &User| format!("{:?}", User { upn: String::new(), ..user.clone() });
    let mailbox_without_name = |mailbox: &Mailbox| format!("{:?}", Mailbox { upn: String::new(), ..mailbox.clone() });
    let users = before.users.iter().filter(|user| {
        let now = after.users.iter().find(|now| now.id == user.id);
        now.is_none_or(|now| without_name(now) != without_name(user))
    });
    let mailboxes = before.mailboxes.iter().filter(|mailbox| {
        let now = after.mailboxes.iter().find(|now| now.object_id == mailbox.object_id);
        now.is_none_or(|now| mailbox_without_name(now) != mailbox_without_name(mailbox))
    });
    users.map(|user| user.id).chain(mailboxes.map(|mailbox| mailbox.object_id)).collect()
}

#[tokio::test]
async fn hostile_answers_lead_a_press_to_one_person_only() {
    let (mut completed, mut hindered) = (0, 0);
    for seed in 0..24 {
        let ward = Ward::open_with(&[("ACTION_KEY", "off")]).await;
        ward.wait_shortly();
        let before = ward.contoso(|tenant| {
            tenant.add_person("zoe", "Zoe Zimmer");
            tenant.clone()
        });
        ward.sim.set_trouble(Some(Trouble::new(seed, 0).with_hostile_tenant(CONTOSO)));
        let answer = ward.press(json!({})).await;
        let after = ward.contoso(|tenant| tenant.clone());
        let touched = touched(&before, &after);
        assert!(touched.len() <= 1, "seed {seed}: {touched:?} were changed: {:#}", answer.body);
        match answer.body["Status"].as_str() {
            Some("Completed") => {
                completed += 1;
                let victim = after.users.iter().find(|user| touched.contains(&user.id)).unwrap();
                assert!(!victim.account_enabled, "seed {seed}: {:#}", answer.body);
                let mailbox = after.mailboxes.iter().find(|mailbox| mailbox.object_id == victim.id).unwrap();
                assert_eq!(mailbox.forwarding_smtp_address, None, "seed {seed}: {:#}", answer.body);
            }
            _ => hindered += 1,
        }
    }
    assert!(completed > 0 && hindered > 0, "{completed} completed, {hindered} hindered");
}

#[tokio::test]
async fn actor_named_by_an_alias_of_the_owner_is_secured_too() {
    let ward = Ward::open().await;
    // The name with which harry signs in is an address of bob's mailbox.
    ward.contoso(|tenant| tenant.mailbox_mut(BOB).unwrap().other_addresses.push(HARRY.to_owned()));
    let mut by_harry = threat(2, ward.now());
    by_harry.actor = HARRY.to_owned();
    ward.keep(&by_harry).await;
    let answer = ward.press(json!({ "ID": by_harry.record_id })).await;
    assert_eq!(answer.body["Account"], "bob@contoso.com;harry@contoso.com", "{:#}", answer.body);
    assert!(!ward.user(BOB).account_enabled && !ward.user(HARRY).account_enabled);
}

#[tokio::test]
async fn name_of_the_tenant_is_dead_in_every_channel() {
    for name in ["https://evil.example/verify-now", "Verify at www.evil.example <script>"] {
        let mut fixture = CollectorFixture::start().await;
        let urls = fixture.sim.urls().clone();
        fixture.set_up_again(|settings| {
            only(settings, &urls, &["flow", "webhook", "slack", "mail"]);
            settings.channels.teams_url = Some(urls.teams.clone().into());
        });
        fixture.contoso(|tenant| tenant.display_name = name.to_owned());
        fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@elsewhere.example", fixture.now())]);
        fixture.read().await.unwrap();
        // A notice about the tenant follows.
        fixture.set_consent(false);
        fixture.read().await.unwrap_err();
        let told = fixture.sim.notifications();
        assert!(told.iter().any(|body| body["Threat"] == "True") && told.iter().any(|body| body["Type"] == "Coverage"));
        let mut shown = Vec::new();
        shown.extend(told.iter().map(|body| ("flow", format!("{} {}", body["Summary"], body["Card"]))));
        shown.extend(fixture.sim.teams_messages().iter().map(|body| ("Teams", body.to_string())));
        shown.extend(fixture.sim.slack_messages().iter().map(|body| ("Slack", body.to_string())));
        shown.extend(mails(&fixture).into_iter().map(|mail| ("mail", mail)));
        assert_eq!(shown.len(), 8, "{shown:#?}");
        for (channel, body) in shown {
            assert!(!body.contains("evil.example"), "{channel} shows {name:?}: {body}");
            // The text of a mail obeys no markup, its HTML does.
            let markup = match channel {
                "Slack" => body.as_str(),
                "mail" => body.split_once("text/html").unwrap().1,
                _ => "",
            };
            assert!(!markup.contains("<script>"), "{channel}: {body}");
        }
    }
}

/// Requests to the store in a run with one rule whose target this many mailboxes of another tenant have, last `seen` so long ago.
async fn requests_beside(users: u32, seen: TimeDelta) -> usize {
    let fixture = CollectorFixture::start().await;
    for number in 0..users {
        let row = TargetRow {
            target: Digest::of(&["eve@evil.example"]),
            tenant_id: FABRIKAM.to_string().parse().unwrap(),
            mailbox: format!("user{number}@fabrikam.com"),
            record_id: RecordId::new(uuid::Uuid::from_u128(number.into())),
            first: fixture.now() - seen,
            seen: fixture.now() - seen,
        };
        fixture.write(COVERAGE, &row.to_entity()).await;
    }
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.store_operations();
    fixture.read().await.unwrap();
    fixture.store_operations()
}

/// The administrator of a tenant can give a target to any number of mailboxes, and the tenants share the rows of a target.
#[tokio::test]
async fn target_of_thousands_costs_another_tenant_no_more() {
    let usual = requests_beside(10, TimeDelta::days(1)).await;
    assert_eq!(requests_beside(3_000, TimeDelta::days(1)).await, usual);
    let old = requests_beside(3_000, TimeDelta::days(8)).await;
    assert!(old <= usual + 20, "{old} requests, {usual} are usual");
}
