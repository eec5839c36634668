//! Time, several presses at once, and runs that are killed.

use std::time::Duration;

use base::ids::{RecordId, RunId};
use chrono::TimeDelta;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use table_store::{Column, Entity, Key, PartitionKey, Query, RowKey};
use tenantwatch::tables::{ACTIONS, PROCESSED, ProcessedRow};
use uuid::Uuid;

use tenantwatch_simulator::steps::Moment;

use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::remediation_fixture::{BOB, Ward, detail, outcome, threat};

/// Time that passes with each look at the clock while a service is unresponsive.
const TICK: TimeDelta = TimeDelta::milliseconds(10);

/// The time that a caller waits for a response.
const PATIENCE: TimeDelta = TimeDelta::seconds(100);

/// As good as for ever.
const FOR_EVER: Duration = Duration::from_secs(3_600);

const ACCOUNT_STEPS: [&str; 6] =
    ["BlockSignIn", "RevokeSessions", "ResetPassword", "ReviewSignInMethods", "RevokeConsents", "RevokeSessionsAgain"];

#[tokio::test]
async fn second_concurrent_request_is_rejected_as_busy() {
    let ward = Ward::open().await;
    let (one, two) = tokio::join!(ward.press(json!({})), ward.press(json!({})));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{:#} {:#}", one.body, two.body);
    ward.assert_secured();
    assert_eq!(ward.user(BOB).password_resets, 1);
    assert_eq!(ward.press(json!({})).await.body["Status"], "AlreadyDone");
}

#[tokio::test]
async fn a_run_that_is_killed_anywhere_is_picked_up_by_the_next_press() {
    let mut kills = 0;
    for after in 0.. {
        let ward = Ward::open().await;
        ward.stop_after(Some(after));
        let killed = tokio::select! {
            answer = ward.press(json!({})) => {
                assert_eq!(answer.body["Status"], "Completed");
                false
            }
            () = ward.store.stopped.notified() => true,
        };
        if !killed {
            break;
        }
        kills += 1;
        ward.stop_after(None);
        if ward.press(json!({})).await.status == 409 {
            ward.wait(TimeDelta::seconds(61));
        }
        let answer = ward.press(json!({})).await;
        let status = answer.body["Status"].as_str().unwrap_or_default();
        assert!(["Completed", "AlreadyDone"].contains(&status), "killed before write {after}: {:#}", answer.body);
        ward.assert_secured();
        assert_eq!(ward.press(json!({})).await.body["Status"], "AlreadyDone", "killed before write {after}");
        let snapshots: Vec<_> = ward.runs().await.into_iter().filter(|run| !run.snapshot.is_empty()).collect();
        assert_eq!(snapshots.len(), 1, "killed before write {after}: one snapshot for one incident");
        let first: serde_json::Value = serde_json::from_str(&snapshots[0].snapshot).unwrap();
        assert_eq!(first["Users"][0]["accountEnabled"], true, "killed before write {after}");
    }
    assert!(kills > 26, "a run stores each of its 13 steps before and after: {kills}");
}

#[tokio::test]
async fn unfinished_steps_remain_for_the_next_run() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        for number in 0..300 {
            bob.add_rule(1_000 + number, &format!("Rule {number}"), json!({}));
        }
    });
    // Every look at the clock is a tenth of a second later, and each call takes several: Exchange is slow.
    ward.tick(TimeDelta::milliseconds(100));
    let mut presses = 0;
    loop {
        let answer = ward.press(json!({})).await;
        presses += 1;
        assert_eq!(answer.status, 200, "{:#}", answer.body);
        assert_eq!(outcome(&answer, "BlockSignIn"), if presses == 1 { "Done" } else { "AlreadyDone" });
        assert!(presses < 12, "it never ends: {:#}", answer.body);
        if answer.body["Status"] != "Incomplete" {
            assert_eq!(answer.body["Status"], "Completed", "{:#}", answer.body);
            break;
        }
        assert_eq!(outcome(&answer, "Verify"), "Planned");
    }
    assert!(presses > 1, "300 rules took no time");
    ward.assert_secured();
    assert_eq!(ward.user(BOB).password_resets, 1);
}

#[tokio::test]
async fn expired_lease_is_taken_over_and_first_run_stops() {
    let ward = Ward::open().await;
    ward.stop_after(Some(12));
    tokio::select! {
        _ = ward.press(json!({})) => panic!("it should have stopped"),
        () = ward.store.stopped.notified() => {}
    }
    ward.stop_after(None);
    assert_eq!(ward.press(json!({})).await.status, 409);
    ward.wait(TimeDelta::seconds(61));
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    ward.assert_secured();
}

#[tokio::test]
async fn a_lease_is_renewed_while_a_call_is_under_way() {
    let ward = Ward::open().await;
    ward.wait_shortly();
    let steps = ward.sim.steps();
    steps.hold_after(15, Moment::BeforeEffect);
    let first = ward.press(json!({}));
    let meanwhile = async {
        steps.held().await;
        ward.wait(TimeDelta::seconds(11));
        while ward.leased_until().await.unwrap() - ward.now() < TimeDelta::seconds(50) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let second = ward.press(json!({})).await;
        steps.release();
        second
    };
    let (first, second) = tokio::join!(first, meanwhile);
    assert_eq!((first.status, second.status), (200, 409), "{:#}", first.body);
    let third = ward.press(json!({})).await;
    assert_eq!(third.status, 200);
    ward.assert_secured();
    assert_eq!(ward.user(BOB).password_resets, 1);
}

#[tokio::test]
async fn unresponsive_exchange_does_not_stop_account_steps() {
    let ward = Ward::open().await;
    ward.sim.inject(Fault::new(Service::Exchange, "", FaultKind::Delay(FOR_EVER)));
    ward.wait_shortly();
    ward.tick(TICK);
    let began = ward.now();
    let answer = ward.press(json!({})).await;
    assert!(ward.now() - began < PATIENCE);
    assert_eq!((answer.status, &answer.body["Status"]), (200, &json!("CompletedWithErrors")), "{:#}", answer.body);
    for step in ACCOUNT_STEPS {
        assert!(["Done", "Skipped"].contains(&outcome(&answer, step)), "{step}: {:#}", answer.body);
    }
    for step in ["Snapshot", "ClearForwarding", "DisableInboxRules", "DisableClientAccess", "DisableAutoReply"] {
        assert_eq!(outcome(&answer, step), "Failed", "{step}: {:#}", answer.body);
        assert!(detail(&answer, step).contains("no answer"), "{step}: {:#}", answer.body);
    }
    ward.tick(TimeDelta::zero());
    ward.sim.clear_faults();
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    ward.assert_secured();
    assert_eq!(ward.user(BOB).password_resets, 1);
    ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(ward.mailbox().auto_reply_state, "Enabled", "what was there was kept before it was changed");
}

#[tokio::test]
async fn a_graph_that_hangs_keeps_no_press_from_securing_the_mailbox() {
    let ward = Ward::open().await;
    ward.sim.inject(Fault::new(Service::Graph, "", FaultKind::Delay(FOR_EVER)));
    ward.wait_shortly();
    ward.tick(TICK);
    let began = ward.now();
    let answer = ward.press(json!({})).await;
    assert!(ward.now() - began < PATIENCE);
    assert_eq!((answer.status, &answer.body["Status"]), (200, &json!("CompletedWithErrors")), "{:#}", answer.body);
    for step in ["ClearForwarding", "DisableInboxRules", "DisableClientAccess", "DisableAutoReply"] {
        assert_eq!(outcome(&answer, step), "Done", "{step}: {:#}", answer.body);
    }
    assert_eq!(outcome(&answer, "BlockSignIn"), "Failed", "{:#}", answer.body);
    ward.tick(TimeDelta::zero());
    ward.sim.clear_faults();
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    ward.assert_secured();
}

#[tokio::test]
async fn hidden_rules_with_many_targets_cost_no_press_its_time() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        for rule in 0..10 {
            let targets: Vec<String> = (0..30).map(|target| format!("EX:/o=contoso/cn={rule}-{target}")).collect();
            bob.add_rule(100 + rule, &format!("Microsoft.Exchange.OOF.{rule}"), json!({ "ForwardTo": targets }))
                .hidden = true;
        }
    });
    // Every look at the clock is a tenth of a second later, and each call takes several: Exchange is slow.
    ward.tick(TimeDelta::milliseconds(100));
    let first = ward.press(json!({})).await;
    assert_eq!(outcome(&first, "BlockSignIn"), "Done", "{:#}", first.body);
    assert!(ward.sim.count(|request| request.cmdlet.as_deref() == Some("Get-Recipient")) < 60);
    for _ in 0..12 {
        if ward.press(json!({})).await.body["Status"] != "Incomplete" {
            break;
        }
    }
    ward.assert_secured();
}

#[tokio::test]
async fn store_lost_during_a_run_delays_nothing() {
    let ward = Ward::open().await;
    // The lock, the row of the run and its copy are there; nothing after them is.
    ward.stop_after(Some(3));
    ward.wait_shortly();
    ward.tick(TICK);
    let began = ward.now();
    let answer = ward.press(json!({})).await;
    assert!(ward.now() - began < PATIENCE);
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    assert_eq!(outcome(&answer, "BlockSignIn"), "Done", "{:#}", answer.body);
    assert!(answer.body["warnings"].is_null() && answer.body["Warnings"][0].as_str().unwrap().contains("incomplete"));
}

#[tokio::test]
async fn unresponsive_store_is_reported_in_time_without_changes() {
    for action in ["Remediate", "Undo", "Preview", "Dismiss"] {
        let ward = Ward::open().await;
        ward.stop_after(Some(0));
        ward.wait_shortly();
        ward.tick(TICK * 10);
        let began = ward.now();
        let answer = ward.press(json!({ "Action": action })).await;
        assert!(ward.now() - began < PATIENCE, "{action}");
        assert_eq!(answer.status, 503, "{action}: {:#}", answer.body);
        assert_eq!(ward.changes(), 0, "{action}");
    }
}

/// The number of store requests within which sign-in has to be blocked.
const REQUESTS_BEFORE_BLOCK: usize = 12;

#[tokio::test]
async fn a_long_history_does_not_delay_the_block() {
    let ward = Ward::open().await;
    for number in 0..100_000_u128 {
        let mut row = Entity::new(Key::new(
            PartitionKey::parse("contoso.com").unwrap(),
            RowKey::record(&RecordId::new(Uuid::from_u128(0x1_0000 + number))),
        ));
        row.set_text("Type", "InboxRule");
        row.set_text("Threat", "False");
        row.set_text("SourceMailbox", BOB);
        ward.put(PROCESSED, &row).await;
    }
    for number in 0..1_000_u128 {
        let record = RecordId::new(Uuid::from_u128(0x2_0000 + number));
        let run = RunId::new(Uuid::from_u128(0x3_0000 + number));
        let mut row = Entity::new(Key::new(PartitionKey::parse("contoso.com").unwrap(), RowKey::run(&record, &run)));
        row.set_text("RunId", &run.to_string());
        row.set_text("Action", "Remediate");
        row.set_text("Mailbox", "another mailbox");
        row.set("Started", Column::Time(ward.now()));
        ward.put(ACTIONS, &row).await;
    }
    ward.stop_after_requests(REQUESTS_BEFORE_BLOCK);
    tokio::select! {
        answer = ward.press(json!({})) => panic!("the store stopped, yet it answered {:#}", answer.body),
        () = ward.store.stopped.notified() => {}
    }
    assert!(!ward.user(BOB).account_enabled, "sign-in is still allowed after {REQUESTS_BEFORE_BLOCK} requests");
    let is_bounded = |query: &Query| !query.columns.is_empty() && query.changed_since.is_some();
    assert!(ward.lists().iter().all(is_bounded), "{:#?}", ward.lists());
}

#[tokio::test]
async fn every_listing_of_a_tenants_rows_is_bounded() {
    let ward = Ward::open().await;
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    let partition = PartitionKey::parse("contoso.com").unwrap();
    let lists = ward.lists();
    let of_tenant: Vec<&Query> =
        lists.iter().filter(|query| query.partition == partition && query.row_prefix.is_none()).collect();
    assert!(!of_tenant.is_empty(), "{lists:#?}");
    let is_bounded = |query: &&Query| !query.columns.is_empty() && query.changed_since.is_some();
    assert!(of_tenant.iter().all(is_bounded), "{of_tenant:#?}");
}

#[tokio::test]
async fn two_cards_about_one_actor_share_a_lock() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        tenant.add_person("carol", "Carol Clerk");
    });
    let of_carol = ProcessedRow { source_mailbox: "carol@contoso.com".to_owned(), ..threat(2, ward.now()) };
    ward.keep(&of_carol).await;
    let body = ward.body(json!({ "User": "carol@contoso.com", "ID": of_carol.record_id }));
    let (one, two) = tokio::join!(ward.press(json!({})), ward.send(&body));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{:#} {:#}", one.body, two.body);
}

#[tokio::test]
async fn undo_of_one_card_does_not_unblock_the_actor_of_another() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        tenant.add_person("carol", "Carol Clerk");
    });
    let of_carol = ProcessedRow { source_mailbox: "carol@contoso.com".to_owned(), ..threat(2, ward.now()) };
    ward.keep(&of_carol).await;
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    let of = |more: serde_json::Value| {
        let mut body = ward.body(json!({ "User": "carol@contoso.com", "ID": of_carol.record_id }));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    assert_eq!(ward.send(&of(json!({}))).await.body["Status"], "Completed");
    let first = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(first.status, 409, "{:#}", first.body);
    let named = of_carol.record_id.to_string();
    assert!(first.body["Error"].as_str().unwrap().contains(&named), "{:#}", first.body);
    let undone = ward.send(&of(json!({ "Action": "Undo" }))).await;
    assert_eq!(undone.status, 200, "{:#}", undone.body);
    assert!(!ward.user(BOB).account_enabled, "bob was blocked because of another finding: {:#}", undone.body);
    assert_eq!(ward.press(json!({ "Action": "Undo" })).await.body["Status"], "Undone");
    assert!(ward.user(BOB).account_enabled);
}

#[tokio::test]
async fn a_lease_that_names_a_distant_end_expires_with_its_row() {
    let ward = Ward::open().await;
    let digest = Sha256::digest(ward.user(BOB).id.to_string().to_lowercase());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = Key::new(PartitionKey::parse("contoso.com").unwrap(), RowKey::parse(&format!("lock_{hex}")).unwrap());
    let mut row = Entity::new(key);
    row.set_text("RunId", "somebody");
    row.set("LeasedUntil", Column::Time("9999-12-31T00:00:00Z".parse().unwrap()));
    ward.put(ACTIONS, &row).await;
    assert_eq!(ward.press(json!({})).await.status, 409);
    ward.wait(TimeDelta::seconds(61));
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
}
