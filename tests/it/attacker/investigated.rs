//! Is inside a mailbox and knows that the account will be investigated: hides in numbers, in the order of events, and behind others.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};
use table_store::ENTITY_LIMIT;
use tenantwatch::detection::FindingKind;
use tenantwatch::settings::ActionKey;
use tenantwatch_simulator::{Fault, FaultKind, Service};
use uuid::Uuid;

use crate::casework::{later, on, publish, reports, start, stored, told};
use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, Failure, Operation, forwarding_rule};
use crate::containment::press;
use crate::investigate::records::{A, A2, Records, S, V, W};

fn session(number: usize) -> String {
    format!("{number:08x}-3333-4333-8333-cccccccccccc")
}

/// Reads another tenant some minutes later.
async fn read_fabrikam(fixture: &CollectorFixture) {
    fixture.wait(TimeDelta::minutes(6));
    fixture.deliver(&fixture.message_for(FABRIKAM)).await.unwrap();
}

/// Publishes successful sign-ins of people of fabrikam from the attacker's address.
fn sign_in_people(fixture: &CollectorFixture, people: std::ops::Range<usize>) {
    let mut records = Records::default();
    for number in people {
        records.sign_in("22T10:02:00", &format!("p{number}@fabrikam.com"), A, &session(number), "0");
    }
    for record in &mut records.all {
        record["Id"] = json!(Uuid::new_v4());
    }
    publish(fixture, FABRIKAM, &records.all);
}

/// The accounts of the notifications about other accounts, and the texts of those notifications.
fn same_attacker(fixture: &CollectorFixture) -> Vec<Value> {
    reports(fixture).into_iter().filter(|body| body["Operation"] == "SameAttacker").collect()
}

#[tokio::test]
async fn report_of_2600_sessions_is_stored_and_told() {
    let fixture = start().await;
    let (mut records, _, rule) = Records::incident();
    for number in 0..2_600 {
        records.sign_in("19T10:30:00", "mule@contoso.com", A, &session(number), "0");
    }
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let told = reports(&fixture);
    assert!(told.iter().any(|body| body["Operation"] == "Report 1"), "{told:#?}");
    let row = stored(&fixture, &rule).await.unwrap();
    assert!(row.to_entity().size() <= ENTITY_LIMIT);
    let report: Value = serde_json::from_str(&row.report).unwrap();
    assert_eq!(report["OtherAccounts"][0]["Activities"], 2_600, "{}", row.omitted);
    assert!(row.omitted.contains("cut"), "{}", row.omitted);
    assert_eq!(fixture.stored(tenantwatch::tables::COVERAGE, "attackers").await.len(), 1);
}

#[tokio::test]
async fn failing_investigation_does_not_stop_the_next_one() {
    for broken in [V, W] {
        let fixture = start().await;
        let (mut records, ..) = Records::incident();
        records.rule("19T10:10:00", W, A2, "dddddddd-4444-4444-8444-dddddddddddd");
        publish(&fixture, CONTOSO, &records.all);
        fixture.wait(TimeDelta::minutes(1));
        // No time is left for the reports.
        fixture.deliver_within(&fixture.message(), std::time::Duration::from_secs(150)).await.unwrap();
        let rows = fixture.rows("contoso.com").await;
        let is_broken = |mailbox: &str| mailbox.eq_ignore_ascii_case(broken);
        let threat = rows.iter().find(|row| row.kind == FindingKind::InboxRule && is_broken(&row.source_mailbox));
        let log_id = threat.unwrap().record_id.to_string();
        fixture.store.fail(Operation::Get, &log_id, Failure::BeforeEffect, 1);
        fixture.wait(TimeDelta::minutes(1));
        fixture.deliver(&fixture.message()).await.unwrap();
        let told = reports(&fixture);
        assert_eq!(told.len(), 1, "{broken} cannot be investigated: {told:#?}");
        assert_ne!(told[0]["SourceMailbox"], broken);
    }
}

#[tokio::test]
async fn unread_blobs_of_one_kind_are_one_sentence() {
    let fixture = start().await;
    let unavailable = FaultKind::Status { status: 400, headers: vec![], body: String::new() };
    fixture.sim.inject(Fault::new(Service::Activity, "audit_sharepoint", unavailable));
    let (records, _, rule) = Records::incident();
    for _ in 0..40 {
        let mut files = Records::default();
        files.file("19T10:30:00", V, "FileAccessed", A, S, "x.docx");
        publish(&fixture, CONTOSO, &files.all);
    }
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let report: Value = serde_json::from_str(&stored(&fixture, &rule).await.unwrap().report).unwrap();
    let texts: Vec<&str> = report["NotLogged"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let unread: Vec<_> = texts.iter().filter(|text| text.contains("not read:")).collect();
    assert!(matches!(unread[..], [one] if one.contains("4") && one.contains("Audit.SharePoint")), "{texts:#?}");
}

#[tokio::test]
async fn account_that_was_only_tried_is_watched_afterwards() {
    let fixture = start().await;
    let (mut records, ..) = Records::incident();
    records.sign_in("19T10:30:00", W, A, "", "50126");
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let before = records.all.len();
    records.sign_in("22T10:02:00", W, A, &session(1), "0");
    publish(&fixture, CONTOSO, &records.all[before..]);
    later(&fixture, 6).await;
    let told = fixture.notified("KnownAttackerAddress");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["Actor"], W);
}

#[tokio::test]
async fn repeated_rule_does_not_switch_off_the_investigation() {
    for is_one_run in [false, true] {
        let (fixture, mut records, first) = told().await;
        let before = records.all.len();
        records.rule("22T09:30:00", V, A, S);
        let repeat = records.all.len();
        let mut attack = records.rule("22T09:40:00", V, A, S);
        attack["Parameters"][0]["Value"] = "another".into();
        records.all[repeat] = attack.clone();
        if is_one_run {
            publish(&fixture, CONTOSO, &records.all[before..]);
        } else {
            publish(&fixture, CONTOSO, &records.all[before..repeat]);
            later(&fixture, 1).await;
            publish(&fixture, CONTOSO, &records.all[repeat..]);
        }
        later(&fixture, 1).await;
        let threats = fixture.notified("InboxRule");
        assert_eq!(threats.len(), 2, "the repeat is not told: {threats:#?}");
        assert_eq!((&threats[0]["LogID"], &threats[1]["LogID"]), (&first["Id"], &attack["Id"]));
        assert_ne!(threats[0]["IncidentId"], threats[1]["IncidentId"]);
        let told = reports(&fixture);
        assert!(told.iter().any(|body| body["IncidentId"] == threats[1]["IncidentId"]), "{is_one_run}: {told:#?}");
        assert!(stored(&fixture, &attack).await.is_some(), "the report is that of the threat that was told");
    }
}

#[tokio::test]
async fn three_hundred_sign_ins_from_an_exit_give_six_notifications() {
    let (fixture, ..) = told().await;
    sign_in_people(&fixture, 0..300);
    read_fabrikam(&fixture).await;
    let told = fixture.notified("KnownAttackerAddress");
    assert!((5..=6).contains(&told.len()), "{}", told.len());
    assert!(told.iter().any(|body| body["Reasons"].as_str().unwrap().contains("exit")), "{told:#?}");
    let before = told.len();
    for start in [300, 400] {
        sign_in_people(&fixture, start..start + 100);
        read_fabrikam(&fixture).await;
    }
    assert_eq!(fixture.notified("KnownAttackerAddress").len(), before, "the address is an exit by now");
    let rows = fixture.rows("fabrikam.com").await;
    let recorded = rows.iter().filter(|row| row.kind == FindingKind::KnownAttackerAddress).count();
    assert_eq!(recorded, 500, "each is recorded");
}

#[tokio::test]
async fn exit_of_one_customer_is_none_of_another() {
    let (fixture, ..) = told().await;
    sign_in_people(&fixture, 0..30);
    read_fabrikam(&fixture).await;
    let mut records = Records::default();
    records.sign_in("22T10:02:00", W, A, &session(1), "0");
    records.all[0]["Id"] = json!(Uuid::new_v4());
    publish(&fixture, CONTOSO, &records.all);
    later(&fixture, 6).await;
    let told = fixture.notified("KnownAttackerAddress");
    assert!(told.iter().any(|body| body["Actor"] == W), "{told:#?}");
}

#[tokio::test]
async fn dismissed_threat_takes_its_addresses_with_it() {
    let mut fixture = start().await;
    fixture.set_up_again(|settings| {
        on(settings);
        settings.actions.key = ActionKey::Off;
    });
    let (records, ..) = Records::incident();
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let threat = fixture.notified("InboxRule").remove(0);
    assert_eq!(fixture.stored(tenantwatch::tables::COVERAGE, "attackers").await.len(), 1);
    assert_eq!(press(&fixture, &threat, "Dismiss").await["Status"], "Dismissed");
    sign_in_people(&fixture, 0..1);
    read_fabrikam(&fixture).await;
    assert_eq!(fixture.notified("KnownAttackerAddress").len(), 0);
    // The looks for late content bring none back.
    for minutes in [40, 130, 500] {
        later(&fixture, minutes).await;
    }
    assert!(fixture.stored(tenantwatch::tables::COVERAGE, "attackers").await.is_empty());
    sign_in_people(&fixture, 1..2);
    read_fabrikam(&fixture).await;
    assert_eq!(fixture.notified("KnownAttackerAddress").len(), 0);
    assert_eq!(reports(&fixture).len(), 1, "a dismissed threat is not investigated again");
}

#[tokio::test]
async fn second_attack_from_the_same_address_is_told_again() {
    let fixture = start().await;
    let (mut records, ..) = Records::incident();
    records.sign_in("19T10:30:00", W, A, &session(1), "0");
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    assert_eq!(same_attacker(&fixture).len(), 1);
    fixture.wait(TimeDelta::days(31));
    for record in &mut records.all {
        let day: u32 = record["CreationTime"].as_str().unwrap()[8..10].parse().unwrap();
        let time = record["CreationTime"].as_str().unwrap()[10..].to_owned();
        record["CreationTime"] = json!(format!("2026-12-{:02}{time}", day + 1));
        record["Id"] = json!(Uuid::new_v4());
    }
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 2);
    let told = same_attacker(&fixture);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().all(|body| body["SourceMailbox"] == W));
}

#[tokio::test]
async fn junk_accounts_hide_no_second_victim() {
    for junk in ["junk{}_evil.example#ext#@contoso.onmicrosoft.com", "member{}@contoso.com"] {
        let fixture = start().await;
        let (mut records, ..) = Records::incident();
        for number in 0..30 {
            let account = junk.replace("{}", &number.to_string());
            records.sign_in("19T10:20:00", &account, A, &session(number), "0");
        }
        records.sign_in("19T10:50:00", W, A, &session(99), "0");
        publish(&fixture, CONTOSO, &records.all);
        fixture.read().await.unwrap();
        let told = same_attacker(&fixture);
        assert!(told.len() <= 21, "{}", told.len());
        assert!(told.iter().any(|body| body.to_string().contains(W)), "{junk}: {told:#?}");
        later(&fixture, 31).await;
        assert_eq!(same_attacker(&fixture).len(), told.len(), "none of them is told twice");
    }
}

#[tokio::test]
async fn untold_accounts_of_an_attacker_are_still_watched() {
    let fixture = start().await;
    let (mut records, ..) = Records::incident();
    for number in 0..150 {
        records.sign_in("19T10:20:00", &format!("member{number}@contoso.com"), A, &session(number), "0");
    }
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let named: BTreeSet<String> = same_attacker(&fixture)
        .iter()
        .flat_map(|body| (0..150).filter(|n| body.to_string().contains(&format!("member{n}@"))).collect::<Vec<_>>())
        .map(|number| number.to_string())
        .collect();
    assert!(named.len() < 150 && named.len() >= 20, "{}", named.len());
    let unnamed = (0..150).find(|number| !named.contains(&number.to_string())).unwrap();
    let mut more = Records::default();
    more.sign_in("22T10:02:00", &format!("member{unnamed}@contoso.com"), A, &session(999), "0");
    more.all[0]["Id"] = json!(Uuid::new_v4());
    publish(&fixture, CONTOSO, &more.all);
    later(&fixture, 6).await;
    assert_eq!(fixture.notified("KnownAttackerAddress").len(), 1);
}

#[tokio::test]
async fn relating_many_threats_of_one_account_reads_few_rows() {
    let fixture = CollectorFixture::start().await;
    let mut records = Vec::new();
    for id in 1..=400 {
        records.push(forwarding_rule(id, &format!("Rule {id}"), "eve@evil.example", fixture.now()));
    }
    fixture.publish(records);
    fixture.store.take_listed();
    fixture.read().await.unwrap();
    let listed = fixture.store.take_listed();
    assert!(listed < 40 * 400, "{listed} rows for 400 threats");
}

#[tokio::test]
async fn addresses_of_a_spray_crowd_out_none_of_the_attacker() {
    let fixture = start().await;
    let (mut records, _, rule) = Records::incident();
    // Failed sign-ins from thousands of addresses before the attack crowd out no address of the attacker.
    for number in 0..6_000_u32 {
        let address = format!("45.{}.{}.9", number / 250, number % 250);
        records.sign_in("18T20:00:00", V, &address, "", "50126");
    }
    publish(&fixture, CONTOSO, &records.all);
    fixture.read().await.unwrap();
    let report: Value = serde_json::from_str(&stored(&fixture, &rule).await.unwrap().report).unwrap();
    let of = |ip: &str| {
        let rows = report["Addresses"].as_array().unwrap();
        rows.iter().find(|row| row["IP"] == ip).map(|row| row["Attribution"].as_str().unwrap().to_owned())
    };
    assert_eq!(of(A).as_deref(), Some("Proven"));
}
