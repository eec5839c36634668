//! Can write the tables: turns no signed press on another account or tenant, and keeps no press from its work.

use base::ids::RunId;
use chrono::TimeDelta;
use serde_json::json;
use table_store::{Column, PartitionKey, Query, list_all};
use tenantwatch::notify::token::Scope;
use tenantwatch::tables::{ACTIONS, ActionRow, COVERAGE, FindingState, PendingRow, ProcessedRow, TableRow as _};
use tenantwatch_simulator::Request;
use uuid::Uuid;

use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM};
use crate::containment::{VICTOR, acting, add_person, changes, ready};
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
    }
}

/// Writes a threat and its note into the tables, and the row of a run if there is one.
async fn write(fixture: &CollectorFixture, finding: &ProcessedRow, run: Option<&ActionRow>) {
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
        record: None,
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
