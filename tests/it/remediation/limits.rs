//! Time, several presses at once, and runs that are killed.

use chrono::TimeDelta;
use serde_json::json;

use tenantwatch_simulator::steps::Moment;

use super::ward::{BOB, Ward, outcome};

#[tokio::test]
async fn of_two_presses_at_once_one_works_and_the_other_is_told_so() {
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
async fn what_is_not_done_in_time_is_left_for_the_next_press() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        for number in 0..300 {
            bob.add_rule(1_000 + number, &format!("Rule {number}"), json!({}));
        }
    });
    // Every look at the clock is half a second later: Exchange is slow.
    ward.tick(TimeDelta::milliseconds(500));
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
async fn a_lease_that_ran_out_is_taken_over_and_the_first_run_changes_nothing_more() {
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
async fn a_call_that_takes_longer_than_the_lease_holds_lets_nobody_else_in() {
    let ward = Ward::open().await;
    ward.wait_shortly();
    let steps = ward.sim.steps();
    steps.hold_after(15, Moment::BeforeEffect);
    let first = ward.press(json!({}));
    let meanwhile = async {
        steps.held().await;
        for _ in 0..7 {
            ward.wait(TimeDelta::seconds(11));
            while ward.leased_until().await.unwrap() - ward.now() < TimeDelta::seconds(50) {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
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
