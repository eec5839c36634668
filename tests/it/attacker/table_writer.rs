//! Can write the tables: turns no signed press on another account or tenant, and keeps no press from its work.

use base::ids::RunId;
use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::json;
use table_store::{Column, ETag, PartitionKey, Query, Stored, list_all};
use tenantwatch::detection::{FindingKind, Reason, ReasonName, Severity};
use tenantwatch::notify::seal::Seals;
use tenantwatch::notify::token::{ActionTokens, Scope};
use tenantwatch::remediation::contain::Condition;
use tenantwatch::settings::ActionKey;
use tenantwatch::tables::{ACTIONS, ActionRow, COVERAGE, FindingState, PendingRow, ProcessedRow, TableRow as _};
use tenantwatch_simulator::Request;
use uuid::Uuid;

use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, security_info};
use crate::containment::{VICTOR, acting, add_person, all_told, attacked, changes, press, ready, robbing_rule, told};
use crate::remediation::remediation_fixture::{BOB, Ward, threat};

const KEY: &str = "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=";
const HARRY: &str = "harry@contoso.com";

#[tokio::test]
async fn changed_row_turns_no_card_on_another_account() {
    type Change = fn(&mut ProcessedRow);
    let changes: [(&str, Change); 3] = [
        ("actor", |row| row.actor = HARRY.to_owned()),
        ("owner", |row| {
            row.actor = row.source_mailbox.clone();
            row.source_mailbox = HARRY.to_owned();
        }),
        ("tenant", |row| row.tenant_id = Uuid::from_u128(0xfab).to_string().parse().unwrap()),
    ];
    for (name, change) in changes {
        let ward = Ward::open_with(&[("ACTION_KEY", KEY)]).await;
        let token = ward.token(Scope::Act, TimeDelta::hours(1));
        let mut row = ward.threat.clone();
        change(&mut row);
        ward.overwrite(ProcessedRow::TABLE, &row.to_entity()).await;
        let answer = ward.press(json!({ "Token": token })).await;
        assert_eq!(answer.status, 403, "{name}: {:#}", answer.body);
        assert_eq!(ward.changes(), 0, "{name}");
        assert!(ward.user(BOB).account_enabled && ward.user(HARRY).account_enabled, "{name}");
    }
}

#[tokio::test]
async fn lock_without_an_end_is_taken_over_after_a_minute() {
    let ward = Ward::open_with(&[("ACTION_KEY", KEY)]).await;
    let token = ward.token(Scope::Act, TimeDelta::hours(1));
    ward.press(json!({ "Token": token, "Action": "Preview" })).await;
    ward.stop_after(Some(1));
    tokio::select! {
        _ = ward.press(json!({ "Token": token })) => panic!("it should have stopped"),
        () = ward.store.stopped.notified() => ward.stop_after(None),
    }
    let locks = Query::partition(PartitionKey::domain(&ward.threat.domain)).with_prefix("lock_");
    for mut lock in list_all(&ward.store.inner, ACTIONS, locks).await.unwrap() {
        lock.entity.set("LeasedUntil", Column::Time("9999-12-31T23:59:59Z".parse().unwrap()));
        ward.overwrite(ACTIONS, &lock.entity).await;
    }
    assert_eq!(ward.press(json!({ "Token": token })).await.status, 409);
    ward.wait(TimeDelta::seconds(61));
    assert_eq!(ward.press(json!({ "Token": token })).await.body["Status"], "Completed");
}

/// A threat to an account of contoso that nobody made, waiting to be sent.
fn forged(fixture: &CollectorFixture, id: u128, account: &str) -> ProcessedRow {
    ProcessedRow {
        source_mailbox: account.to_owned(),
        actor: account.to_owned(),
        event_time: fixture.now(),
        state: FindingState::Sending,
        attempts: 1,
        next_attempt: Some(fixture.now() - TimeDelta::hours(1)),
        notified: [("flow".to_owned(), None)].into(),
        ..threat(id, fixture.now())
    }
}

/// The row of a containment of the finding that is said to have begun.
fn forged_run(finding: &ProcessedRow, object_id: Uuid) -> ActionRow {
    ActionRow {
        domain: finding.domain.clone(),
        record_id: finding.record_id,
        run_id: RunId::random(),
        user: finding.source_mailbox.clone(),
        action: "Contain".to_owned(),
        status: String::new(),
        started: finding.event_time,
        finished: None,
        steps: "[]".to_owned(),
        snapshot: String::new(),
        reason: String::new(),
        mailbox: object_id.to_string(),
        account_ids: object_id.to_string(),
        incident_id: String::new(),
        seal: String::new(),
    }
}

/// Writes a threat and its note into the tables, and the row of a run if there is one.
async fn write(fixture: &CollectorFixture, finding: &ProcessedRow, run: Option<&ActionRow>) {
    write_with_record(fixture, finding, run, None).await;
}

async fn write_with_record(
    fixture: &CollectorFixture,
    finding: &ProcessedRow,
    run: Option<&ActionRow>,
    record: Option<String>,
) {
    fixture.write(ProcessedRow::TABLE, &finding.to_entity()).await;
    if let Some(run) = run {
        fixture.write(ACTIONS, &run.to_entity(false)).await;
    }
    let coverage = fixture.coverage().await;
    let note = PendingRow {
        tenant_id: coverage.tenant_id,
        record_id: finding.record_id,
        domain: finding.domain.clone(),
        since: finding.event_time,
        record,
    };
    fixture.write(COVERAGE, &note.to_entity()).await;
    let mut coverage = coverage.to_entity();
    coverage.set("Pending", Column::Bool(true));
    fixture.write(COVERAGE, &coverage).await;
}

fn is_enabled(fixture: &CollectorFixture, tenant: Uuid, account: &str) -> bool {
    fixture.sim.world().tenants[&tenant].user(account).unwrap().account_enabled
}

async fn read_some_times(fixture: &CollectorFixture) {
    for _ in 0..3 {
        fixture.wait(TimeDelta::minutes(16));
        fixture.read().await.unwrap();
    }
}

#[tokio::test]
async fn forged_run_row_contains_no_administrator() {
    let fixture = ready(acting).await;
    fixture.contoso(|tenant| tenant.user_mut(VICTOR).unwrap().administrator = true);
    let victor = fixture.contoso(|tenant| tenant.user(VICTOR).unwrap().id);
    let finding = forged(&fixture, 77, VICTOR);
    write(&fixture, &finding, Some(&forged_run(&finding, victor))).await;
    fixture.sim.forget_requests();
    read_some_times(&fixture).await;
    assert!(is_enabled(&fixture, CONTOSO, VICTOR));
    assert_eq!(changes(&fixture), 0);
}

#[tokio::test]
async fn old_containment_that_is_made_unfinished_contains_nobody() {
    let fixture = attacked(acting).await;
    assert_eq!(told(&fixture)["Containment"], "Done");
    fixture.contoso(|tenant| tenant.user_mut(VICTOR).unwrap().account_enabled = true);
    for hours in [12, 12, 6] {
        fixture.wait(TimeDelta::hours(hours));
        fixture.read().await.unwrap();
    }
    let mut finding = fixture.findings().await.into_iter().find(|row| row.threat).unwrap();
    assert!(fixture.app.seals.hold_finding(&finding), "the row and that of its run are genuine");
    (finding.state, finding.containment, finding.attempts) = (FindingState::Sending, None, 1);
    finding.next_attempt = Some(fixture.now() - TimeDelta::hours(1));
    finding.notified = [("flow".to_owned(), None)].into();
    write(&fixture, &finding, None).await;
    fixture.sim.forget_requests();
    read_some_times(&fixture).await;
    assert_eq!(all_told(&fixture).pop().unwrap()["Containment"], "Partly", "a person decides");
    assert!(is_enabled(&fixture, CONTOSO, VICTOR));
    assert_eq!(changes(&fixture), 0);
}

#[tokio::test]
async fn forged_run_row_settles_no_step_of_a_press() {
    let elsewhere = Ward::open_with(&[("ACTION_KEY", KEY)]).await;
    elsewhere.press(json!({ "Token": elsewhere.token(Scope::Act, TimeDelta::hours(1)) })).await;
    let genuine = elsewhere.runs().await.pop().unwrap();
    let mut steps: Vec<serde_json::Value> = serde_json::from_str(&genuine.steps).unwrap();
    steps.retain(|step| step["Step"] == "ResetPassword" || step["Step"] == "RevokeSessions");
    assert!(steps.len() == 2 && steps.iter().all(|step| step["Outcome"] == "Done"), "{steps:#?}");
    let ward = Ward::open_with(&[("ACTION_KEY", KEY)]).await;
    let started = ward.now() - TimeDelta::minutes(5);
    let steps = json!(steps).to_string();
    let forged = ActionRow { run_id: RunId::random(), started, steps, snapshot: String::new(), ..genuine };
    ward.put(ACTIONS, &forged.to_entity(false)).await;
    let answer = ward.press(json!({ "Token": ward.token(Scope::Act, TimeDelta::hours(1)) })).await;
    assert_eq!(answer.body["Status"], "Completed", "{:#}", answer.body);
    let bob = ward.user(BOB);
    assert_eq!((bob.password_resets, bob.session_revocations), (1, 2), "{:#}", answer.body);
}

#[tokio::test]
async fn forged_run_rows_pass_no_limit_of_accounts() {
    let fixture = ready(acting).await;
    let names: Vec<String> = (0..25).map(|number| format!("person{number}")).collect();
    for (number, name) in (100..).zip(&names) {
        let id = add_person(&fixture, name);
        let finding = forged(&fixture, number, &format!("{name}@contoso.com"));
        write(&fixture, &finding, Some(&forged_run(&finding, id))).await;
    }
    read_some_times(&fixture).await;
    let blocked = names.iter().filter(|name| !is_enabled(&fixture, CONTOSO, &format!("{name}@contoso.com")));
    assert!(blocked.count() <= 3);
}

#[tokio::test]
async fn forged_row_contains_nobody_of_another_tenant() {
    let fixture = ready(acting).await;
    let other = "victor@fabrikam.com";
    fixture.add_customer(FABRIKAM, "fabrikam.com", "Fabrikam");
    let id = fixture.sim.world().tenants[&FABRIKAM].user(other).unwrap().id;
    for (number, domain) in [(77, "contoso.com"), (78, "fabrikam.com")] {
        let genuine = forged(&fixture, number, other);
        let tenant_id = FABRIKAM.to_string().parse().unwrap();
        let finding = ProcessedRow { tenant_id, domain: domain.parse().unwrap(), ..genuine };
        write(&fixture, &finding, Some(&forged_run(&finding, id))).await;
    }
    let own_tenant = ProcessedRow { domain: "fabrikam.com".parse().unwrap(), ..forged(&fixture, 79, VICTOR) };
    write(&fixture, &own_tenant, None).await;
    fixture.sim.forget_requests();
    read_some_times(&fixture).await;
    assert!(is_enabled(&fixture, FABRIKAM, other) && is_enabled(&fixture, CONTOSO, VICTOR));
    assert_eq!(changes(&fixture), 0);
    let to_other = |request: &&Request| request.tenant == Some(FABRIKAM);
    assert_eq!(fixture.sim.requests().iter().filter(to_other).count(), 0, "no token of the other tenant is used");
    assert!(fixture.sim.notifications().iter().all(|told| told["TenantId"] != FABRIKAM.to_string()));
}

fn not_sealed() -> String {
    format!("Refused: {}", Condition::Sealed.unmet())
}

#[tokio::test]
async fn forged_row_is_told_and_neither_contained_nor_signed() {
    for key in [ActionKey::Signing(vec![SecretSlice::from(vec![7; 32])]), ActionKey::Off] {
        let fixture = ready(|settings| {
            acting(settings);
            settings.actions.key = key.clone();
        })
        .await;
        let finding = forged(&fixture, 77, VICTOR);
        write(&fixture, &finding, None).await;
        assert_told_and_neither_contained_nor_signed(&fixture).await;
    }
}

/// Reads until the stored finding of victor is told: without a token, and without a change in his tenant.
async fn assert_told_and_neither_contained_nor_signed(fixture: &CollectorFixture) {
    fixture.sim.forget_requests();
    read_some_times(fixture).await;
    let told = told(fixture);
    assert_eq!((&told["Containment"], &told["ActionToken"]), (&json!(not_sealed()), &json!("")), "{told:#}");
    assert!(is_enabled(fixture, CONTOSO, VICTOR));
    assert_eq!(changes(fixture), 0);
}

#[tokio::test]
async fn changed_row_is_neither_contained_nor_signed() {
    type Change = fn(&mut ProcessedRow);
    let changes_of_a_row: [(&str, Change); 3] = [
        ("nothing", |_| {}),
        ("account", |row| (row.source_mailbox, row.actor) = ("walter@contoso.com".to_owned(), String::new())),
        ("time", |row| row.event_time += TimeDelta::hours(1)),
    ];
    for (name, change) in changes_of_a_row {
        let fixture = ready(acting).await;
        add_person(&fixture, "walter");
        let mut finding = forged(&fixture, 77, VICTOR);
        finding.seal = fixture.app.seals.of_finding(&finding);
        change(&mut finding);
        write(&fixture, &finding, None).await;
        read_some_times(&fixture).await;
        let told = told(&fixture);
        let is_genuine = name == "nothing";
        let expected = if is_genuine { "Done".to_owned() } else { not_sealed() };
        assert_eq!(told["Containment"], expected, "{name}: {told:#}");
        assert_eq!(told["ActionToken"] != "", is_genuine, "{name}");
        assert_eq!(is_enabled(&fixture, CONTOSO, VICTOR), !is_genuine, "{name}");
        assert!(is_enabled(&fixture, CONTOSO, "walter@contoso.com"), "{name}");
    }
}

#[tokio::test]
async fn forged_record_to_evaluate_again_contains_nobody() {
    let fixture = ready(acting).await;
    let record = robbing_rule(77, "Invoices", &fixture);
    let finding = ProcessedRow {
        state: FindingState::Rejudge,
        threat: false,
        severity: Severity::Low,
        ..forged(&fixture, 77, VICTOR)
    };
    write_with_record(&fixture, &finding, None, Some(record.to_string())).await;
    assert_told_and_neither_contained_nor_signed(&fixture).await;
}

#[tokio::test]
async fn containment_of_an_earlier_version_is_left_to_a_person() {
    let fixture = ready(acting).await;
    let victor = fixture.contoso(|tenant| tenant.user(VICTOR).unwrap().id);
    let finding = forged(&fixture, 77, VICTOR);
    write(&fixture, &finding, Some(&forged_run(&finding, victor))).await;
    read_some_times(&fixture).await;
    let told = told(&fixture);
    assert_eq!((&told["Containment"], &told["UndoToken"]), (&json!("Partly"), &json!("")), "{told:#}");
    // The card has no token; whoever has the settings creates one, and it works.
    let tokens = ActionTokens::new(&fixture.app.settings.actions);
    let token = tokens.mint(&finding, Scope::Act, fixture.now(), TimeDelta::hours(1)).unwrap();
    let mut pressed = told.clone();
    pressed["ActionToken"] = json!(token.expose_secret());
    let answer = press(&fixture, &pressed, "Remediate").await;
    assert_eq!(answer["Status"], "Completed", "{answer:#}");
    assert!(!is_enabled(&fixture, CONTOSO, VICTOR));
}

#[tokio::test]
async fn finding_that_relations_raise_is_signed_unless_it_was_forged() {
    for is_forged in [false, true] {
        let fixture =
            ready(|settings| settings.actions.key = ActionKey::Signing(vec![SecretSlice::from(vec![7; 32])])).await;
        fixture.publish(vec![security_info(50, fixture.now() + TimeDelta::minutes(2))]);
        fixture.wait(TimeDelta::minutes(3));
        fixture.read().await.unwrap();
        let mut change = fixture.findings().await.pop().unwrap();
        assert!(!change.threat && !change.seal.is_empty(), "{change:#?}");
        if is_forged {
            change.rule_name = "Another".to_owned();
            fixture.write(ProcessedRow::TABLE, &change.to_entity()).await;
        }
        let mut threat = robbing_rule(7, "Invoices", &fixture);
        let created = (fixture.now() - TimeDelta::minutes(10)).format("%Y-%m-%dT%H:%M:%S").to_string();
        threat["CreationTime"] = json!(created);
        fixture.publish(vec![threat]);
        fixture.read().await.unwrap();
        let raised = all_told(&fixture).into_iter().find(|told| told["LogID"] == change.record_id.to_string());
        let raised = raised.expect("a change after a threat is a threat");
        assert_eq!(raised["ActionToken"] != "", !is_forged, "{raised:#}");
    }
}

#[test]
fn seal_covers_what_decides_and_outlives_the_table() {
    let keys = |bytes: &[u8]| ActionKey::Signing(bytes.iter().map(|byte| vec![*byte; 32].into()).collect());
    let (old, new) = (Seals::new(&keys(&[7])), Seals::new(&keys(&[8, 7])));
    let mut row = threat(1, "2026-11-22T10:00:00Z".parse().unwrap());
    row.rule_name = "\u{1f600}x".repeat(40_000);
    row.forwarding_address = "a@b.example;".repeat(9_000);
    row.record = "{}".repeat(300_000);
    row.seal = old.of_finding(&row);
    let stored = Stored { entity: row.to_entity(), etag: ETag("1".to_owned()), changed: row.event_time };
    let (stored, _) = ProcessedRow::from_stored(&stored).unwrap();
    assert_ne!(stored.rule_name, row.rule_name, "it was cut");
    assert!(old.hold_finding(&stored) && new.hold_finding(&stored), "the key of before verifies");
    assert!(!Seals::new(&keys(&[8])).hold_finding(&stored));
    assert!(!Seals::new(&ActionKey::Off).hold_finding(&stored) && !old.hold_record(&stored, ""));
    type Change = fn(&mut ProcessedRow);
    let sealed: [Change; 13] = [
        |row| row.domain = "fabrikam.com".parse().unwrap(),
        |row| row.record_id = Uuid::from_u128(2).to_string().parse().unwrap(),
        |row| row.tenant_id = Uuid::from_u128(2).to_string().parse().unwrap(),
        |row| row.kind = FindingKind::InboxForward,
        |row| row.threat = false,
        |row| row.severity = Severity::Medium,
        |row| row.source_mailbox.push('x'),
        |row| row.actor.push('x'),
        |row| row.event_time += TimeDelta::seconds(1),
        |row| row.rule_id.push('1'),
        |row| row.rule_name = "y".to_owned(),
        |row| row.forwarding_address = "y".to_owned(),
        |row| row.reasons.clear(),
    ];
    for (at, change) in sealed.iter().enumerate() {
        let mut changed = stored.clone();
        change(&mut changed);
        assert!(!old.hold_finding(&changed), "change {at}");
    }
    let mut later = stored.clone();
    (later.score, later.attempts, later.incident_id) = (1, 9, "x".to_owned());
    later.reasons.push(Reason::new(ReasonName::ChangeNearby, "x"));
    assert!(old.hold_finding(&later));
}
